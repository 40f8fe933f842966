//! trial
use engine::model::{Part, Shape};
use engine::{File, Options, Precision, Stage, Tokenizer};
use kernels::{Format, Pool, Wait};
use learn::{Config, Exploration, Features, Learner, Pooling, Source, Task};
use std::path::PathBuf;
use std::sync::Arc;

fn main() {
    let a: Vec<String> = std::env::args().collect();
    let tasks: Vec<Task> = a[1].split(',').map(|t| Task::named(t).unwrap()).collect();
    let pooling = if a[3] == "last" { Pooling::Last } else { Pooling::Mean };
    let seeds: Vec<u64> = a[4].split(',').map(|s| s.parse().unwrap()).collect();
    for task in tasks {
        println!("{} optimum {:.3} random {:.3}", task.name(), task.optimum(), learn::random_policy(task, 100).unwrap().mean);
        for name in a[2].split(',') {
            let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../training/models");
            let file = |n: &str| File::open(&path.join(format!("wattline-tiny-{n}.gguf"))).unwrap();
            let pool = || Arc::new(Pool::new(1, Wait::Park));
            let layers = a.get(5).map_or(4, |l| l.parse().unwrap());
            let part = Some(Part { embedding: true, layers: 0..layers, head: false });
            let source = match name {
                "numbers" => Source::Numbers,
                "random" => {
                    let f = file("full");
                    let shape = Shape { layers: 4, hidden: 256, wide: 768, heads: 4, kv_heads: 2, vocab: 256, context: 512 };
                    let o = Options { part, precision: Precision::Format(Format::F16), kernel: None };
                    Source::Backbone { stage: Stage::random(&shape, 1, &o, pool()).unwrap(), tokenizer: Tokenizer::new(&f).unwrap(), pooling }
                }
                n => {
                    let f = file(n);
                    let o = Options { part, precision: Precision::Stored, kernel: None };
                    Source::Backbone { stage: Stage::load(&f, &o, pool()).unwrap(), tokenizer: Tokenizer::new(&f).unwrap(), pooling }
                }
            };
            let mut features = Features::new(source, task).unwrap();
            for seed in &seeds {
                let t = std::time::Duration::from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap());
                let mut config = Config::new(task, *seed, Exploration::of_bits(16.0), name);
                let v = |n: &str| std::env::var(n).ok().and_then(|x| x.parse::<f64>().ok());
                if let Some(x) = v("BATCH") { config.batch = x as usize; }
                if let Some(x) = v("RATE") { config.rate = x as f32; }
                if let Some(x) = v("STEPS") { config.steps = x as u64; }
                if let Some(x) = v("GAMMA") { config.gamma = x as f32; }
                if let Some(x) = v("ENT") { config.exploration.start = x as f32; }
                let mut learner = Learner::new(config, &features).unwrap();
                while learner.update(&mut features).unwrap().is_some() {}
                let s = learner.evaluate(&mut features, 500).unwrap();
                let c = learner.curve();
                let q: Vec<String> = (0..10).map(|i| format!("{:.2}", c[(c.len() - 1) * i / 9].mean_return)).collect();
                let t2 = std::time::Duration::from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap());
                println!("{} {name} seed {seed}: {:.3} ± {:.3}  {}  ent {:.2} states {} kept {} wall {:.1}", task.name(), s.mean, s.error, q.join(" "), c.last().unwrap().entropy, features.counts().states, features.kept_bytes(), (t2 - t).as_secs_f64());
            }
        }
    }
}
