//! The figures of `docs/learning.md`: every task on every backbone over five seeds, as a table, and curves as SVG.
//!
//! `cargo run -p learn --example study -- FOLDER` writes `learning-TASK.svg` into the folder and the tables on stdout.

#![expect(clippy::print_stdout, reason = "printing is a command line's job")]

mod backbones;
mod plot;

use backbones::{BACKBONES, Backbone, two_bits};
use learn::{Config, Exploration, Features, LearnError, Learner, Memory, Point, Task, random_policy};
use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use std::path::Path;

/// Not those that settings were tried on (101 to 103).
const SEEDS: [u64; 5] = [1, 2, 3, 4, 5];
/// Episodes of a score.
const EPISODES: u32 = 500;

/// Processor seconds of the process.
fn cpu() -> f64 {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9
}

/// What the seeds of a backbone on a task came to.
struct Runs {
    scores: Vec<f64>,
    curves: Vec<Vec<Point>>,
    memory: Memory,
    cpu_s: f64,
}

impl Runs {
    fn mean(&self) -> f64 {
        self.scores.iter().sum::<f64>() / self.scores.len() as f64
    }

    fn least(&self) -> f64 {
        self.scores.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

fn runs(task: Task, name: &str, bits: f64, features: &mut Features) -> Result<Runs, LearnError> {
    let start = cpu();
    let (mut scores, mut curves, mut memory) = (Vec::new(), Vec::new(), None);
    for seed in SEEDS {
        let config = Config::new(task, seed, Exploration::of_bits(bits), name);
        let mut learner = Learner::new(config, features)?;
        while learner.update(features)?.is_some() {}
        scores.push(learner.evaluate(features, EPISODES)?.mean);
        curves.push(learner.curve().to_vec());
        memory = Some(learner.memory());
    }
    let memory = memory.unwrap_or(Memory { head: 0, optimiser: 0, visits: 0 });
    Ok(Runs { scores, curves, memory, cpu_s: (cpu() - start) / SEEDS.len() as f64 })
}

fn study(task: Task, folder: &Path) -> Result<(), Box<dyn Error>> {
    let (best, chance) = (task.optimum(), random_policy(task, EPISODES)?.mean);
    println!("\n### {}: best {best:.3}, by chance {chance:.3}, {} steps\n", task.name(), task.steps());
    println!(
        "| features | bits | returns of five seeds | mean | of full | of full, above chance | worst seed of full | states, tokens read | backbone, CPU-s | learning, CPU-s a run | head, moments, visits, kept, KB |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let (mut full, mut lines) = (None, Vec::new());
    for Backbone { name, open, explore_as } in BACKBONES {
        let before = cpu();
        let source = open()?;
        let bits = explore_as.unwrap_or_else(|| source.bits());
        let mut features = Features::new(source, task)?;
        let warmed = cpu() - before;
        let r = runs(task, name, bits, &mut features)?;
        let mean = r.mean();
        let of = *full.get_or_insert(mean);
        let counts = features.counts();
        let kb =
            [r.memory.head, r.memory.optimiser, r.memory.visits, features.kept_bytes()].map(|b| format!("{:.0}", b as f64 / 1e3));
        let scores: Vec<String> = r.scores.iter().map(|s| format!("{s:.3}")).collect();
        println!(
            "| {name} | {bits:.3} | {} | {mean:.3} | {:.1} % | {:.1} % | {:.1} % | {}, {} | {warmed:.2} | {:.2} | {} |",
            scores.join(" "),
            100.0 * mean / of,
            100.0 * (mean - chance) / (of - chance),
            100.0 * r.least() / of,
            counts.states,
            counts.tokens,
            r.cpu_s,
            kb.join(", ")
        );
        lines.push((name, r.curves));
    }
    let svg = plot::curves(task.name(), task.steps(), chance.min(0.0), best, &lines);
    std::fs::write(folder.join(format!("learning-{}.svg", task.name())), svg)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("name the folder for the plots")?;
    println!(
        "| features | layers' weights, bytes | token table, bytes | all, bytes | of full | layers of full | layers of 32-bit ones |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let mut full = None;
    let named = BACKBONES.iter().filter(|b| b.explore_as.is_none()).map(|b| (b.name, b.open));
    for (name, open) in named.chain([("ternary, two bits a weight", two_bits as fn() -> _)]) {
        let Some((body, table, weights)) = backbones::bytes(&open()?) else { continue };
        let (of_body, of_all) = *full.get_or_insert((body, body + table));
        println!(
            "| {name} | {body} | {table} | {} | {:.1} % | {:.1} % | {:.1} % |",
            body + table,
            100.0 * (body + table) as f64 / of_all as f64,
            100.0 * body as f64 / of_body as f64,
            100.0 * body as f64 / (4 * weights) as f64
        );
    }
    Task::ALL.into_iter().try_for_each(|task| study(task, Path::new(&folder)))
}
