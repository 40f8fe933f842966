//! What devices, models, precisions and links *are*: typed facts, each with its source, and the
//! catalogue of them.
//!
//! Knows no scenario, no physics and no optimiser. Reading is the only I/O: catalogue YAML that is
//! built into the crate, a user's own profile file, or the header of a GGUF model file.

pub mod device;
pub mod link;
pub mod model;
pub mod precision;
pub mod provenance;
pub mod quality;
pub mod units;

pub use device::{
    DeviceClass, DeviceProfile, Kernel, Memory, ModeClock, PowerMode, Processor, ProcessorKind, Sleep, Storage, Thermal,
};
pub use link::LinkProfile;
pub use model::{Block, BlockGroup, Mixer, Mlp, ModelKind, ModelProfile, Phase};
pub use precision::{Precision, WeightFormat};
pub use provenance::{Quality, Sourced};
pub use quality::QualityRow;
