//! One product as often as asked, on one thread: what `cargo xtask instructions` counts, under emulation or step by step.
//! A line is written before the first product and after each.
//!
//! `multiply KERNEL FORMAT ROWS COLS TOKENS TIMES`

use kernels::{Format, Kernel, Matrix, Pool, Scratch, Wait, matmul};
use std::error::Error;
use std::io::Write;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [kernel, format, sizes @ ..] = args.as_slice() else {
        return Err("expected KERNEL FORMAT ROWS COLS TOKENS TIMES".into());
    };
    let kernel = Kernel::named(kernel).ok_or_else(|| format!("no kernel is called {kernel}"))?;
    let format = Format::named(format).ok_or_else(|| format!("no format is called {format}"))?;
    let sizes = sizes.iter().map(|s| s.parse::<usize>()).collect::<Result<Vec<_>, _>>()?;
    let [rows, cols, tokens, times] = sizes[..] else {
        return Err("expected four sizes: ROWS COLS TOKENS TIMES".into());
    };
    let value = |i: usize| (i * 37 % 101) as f32 - 50.0;
    let x: Vec<f32> = (0..tokens * cols).map(value).collect();
    let pool = Pool::new(1, Wait::Park);
    let matrix = Matrix::random(rows, cols, format, kernel, 1, &pool)?;
    let mut y = vec![0.0; tokens * rows];
    let mut scratch = Scratch::new();
    let mut out = std::io::stdout();
    writeln!(out)?;
    for _ in 0..times {
        matmul(&pool, &x, tokens, &[&matrix], &mut [&mut y], &mut scratch);
        writeln!(out)?;
    }
    // The result is used, so that no product can be left out.
    if y.iter().all(|v| v.is_finite()) { Ok(()) } else { Err("the product is not finite".into()) }
}
