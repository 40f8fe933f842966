//! Memory that a step of the model works in, kept from step to step.

use kernels::Scratch;

use super::profile::Profile;

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
    pub(super) rows: Vec<f32>,
    pub(super) profile: Option<Profile>,
}

impl Workspace {
    /// Empty; grows to what is needed and stays.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One that takes the time of each operation from now on, for a stage on `threads` threads.
    #[must_use]
    pub fn profiled(self, threads: usize) -> Self {
        Self { profile: Some(Profile::new(threads)), ..self }
    }

    /// What was taken.
    #[must_use]
    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_ref()
    }
}

/// `len` numbers whose old content does not matter.
pub(super) fn sized(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}
