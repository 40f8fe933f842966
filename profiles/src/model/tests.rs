use super::transformer::{Biases, Experts, Transformer};
use super::*;
use crate::precision::WeightFormat;
use crate::units::Bytes;

fn model(yaml: &str) -> ModelProfile {
    let text = format!(
        "id: m\nname: M\nfamily: f\nkind: llm\ncontext: 1\nformats: [w16]\nquality: []\n\
         architecture: {{ value: 1, quality: datasheet, source: a test }}\nblocks:\n{yaml}\n"
    );
    crate::yaml::parse("m.yaml", &text, 0).unwrap_or_else(|f| panic!("{f}"))
}

/// Parameters as the makers publish them, to the million.
#[test]
fn parameters_are_the_published_ones() {
    for (shape, millions) in [
        ("{ layers: 30, hidden: 576, ffn: 1536, heads: 9, kv_heads: 3, vocab: 49152, tied: true }", 134.515),
        ("{ layers: 16, hidden: 2048, ffn: 8192, heads: 32, kv_heads: 8, vocab: 128256, tied: true }", 1235.814),
        ("{ layers: 24, hidden: 896, ffn: 4864, heads: 14, kv_heads: 2, vocab: 151936, tied: true, biases: qkv }", 494.033),
        ("{ layers: 32, hidden: 4096, ffn: 14336, heads: 32, kv_heads: 8, vocab: 128256 }", 8030.261),
        (
            "{ layers: 12, hidden: 768, ffn: 3072, heads: 12, vocab: 50257, tied: true, gated: false, biases: all, \
             layer_norm: true, positions: 1024 }",
            124.440,
        ),
        (
            "{ layers: 18, hidden: 640, ffn: 2048, heads: 4, kv_heads: 1, head_dim: 256, vocab: 262144, tied: true, norms: 4, \
             qk_norm: true, window: { tokens: 512, global_every: 6 } }",
            268.098,
        ),
        (
            "{ layers: 48, hidden: 2048, ffn: 0, heads: 32, kv_heads: 4, head_dim: 128, vocab: 151936, qk_norm: true, \
             experts: { experts: 128, active: 8, ffn: 768 } }",
            30532.123,
        ),
        (
            "{ layers: 27, hidden: 2048, ffn: 10944, heads: 16, vocab: 102400, \
             latent: { rank: 512, rope_dim: 64, nope_dim: 128, value_dim: 128 }, \
             experts: { experts: 64, active: 6, ffn: 1408, shared_ffn: 2816, dense_layers: 1 } }",
            15706.484,
        ),
        (
            "{ layers: 24, hidden: 768, ffn: 0, heads: 0, vocab: 50280, tied: true, norms: 1, \
             state_space: { inner: 1536, state: 16, kernel: 4, dt_rank: 48 } }",
            129.135,
        ),
    ] {
        let m = model(&format!("  - transformer: {shape}"));
        let got = m.total_parameters() as f64 / 1e6;
        assert!((got - millions).abs() < 0.001 * millions.max(1.0), "{shape}: {got} M, published {millions} M");
    }
}

#[test]
fn whisper_has_the_published_parameters() {
    // The encoder's sinusoidal positions are no parameters: 1500 * hidden fewer than a checkpoint holds.
    for (layers, hidden, heads, millions) in [(4, 384, 6, 37.184), (6, 512, 8, 71.825), (12, 768, 12, 240.582)] {
        let m = model(&format!(
            "  - whisper: {{ layers: {layers}, hidden: {hidden}, heads: {heads}, vocab: 51864, mels: 80, frames: 1500, text_context: 448 }}"
        ));
        let got = m.total_parameters() as f64 / 1e6;
        assert!((got - millions).abs() < 0.01 * millions, "{got} M, published {millions} M");
    }
}

/// SmolLM2-135M by hand: 30 layers of 2 * 3 KV heads * 64; one layer 3,540,096 parameters.
#[test]
fn smollm2_by_hand() {
    let m = model("  - transformer: { layers: 30, hidden: 576, ffn: 1536, heads: 9, kv_heads: 3, vocab: 49152, tied: true }");
    assert_eq!(m.blocks.iter().map(|g| g.count).collect::<Vec<_>>(), [1, 30, 1]);
    assert_eq!(m.block_count(), 32);
    assert_eq!(m.chain().count(), 32);
    assert_eq!(m.blocks[1].block.parameters, 3_540_096);
    assert_eq!(m.kv_elements_per_token(), 30 * 2 * 3 * 64);
    assert_eq!(m.active_parameters(), 30 * (3_540_096 - 1152) + 49_152 * 576);
    // Table at 8.5 bits once, layers at 4.5, norms at 16.
    let norms = 30 * 1152 + 576;
    let bits = 49_152.0 * 576.0 * 8.5 + 30.0 * (3_540_096.0 - 1152.0) * 4.5 + f64::from(norms) * 16.0;
    // The head's norm is counted with the head's mean bits; the difference is below one part in 10^5.
    assert!((m.weight_bytes(WeightFormat::W4).get() / (bits / 8.0) - 1.0).abs() < 1e-5);
}

