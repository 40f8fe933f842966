//! What devices, models, precisions and links *are*: typed facts, each with its source, and the
//! catalogue of them.
//!
//! Knows no scenario, no physics and no optimiser. Reading is the only I/O: catalogue YAML that is
//! built into the crate, a user's own profile file, or the header of a GGUF model file.

pub mod catalogue;
pub mod check;
pub mod device;
pub mod gguf;
pub mod link;
pub mod literature;
pub mod model;
pub mod path;
mod places;
pub mod precision;
pub mod provenance;
pub mod quality;
pub mod read;
pub mod units;
pub mod walk;
pub mod yaml;

pub use catalogue::Catalogue;
pub use check::Problem;
pub use device::{
    DeviceClass, DeviceProfile, Kernel, Memory, ModeClock, PowerMode, Processor, ProcessorKind, SetRate, Sleep, Storage, Thermal,
};
pub use link::LinkProfile;
pub use literature::Literature;
pub use model::{Block, BlockGroup, Mixer, Mlp, ModelKind, ModelProfile, Phase, TensorClass};
pub use precision::{FormatError, Precision, Role, WeightFormat, activation_bits_held, activation_bits_sent};
pub use provenance::{Quality, Sourced};
pub use quality::{PerplexityRow, QualityRow, Vote};
pub use read::{Probed, ReadError, read_device, read_device_file, read_model, read_model_file, read_probed};
pub use yaml::Fault;
