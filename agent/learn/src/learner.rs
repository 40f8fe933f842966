//! A run: episodes, updates, a curve; saved and resumed bit for bit.

use crate::adam::Adam;
use crate::advantage::advantages;
use crate::env::{End, Environment, Task};
use crate::error::LearnError;
use crate::exploration::Exploration;
use crate::features::Features;
use crate::head::{Head, Pass};
use crate::policy_gradient::{Batch, Terms, Visit};
use crate::random::{Purpose, Random};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a run is. Equal values on equal features are the same run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    pub task: Task,
    pub seed: u64,
    /// Steps in the environment after which it ends, with the episode then running.
    pub steps: u64,
    /// Width of the head's hidden layer.
    pub hidden: usize,
    /// Steps of a batch, at least; whole episodes.
    pub batch: usize,
    /// Passes over a batch.
    pub epochs: u32,
    /// Of the optimiser, at the start; falls to a tenth in a straight line.
    pub rate: f32,
    pub gamma: f32,
    pub lambda: f32,
    /// ε of the clipped ratio.
    pub clip: f32,
    /// Weight of the value's error.
    pub value: f32,
    pub exploration: Exploration,
    /// What the features are made of, in words; `name@precision` and a digest, say.
    pub features: String,
}

impl Config {
    /// The settings of the published runs. They are the same for all tasks and backbones, but for the exploration.
    #[must_use]
    pub fn new(task: Task, seed: u64, exploration: Exploration, features: impl Into<String>) -> Self {
        Self {
            task,
            seed,
            steps: task.steps(),
            hidden: 32,
            batch: 1000,
            epochs: 10,
            rate: 0.005,
            gamma: 0.99,
            lambda: 0.95,
            clip: 0.2,
            value: 0.5,
            exploration,
            features: features.into(),
        }
    }

    /// The first field in which this one, of a checkpoint, is not the wanted one.
    fn difference(&self, wanted: &Self) -> Option<LearnError> {
        if self == wanted {
            return None;
        }
        let fields = |c: &Self| match serde_json::to_value(c) {
            Ok(serde_json::Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let (found, wanted) = (fields(self), fields(wanted));
        // What was asked for before what follows from it.
        let first = ["task", "features", "seed", "steps"].map(String::from);
        let name = first.iter().chain(found.keys()).find(|name| wanted.get(*name) != found.get(*name))?;
        let shown = |fields: &serde_json::Map<String, serde_json::Value>| fields.get(name).map(ToString::to_string);
        let (found, wanted) = (shown(&found).unwrap_or_default(), shown(&wanted).unwrap_or_default());
        Some(LearnError::OtherRun { what: name.clone(), found, wanted })
    }

    fn check(&self) -> Result<(), LearnError> {
        let positive = |x: f32| x.is_finite() && x > 0.0;
        let shares = [self.gamma, self.lambda].iter().all(|x| (0.0..=1.0).contains(x));
        if self.hidden == 0 || self.hidden > 4096 || self.batch == 0 || self.epochs == 0 {
            return Err(LearnError::Input("a run needs a hidden layer (at most 4096), steps in a batch, and epochs".into()));
        }
        if !(positive(self.rate) && positive(self.clip) && shares && self.value >= 0.0 && self.exploration.start >= 0.0) {
            return Err(LearnError::Input("rates are above zero, gamma and lambda between 0 and 1".into()));
        }
        Ok(())
    }
}

/// A point of the curve: one batch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Steps so far.
    pub steps: u64,
    /// Mean return of the batch's episodes, with exploration.
    pub mean_return: f64,
    /// Mean entropy of the policy, nats.
    pub entropy: f32,
    /// Different states in the batch.
    pub states: usize,
}

/// Returns of the policy without exploration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    pub episodes: u32,
    pub mean: f64,
    /// Standard error of the mean over the episodes.
    pub error: f64,
}

/// Bytes that learning needs beside the backbone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Memory {
    pub head: u64,
    pub optimiser: u64,
    /// Most visits of a batch so far.
    pub visits: u64,
}

/// A run at some point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Learner {
    config: Config,
    head: Head,
    adam: Adam,
    steps: u64,
    episodes: u64,
    most_visits: u64,
    curve: Vec<Point>,
}

