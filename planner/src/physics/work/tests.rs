use super::*;
use crate::testing::{classifier, experts, looped, precision, tiny_llm};
use profiles::WeightFormat;
use proptest::prelude::*;

const PREFILL: Pass = Pass { tokens: 64.0, context: 0.0, batch: 1.0 };
const DECODE: Pass = Pass { tokens: 1.0, context: 100.0, batch: 1.0 };

fn layer() -> Block {
    tiny_llm("m", 4, 512).blocks[1].block.clone()
}

#[test]
fn a_decode_pass_of_an_attention_layer() {
    // 12 * 512^2 parameters, 8 heads of 64, 2 KV heads.
    let w = of_block(&layer(), precision(WeightFormat::W4), DECODE, 0.0);
    let parameters = 12.0 * 512.0 * 512.0;
    assert!((w.ops - (2.0 * parameters + 4.0 * 100.5 * 8.0 * 64.0)).abs() < 1e-6);
    assert!((w.weight_bytes - parameters * 4.5 / 8.0).abs() < 1e-6);
    // 2 * 2 heads * 64 * 2 bytes = 512 B a token: 100 read, 1 written.
    assert!((w.state_bytes - 101.0 * 512.0).abs() < 1e-6);
    assert!((w.activation_bytes - 2.0 * 512.0 * 2.0).abs() < 1e-6);
    assert!((w.launches - 1.0).abs() < 1e-12);
}

#[test]
fn prefill_reads_weights_once_for_all_tokens() {
    let (p, d) = (
        of_block(&layer(), precision(WeightFormat::W8), PREFILL, 0.0),
        of_block(&layer(), precision(WeightFormat::W8), DECODE, 0.0),
    );
    assert!((p.weight_bytes - d.weight_bytes).abs() < 1e-6);
    // Attention of a prompt: 4 n (n/2) heads head_dim.
    assert!((p.ops - 64.0 * (2.0 * 12.0 * 512.0 * 512.0 + 4.0 * 32.0 * 512.0)).abs() < 1e-3);
    assert!((p.state_bytes - 64.0 * 512.0).abs() < 1e-6, "a prompt reads no cache");
}

#[test]
fn an_embedding_reads_rows() {
    let model = tiny_llm("m", 4, 512);
    let embedding = &model.blocks[0].block;
    let w = of_block(embedding, precision(WeightFormat::W16), PREFILL, 0.0);
    assert!((w.weight_bytes - 64.0 * 512.0 * 2.0).abs() < 1e-6);
    assert!(w.ops.abs() < 1e-12);
    let all = of_block(embedding, precision(WeightFormat::W16), Pass { tokens: 1e9, ..PREFILL }, 0.0);
    assert!((all.weight_bytes - 32_000.0 * 512.0 * 2.0).abs() < 1e-6, "never more than the table");
}

#[test]
fn samples_read_weights_once_and_their_caches_each() {
    let p = precision(WeightFormat::W4);
    let (one, four) = (of_block(&layer(), p, DECODE, 0.0), of_block(&layer(), p, Pass { batch: 4.0, ..DECODE }, 0.0));
    assert!((four.weight_bytes - one.weight_bytes).abs() < 1e-6);
    assert!((four.state_bytes - 4.0 * one.state_bytes).abs() < 1e-6);
    assert!((four.ops - 4.0 * one.ops).abs() < 1e-3);
}

#[test]
fn loops_read_again_unless_cached() {
    let model = looped("m", 4, 512);
    let (block, p) = (&model.blocks[1].block, precision(WeightFormat::W4));
    let (small, large) = (of_block(block, p, DECODE, 1e3), of_block(block, p, DECODE, 1e9));
    assert!((small.weight_bytes - 3.0 * large.weight_bytes).abs() < 1e-6);
    assert!((small.ops - large.ops).abs() < 1e-6);
    assert!((large.launches - 3.0).abs() < 1e-12);
    assert!((weight_bytes(block, p) - large.weight_bytes).abs() < 1e-6, "resident once");
}

