//! `planner validate --measurements TABLE [--profile NAME|FILE]`.

use super::args::{Format, Validate};
use super::exit::{Exit, Failure, Outcome};
use super::{device, files};
use crate::validate::{self, Knowledge};
use serde::Serialize;
use std::fmt::Display;

pub(crate) fn run(args: &Validate) -> Outcome {
    let profile = args.profile.as_deref().map(device::find).transpose()?;
    let table = args.measurements.display().to_string();
    let bytes = files::read(&args.measurements)?;
    let rows = validate::read(&table, &bytes).map_err(|all| Failure::input(all.to_string()))?;
    let Some(profile) = profile else {
        let knowledge = if args.alone { Knowledge::Table } else { Knowledge::Published };
        return show(&validate::validate(&rows, knowledge), args.format);
    };
    let against = validate::against(&profile, &rows);
    if against.compared.is_empty() {
        let reasons: String = against.skipped.iter().take(8).map(|s| format!("\n  {}: {}", s.row_id, s.reason)).collect();
        return Err(Failure::input(format!("error: {table}: no row that the profile of `{}` predicts{reasons}", profile.id)));
    }
    show(&against, args.format)
}

fn show(report: &(impl Display + Serialize), format: Format) -> Outcome {
    match format {
        Format::Human => files::print(&report.to_string()),
        Format::Json => files::print(&format!("{}\n", serde_json::to_string_pretty(report).map_err(Failure::bug)?)),
    }
    Ok(Exit::Done)
}