#[test]
fn windows_bound_the_cache() {
    let m = model(
        "  - transformer: { layers: 18, hidden: 640, ffn: 2048, heads: 4, kv_heads: 1, head_dim: 256, vocab: 262144, \
         tied: true, window: { tokens: 512, global_every: 6 } }",
    );
    // Three global layers of 18.
    assert_eq!(m.sequence_elements(4096), (15 * 512 + 3 * 4096) * 512);
    assert_eq!(m.blocks.iter().map(|g| g.count).collect::<Vec<_>>(), [1, 5, 1, 5, 1, 5, 1, 1]);
}

#[test]
fn experts_are_all_resident_and_few_active() {
    let m = model(
        "  - transformer: { layers: 1, hidden: 8, ffn: 0, heads: 2, vocab: 10, \
         experts: { experts: 4, active: 2, ffn: 16 } }",
    );
    let layer = &m.blocks[1].block;
    assert_eq!(layer.total_parameters() - layer.parameters, 4 * 3 * 8 * 16);
    assert_eq!(layer.active_parameters() - layer.multiplied, 2 * 3 * 8 * 16);
}

#[test]
fn constant_state_does_not_grow() {
    let m = model(
        "  - transformer: { layers: 2, hidden: 768, ffn: 0, heads: 0, vocab: 50280, tied: true, norms: 1, \
         state_space: { inner: 1536, state: 16, kernel: 4, dt_rank: 48 } }",
    );
    assert_eq!(m.sequence_elements(10), m.sequence_elements(10_000));
    assert_eq!(m.sequence_elements(1), 2 * 1536 * 20);
}

#[test]
fn loops_run_again_but_are_held_once() {
    let shape =
        |loops| model(&format!("  - transformer: {{ layers: 2, hidden: 64, ffn: 128, heads: 2, vocab: 10, loops: {loops} }}"));
    assert_eq!(shape(4).total_parameters(), shape(1).total_parameters());
    assert_eq!(shape(4).kv_elements_per_token(), 4 * shape(1).kv_elements_per_token());
}

#[test]
fn stored_bits_hold_over_the_format() {
    let block = Block { stored_bits: Some(5.5), ..Block::new("layer", 800, 1) };
    assert_eq!(block.weight_bytes(WeightFormat::W4), Bytes(550.0));
}

#[test]
fn wrong_shapes_are_told_with_their_place() {
    let told = |part: &str| {
        let text = format!("blocks:\n{part}\n");
        #[derive(Debug, Deserialize)]
        struct Only {
            #[serde(deserialize_with = "parts::expand")]
            #[expect(dead_code, reason = "only its fault is looked at")]
            blocks: Vec<BlockGroup>,
        }
        crate::yaml::parse::<Only>("m.yaml", &text, 0).expect_err("a wrong shape").to_string()
    };
    assert_eq!(
        told("  - transformer: { layers: 2, hidden: 64, ffn: 8, heads: 3, kv_heads: 2, vocab: 10 }"),
        "m.yaml:2:5: 3 heads cannot share 2 KV heads"
    );
    assert!(told("  - transformer: { layers: 2, hiden: 64 }").contains("unknown key `hiden` (did you mean `hidden`?)"));
    assert!(told("  - transformer: { layers: 2 }").contains("key `hidden` is missing"));
    assert!(told("  - {}").contains("exactly one of"));
    assert!(told("  - { count: 2, transformer: { layers: 2, hidden: 64, ffn: 8, heads: 2, vocab: 10 } }").contains("`count`"));
}

#[test]
fn a_profile_written_out_reads_back() {
    let m = model("  - transformer: { layers: 2, hidden: 64, ffn: 128, heads: 2, vocab: 10, biases: qkv }");
    let text = serde_yaml::to_string(&m).expect("serialises");
    let back: ModelProfile = crate::yaml::parse("m.yaml", &text, 0).unwrap_or_else(|f| panic!("{f}\n{text}"));
    assert_eq!(back, m);
}

#[test]
fn a_transformer_needs_sound_numbers() {
    let base = Transformer {
        layers: 1,
        hidden: 8,
        ffn: 8,
        heads: 2,
        kv_heads: None,
        head_dim: None,
        vocab: 8,
        tied: false,
        gated: true,
        biases: Biases::None,
        layer_norm: false,
        norms: 2,
        qk_norm: false,
        positions: 0,
        window: None,
        experts: None,
        latent: None,
        short_conv: None,
        state_space: None,
        loops: 1,
    };
    assert!(base.groups().is_ok());
    for wrong in [
        Transformer { layers: 0, ..base.clone() },
        Transformer { layers: u32::MAX, ..base.clone() },
        Transformer { heads: 0, ..base.clone() },
        Transformer { heads: 3, ..base.clone() },
        Transformer { kv_heads: Some(0), ..base.clone() },
        Transformer { loops: 0, ..base.clone() },
        // Widths whose products would wrap.
        Transformer { hidden: u32::MAX, head_dim: Some(u32::MAX), heads: 1, ..base.clone() },
        Transformer {
            experts: Some(Experts { experts: u32::MAX, active: 1, ffn: u32::MAX, shared_ffn: 0, dense_layers: 0 }),
            ..base.clone()
        },
    ] {
        assert!(wrong.groups().is_err(), "{wrong:?}");
    }
}
