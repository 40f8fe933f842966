//! From one stage to the next, and between the two devices of a stage that is shared: a stream for each request, opened
//! by whom the plan puts before.
//!
//! The side that is called says a random number; the caller signs it together with what it wants. So an opening
//! is an enrolled device's, and cannot be said again. The bus only tells the address. A stream that a request is done
//! with is used by the next one, which signs another number ([`kept`]).

mod adaptive;
mod client;
#[cfg(test)]
mod cost;
mod exchange;
pub(crate) mod frame;
mod half;
pub(crate) mod kept;
#[cfg(test)]
mod quality;
mod server;
mod states;

pub(crate) use client::{Called, Hop, answers};
pub(crate) use exchange::Exchange;
pub(crate) use frame::HopError;
pub(crate) use server::listen;

use engine::Token;
use protocol::{Key, Name, PlanId, Topic};
use serde::{Deserialize, Serialize};

/// What an opening says it is.
const OPENING: &str = "wattline.opening/1";
/// An opening must be there within this, ms.
const OPEN_MS: u32 = 5_000;

/// What a caller wants of the next stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Opening {
    schema: String,
    /// The number that was said.
    challenge: String,
    plan: PlanId,
    service: Name,
    replica: u32,
    /// Place of the called stage.
    stage: usize,
    /// The caller has the stage, and calls the partner that shares it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    partner: bool,
    draw: Draw,
}

/// How the last stage draws tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Draw {
    pub(crate) sampling: engine::Sampling,
    /// Tokens of the answer that were drawn before this stream.
    pub(crate) drawn: usize,
    /// The last of them, which a repetition penalty sees.
    pub(crate) recent: Vec<Token>,
}

/// What openings to an agent are signed for.
fn key(fleet: &Name, to: &Name) -> Key {
    let key = Key::new(fleet, Topic::Rpc, to);
    // A name of three letters is one.
    Name::new("hop").map_or(key.clone(), |hop| key.below(&hop))
}
