//! What distinguishes the architectures that are read.

use kernels::Gate;

/// A decoder of attention and gated MLP, both behind RMS norms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Architecture {
    /// `general.architecture` of the file.
    pub name: &'static str,
    /// Rotary pairs: neighbours (true; llama's files are permuted for it) or halves of the head (false).
    pub rope_neighbours: bool,
    /// Nonlinearity of the gate.
    pub activation: Gate,
    /// Query, key and value have biases.
    pub qkv_bias: bool,
    /// Each head's query and key are normalised before the rotation.
    pub qk_norm: bool,
    /// Attention and MLP results are normalised before they are added.
    pub post_norms: bool,
    /// Embeddings are multiplied by the root of their width.
    pub scaled_embedding: bool,
    /// Where layers have a window, every so many one sees the whole context.
    pub global_every: usize,
    /// Rotary base of layers with a window.
    pub window_rope_base: f32,
}

const LLAMA: Architecture = Architecture {
    name: "llama",
    rope_neighbours: true,
    activation: Gate::Silu,
    qkv_bias: false,
    qk_norm: false,
    post_norms: false,
    scaled_embedding: false,
    global_every: 0,
    window_rope_base: 0.0,
};

/// All architectures that are read; norm weights of gemma3 files already include their `1 +`.
pub const ARCHITECTURES: &[Architecture] = &[
    LLAMA,
    Architecture { name: "qwen2", rope_neighbours: false, qkv_bias: true, ..LLAMA },
    Architecture {
        name: "gemma3",
        rope_neighbours: false,
        activation: Gate::Gelu,
        qk_norm: true,
        post_norms: true,
        scaled_embedding: true,
        // Five windows, then one whole context, with the windows' own base: Gemma 3 report, section 2.
        global_every: 6,
        window_rope_base: 10_000.0,
        ..LLAMA
    },
];
