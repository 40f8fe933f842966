//! Memory that a step of the model works in, kept from step to step.

use kernels::Scratch;

/// Buffers of one thread of generation. Any stage can use any workspace.
#[derive(Debug, Default)]
pub struct Workspace {
    pub(super) scratch: Scratch,
    pub(super) x: Vec<f32>,
    pub(super) normed: Vec<f32>,
    pub(super) q: Vec<f32>,
    pub(super) k: Vec<f32>,
    pub(super) v: Vec<f32>,
    pub(super) attended: Vec<f32>,
    pub(super) added: Vec<f32>,
    pub(super) gate: Vec<f32>,
    pub(super) up: Vec<f32>,
    pub(super) rows: Vec<f32>,
}

impl Workspace {
    /// Empty; grows to what is needed and stays.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// `len` numbers whose old content does not matter.
pub(super) fn sized(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}
