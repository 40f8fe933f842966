//! `agent bench`: prompt and decoding speed as `llama-bench -p -n` measures them, each beside what this
//! machine allows: its read bandwidth and its integer peak, measured in the same run.

mod limits;
mod predict;
mod row;
mod table;

use crate::args::{Machine, Memory, Precisions, precisions};
use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt::{self, Running};
use crate::load::{Model, Resident, kept, told};
use crate::power::Meter;
use crate::print::{percent, print, short};
use clap::{Args, ValueEnum};
use engine::bench::{Plan, Profiles, bench, profile};
use engine::model::Line;
use engine::model::Shape;
use engine::{Options, Precision, Stage};
use limits::Limits;
use predict::Predictor;
use row::Row;
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Model of `agent pull --list`, or a GGUF file
    #[arg(short, long, required_unless_present = "shape", conflicts_with = "shape")]
    model: Option<String>,
    /// A llama of this shape with random weights: 1b, 3b, 8b-8l
    #[arg(long)]
    shape: Option<String>,
    /// Bits of the weights, several with commas, or `all` [default: stored, or w4 for a shape]
    #[arg(long, value_parser = precisions)]
    precision: Option<Precisions>,
    /// Tokens of the prompt; 0: none
    #[arg(short, value_name = "TOKENS", default_value_t = 512)]
    prompt: usize,
    /// New tokens, one at a time; 0: none
    #[arg(short, value_name = "TOKENS", default_value_t = 128)]
    new: usize,
    /// Tokens in the cache before the new ones
    #[arg(short, long, value_name = "TOKENS", default_value_t = 0)]
    depth: usize,
    /// Repetitions: medians and ranges are over these
    #[arg(short, value_name = "N", default_value = "5", value_parser = crate::args::some)]
    repetitions: usize,
    /// Where the time goes, operation by operation, in one more run
    #[arg(long)]
    profile: bool,
    #[command(flatten)]
    memory: Memory,
    #[command(flatten)]
    machine: Machine,
    /// Profile that `agent probe -o` wrote on this machine: its predictions stand beside what is measured
    #[arg(long, value_name = "PROFILE")]
    probe: Option<PathBuf>,
    /// Name of this device in a table [default: that of --probe, or of the machine]
    #[arg(long, value_name = "ID")]
    device: Option<String>,
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables for a terminal
    Human,
    /// One JSON document, stable
    Json,
    /// Rows that `planner validate --measurements` reads
    Csv,
}

/// What is measured.
enum Subject {
    File(Box<Model>),
    Shape(Shape),
}

impl Subject {
    fn stage(&self, machine: &Machine, precision: Precision, memory: Memory) -> Result<Stage, Failure> {
        match (self, memory.memory) {
            (Self::File(model), None) => model.packed(machine, precision),
            (Self::File(model), Some(_)) => model.stage_within(machine, precision, memory),
            (Self::Shape(shape), room) => {
                let options: Options = machine.options(precision);
                let Some(room) = room else { return Ok(Stage::random(shape, 1, &options, machine.pool())?) };
                told(|| Ok(kept().stream_random(shape, 1, &options, room, machine.pool())?))
            }
        }
    }
}

/// The shapes of the engine, and the one of Llama 3 8B with a quarter of its layers, which other engines were
/// measured at (kernel-peers).
fn shape(name: &str) -> Option<Shape> {
    let eight = Shape { layers: 8, hidden: 4096, wide: 14_336, heads: 32, kv_heads: 8, vocab: 49_152, context: 8192 };
    Shape::named(name).or_else(|| (name == "8b-8l").then_some(eight))
}

#[derive(Serialize)]
struct Results<'r> {
    results: &'r [Row],
}

