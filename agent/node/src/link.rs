//! One stage at work for one request, with what comes after it.

use crate::hop::{Called, Draw, Exchange, Hop, HopError};
use crate::loaded::LoadedStage;
use crate::shared::Shared;
use crate::tls::Stream;
use engine::model::{Chunk, Input, Want};
use engine::sample::Choice;
use engine::{EngineError, Sampler, Sequence, Token, Workspace};
use protocol::{Name, PlanId};

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("stage on {to}: {source}")]
    Hop { to: Name, source: HopError },
    #[error("the half of a stage on {with}: {source}")]
    Partner { with: Name, source: HopError },
    /// Its pipeline is lost, nothing was told yet, and the service is answered elsewhere.
    #[error("its pipeline is lost, another device answers")]
    Elsewhere,
}

impl StepError {
    /// Whether another attempt may do better.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Hop { .. } | Self::Partner { .. } | Self::Engine(EngineError::Stream(_)))
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

/// The other half of a stage that is shared.
struct Pair {
    with: Name,
    exchange: Exchange<Stream>,
    work: Workspace,
}

impl Pair {
    fn open(shared: &Shared, plan: PlanId, stage: &LoadedStage, with: &Name, within_ms: u32) -> Result<Self, StepError> {
        let called = Called { partner: true, ..called(plan, stage, stage.index) };
        // Tokens are drawn by whoever has the last stage, which is no partner.
        let open = Hop::open(shared, with, &called, &Draw::default(), within_ms);
        let exchange = open.and_then(Hop::exchange).map_err(|source| StepError::Partner { with: with.clone(), source })?;
        Ok(Self { with: with.clone(), exchange, work: Workspace::new() })
    }

    /// A step of both halves, by itself: steps of several requests are not taken together.
    fn step(
        &mut self,
        stage: &LoadedStage,
        sequence: Option<&mut Sequence>,
        input: Input<'_>,
        want: Want,
    ) -> Result<Vec<f32>, StepError> {
        let sequence = sequence.ok_or_else(|| EngineError::Input("a step before this one broke off".into()))?;
        let chunk = Chunk { sequence, input, want };
        let done = stage.stage.forward_shared(&mut [chunk], &mut self.work, &mut self.exchange);
        stage.batch.stepped_alone();
        done.map_err(|e| match self.exchange.lost() {
            Some(source) => StepError::Partner { with: self.with.clone(), source },
            None => e.into(),
        })
    }
}

/// A stage of a service's pipeline, as the one that is called.
fn called(plan: PlanId, from: &LoadedStage, stage: usize) -> Called<'_> {
    Called {
        plan,
        service: &from.service,
        replica: from.replica,
        stage,
        partner: false,
        cols: from.stage.config().hidden,
        bits: from.activation_bits,
    }
}

/// A stage with its part of a request's KV cache.
pub(crate) struct Link<'s> {
    stage: &'s LoadedStage,
    /// None: a step of it broke off.
    sequence: Option<Sequence>,
    pair: Option<Pair>,
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
        let pair = stage.partner().map(|with| Pair::open(shared, plan, stage, with, within_ms)).transpose()?;
        let after = match &stage.next {
            None => After::Draw(draw.clone()),
            Some(to) => {
                let hop = Hop::open(shared, to, &called(plan, stage, stage.index + 1), draw, within_ms);
                After::Hop { hop: hop.map_err(|source| StepError::Hop { to: to.clone(), source })?, to: to.clone() }
            }
        };
        Ok(Self { stage, sequence: Some(sequence), pair, after })
    }

    /// Puts tokens or states through; a token comes back where one is wanted after the last row.
    pub(crate) fn step(&mut self, input: Input<'_>, wanted: bool) -> Result<Option<Choice>, StepError> {
        let want = if wanted { Want::Last } else { Want::Nothing };
        let out = match &mut self.pair {
            None => self.stage.batch.step(&self.stage.stage, &mut self.sequence, input, want)?,
            Some(pair) => pair.step(self.stage, self.sequence.as_mut(), input, want)?,
        };
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
