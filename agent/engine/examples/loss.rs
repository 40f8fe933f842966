//! `cargo run --release -p engine --example loss -- MODEL.gguf PRECISION...`: what each precision loses of the layers'
//! weights, as the root mean square error over the root mean square weight, with the true bits a weight.
#![expect(clippy::print_stdout, reason = "it is what the example is for")]

use std::path::Path;

use engine::dequant::Rows;
use engine::{EngineError, File, Precision};
use kernels::{Kernel, Matrix, Pool, Source};
use profiles::Role;

fn main() -> Result<(), EngineError> {
    let mut args = std::env::args().skip(1);
    let model = args.next().ok_or_else(|| EngineError::Input("MODEL.gguf PRECISION...".into()))?;
    let file = File::open(Path::new(&model))?;
    let pool = Pool::for_machine();
    println!("{:<18} {:>6} {:>8}", "precision", "bits", "loss");
    for name in args {
        let precision = Precision::named(&name).ok_or_else(|| EngineError::Input(format!("no precision {name}")))?;
        let (mut lost, mut power, mut bytes, mut weights) = (0.0, 0.0, 0, 0);
        for tensor in file.header().tensors.iter().filter(|t| t.name.starts_with("blk.") && t.shape.len() == 2) {
            let Some(data) = file.tensor(&tensor.name) else { continue };
            let rows = Rows::new(data)?;
            let format = precision.format(Role::Body, data.kind());
            let packed = Matrix::corrected(&rows, format, precision.rank(Role::Body), 1, Kernel::best_for(format), &pool);
            let m = packed.map_err(|source| EngineError::Pack { name: tensor.name.clone(), source })?;
            let (mut w, mut q) = (vec![0.0; m.cols()], vec![0.0; m.cols()]);
            for row in 0..m.rows() {
                rows.row(row, &mut w);
                m.row(row, &mut q);
                lost += w.iter().zip(&q).map(|(w, q)| f64::from(w - q).powi(2)).sum::<f64>();
                power += w.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>();
            }
            bytes += m.bytes();
            weights += m.rows() * m.cols();
        }
        let bits = bytes as f64 * 8.0 / f64::max(weights as f64, 1.0);
        println!("{name:<18} {bits:>6.2} {:>8.4}", (lost / f64::max(power, f64::MIN_POSITIVE)).sqrt());
    }
    Ok(())
}
