//! How much a stranger may send. Every reader checks the length before it looks at a byte.

/// Largest message on the bus (256 KiB): zenoh's `Block` puts of more stall what shares the session.
pub const BUS_BYTES: usize = 256 * 1024;
/// Largest signed plan: what the bus carries.
pub const ENVELOPE_BYTES: usize = BUS_BYTES;
/// Largest plan inside its envelope; the rest is room for the head and the signatures.
pub const PLAN_BYTES: usize = ENVELOPE_BYTES - 4 * 1024;
/// Largest digest or signature line of a frame.
pub const LINE_BYTES: usize = 2 * 1024;
/// Largest head line of a frame: a plan's names up to [`ENTRIES`] model files.
pub const HEAD_BYTES: usize = 16 * 1024;
/// Chunks of a model file.
pub const BLOB_CHUNKS: usize = 4_096;
/// Largest list of chunks.
pub const MANIFEST_BYTES: usize = 384 * 1024;
/// Largest telemetry message; small enough for one packet queue of a Wi-Fi link to take whole.
pub const TELEMETRY_BYTES: usize = 4 * 1024;
/// Largest status.
pub const STATUS_BYTES: usize = 4 * 1024;
/// Largest command or answer.
pub const COMMAND_BYTES: usize = 4 * 1024;
/// Largest ledger.
pub const LEDGER_BYTES: usize = 32 * 1024;

/// Signatures on one frame: two keys while one replaces the other, twice.
pub const SIGNATURES: usize = 4;
/// Plans of one generation that a plan may settle.
pub const SETTLED: usize = 8;
/// Entries of a list in a message.
pub const ENTRIES: usize = 64;
/// Bytes of a name.
pub const NAME_BYTES: usize = 64;
/// Devices in a plan, stages in a plan, replicas in a plan.
pub const PLAN_PARTS: usize = 4_096;
