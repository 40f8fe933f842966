//! `agent learn`: a policy learned on this device from what a frozen model reads, stopped and resumed at will.

mod checkpoint;
mod report;

use crate::args::{Format, Machine, Waiting, kernel, precision, threads};
use crate::clock::Watch;
use crate::exit::{Exit, Failure, Outcome, causes};
use crate::interrupt::{self, Running};
use crate::load::Model;
use crate::power::Meter;
use ::learn::{Config, Exploration, Features, LearnError, Learner, Pooling, Source, Task, random_policy};
use checkpoint::{Checkpoint, again};
use clap::Args;
use engine::model::{Config as Shape, Part};
use engine::{Options, Precision, Stage};
use kernels::Kernel;
use report::Report;
use std::path::PathBuf;

/// Batches between two writes of the checkpoint.
const KEEP_EVERY: u32 = 10;
/// Lines of progress in a whole run.
const LINES: u64 = 10;

#[derive(Debug, Args)]
pub(crate) struct Learn {
    /// What to learn: grid (a slippery map with pits), cartpole (balance a pole), governor (how many samples a question
    /// may cost under a temperature limit)
    #[arg(value_parser = task)]
    task: Task,
    /// Model that reads the states: one of `agent pull --list`, or a GGUF file
    #[arg(short, long, required_unless_present = "numbers", conflicts_with = "numbers")]
    model: Option<String>,
    /// No model: learn from the task's own numbers, to see what the model's reading is worth
    #[arg(long)]
    numbers: bool,
    /// Bits of the model's weights: stored, w16 (f16) to w2, ternary, ternary167, sherry …
    #[arg(long, default_value = "stored", value_parser = precision, conflicts_with = "numbers")]
    precision: Precision,
    /// Explore as a model of so many bits would [default: the bits of the precision]
    #[arg(long, value_name = "BITS", value_parser = bits)]
    explore_as: Option<f64>,
    /// Same seed, same run
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Steps in the task [default: 200000 in grid, 150000 in cartpole, 100000 in governor, as published]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=MOST_STEPS))]
    steps: Option<u64>,
    /// Episodes of the score at the end
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    episodes: u32,
    /// Where the run is kept [default: learn-TASK-SEED.json]
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Go on from the checkpoint: the end is the same as without a stop
    #[arg(long)]
    resume: bool,
    /// Write over a checkpoint that is there
    #[arg(long, conflicts_with = "resume")]
    force: bool,
    /// Stop after so many steps of this call; --resume goes on
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u64).range(1..))]
    pause_after: Option<u64>,
    /// Threads [default: all cores]; any number gives the same run
    #[arg(short, long, value_parser = threads)]
    threads: Option<usize>,
    /// Kernel to force [default: the widest that this machine has, so that a run goes on as it began]
    #[arg(long, value_parser = kernel)]
    kernel: Option<Kernel>,
    /// Plug at the wall whose power counts as this machine's, `shelly:HOST` or `tasmota:HOST`; may be repeated
    #[arg(long, value_name = "PLUG")]
    plug: Vec<sensors::Plug>,
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// A curve of a point a batch stays a file of some megabytes.
const MOST_STEPS: u64 = 100_000_000;

fn task(text: &str) -> Result<Task, String> {
    Task::named(text).ok_or_else(|| format!("no such task; there are {}", Task::ALL.map(Task::name).join(", ")))
}

fn bits(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(bits @ 1.0..=16.0) => Ok(bits),
        _ => Err("write the bits of a weight, 1 to 16, for example 1.25".into()),
    }
}

/// How a run's error is told.
fn failure(error: &LearnError) -> Failure {
    let what = causes(error);
    match error {
        LearnError::OtherRun { .. } => {
            let help =
                "go on with the task, model, precision, kernel, seed and steps that it began with, or name another --checkpoint";
            Failure::help(what, help)
        }
        LearnError::Checkpoint(_) => Failure::help(what, "name another --checkpoint, or begin anew with --force"),
        LearnError::Backbone { .. } => Failure::help(what, "a model whose context holds the task's texts, or --numbers"),
        LearnError::Input(_) => Failure::input(format!("error: {what}")),
    }
}

/// What reads the states, with what a checkpoint knows it by.
struct Reader {
    source: Source,
    identity: String,
}

