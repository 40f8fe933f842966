//! A device that chooses how many samples a question may cost it, under a temperature limit.
//!
//! Heat is the planner's model (`planner/src/physics/thermal.rs`): `C dT/dt = P - (T - T_ambient) / R`, solved exactly
//! over a question. `R`, `C` and idle power are the catalogue's Jetson Orin Nano Super (fitted, assumed, fitted there);
//! what a sample costs and how hard questions are is **assumed**: a question has a chance `p` that one sample is right,
//! and the vote of an odd `k` is right with the binomial chance of a majority (`majority.rs`'s `M_k` for a known `p`).

use super::{End, Environment, Step};
use crate::random::Random;

/// Samples of each action.
pub const SAMPLES: [u32; 5] = [0, 1, 3, 5, 7];
/// Die to ambient, K/W (catalogue: fitted).
const RESISTANCE: f64 = 2.6;
/// J/K (catalogue: assumed).
const CAPACITANCE: f64 = 120.0;
/// W (catalogue: fitted).
const IDLE_W: f64 = 4.09;
/// A question comes every so often, s (assumed).
const EVERY_S: f64 = 20.0;
/// Joules of the shared prompt, and of each sample (assumed): seven samples are 17.5 W above idle.
const PROMPT_J: f64 = 35.0;
const SAMPLE_J: f64 = 45.0;
/// What the owner allows, °C (assumed).
const LIMIT_C: f64 = 70.0;
/// Above the limit the device is clocked down: at most one sample, and this is lost.
const PENALTY: f64 = 1.0;
const THROTTLED: u32 = 1;
/// °C, one an episode (assumed).
const AMBIENTS: [f64; 3] = [20.0, 30.0, 40.0];
/// Chance that a sample is right, and share of such questions (assumed): easy, open, beyond the model.
const KINDS: [(f64, f64); 3] = [(0.9, 0.3), (0.65, 0.4), (0.3, 0.3)];
/// Questions of an episode.
const QUESTIONS: u32 = 100;
/// Kelvin of a bin of what the learner sees.
const BIN_K: f64 = 2.0;
/// Bins above and below which all is one.
const BINS: i32 = 16;
/// Spacing of the dynamic program's temperatures, K.
const FINE_K: f64 = 0.25;

/// The governor; an action is an index into [`SAMPLES`].
#[derive(Clone, Debug)]
pub struct Governor {
    celsius: f64,
    ambient: usize,
    kind: usize,
    questions: u32,
}

impl Default for Governor {
    fn default() -> Self {
        Self::new()
    }
}

/// Temperature after a question with `samples`.
fn heated(celsius: f64, ambient_c: f64, samples: u32) -> f64 {
    let joules = if samples == 0 { 0.0 } else { PROMPT_J + SAMPLE_J * f64::from(samples) };
    let rest = ambient_c + RESISTANCE * (IDLE_W + joules / EVERY_S);
    rest + (celsius - rest) * (-EVERY_S / (RESISTANCE * CAPACITANCE)).exp()
}

/// Chance that more than half of `k` samples are right, each with chance `p`; 0 for none.
fn right(p: f64, k: u32) -> f64 {
    let mut term = (1.0 - p).powi(k as i32);
    let mut sum = 0.0;
    for i in 1..=k {
        term *= f64::from(k - i + 1) / f64::from(i) * p / (1.0 - p);
        if 2 * i > k {
            sum += term;
        }
    }
    sum
}

/// What a choice yields: samples that are drawn, and the expected reward.
fn outcome(celsius: f64, kind: usize, action: usize) -> (u32, f64) {
    let wanted = SAMPLES[action.min(SAMPLES.len() - 1)];
    let hot = celsius >= LIMIT_C;
    let drawn = if hot { wanted.min(THROTTLED) } else { wanted };
    (drawn, right(KINDS[kind].0, drawn) - if hot { PENALTY } else { 0.0 })
}

fn draw_kind(random: &mut Random) -> usize {
    random.pick(&KINDS.map(|k| k.1 as f32))
}

/// At rest without questions.
fn rest(ambient_c: f64) -> f64 {
    ambient_c + RESISTANCE * IDLE_W
}

