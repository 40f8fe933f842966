//! What comes out, as values.

use profiles::literature::Figure;
use serde::Serialize;

use crate::validate::quantile;

/// Everything that was compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Relative errors of the figures that no coefficient was fitted to, claims of the form "at least" left out.
    pub predicted: Errors,
    /// Figures that are fitted to themselves and prove nothing.
    pub fitted_to_this: usize,
    pub systems: Vec<SystemReport>,
    pub tables: Vec<TableReport>,
}

/// One published system.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SystemReport {
    pub id: String,
    pub name: String,
    pub paper: String,
    pub hardware: String,
    pub assumes: String,
    pub finding: String,
    pub coefficients: Vec<Coefficient>,
    pub figures: Vec<Compared>,
}

/// A coefficient of a profile that a system's predictions use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Coefficient {
    /// `vitallm-16nm core: bandwidth`.
    pub at: String,
    pub value: String,
    pub quality: String,
    pub source: String,
}

/// One figure, predicted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    pub id: String,
    pub what: String,
    pub published: f64,
    pub unit: String,
    pub at_least: bool,
    pub predicted: f64,
    /// `predicted / published - 1`.
    pub error: f64,
    /// For a claim of at least so much: whether the prediction meets it.
    pub claim_met: Option<bool>,
    pub standing: &'static str,
    pub evidence: String,
    pub source: String,
    /// Where the check begins to fail.
    pub within: f64,
}

impl Compared {
    pub(super) fn of(figure: &Figure, predicted: f64) -> Self {
        Self {
            id: figure.id.clone(),
            what: figure.what.clone(),
            published: figure.published,
            unit: figure.unit.clone(),
            at_least: figure.at_least,
            predicted,
            error: predicted / figure.published - 1.0,
            claim_met: figure.at_least.then_some(predicted >= figure.published),
            standing: super::standing(figure.standing),
            evidence: figure.evidence.clone(),
            source: figure.source.clone(),
            within: figure.within.get(),
        }
    }
}

/// Absolute relative errors of many figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Errors {
    pub n: usize,
    pub median: Option<f64>,
    pub p90: Option<f64>,
    pub max: Option<f64>,
}

impl Errors {
    /// Of signed or unsigned relative errors.
    #[must_use]
    pub fn of(errors: &[f64]) -> Self {
        let absolute: Vec<f64> = errors.iter().map(|e| e.abs()).collect();
        Self { n: absolute.len(), median: quantile(&absolute, 0.5), p90: quantile(&absolute, 0.9), max: quantile(&absolute, 1.0) }
    }
}

/// Rows of a table that belong together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    pub quantity: String,
    pub model: String,
    pub errors: Errors,
    /// Median of the signed errors: which way it leans.
    pub bias: Option<f64>,
    /// Row of the largest error.
    pub worst: String,
}

/// One model predicted with coefficients that were fitted to the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Crossed {
    pub left_out: String,
    pub bandwidth_efficiency: f64,
    pub launch_s: f64,
    pub joules_per_byte: f64,
    pub decode: Errors,
    pub energy_per_token: Errors,
}

/// A table of measured runs, predicted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableReport {
    pub id: String,
    pub name: String,
    pub paper: String,
    pub assumes: String,
    pub finding: String,
    pub rows: usize,
    pub groups: Vec<Group>,
    pub crossed: Vec<Crossed>,
    /// What the same fit gives from all rows: the catalogue's own coefficients, rounded.
    pub fitted: Crossed,
    pub coefficients: Vec<Coefficient>,
}
