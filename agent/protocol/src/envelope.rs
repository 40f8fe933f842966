//! The signed plan: what a fleet's owner says once and every agent can check by itself.

use crate::blob::BlobRef;
use crate::canonical;
use crate::frame::{self, Frame, FrameError};
use crate::id::{Name, NotAName, PlanId, PlanRef};
use crate::limits::{ENTRIES, ENVELOPE_BYTES, PLAN_BYTES, SETTLED};
use crate::plan::{Plan, SCHEMA};
use crate::schema::{self, ReadError};
use crate::sign::{KeyId, Keyring, Signer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Generations stay below 2^53, so that every JSON reader keeps them exact.
pub const GENERATION_MAX: u64 = 1 << 53;

/// The head of a signed plan: all that decides whether an agent takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub fleet: Name,
    pub id: PlanId,
    /// The plan that this one replaces.
    pub parent: Option<PlanId>,
    pub generation: u64,
    /// Other plans of the parent's generation that this one replaces as well: two planners at once
    /// have split the fleet, and this plan joins it again.
    pub settles: Vec<PlanId>,
    /// Milliseconds since 1970.
    pub issued_ms: u64,
    /// No agent takes the plan after this; one that has it keeps it.
    pub expires_ms: u64,
    /// Which files the plan's models are, by its names of them: a device that lacks one fetches it from whoever has it.
    /// A model that is not named here must be there already.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, BlobRef>,
}

impl Order {
    #[must_use]
    pub fn plan(&self) -> PlanRef {
        PlanRef { generation: self.generation, id: self.id }
    }
}

/// When and over what a plan is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub issued_ms: u64,
    pub expires_ms: u64,
    pub settles: Vec<PlanId>,
    /// As in [`Order`].
    pub models: BTreeMap<String, BlobRef>,
}

/// A plan that a trusted key vouches for, consistent with its head.
#[derive(Clone, Debug, PartialEq)]
pub struct SignedPlan {
    pub order: Order,
    pub plan: Plan,
    /// Who vouches; `None`: read back from the agent's own disk by digest.
    pub by: Option<KeyId>,
    /// The envelope as it came, to store and to pass on.
    pub bytes: Vec<u8>,
}