#[test]
fn experts_are_read_as_a_union() {
    assert!((experts_touched(8.0, 2.0, 1.0) - 2.0).abs() < 1e-12);
    assert!((experts_touched(8.0, 2.0, 2.0) - 3.5).abs() < 1e-12);
    assert!(experts_touched(8.0, 2.0, 1e4) <= 8.0);
    let model = experts("m", 2, 512);
    let (block, p) = (&model.blocks[1].block, precision(WeightFormat::W8));
    let each = 4.0 * 512.0 * 512.0;
    let w = of_block(block, p, DECODE, 0.0);
    assert!((w.weight_bytes - (each + 2.0 * each) * 8.5 / 8.0).abs() < 1e-6);
    assert!((weight_bytes(block, p) - 9.0 * each * 8.5 / 8.0).abs() < 1e-6);
    assert!((w.ops - (2.0 * 3.0 * each + 4.0 * 100.5 * 512.0)).abs() < 1e-6);
}

#[test]
fn a_window_bounds_the_context() {
    assert!((mean_context(10.0, 0.0, None) - 5.0).abs() < 1e-12);
    assert!((mean_context(1.0, 1000.0, Some(128)) - 128.0).abs() < 1e-12);
    // Ten tokens, window 4: mean of min(x, 4) over 0..10 = (8 + 24) / 10.
    assert!((mean_context(10.0, 0.0, Some(4)) - 3.2).abs() < 1e-12);
    let mut block = layer();
    block.mixer = Mixer::Attention { heads: 8, kv_heads: 2, head_dim: 64, window: Some(16) };
    let p = precision(WeightFormat::W4);
    assert!((of_block(&block, p, DECODE, 0.0).state_bytes - 17.0 * 512.0).abs() < 1e-6);
    assert!((state_resident_bytes(&block, p, 3.0, 1000.0) - 3.0 * 16.0 * 512.0).abs() < 1e-6);
}

#[test]
fn latent_and_recurrent_state() {
    let (mut block, p) = (layer(), precision(WeightFormat::W4));
    block.mixer = Mixer::LatentAttention { heads: 8, head_dim: 64, rank: 448, rope_dim: 64 };
    assert!((kv_bytes_per_token(&block, p) - 1024.0).abs() < 1e-9);
    block.mixer = Mixer::StateSpace { state: 1000 };
    let w = of_block(&block, p, DECODE, 0.0);
    assert!((w.state_bytes - 8000.0).abs() < 1e-9);
    assert!((of_block(&block, p, Pass { context: 9e5, ..DECODE }, 0.0).ops - w.ops).abs() < 1e-9, "no context term");
    assert!((state_resident_bytes(&block, p, 2.0, 1e6) - 8000.0).abs() < 1e-9);
}

#[test]
fn convolutions_bring_their_own_numbers() {
    let model = classifier("c");
    let w = of_block(&model.blocks[0].block, precision(WeightFormat::W8), Pass { tokens: 1.0, context: 0.0, batch: 1.0 }, 0.0);
    assert!((w.ops - 400e6).abs() < 1e-3);
    assert!((w.activation_bytes - 800_000.0).abs() < 1e-6);
    assert!((w.weight_bytes - 500_000.0 * 8.5 / 8.0).abs() < 1e-6);
}

proptest! {
    #[test]
    fn grows_with_tokens_context_and_batch(n in 1.0..500.0f64, c in 0.0..4000.0f64, b in 1.0..16.0f64, more in 0.0..100.0f64) {
        let p = precision(WeightFormat::W4);
        for block in [layer(), experts("m", 2, 512).blocks[1].block.clone()] {
            let w = of_block(&block, p, Pass { tokens: n, context: c, batch: b }, 0.0);
            for pass in [
                Pass { tokens: n + more, context: c, batch: b },
                Pass { tokens: n, context: c + more, batch: b },
                Pass { tokens: n, context: c, batch: b + more },
            ] {
                let v = of_block(&block, p, pass, 0.0);
                prop_assert!(v.ops >= w.ops * (1.0 - 1e-12) && v.bytes() >= w.bytes() * (1.0 - 1e-12));
            }
        }
    }

    #[test]
    fn more_bits_are_more_bytes(c in 0.0..4000.0f64) {
        let formats = [WeightFormat::Sherry, WeightFormat::Ternary, WeightFormat::W3, WeightFormat::W4, WeightFormat::W5,
            WeightFormat::W6, WeightFormat::W8, WeightFormat::W16];
        for pair in formats.windows(2) {
            let at = |f| of_block(&layer(), precision(f), Pass { context: c, ..DECODE }, 0.0);
            prop_assert!(at(pair[1]).bytes() > at(pair[0]).bytes());
            prop_assert!((at(pair[1]).ops - at(pair[0]).ops).abs() < 1e-9);
        }
    }
}
