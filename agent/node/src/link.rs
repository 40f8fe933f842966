//! One stage at work for one request, with what comes after it.

use crate::hop::{Draw, Hop, HopError};
use crate::loaded::LoadedStage;
use crate::shared::Shared;
use engine::model::{Input, Want};
use engine::sample::Choice;
use engine::{EngineError, Sampler, Sequence, Token};
use protocol::{Name, PlanId};

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("stage on {to}: {source}")]
    Hop { to: Name, source: HopError },
}

impl StepError {
    /// Whether another attempt may do better.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Hop { .. } | Self::Engine(EngineError::Stream(_)))
    }
}

/// What follows a stage.
enum After {
    /// Nothing: here tokens are drawn.
    Draw(Draw),
    Hop {
        to: Name,
        hop: Hop,
    },
}

/// A stage with its part of a request's KV cache.
pub(crate) struct Link<'s> {
    stage: &'s LoadedStage,
    /// None: a step of it broke off.
    sequence: Option<Sequence>,
    after: After,
}

impl<'s> Link<'s> {
    /// Opens this stage's part of a request and everything behind it.
    pub(crate) fn open(
        shared: &Shared,
        plan: PlanId,
        stage: &'s LoadedStage,
        draw: &Draw,
        within_ms: u32,
    ) -> Result<Self, StepError> {
        let sequence = stage.stage.sequence(stage.kv_bits)?;
        let after = match &stage.next {
            None => After::Draw(draw.clone()),
            Some(to) => {
                let called = crate::hop::Called {
                    plan,
                    service: &stage.service,
                    replica: stage.replica,
                    stage: stage.index + 1,
                    cols: stage.stage.config().hidden,
                    bits: stage.activation_bits,
                };
                let hop = Hop::open(shared, to, &called, draw, within_ms);
                After::Hop { hop: hop.map_err(|source| StepError::Hop { to: to.clone(), source })?, to: to.clone() }
            }
        };
        Ok(Self { stage, sequence: Some(sequence), after })
    }

    /// Puts tokens or states through; a token comes back where one is wanted after the last row.
    pub(crate) fn step(&mut self, input: Input<'_>, wanted: bool) -> Result<Option<Choice>, StepError> {
        let want = if wanted { Want::Last } else { Want::Nothing };
        let out = self.stage.batch.step(&self.stage.stage, &mut self.sequence, input, want)?;
        match &mut self.after {
            After::Draw(_) if !wanted => Ok(None),
            After::Draw(draw) => Ok(Some(draw.token(&out)?)),
            After::Hop { to, hop } => {
                let lost = |source| StepError::Hop { to: to.clone(), source };
                hop.send(&out, wanted).map_err(lost)?;
                if wanted { hop.token().map(Some).map_err(lost) } else { Ok(None) }
            }
        }
    }
}

impl Drop for Link<'_> {
    fn drop(&mut self) {
        self.stage.batch.leave();
    }
}

impl Draw {
    /// Draws a token. Each has random numbers of its own, by its place in the answer: an answer that goes on
    /// elsewhere after a failure is the answer that it would have been.
    fn token(&mut self, logits: &[f32]) -> Result<Choice, EngineError> {
        let choice = Sampler::new(&self.sampling.for_sample(self.drawn))?.sample(logits, &self.recent)?;
        self.drawn += 1;
        self.push(choice.token);
        Ok(choice)
    }

    /// Remembers a token for as long as a penalty looks back.
    pub(crate) fn push(&mut self, token: Token) {
        let window = self.sampling.repetition_window.min(WINDOW);
        if self.recent.len() >= window.max(1) {
            self.recent.remove(0);
        }
        self.recent.push(token);
    }
}

/// Most tokens that a penalty looks back: as many as an opening has room for.
const WINDOW: usize = 256;