/// Why an envelope is refused.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    #[error("signed plan: {0}")]
    Frame(#[from] FrameError),
    #[error("signed plan, head: {0}")]
    Head(serde_json::Error),
    #[error("plan: {0}")]
    Plan(#[from] ReadError),
    #[error("plan: {got} bytes, at most {most} fit into one envelope")]
    PlanTooLarge { got: usize, most: usize },
    #[error("signed plan, head: not spelled canonically")]
    HeadSpelling,
    #[error("plan: not its canonical bytes")]
    PlanSpelling,
    #[error("plan: its id is not the hash of its content")]
    Id,
    #[error("signed plan: head and plan differ in `{field}`")]
    Differs { field: &'static str },
    #[error("plan: fleet: {0}")]
    Fleet(#[from] NotAName),
    #[error("signed plan: {0}")]
    Terms(&'static str),
}

/// Seals a plan, whose `id` must hold.
///
/// # Errors
/// When the plan is too large, its id or fleet name is wrong, or the terms make no sense.
pub fn seal(plan: &Plan, terms: &Terms, signers: &[&Signer]) -> Result<Vec<u8>, EnvelopeError> {
    let body = canonical::bytes(plan).map_err(|source| ReadError::Malformed { what: SCHEMA, source })?;
    let order = Order {
        fleet: Name::new(&plan.fleet)?,
        id: plan.id.parse().map_err(|_| EnvelopeError::Id)?,
        parent: parent(plan)?,
        generation: plan.generation,
        settles: terms.settles.clone(),
        issued_ms: terms.issued_ms,
        expires_ms: terms.expires_ms,
        models: terms.models.clone(),
    };
    check(&order, plan, &body)?;
    let head = serde_json::to_string(&order).map_err(EnvelopeError::Head)?;
    let bytes = frame::write(schema::ENVELOPE, &head, &body, signers);
    if bytes.len() > ENVELOPE_BYTES {
        return Err(FrameError::TooLarge { got: bytes.len(), most: ENVELOPE_BYTES }.into());
    }
    Ok(bytes)
}

/// Opens an envelope that a key of the ring must vouch for.
///
/// # Errors
/// When the signature, the spelling, the id or the agreement of head and plan fails.
pub fn open(bytes: &[u8], keys: &Keyring) -> Result<SignedPlan, EnvelopeError> {
    let frame = Frame::read(schema::ENVELOPE, bytes, ENVELOPE_BYTES)?;
    let by = frame.vouched(keys)?;
    take(bytes, &frame, Some(by))
}

/// Opens an envelope that this device stored after [`open`]: it must be the plan of that id. The
/// signature is not asked for again, so that a key which has been replaced since stops no service.
///
/// # Errors
/// As [`open`], signature aside; and when it is another plan.
pub fn reopen(bytes: &[u8], id: PlanId) -> Result<SignedPlan, EnvelopeError> {
    let frame = Frame::read(schema::ENVELOPE, bytes, ENVELOPE_BYTES)?;
    let signed = take(bytes, &frame, None)?;
    if signed.order.id == id { Ok(signed) } else { Err(EnvelopeError::Id) }
}

fn take(bytes: &[u8], frame: &Frame<'_>, by: Option<KeyId>) -> Result<SignedPlan, EnvelopeError> {
    let order: Order = serde_json::from_str(frame.head).map_err(EnvelopeError::Head)?;
    if serde_json::to_string(&order).map_err(EnvelopeError::Head)? != frame.head {
        return Err(EnvelopeError::HeadSpelling);
    }
    let plan: Plan = schema::read(frame.body, SCHEMA, PLAN_BYTES)?;
    check(&order, &plan, frame.body)?;
    Ok(SignedPlan { order, plan, by, bytes: bytes.to_vec() })
}

/// Whether head, plan and bytes say the same.
fn check(order: &Order, plan: &Plan, body: &[u8]) -> Result<(), EnvelopeError> {
    if body.len() > PLAN_BYTES {
        return Err(EnvelopeError::PlanTooLarge { got: body.len(), most: PLAN_BYTES });
    }
    let spelled = |p: &Plan| canonical::bytes(p).map_err(|source| ReadError::Malformed { what: SCHEMA, source });
    if spelled(plan)? != body {
        return Err(EnvelopeError::PlanSpelling);
    }
    let mut bare = plan.clone();
    bare.id.clear();
    if PlanId::of(&spelled(&bare)?).to_string() != plan.id {
        return Err(EnvelopeError::Id);
    }
    let differs = |field| Err(EnvelopeError::Differs { field });
    if order.fleet.as_str() != plan.fleet {
        return differs("fleet");
    }
    if order.id.to_string() != plan.id {
        return differs("id");
    }
    if order.parent != parent(plan)? {
        return differs("parent");
    }
    if order.generation != plan.generation {
        return differs("generation");
    }
    if order.generation == 0 || order.generation > GENERATION_MAX {
        return Err(EnvelopeError::Terms("the generation must be 1 to 2^53"));
    }
    if order.parent.is_none() != (order.generation == 1) {
        return Err(EnvelopeError::Terms("generation 1, and no other, has no parent"));
    }
    if order.settles.len() > SETTLED {
        return Err(EnvelopeError::Terms("settles at most 8 plans"));
    }
    if order.models.len() > ENTRIES {
        return Err(EnvelopeError::Terms("names at most 64 model files"));
    }
    if order.expires_ms <= order.issued_ms {
        return Err(EnvelopeError::Terms("expires before it is issued"));
    }
    Ok(())
}

fn parent(plan: &Plan) -> Result<Option<PlanId>, EnvelopeError> {
    plan.parent.as_deref().map(str::parse).transpose().map_err(|_| EnvelopeError::Id)
}