impl Learn {
    fn reader(&self) -> Result<Reader, Failure> {
        let Some(name) = &self.model else {
            return Ok(Reader { source: Source::Numbers, identity: "numbers".into() });
        };
        let model = Model::open(name)?;
        let kernel = self.kernel.unwrap_or_else(|| Kernel::available().last().copied().unwrap_or(Kernel::Scalar));
        let layers = Shape::new(&model.file)?.layers;
        let part = Some(Part { embedding: true, layers: 0..layers, head: false });
        let options = Options { part, precision: self.precision, kernel: Some(kernel) };
        let (threads, wait, plug) = (self.threads, Waiting::Park, Vec::new());
        let machine = Machine { threads, wait, kernel: None, kv: 16, plug };
        let stage = Stage::load(&model.file, &options, machine.pool())?;
        let identity = format!("{} at {} on {kernel}", model.file.digest(), self.precision.name());
        let (stage, tokenizer) = (Box::new(stage), Box::new(model.tokenizer));
        Ok(Reader { source: Source::Backbone { stage, tokenizer, pooling: Pooling::Mean }, identity })
    }
}

pub(crate) fn run(args: &Learn) -> Outcome {
    let path = args.checkpoint.clone().unwrap_or_else(|| format!("learn-{}-{}.json", args.task.name(), args.seed).into());
    let (checkpoint, saved) = Checkpoint::open(path, args.resume, args.force)?;
    let Reader { source, identity } = args.reader()?;
    let bits = args.explore_as.unwrap_or_else(|| source.bits());
    let config = Config::new(args.task, args.seed, Exploration::of_bits(bits), identity);
    let config = Config { steps: args.steps.unwrap_or(config.steps), ..config };
    let (meter, watch) = (Meter::with(&args.plug), Watch::start());
    let mut features = Features::new(source, args.task).map_err(|e| failure(&e))?;
    let mut learner = match saved {
        Some(text) => Learner::resume(&text, &config, &features),
        None => Learner::new(config, &features),
    }
    .map_err(|e| failure(&e))?;
    let began_at = learner.steps();
    interrupt::catch();
    let running = Running::begin();
    play(args, &mut learner, &mut features, &checkpoint, &running)?;
    let done = learner.is_done();
    let score = learner.evaluate(&mut features, args.episodes).map_err(|e| failure(&e))?;
    let chance = random_policy(args.task, args.episodes).map_err(|e| failure(&e))?;
    let report = Report {
        args,
        learner: &learner,
        features: &features,
        bits,
        began_at,
        score,
        chance,
        seconds: watch.wall(),
        cpu_seconds: watch.cpu(),
        energy: meter.lap(),
        checkpoint: checkpoint.path(),
    };
    match args.format {
        Format::Human => {
            crate::print::print(&report.human());
        }
        Format::Json => crate::print::json(&report.document())?,
    }
    if !done {
        eprintln!("stopped at {} of {} steps; to go on:\n  {}", learner.steps(), learner.config().steps, again());
    }
    Ok(if running.interrupted() && !done { Exit::Interrupted } else { Exit::Done })
}

/// Learns until the end, Ctrl-C or the pause, and leaves a checkpoint in any case.
fn play(
    args: &Learn,
    learner: &mut Learner,
    features: &mut Features,
    checkpoint: &Checkpoint,
    running: &Running,
) -> Result<(), Failure> {
    let steps = learner.config().steps;
    let pause = args.pause_after.map_or(u64::MAX, |n| learner.steps().saturating_add(n));
    let mut unsaved = 0;
    checkpoint.write(learner)?;
    while !running.interrupted() && learner.steps() < pause {
        let line = learner.steps() * LINES / steps;
        let Some(point) = learner.update(features).map_err(|e| failure(&e))? else { break };
        if point.steps * LINES / steps > line {
            eprintln!("step {} of {steps}, return {:.3}", point.steps, point.mean_return);
        }
        unsaved += 1;
        if unsaved == KEEP_EVERY {
            checkpoint.write(learner)?;
            unsaved = 0;
        }
    }
    checkpoint.write(learner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_and_bits_are_read() {
        assert_eq!(task("cartpole"), Ok(Task::CartPole));
        assert!(task("chess").expect_err("none").contains("grid, cartpole, governor"));
        assert_eq!(bits("1.25"), Ok(1.25));
        for wrong in ["0", "17", "x", "NaN", "-2"] {
            assert!(bits(wrong).is_err(), "{wrong}");
        }
    }
}
