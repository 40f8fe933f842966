//! `planner literature`: published figures of other people's systems, predicted from the catalogue.
//!
//! ```text
//! literature.yaml -> settings -> physics (whole, stream, flash) -> predicted, error
//! measured runs of a table -> physics -> errors; coefficients fitted anew without each model -> errors of that model
//! ```
//!
//! No formula of its own: each figure is a sum of the physics' functions over a catalogue model on a catalogue device, as a
//! plan's numbers are. A figure that a coefficient was fitted to is shown and not counted.

mod fit;
mod predict;
mod render;
mod report;
mod setting;
mod special;
mod table;
mod used;

#[cfg(test)]
mod tests;

pub use render::markdown;
pub use report::{Coefficient, Compared, Crossed, Errors, Group, Report, SystemReport, TableReport};

use profiles::Literature;
use profiles::literature::Standing;

/// Why a figure cannot be predicted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LiteratureError {
    #[error("figure `{figure}`: {what}")]
    Figure { figure: String, what: Unpredictable },
    #[error("table `{table}`: {what}")]
    Table { table: String, what: Unpredictable },
    #[error(transparent)]
    Rows(#[from] crate::validate::TableFaults),
}

/// What is missing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpredictable {
    #[error("the catalogue has no device `{0}`")]
    Device(String),
    #[error("the catalogue has no model `{0}`")]
    Model(String),
    #[error("device `{device}` has no processor `{processor}` with a kernel for {format}")]
    Processor { device: String, processor: String, format: profiles::WeightFormat },
    #[error("device `{0}` cannot run it: its cap leaves nothing to work with, or it has no steady temperature")]
    Power(String),
    #[error("device `{0}` has no storage to read from")]
    Storage(String),
    #[error("the two do not cross between {from} and {to} tokens")]
    NoCrossover { from: u32, to: u32 },
    #[error("rows of fewer than two models cannot be cross-validated")]
    Models,
    #[error("its rows name the model `{0}`, which it gives no catalogue id")]
    Unnamed(String),
}

/// Predicts everything that the program has built in.
///
/// # Errors
/// A figure or a table that names what the catalogue does not have, or that the physics cannot run.
pub fn report() -> Result<Report, LiteratureError> {
    let literature = Literature::builtin();
    let mut systems = Vec::new();
    for system in &literature.systems {
        let mut figures = Vec::new();
        for figure in &system.figures {
            let predicted =
                predict::predict(&figure.run).map_err(|what| LiteratureError::Figure { figure: figure.id.clone(), what })?;
            figures.push(Compared::of(figure, predicted));
        }
        systems.push(SystemReport {
            id: system.id.clone(),
            name: system.name.clone(),
            paper: system.paper.clone(),
            hardware: system.hardware.clone(),
            assumes: system.assumes.clone(),
            finding: system.finding.clone(),
            coefficients: used::of_system(system),
            figures,
        });
    }
    let tables = literature.tables.iter().map(table::compare).collect::<Result<Vec<_>, _>>()?;
    let predicted: Vec<f64> = systems
        .iter()
        .flat_map(|s| &s.figures)
        .filter(|f| f.standing == "predicted" && !f.at_least)
        .map(|f| f.error.abs())
        .collect();
    let fitted = systems.iter().flat_map(|s| &s.figures).filter(|f| f.standing != "predicted").count();
    Ok(Report { predicted: Errors::of(&predicted), fitted_to_this: fitted, systems, tables })
}

/// A standing's name in tables.
fn standing(s: Standing) -> &'static str {
    match s {
        Standing::Predicted => "predicted",
        Standing::FittedToThis => "fitted to this",
    }
}