pub(crate) fn run(args: &Bench) -> Outcome {
    if args.prompt == 0 && args.new == 0 {
        return Err(Failure::help("nothing to measure", "-p 512 for a prompt, -n 128 for new tokens"));
    }
    let (name, subject) = match (&args.model, &args.shape) {
        (Some(model), _) => (model.clone(), Subject::File(Box::new(Model::open(model)?))),
        (None, name) => {
            let name = name.clone().unwrap_or_default();
            let shape = shape(&name).ok_or_else(|| Failure::help(format!("no shape `{name}`"), "there are 1b, 3b, 8b-8l"))?;
            (format!("random {name}"), Subject::Shape(shape))
        }
    };
    let stored = matches!(subject, Subject::File(_));
    let list = match &args.precision {
        Some(precisions) => precisions.list(stored),
        None if stored => vec![Precision::Stored],
        None => vec![Precision::Format(kernels::Format::W4)],
    };
    if !stored && list.contains(&Precision::Stored) {
        return Err(Failure::help("random weights have no stored precision", "--precision w4"));
    }
    let predictor = match &args.probe {
        Some(path) => Some(Predictor::open(path, args.machine.pool().threads())?),
        None => None,
    };
    interrupt::catch();
    let running = Running::begin();
    let mut rows = Vec::new();
    for precision in list {
        // What was measured before Ctrl-C is kept.
        if running.interrupted() {
            break;
        }
        let stage = subject.stage(&args.machine, precision, args.memory)?;
        let mut row = measure(args, &name, &stage)?;
        row.predicted = predictor.as_ref().map(|p| p.predict(&stage, &row));
        if args.format == Format::Human {
            print(&human(&row, rows.is_empty()));
        }
        rows.push(row);
    }
    match (args.format, &rows[..]) {
        (Format::Human, _) => {}
        (Format::Csv, _) => {
            print(&table::table(&rows, &about(args, predictor.as_ref()))?);
        }
        (Format::Json, [one]) => crate::print::json(one)?,
        (Format::Json, several) => crate::print::json(&Results { results: several })?,
    }
    Ok(if running.interrupted() { Exit::Interrupted } else { Exit::Done })
}

/// What a table says of this machine.
fn about(args: &Bench, predictor: Option<&Predictor>) -> table::About {
    let host = || ::probe::profile::slug(&rustix::system::uname().nodename().to_string_lossy());
    table::About {
        device_id: args.device.clone().or_else(|| predictor.map(|p| p.device.clone())).unwrap_or_else(host),
        device: crate::power::open(&[]).board().model.clone(),
        command: format!("agent {}", std::env::args().skip(1).collect::<Vec<_>>().join(" ")),
        date: crate::clock::today(),
    }
}

/// Limits first and last, prompt and decoding between them, each with its own energy.
fn measure(args: &Bench, name: &str, stage: &Stage) -> Result<Row, Failure> {
    let both =
        Plan { prompt: args.prompt, new: args.new, depth: args.depth, repetitions: args.repetitions, kv_bits: args.machine.kv };
    let before = Limits::measure(stage);
    let meter = Meter::start(&args.machine);
    meter.lap();
    let prefill = bench(stage, Plan { new: 0, ..both })?;
    let prefill_energy = meter.lap();
    let earlier = stage.streamed();
    let decode = bench(stage, Plan { prompt: 0, ..both })?;
    let resident = Resident::of(stage, earlier);
    let decode_energy = meter.lap();
    let limits = before.max(Limits::measure(stage));
    let speed = engine::bench::Speed { prefill: prefill.prefill, plan: both, ..decode };
    let mut row = Row::new(name, stage, &speed, limits, prefill_energy, decode_energy);
    if resident.is_some() {
        // Time goes into reading from the disk, not from memory.
        row.bandwidth_share = None;
    }
    row.resident = resident;
    if args.profile {
        row.profile = Some(profile(stage, both)?);
    }
    Ok(row)
}