/// Policies and values of states under weights that do not move.
struct Acting<'a> {
    head: &'a Head,
    known: BTreeMap<usize, (Vec<f32>, f32, usize)>,
    pass: Pass,
}

impl<'a> Acting<'a> {
    fn new(head: &'a Head) -> Self {
        Self { head, known: BTreeMap::new(), pass: Pass::default() }
    }

    /// Probabilities, value, best action.
    fn of(&mut self, state: usize, features: &Features) -> &(Vec<f32>, f32, usize) {
        let (head, pass) = (self.head, &mut self.pass);
        self.known.entry(state).or_insert_with(|| {
            head.forward(features.row(state), pass);
            (head.policy(pass), pass.out[head.actions()], head.best(pass))
        })
    }
}

impl Learner {
    /// A run at its beginning.
    ///
    /// # Errors
    /// The configuration cannot be.
    pub fn new(config: Config, features: &Features) -> Result<Self, LearnError> {
        config.check()?;
        let head = Head::new(features.width(), config.hidden, config.task.world().actions(), config.seed);
        let adam = Adam::new(head.weights.len());
        Ok(Self { config, head, adam, steps: 0, episodes: 0, most_visits: 0, curve: Vec::new() })
    }

    /// The run that [`save`](Self::save) wrote, to be continued as if it had never stopped.
    ///
    /// # Errors
    /// The text is no checkpoint, or is of another run than `config` on these features.
    pub fn resume(text: &str, config: &Config, features: &Features) -> Result<Self, LearnError> {
        config.check()?;
        let saved: Self = serde_json::from_str(text).map_err(LearnError::Checkpoint)?;
        if let Some(other) = saved.config.difference(config) {
            return Err(other);
        }
        saved.head.check(features.width(), config.hidden, config.task.world().actions())?;
        if !saved.adam.fits(saved.head.weights.len()) {
            let wanted = format!("two finite moments for {} weights", saved.head.weights.len());
            return Err(LearnError::OtherRun { what: "optimiser".into(), found: "another".into(), wanted });
        }
        Ok(saved)
    }

    /// The run as JSON; numbers are read back to the bit.
    ///
    /// # Errors
    /// A number is not finite: training has diverged.
    pub fn save(&self) -> Result<String, LearnError> {
        if !self.head.weights.iter().all(|w| w.is_finite()) || !self.adam.fits(self.head.weights.len()) {
            return Err(LearnError::Input("training has diverged: a smaller rate, or more steps in a batch".into()));
        }
        serde_json::to_string(self).map_err(LearnError::Checkpoint)
    }

    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Steps so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Episodes so far.
    #[must_use]
    pub fn episodes(&self) -> u64 {
        self.episodes
    }

    #[must_use]
    pub fn is_done(&self) -> bool {
        self.steps >= self.config.steps
    }

    /// One point a batch.
    #[must_use]
    pub fn curve(&self) -> &[Point] {
        &self.curve
    }

    /// What it needs beside the backbone and the kept features.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let visits = self.most_visits * size_of::<Visit>() as u64;
        Memory { head: self.head.bytes(), optimiser: self.adam.bytes(), visits }
    }

    /// Plays a batch of whole episodes and learns from it. `None` once the run is done.
    ///
    /// # Errors
    /// The backbone cannot read a state. The run is then as before.
    pub fn update(&mut self, features: &mut Features) -> Result<Option<Point>, LearnError> {
        if self.is_done() {
            return Ok(None);
        }
        let mut world = self.config.task.world();
        let (mut visits, mut returns) = (Vec::new(), Vec::new());
        let mut acting = Acting::new(&self.head);
        while visits.len() < self.config.batch {
            let number = self.episodes.wrapping_add(returns.len() as u64);
            let mut random = Random::stream(self.config.seed, Purpose::Training, number);
            returns.push(episode(&self.config, &mut *world, features, &mut acting, &mut random, &mut visits)?);
        }
        standardise(&mut visits);
        let share = self.steps as f64 / self.config.steps as f64;
        let entropy = self.config.exploration.weight(share);
        let terms = Terms { clip: self.config.clip, value: self.config.value, entropy };
        let rate = self.config.rate * (1.0 - 0.9 * share as f32);
        let batch = Batch::new(&visits);
        let entropy = batch.learn(&mut self.head, &mut self.adam, features, terms, self.config.epochs, rate);
        self.steps = self.steps.saturating_add(visits.len() as u64);
        self.episodes = self.episodes.saturating_add(returns.len() as u64);
        self.most_visits = self.most_visits.max(visits.len() as u64);
        let mean_return = returns.iter().sum::<f64>() / returns.len() as f64;
        let point = Point { steps: self.steps, mean_return, entropy, states: batch.states() };
        self.curve.push(point);
        Ok(Some(point))
    }

    /// Mean return of the likeliest actions over episodes that are the same for every run.
    ///
    /// # Errors
    /// The backbone cannot read a state.
    pub fn evaluate(&self, features: &mut Features, episodes: u32) -> Result<Score, LearnError> {
        let mut acting = Acting::new(&self.head);
        score(self.config.task, episodes, |world, _| {
            let state = features.index(world)?;
            Ok(acting.of(state, features).2)
        })
    }
}

