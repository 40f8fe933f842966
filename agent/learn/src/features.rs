//! A state's text through the frozen backbone, once: features by number of the text.

use crate::env::{End, Environment, Task};
use crate::error::LearnError;
use crate::random::{Purpose, Random};
use engine::model::{Chunk, Input, Want};
use engine::{EngineError, Stage, Tokenizer, Workspace};
use kernels::Format;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which of a text's hidden states are the features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The last token's: it has read all others.
    Last,
    /// The mean over the tokens.
    #[default]
    Mean,
}

/// Where features come from.
#[derive(Debug)]
pub enum Source {
    /// A stage with the token table and without the output matrix.
    Backbone { stage: Box<Stage>, tokenizer: Box<Tokenizer>, pooling: Pooling },
    /// The environment's own numbers: the control.
    Numbers,
}

impl Source {
    /// What a weight of the backbone's layers can say, bits, scales not counted: what exploration is chosen by
    /// ([`Exploration::of_bits`](crate::Exploration::of_bits)). The mean over the layers' matrices; 16 without a backbone.
    #[must_use]
    pub fn bits(&self) -> f64 {
        let Self::Backbone { stage, .. } = self else { return 16.0 };
        let (mut sum, mut weights) = (0.0, 0.0);
        for (_, m) in stage.matrices().filter(|(class, _)| *class != "token_embd") {
            let n = m.rows() as f64 * m.cols() as f64;
            sum += n * information(m.format());
            weights += n;
        }
        if weights > 0.0 { sum / weights } else { 16.0 }
    }

    /// Bytes of the backbone's weights in memory, and of those its token table's; nothing without a backbone.
    #[must_use]
    pub fn bytes(&self) -> Option<(u64, u64)> {
        let Self::Backbone { stage, .. } = self else { return None };
        let table = stage.matrices().filter(|(class, _)| *class == "token_embd").map(|(_, m)| m.bytes() as u64).sum();
        Some((stage.size().bytes, table))
    }
}

/// Bits of information of one weight: three values are log₂ 3, however they are packed, and four weights of which one
/// is zero are five bits (Sherry, arXiv 2601.07892).
fn information(format: Format) -> f64 {
    match format {
        Format::F16 => 16.0,
        Format::W8A8 => 8.0,
        Format::Ternary | Format::Ternary167 => 3f64.log2(),
        Format::Sherry => 1.25,
        other => other.code_bits().map_or(16.0, f64::from),
    }
}

/// What the backbone was asked. A state is asked once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub states: u64,
    pub tokens: u64,
    /// Multiplications by weights.
    pub multiplications: u64,
}

/// Standardised features lie within this many deviations.
const MOST: f32 = 5.0;
/// Steps of the random walk whose states give mean and deviation.
const WALK: usize = 2000;
/// A feature that varies less than this share of the mean deviation is noise: it is not blown up further.
const LEAST: f32 = 0.05;

/// Features of states by their texts, standardised, kept.
#[derive(Debug)]
pub struct Features {
    source: Source,
    width: usize,
    /// Mean and factor of each feature.
    standard: Vec<(f32, f32)>,
    known: BTreeMap<String, usize>,
    rows: Vec<f32>,
    counts: Counts,
    work: Workspace,
}

impl Features {
    /// Features for the states of a task; mean and deviation are those of the states of a fixed random walk.
    ///
    /// # Errors
    /// The stage has a head or no token table, or cannot read a state.
    pub fn new(source: Source, task: Task) -> Result<Self, LearnError> {
        if let Source::Backbone { stage, .. } = &source
            && (!stage.part().embedding || stage.part().head)
        {
            let why = "a backbone is a stage with the token table and without the head: it gives hidden states";
            return Err(LearnError::Input(why.into()));
        }
        let (known, work) = (BTreeMap::new(), Workspace::new());
        let mut features =
            Self { source, width: 0, standard: Vec::new(), known, rows: Vec::new(), counts: Counts::default(), work };
        let mut world = task.world();
        let mut random = Random::stream(0, Purpose::Calibration, 0);
        world.reset(&mut random);
        for _ in 0..WALK {
            features.index(&*world)?;
            let action = random.below(world.actions());
            if world.step(action, &mut random).end != End::Open {
                world.reset(&mut random);
            }
        }
        features.calibrate();
        Ok(features)
    }

