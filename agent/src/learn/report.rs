//! What a run came to, for people and for scripts.

use super::Learn;
use crate::power::Joules;
use crate::print::{percent, short};
use ::learn::{Exploration, Features, Learner, Memory, Point, Score};
use serde::Serialize;
use std::path::Path;

/// All that is told of a run.
pub(super) struct Report<'r> {
    pub(super) args: &'r Learn,
    pub(super) learner: &'r Learner,
    pub(super) features: &'r Features,
    /// What the exploration was chosen by.
    pub(super) bits: f64,
    /// Steps when this call began.
    pub(super) began_at: u64,
    pub(super) score: Score,
    pub(super) chance: Score,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) energy: Joules,
    pub(super) checkpoint: &'r Path,
}

/// As JSON. Names stay; new ones may be added.
#[derive(Serialize)]
pub(super) struct Document<'r> {
    task: &'static str,
    model: Option<&'r str>,
    precision: Option<String>,
    seed: u64,
    steps: u64,
    steps_wanted: u64,
    episodes: u64,
    done: bool,
    /// Of the likeliest actions, over episodes that are the same for every run.
    score: Score,
    /// Mean return of the best policy.
    optimum: f64,
    /// Mean return of actions drawn all alike.
    chance: f64,
    /// 0 at chance, 1 at the best.
    share_of_optimum: f64,
    /// Bits that the exploration was chosen by.
    exploration_bits: f64,
    exploration: Exploration,
    backbone: Option<Backbone>,
    memory: Learned,
    /// What this call took: seconds, processor time of all threads, joules of the machine.
    steps_of_this_call: u64,
    seconds: f64,
    cpu_seconds: f64,
    energy: &'r Joules,
    checkpoint: String,
    curve: &'r [Point],
}

/// The frozen model, and what it was asked in this call. It reads each state once.
#[derive(Serialize)]
struct Backbone {
    /// In memory, token table included.
    bytes: u64,
    token_table_bytes: u64,
    states_read: u64,
    tokens_read: u64,
    multiplications: u64,
}

/// Bytes beside the frozen model.
#[derive(Serialize)]
struct Learned {
    #[serde(flatten)]
    own: Memory,
    features: u64,
}

impl Report<'_> {
    fn share(&self) -> f64 {
        let best = self.args.task.optimum();
        (self.score.mean - self.chance.mean) / (best - self.chance.mean)
    }

    fn backbone(&self) -> Option<Backbone> {
        let (bytes, token_table_bytes) = self.features.source().bytes()?;
        let c = self.features.counts();
        let (states_read, tokens_read, multiplications) = (c.states, c.tokens, c.multiplications);
        Some(Backbone { bytes, token_table_bytes, states_read, tokens_read, multiplications })
    }

    pub(super) fn document(&self) -> Document<'_> {
        let (a, l) = (self.args, self.learner);
        Document {
            task: a.task.name(),
            model: a.model.as_deref(),
            precision: a.model.is_some().then(|| a.precision.name().into_owned()),
            seed: a.seed,
            steps: l.steps(),
            steps_wanted: l.config().steps,
            episodes: l.episodes(),
            done: l.is_done(),
            score: self.score,
            optimum: a.task.optimum(),
            chance: self.chance.mean,
            share_of_optimum: self.share(),
            exploration_bits: self.bits,
            exploration: l.config().exploration,
            backbone: self.backbone(),
            memory: Learned { own: l.memory(), features: self.features.kept_bytes() },
            steps_of_this_call: l.steps() - self.began_at,
            seconds: self.seconds,
            cpu_seconds: self.cpu_seconds,
            energy: &self.energy,
            checkpoint: self.checkpoint.display().to_string(),
            curve: l.curve(),
        }
    }

    pub(super) fn human(&self) -> String {
        let (a, l) = (self.args, self.learner);
        let kb = |bytes: u64| short(bytes as f64 / 1e3);
        let (score, memory, exploration) = (self.score, l.memory(), l.config().exploration);
        let reader = match &a.model {
            Some(model) => format!("{model} ({})", a.precision.name()),
            None => "its numbers".into(),
        };
        let mut text =
            format!("{} on {reader}, seed {}: {} steps in {} episodes\n", a.task.name(), a.seed, l.steps(), l.episodes());
        text += &format!(
            "return   {:.3} ± {:.3} over {} episodes; best {:.3}, by chance {:.3}: {} of the way\n",
            score.mean,
            score.error,
            score.episodes,
            a.task.optimum(),
            self.chance.mean,
            percent(self.share())
        );
        text += &format!(
            "explored as with {} bits: entropy at {} falling to 0 over {} of the run\n",
            short(self.bits),
            short(exploration.start.into()),
            percent(exploration.until.into())
        );
        if let Some(b) = self.backbone() {
            text += &format!(
                "model    {} KB, frozen; read {} states of {} tokens, {} M multiplications\n",
                kb(b.bytes),
                b.states_read,
                b.tokens_read,
                short(b.multiplications as f64 * 1e-6)
            );
        }
        text += &format!(
            "memory   head {} KB, its moments {} KB, a batch {} KB, states {} KB\n",
            kb(memory.head),
            kb(memory.optimiser),
            kb(memory.visits),
            kb(self.features.kept_bytes())
        );
        text += &format!("cost     {} CPU-s for {} steps\n", short(self.cpu_seconds), l.steps() - self.began_at);
        text + &format!("energy   {}\nkept in  {}\n", self.energy.line(0), self.checkpoint.display())
    }
}