/// The best mean return, by backward induction for each ambient, values between temperatures by interpolation.
pub(super) fn optimum() -> f64 {
    AMBIENTS.iter().map(|a| Program::solve(*a).value_at_rest()).sum::<f64>() / AMBIENTS.len() as f64
}

/// The dynamic program of one ambient temperature.
pub(super) struct Program {
    ambient_c: f64,
    /// Expected value to go, after 0, 1, … questions from the end, by temperature; the kind is not yet drawn.
    values: Vec<Vec<f64>>,
}

impl Program {
    pub(super) fn solve(ambient_c: f64) -> Self {
        let hottest = ambient_c + RESISTANCE * (IDLE_W + (PROMPT_J + SAMPLE_J * 7.0) / EVERY_S);
        let n = ((hottest - ambient_c) / FINE_K).ceil() as usize + 2;
        let mut program = Self { ambient_c, values: vec![vec![0.0; n]] };
        for left in 1..=QUESTIONS as usize {
            let row = (0..n)
                .map(|i| {
                    let celsius = ambient_c + FINE_K * i as f64;
                    KINDS.iter().enumerate().map(|(kind, (_, share))| share * program.best(left, celsius, kind).1).sum()
                })
                .collect();
            program.values.push(row);
        }
        program
    }

    /// The best action with `left` questions to go, this one counted, and its value.
    pub(super) fn best(&self, left: usize, celsius: f64, kind: usize) -> (usize, f64) {
        (0..SAMPLES.len())
            .map(|action| {
                let (drawn, reward) = outcome(celsius, kind, action);
                (action, reward + self.value(left - 1, heated(celsius, self.ambient_c, drawn)))
            })
            .fold((0, f64::NEG_INFINITY), |best, next| if next.1 > best.1 { next } else { best })
    }

    fn value(&self, left: usize, celsius: f64) -> f64 {
        let row = &self.values[left];
        let place = ((celsius - self.ambient_c) / FINE_K).clamp(0.0, (row.len() - 1) as f64);
        let i = (place as usize).min(row.len() - 2);
        let share = place - i as f64;
        row[i] * (1.0 - share) + row[i + 1] * share
    }

    pub(super) fn value_at_rest(&self) -> f64 {
        self.value(QUESTIONS as usize, rest(self.ambient_c))
    }
}

impl Governor {
    #[must_use]
    pub fn new() -> Self {
        Self { celsius: rest(AMBIENTS[0]), ambient: 0, kind: 0, questions: 0 }
    }

    /// Temperature, °C.
    #[must_use]
    pub fn celsius(&self) -> f64 {
        self.celsius
    }

    /// What the best policy does here.
    #[cfg(test)]
    pub(super) fn advised(&self, programs: &[Program; 3]) -> usize {
        programs[self.ambient].best((QUESTIONS - self.questions) as usize, self.celsius, self.kind).0
    }

    #[cfg(test)]
    pub(super) fn programs() -> [Program; 3] {
        AMBIENTS.map(Program::solve)
    }

    /// Bins of room to the limit: 0 and above is cool enough.
    fn room(&self) -> i32 {
        (((LIMIT_C - self.celsius) / BIN_K).floor() as i32).clamp(-BINS, BINS)
    }
}

impl Environment for Governor {
    fn actions(&self) -> usize {
        SAMPLES.len()
    }

    fn reset(&mut self, random: &mut Random) {
        let ambient = random.below(AMBIENTS.len());
        *self = Self { celsius: rest(AMBIENTS[ambient]), ambient, kind: draw_kind(random), questions: 0 };
    }

    fn step(&mut self, action: usize, random: &mut Random) -> Step {
        let (drawn, reward) = outcome(self.celsius, self.kind, action);
        self.celsius = heated(self.celsius, AMBIENTS[self.ambient], drawn);
        self.kind = draw_kind(random);
        self.questions += 1;
        Step { reward, end: if self.questions >= QUESTIONS { End::Cut } else { End::Open } }
    }

    fn text(&self) -> String {
        let kind = ["easy", "open", "hard"][self.kind];
        format!("outside {} room {} question {kind}", AMBIENTS[self.ambient], self.room())
    }

    fn numbers(&self) -> Vec<f32> {
        let kind = |k| f32::from(u8::from(self.kind == k));
        vec![AMBIENTS[self.ambient] as f32, self.room() as f32, kind(0), kind(1), kind(2)]
    }
}
