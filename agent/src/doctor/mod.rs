//! `agent doctor`: what this machine has, which kernels run and how fast, and what mends what is missing.

mod kernels;
mod model;
mod system;

use crate::args::{Format, Machine, precision};
use crate::exit::{Exit, Outcome};
use crate::print::print;
use clap::Args;
use engine::Precision;
use sensors::Inventory;
use serde::Serialize;

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Show the kernels of this model's tensor classes instead of those of each format
    #[arg(short, long)]
    model: Option<String>,
    /// Bits of that model's weights
    #[arg(long, default_value = "stored", value_parser = precision, requires = "model")]
    precision: Precision,
    #[command(flatten)]
    machine: Machine,
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// Everything, as JSON.
#[derive(Serialize)]
struct Report {
    version: &'static str,
    system: system::System,
    /// B/s of all threads.
    read_bandwidth: Option<f64>,
    threads: usize,
    kernels: Vec<kernels::Row>,
    sensors: Inventory,
    /// What is missing, each with the command that mends it.
    missing: Vec<Missing>,
}

/// Something that is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Missing {
    what: String,
    mend: String,
}

pub(crate) fn run(args: &Doctor) -> Outcome {
    crate::interrupt::catch();
    let system = system::System::look();
    let pool = args.machine.pool();
    let read_bandwidth = ::kernels::limits::read_bandwidth(&pool);
    let kernels = match &args.model {
        Some(name) => model::rows(name, &args.machine, args.precision)?,
        None => kernels::rows(&pool, args.machine.kernel),
    };
    let sensors = crate::power::open(&args.machine.plug).inventory();
    let missing = missing(&system, &sensors);
    let report =
        Report { version: env!("CARGO_PKG_VERSION"), system, read_bandwidth, threads: pool.threads(), kernels, sensors, missing };
    match args.format {
        Format::Json => crate::print::json(&report)?,
        Format::Human => {
            print(&human(&report, args.model.as_deref()));
        }
    }
    Ok(Exit::Done)
}

/// All that has a command which mends it, most useful first.
fn missing(system: &system::System, sensors: &Inventory) -> Vec<Missing> {
    let mut list = system.missing();
    let power_first = |e: &&sensors::Entry| !e.interface.gives_power();
    let mut entries: Vec<&sensors::Entry> = sensors.entries.iter().filter(|e| e.mend.is_some()).collect();
    entries.sort_by_key(power_first);
    list.extend(
        entries.iter().filter_map(|e| Some(Missing { what: format!("{} ({})", e.what, e.interface), mend: e.mend.clone()? })),
    );
    list
}

fn human(report: &Report, model: Option<&str>) -> String {
    let mut text = format!("agent {}\n\n{}\n", report.version, report.system);
    text += &kernels::table(&report.kernels, report.read_bandwidth, report.threads, model);
    text += &format!("\nsensors\n{}\n", indented(&report.sensors.to_string()));
    if report.missing.is_empty() {
        text += "missing: nothing that a command would mend\n";
    } else {
        text += "missing\n";
        for m in &report.missing {
            text += &format!("  {}\n    to mend: {}\n", m.what, m.mend);
        }
    }
    text
}

fn indented(text: &str) -> String {
    text.lines().map(|l| format!("  {l}\n")).collect()
}
