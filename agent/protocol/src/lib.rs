//! What the planner and the agents say to each other: plans and their signatures, what agents report,
//! what they are asked, what they remember, and the bus that carries it.
//!
//! Everything read here may come from a stranger: lengths are checked before bytes, signatures before
//! content, and what is wrong is an error that says what was expected. Knows no optimiser and no transport.

pub mod blob;
pub mod bus;
pub mod canonical;
pub mod command;
pub mod envelope;
pub mod frame;
pub mod hex;
pub mod id;
pub mod key;
pub mod ledger;
pub mod limits;
pub mod message;
pub mod plan;
pub mod schema;
pub mod sign;
pub mod status;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;

pub use blob::{BlobRef, Manifest};
pub use envelope::{Order, SignedPlan, Terms};
pub use id::{Digest, Name, PlanId, PlanRef};
pub use key::{Key, Pattern, Topic};
pub use ledger::Ledger;
pub use plan::*;
pub use sign::{Keyring, PublicKey, Signer};
pub use status::{Phase, Status};
pub use telemetry::Telemetry;