/// Mean return of actions drawn all alike.
///
/// # Errors
/// None that is known; the type is that of [`Learner::evaluate`].
pub fn random_policy(task: Task, episodes: u32) -> Result<Score, LearnError> {
    score(task, episodes, |world, random| Ok(random.below(world.actions())))
}

fn score(
    task: Task,
    episodes: u32,
    mut choose: impl FnMut(&dyn Environment, &mut Random) -> Result<usize, LearnError>,
) -> Result<Score, LearnError> {
    let mut world = task.world();
    let mut returns = Vec::new();
    for number in 0..u64::from(episodes) {
        let mut random = Random::stream(0, Purpose::Evaluation, number);
        world.reset(&mut random);
        let mut sum = 0.0;
        loop {
            let action = choose(&*world, &mut random)?;
            let step = world.step(action, &mut random);
            sum += step.reward;
            if step.end != End::Open {
                break;
            }
        }
        returns.push(sum);
    }
    let n = returns.len().max(1) as f64;
    let mean = returns.iter().sum::<f64>() / n;
    let spread = returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    Ok(Score { episodes, mean, error: (spread / n).sqrt() })
}

/// Plays one episode into `visits`; gives its return.
fn episode(
    config: &Config,
    world: &mut dyn Environment,
    features: &mut Features,
    acting: &mut Acting<'_>,
    random: &mut Random,
    visits: &mut Vec<Visit>,
) -> Result<f64, LearnError> {
    let (mut rewards, mut values, mut sum) = (Vec::new(), Vec::new(), 0.0);
    let first = visits.len();
    world.reset(random);
    let after = loop {
        let state = features.index(world)?;
        let (policy, value, _) = acting.of(state, features);
        let action = random.pick(policy);
        let log_p = policy[action].max(f32::MIN_POSITIVE).ln();
        values.push(*value);
        let step = world.step(action, random);
        sum += step.reward;
        rewards.push((step.reward * config.task.reward_scale()) as f32);
        visits.push(Visit { state, action, log_p, advantage: 0.0, target: 0.0 });
        match step.end {
            End::Open => {}
            End::Terminal => break 0.0,
            End::Cut => {
                let state = features.index(world)?;
                break acting.of(state, features).1;
            }
        }
    };
    let found = advantages(&rewards, &values, after, config.gamma, config.lambda);
    for ((visit, advantage), value) in visits[first..].iter_mut().zip(found).zip(values) {
        visit.advantage = advantage;
        visit.target = advantage + value;
    }
    Ok(sum)
}

/// Mean zero, deviation one: the step's length does not hang on the rewards' unit.
fn standardise(visits: &mut [Visit]) {
    let n = visits.len().max(1) as f32;
    let mean = visits.iter().map(|v| v.advantage).sum::<f32>() / n;
    let deviation = (visits.iter().map(|v| (v.advantage - mean).powi(2)).sum::<f32>() / n).sqrt();
    visits.iter_mut().for_each(|v| v.advantage = (v.advantage - mean) / (deviation + 1e-6));
}
