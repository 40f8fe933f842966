//! Where the time of a step goes, operation by operation.

use serde::{Deserialize, Serialize};

use super::load::Stage;
use crate::usage;

/// Operation of a step, in order of its first use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// Rows of the token table, rotations.
    Embed,
    /// RMS norms before the matrices.
    Norm,
    /// Query, key and value matrices, with the quantisation of what they multiply.
    Qkv,
    /// Biases, norms of heads, rotation.
    Rotate,
    /// Keys and values into the cache.
    Cache,
    Attention,
    /// Output matrix of attention.
    AttnOut,
    /// Gate and up matrices, with the nonlinearity.
    GateUp,
    Down,
    /// Norms after the matrices, residual sums.
    Add,
    /// Last norm and output matrix.
    Head,
}

impl Op {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Embed,
        Self::Norm,
        Self::Qkv,
        Self::Rotate,
        Self::Cache,
        Self::Attention,
        Self::AttnOut,
        Self::GateUp,
        Self::Down,
        Self::Add,
        Self::Head,
    ];

    /// Short name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Embed => "embed",
            Self::Norm => "norm",
            Self::Qkv => "qkv",
            Self::Rotate => "rotate",
            Self::Cache => "cache",
            Self::Attention => "attention",
            Self::AttnOut => "attn-out",
            Self::GateUp => "gate-up",
            Self::Down => "down",
            Self::Add => "add",
            Self::Head => "head",
        }
    }
}

/// Seconds by operation. With one thread they are its time on the processor, so that busy neighbours do
/// not count; with several, time on the wall.
#[derive(Clone, Debug)]
pub struct Profile {
    seconds: [f64; Op::ALL.len()],
    alone: bool,
    last: f64,
}

/// One line of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub op: Op,
    /// Seconds a token.
    pub seconds: f64,
    /// Of all operations' time.
    pub share: f64,
    /// Weight bytes that one pass over the operation's matrices reads; 0 without matrices.
    pub bytes: u64,
}

impl Profile {
    /// For a pool of so many threads.
    pub(super) fn new(threads: usize) -> Self {
        let mut this = Self { seconds: [0.0; Op::ALL.len()], alone: threads == 1, last: 0.0 };
        this.start();
        this
    }

    fn now(&self) -> f64 {
        if self.alone { usage::thread_seconds() } else { usage::wall_seconds() }
    }

    /// What was before does not count.
    pub(super) fn start(&mut self) {
        self.last = self.now();
    }

    /// The time since the last lap goes to `op`.
    pub(super) fn lap(&mut self, op: Op) {
        let now = self.now();
        self.seconds[op as usize] += now - self.last;
        self.last = now;
    }

    /// By operation, for a run of `tokens` tokens.
    #[must_use]
    pub fn lines(&self, stage: &Stage, tokens: usize) -> Vec<Line> {
        let total: f64 = self.seconds.iter().sum();
        let share = |s: f64| if total > 0.0 { s / total } else { 0.0 };
        Op::ALL
            .into_iter()
            .zip(self.seconds)
            .map(|(op, s)| Line { op, seconds: s / tokens.max(1) as f64, share: share(s), bytes: stage.bytes_of(op) })
            .collect()
    }
}

/// [`Profile::lap`] where there is a profile.
pub(super) fn lap(profile: &mut Option<Profile>, op: Op) {
    if let Some(profile) = profile {
        profile.lap(op);
    }
}
