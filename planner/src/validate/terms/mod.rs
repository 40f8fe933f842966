//! Which coefficients a row shares with which others, and how far each may stray: the priors.
//!
//! Means are round numbers and assumed: kernels reach 65 % of a bandwidth and 15 to 30 % of a peak, a layer's
//! launches take 50 us. Spreads are in logarithms (0.2 is about 20 %). Levels: kind of processor with or without matrix
//! units, class of device, engine and its version, source, format, model and its family, the device itself, whose terms only its own
//! rows inform, and a cell of one model at one precision on one engine of one device.
//!
//! The decode law's spreads were chosen so that the rows of [`super::known`] are predicted well with their device left
//! out: each halved or doubled from a round number while that helped. They are the same for every device. Levels of families,
//! builds and sizes have one round spread a head; which of them stay was chosen by few-shot errors on random parts of the
//! same rows (`docs/physics.md` says how far that holds for others).

mod decode;
mod power;
mod prefill;

pub(super) use decode::of_decode;
pub(super) use power::of_power;
pub(super) use prefill::of_prefill;

use super::case::Case;
use super::shape;

/// Names of the groups that a case belongs to.
struct Groups {
    kind: String,
    unit: String,
    class: String,
    engine: String,
    quant: String,
    family: String,
    device: String,
}

fn groups(case: &Case) -> Groups {
    let kind = format!("{:?}", case.kind).to_lowercase();
    let unit = format!("{kind}{}", if case.matrix_units { "+" } else { "-" });
    Groups {
        class: format!("{unit} {:?}", case.class),
        engine: format!("{unit} {}", case.engine),
        quant: format!("{unit} {}", case.quant),
        family: format!("family {}", shape::family(&case.model)),
        device: case.device.clone(),
        kind,
        unit,
    }
}

fn flag(of: bool) -> f64 {
    f64::from(u8::from(of))
}

/// Logarithm of the threads against four; 0 where the row does not say.
fn threads(case: &Case) -> f64 {
    case.threads.map_or(0.0, |t| (t / 4.0).ln())
}

fn mixture(case: &Case) -> f64 {
    flag(case.active < 0.6 * case.parameters)
}
