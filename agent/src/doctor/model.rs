//! The kernels of a model's tensor classes: a slow path is seen, not guessed.

use super::kernels::{Row, measure};
use crate::args::Machine;
use crate::exit::Failure;
use crate::load::Model;
use ::kernels::{Format, Kernel, Matrix};
use engine::Precision;
use std::collections::BTreeMap;

/// Every class; one of mixed formats has a row for each.
pub(super) fn rows(name: &str, machine: &Machine, precision: Precision) -> Result<Vec<Row>, Failure> {
    let model = Model::open(name)?;
    let stage = model.packed(machine, precision)?;
    let mut classes: BTreeMap<(&'static str, Format, Kernel), Vec<&Matrix>> = BTreeMap::new();
    for (class, matrix) in stage.matrices() {
        classes.entry((class, matrix.format(), matrix.kernel())).or_default().push(matrix);
    }
    Ok(classes.iter().map(|((class, ..), matrices)| measure(Some(class), matrices, stage.pool())).collect())
}