    /// The number of the state that `world` is in.
    ///
    /// # Errors
    /// The backbone cannot read its text.
    pub fn index(&mut self, world: &dyn Environment) -> Result<usize, LearnError> {
        let text = world.text();
        if let Some(i) = self.known.get(&text) {
            return Ok(*i);
        }
        let mut row = match &self.source {
            Source::Numbers => world.numbers(),
            Source::Backbone { stage, tokenizer, pooling } => {
                let (row, tokens) = read(stage, tokenizer, *pooling, &text, &mut self.work)
                    .map_err(|source| LearnError::Backbone { text: text.clone(), source })?;
                self.counts.states += 1;
                self.counts.tokens += tokens;
                self.counts.multiplications += tokens * stage.size().multiplied;
                row
            }
        };
        self.width = row.len();
        standardise(&mut row, &self.standard);
        self.rows.extend_from_slice(&row);
        let i = self.known.len();
        self.known.insert(text, i);
        Ok(i)
    }

    /// Features of the state of that number, as [`index`](Self::index) gave it.
    #[must_use]
    pub fn row(&self, i: usize) -> &[f32] {
        &self.rows[i * self.width..(i + 1) * self.width]
    }

    /// Features of a state.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Work of the backbone so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Where they come from.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Bytes of the kept features and their texts.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        let texts: usize = self.known.keys().map(|k| k.len() + size_of::<(String, usize)>()).sum();
        (self.rows.len() * size_of::<f32>() + texts) as u64
    }

    fn calibrate(&mut self) {
        let n = self.known.len().max(1) as f32;
        let mut moments = vec![(0.0f32, 0.0f32); self.width];
        for row in self.rows.chunks_exact(self.width) {
            moments.iter_mut().zip(row).for_each(|(m, x)| m.0 += x / n);
        }
        for row in self.rows.chunks_exact(self.width) {
            moments.iter_mut().zip(row).for_each(|(m, x)| m.1 += (x - m.0).powi(2) / n);
        }
        let typical = moments.iter().map(|m| m.1.sqrt()).sum::<f32>() / self.width.max(1) as f32;
        let floor = (typical * LEAST).max(f32::MIN_POSITIVE);
        self.standard = moments.iter().map(|m| (m.0, 1.0 / m.1.sqrt().max(floor))).collect();
        for row in self.rows.chunks_exact_mut(self.width) {
            standardise(row, &self.standard);
        }
    }
}

/// Nothing before the calibration.
fn standardise(row: &mut [f32], standard: &[(f32, f32)]) {
    row.iter_mut().zip(standard).for_each(|(x, (mean, factor))| *x = ((*x - mean) * factor).clamp(-MOST, MOST));
}

/// Pooled hidden states of a text (hidden), and how many tokens it has.
fn read(
    stage: &Stage,
    tokenizer: &Tokenizer,
    pooling: Pooling,
    text: &str,
    work: &mut Workspace,
) -> Result<(Vec<f32>, u64), EngineError> {
    let tokens = tokenizer.encode_prompt(text)?;
    let mut sequence = stage.sequence(16)?;
    let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(&tokens), want: Want::Nothing };
    let states = stage.forward(&mut [chunk], work)?;
    let hidden = stage.config().hidden;
    let row = match pooling {
        Pooling::Last => states[states.len().saturating_sub(hidden)..].to_vec(),
        Pooling::Mean => {
            let mut mean = vec![0.0f32; hidden];
            let share = 1.0 / tokens.len().max(1) as f32;
            states.chunks_exact(hidden).for_each(|s| mean.iter_mut().zip(s).for_each(|(m, x)| *m += share * x));
            mean
        }
    };
    Ok((row, tokens.len() as u64))
}