fn human(row: &Row, first: bool) -> String {
    let mut text = String::new();
    if first {
        text += &format!(
            "{}: {} M weights, prompt {}, new {} at depth {}, {} repetitions, {} thread{}, KV cache {} bits\n",
            row.model,
            short(row.parameters as f64 * 1e-6),
            row.prompt,
            row.new,
            row.depth,
            row.repetitions,
            row.threads,
            if row.threads == 1 { "" } else { "s" },
            row.kv_bits
        );
        text += &format!(
            "read bandwidth {} GB/s, integer peak {} Gop/s, both of this run\n",
            giga(row.read_bandwidth),
            giga(row.int8_peak)
        );
        if cfg!(debug_assertions) {
            text += "built without --release: slower than it can be\n";
        }
        text += &format!(
            "{:<11} {:>6} {:>9}  {:>24} {:>8}  {:>24} {:>10}  {}\n",
            "precision", "bits", "MB/token", "prompt tok/s (range)", "of peak", "decode tok/s (range)", "of reading", "kernel"
        );
    }
    let range = |median: Option<f64>, min: Option<f64>, max: Option<f64>| match (median, min, max) {
        (Some(median), Some(min), Some(max)) => format!("{} ({}–{})", short(median), short(min), short(max)),
        _ => "–".into(),
    };
    let share = |x: Option<f64>| x.map_or_else(|| "–".into(), percent);
    text += &format!(
        "{:<11} {:>6.2} {:>9.1}  {:>24} {:>8}  {:>24} {:>10}  {}\n",
        row.precision,
        row.bits_per_weight,
        row.bytes_per_token as f64 * 1e-6,
        range(row.prefill_tok_s, row.prefill_tok_s_min, row.prefill_tok_s_max),
        share(row.peak_share),
        range(row.decode_tok_s, row.decode_tok_s_min, row.decode_tok_s_max),
        share(row.bandwidth_share),
        row.kernel
    );
    if let Some(resident) = &row.resident {
        text += &format!("            memory {}", resident.line());
        if let Some(rate) = resident.read_rate {
            text += &format!(": reading alone allows {} tok/s", short(rate / resident.read_bytes_per_pass.max(1) as f64));
        }
        text += "\n";
    }
    if let Some(profiles) = &row.profile {
        operations(profiles, &mut text);
    }
    if let Some(p) = row.predicted {
        let one = |rate: Option<f64>, error: Option<f64>| match (rate, error) {
            (Some(rate), Some(error)) => format!("{} ({:+.0} %)", short(rate), error * 100.0),
            _ => "–".into(),
        };
        let (prefill, decode) = (one(p.prefill_tok_s, p.prefill_error), one(p.decode_tok_s, p.decode_error));
        text += &format!("{:<11} {:>6} {:>9}  {prefill:>24} {:>8}  {decode:>24}\n", "  predicted", "", "", "");
    }
    if first && let Some(why) = row.decode_energy.why.as_ref().or(row.prefill_energy.why.as_ref()) {
        text += &format!("            J per token unknown: {why}\n");
    }
    if let Some(joules) = row.decode_j_per_token {
        text += &format!(
            "            {} J per new token, mean power of {}\n",
            short(joules),
            row.decode_energy.scope.as_deref().unwrap_or("the machine")
        );
    }
    text
}

/// Microseconds a token of each operation; matrices of a new token with the rate at which they are read.
fn operations(profiles: &Profiles, text: &mut String) {
    let line = |l: &Line| format!("{:>10.1} {:>5.1} %", l.seconds * 1e6, l.share * 100.0);
    *text += &format!("  {:<10} {:>18} {:>18} {:>8}\n", "µs a token", "prompt", "decode", "GB/s");
    for op in engine::model::Op::ALL {
        let find = |lines: &[Line]| lines.iter().find(|l| l.op == op).copied();
        let (prompt, decode) = (find(&profiles.prefill), find(&profiles.decode));
        let rate = decode.filter(|l| l.bytes > 0 && l.seconds > 0.0).map(|l| l.bytes as f64 / l.seconds);
        let text_of = |l: Option<Line>| l.as_ref().map_or_else(|| "–".into(), line);
        *text += &format!(
            "  {:<10} {:>18} {:>18} {:>8}\n",
            op.name(),
            text_of(prompt),
            text_of(decode),
            rate.map_or_else(|| "–".into(), |r| short(r * 1e-9))
        );
    }
}

fn giga(x: Option<f64>) -> String {
    x.map_or_else(|| "unknown".into(), |x| short(x * 1e-9))
}
