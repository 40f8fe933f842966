//! Runs on the committed ternary model, end to end.

mod checkpoints;
mod runs;

use engine::model::Part;
use engine::{File, Options, Precision, Stage, Tokenizer};
use kernels::{Pool, Wait};
use learn::{Config, Exploration, Features, Learner, Pooling, Source, Task};
use std::path::Path;
use std::sync::Arc;

/// The ternary model of `training/` as a backbone.
fn ternary(threads: usize, head: bool) -> Source {
    backbone("ternary", Precision::Stored, threads, head)
}

fn backbone(name: &str, precision: Precision, threads: usize, head: bool) -> Source {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../training/models").join(format!("wattline-tiny-{name}.gguf"));
    let file = File::open(&path).expect("a committed file");
    let part = Some(Part { embedding: true, layers: 0..4, head });
    let options = Options { part, precision, kernel: None };
    let stage = Stage::load(&file, &options, Arc::new(Pool::new(threads, Wait::Park))).expect("loaded");
    let tokenizer = Box::new(Tokenizer::new(&file).expect("bytes"));
    Source::Backbone { stage: Box::new(stage), tokenizer, pooling: Pooling::Mean }
}

fn config(task: Task, seed: u64, steps: u64) -> Config {
    Config { steps, ..Config::new(task, seed, Exploration::of_bits(2.0), "ternary") }
}

fn finish(mut learner: Learner, features: &mut Features) -> Learner {
    while learner.update(features).expect("an update").is_some() {}
    learner
}
