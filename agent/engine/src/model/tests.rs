//! Tiny models of each architecture: batches, stages and prefixes give what one by one gives.

use std::sync::Arc;

use kernels::{Format, Kernel, Pool, Wait};

use super::*;
use crate::testing::Tiny;
use crate::{EngineError, File, Precision, Token};

const ALL: [&str; 3] = ["llama", "qwen2", "gemma3"];

fn pool() -> Arc<Pool> {
    Arc::new(Pool::new(1, Wait::Park))
}

fn load(file: &File, part: Option<Part>) -> Stage {
    // Half precision: activations are not quantised, so that equal computations give nearly equal numbers.
    Stage::load(file, &Options { part, precision: Precision::Format(Format::F16), ..Options::default() }, pool()).expect("loads")
}

fn whole(architecture: &'static str) -> Stage {
    load(&Tiny::new(architecture).file().expect("fits"), None)
}

fn tokens(n: usize, seed: usize) -> Vec<Token> {
    (0..n).map(|i| ((i * 37 + seed * 101 + i * i) % 250) as Token).collect()
}

/// Logits of all tokens, one token at a time.
fn one_by_one(stage: &Stage, tokens: &[Token], bits: u8) -> Vec<f32> {
    let mut work = Workspace::new();
    let mut sequence = stage.sequence(bits).expect("bits");
    let mut out = Vec::new();
    for token in tokens {
        let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(&[*token]), want: Want::All };
        out.extend(stage.forward(&mut [chunk], &mut work).expect("fits"));
    }
    out
}

/// Equal within `tolerance` of the largest logit.
fn close(a: &[f32], b: &[f32], tolerance: f32, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    let top = a.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    assert!(top > 0.1, "{what}: nothing to compare");
    let worst = a.iter().zip(b).fold(0.0f32, |m, (x, y)| m.max((x - y).abs()));
    assert!(worst <= tolerance * top, "{what}: {worst} of {top}");
}

/// Sums in another order, and a rounding of the cache to half precision that they tip.
const SAME: f32 = 2e-3;
/// The same where activations are quantised to eight bits, and a code is tipped.
const QUANTISED: f32 = 0.03;

#[test]
fn quantised_batches_come_as_close_as_their_codes() {
    for a in ALL {
        for kind in [8, 3] {
            let file = Tiny { kind, ..Tiny::new(a) }.file().expect("fits");
            let stage = Stage::load(&file, &Options::default(), pool()).expect("loads");
            let text = tokens(40, 1);
            let mut sequence = stage.sequence(16).expect("bits");
            let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(&text), want: Want::All };
            let found = stage.forward(&mut [chunk], &mut Workspace::new()).expect("fits");
            close(&one_by_one(&stage, &text, 16), &found, QUANTISED, a);
        }
    }
}

#[test]
fn a_batch_gives_what_one_by_one_gives() {
    for a in ALL {
        let stage = whole(a);
        let text = tokens(40, 1);
        let wanted = one_by_one(&stage, &text, 16);
        let mut work = Workspace::new();
        for cut in [40, 1, 13] {
            let mut sequence = stage.sequence(16).expect("bits");
            let mut found = Vec::new();
            for part in [&text[..cut], &text[cut..]] {
                let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(part), want: Want::All };
                found.extend(stage.forward(&mut [chunk], &mut work).expect("fits"));
            }
            close(&wanted, &found, SAME, a);
            assert_eq!(sequence.len(), 40);
        }
    }
}

#[test]
fn several_sequences_together_give_what_each_gives_alone() {
    for a in ALL {
        let stage = whole(a);
        let texts = [tokens(9, 1), tokens(17, 2), tokens(1, 3)];
        let mut work = Workspace::new();
        let mut sequences: Vec<Sequence> = texts.iter().map(|_| stage.sequence(16).expect("bits")).collect();
        let mut chunks: Vec<Chunk<'_>> = sequences
            .iter_mut()
            .zip(&texts)
            .map(|(sequence, t)| Chunk { sequence, input: Input::Tokens(t), want: Want::Last })
            .collect();
        let found = stage.forward(&mut chunks, &mut work).expect("fits");
        let vocab = stage.config().vocab;
        for (t, row) in texts.iter().zip(found.chunks_exact(vocab)) {
            let alone = one_by_one(&stage, t, 16);
            close(&alone[alone.len() - vocab..], row, SAME, a);
        }
    }
}

#[test]
fn stages_in_a_chain_give_what_the_whole_gives() {
    for a in ALL {
        let file = Tiny { own_head: a == "qwen2", ..Tiny::new(a) }.file().expect("fits");
        let stage = load(&file, None);
        let layers = stage.config().layers;
        let text = tokens(20, 4);
        let wanted = one_by_one(&stage, &text, 16);
        for cut in [0, 1, layers] {
            let first = load(&file, Some(Part { embedding: true, layers: 0..cut, head: false }));
            let second = load(&file, Some(Part { embedding: false, layers: cut..layers, head: true }));
            let mut work = Workspace::new();
            let (mut s1, mut s2) = (first.sequence(16).expect("bits"), second.sequence(16).expect("bits"));
            let chunk = Chunk { sequence: &mut s1, input: Input::Tokens(&text), want: Want::Nothing };
            let states = first.forward(&mut [chunk], &mut work).expect("fits");
            assert_eq!(states.len(), 20 * first.config().hidden);
            let chunk = Chunk { sequence: &mut s2, input: Input::Hidden(&states), want: Want::All };
            let found = second.forward(&mut [chunk], &mut work).expect("fits");
            close(&wanted, &found, SAME, a);
            // A stage holds only its own weights.
            assert!(first.size().bytes + second.size().bytes >= stage.size().bytes);
            assert_eq!(first.matrices().filter(|(c, _)| *c == "attn_q").count(), cut);
        }
    }
}

#[test]
fn a_shared_prefix_gives_what_separate_prefills_give() {
    for a in ALL {
        let stage = whole(a);
        let (prefix, ends) = (tokens(21, 5), [tokens(6, 6), tokens(9, 7)]);
        let mut work = Workspace::new();
        let mut sequence = stage.sequence(16).expect("bits");
        stage.prefill(&mut sequence, &prefix, &mut work).expect("fits");
        let shared = sequence.share().expect("own");
        assert_eq!(shared.len(), 21);
        let blank = stage.sequence(16).expect("bits");
        let mut sequences: Vec<Sequence> = ends.iter().map(|_| blank.on(&shared).expect("same layers")).collect();
        let mut chunks: Vec<Chunk<'_>> = sequences
            .iter_mut()
            .zip(&ends)
            .map(|(sequence, t)| Chunk { sequence, input: Input::Tokens(t), want: Want::Last })
            .collect();
        let found = stage.forward(&mut chunks, &mut work).expect("fits");
        let vocab = stage.config().vocab;
        for (end, row) in ends.iter().zip(found.chunks_exact(vocab)) {
            let alone = one_by_one(&stage, &[&prefix[..], end].concat(), 16);
            close(&alone[alone.len() - vocab..], row, SAME, a);
        }
        // What is shared counts once.
        assert!(shared.bytes() > 0 && sequences[0].bytes() < shared.bytes());
        assert!(sequences.remove(0).share().is_err());
    }
}

#[test]
fn forgotten_positions_are_computed_again() {
    for a in ALL {
        let stage = whole(a);
        let text = tokens(30, 8);
        let wanted = one_by_one(&stage, &text, 16);
        let mut work = Workspace::new();
        let mut sequence = stage.sequence(16).expect("bits");
        stage.prefill(&mut sequence, &text, &mut work).expect("fits");
        sequence.truncate(11);
        assert_eq!(sequence.len(), 11);
        let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(&text[11..]), want: Want::Last };
        let found = stage.forward(&mut [chunk], &mut work).expect("fits");
        close(&wanted[wanted.len() - stage.config().vocab..], &found, SAME, a);
        // Inside a shared prefix too.
        let mut other = stage.sequence(16).expect("bits");
        stage.prefill(&mut other, &text, &mut work).expect("fits");
        let prefix = other.share().expect("own");
        let mut on = stage.sequence(16).expect("bits").on(&prefix).expect("same layers");
        on.truncate(11);
        let chunk = Chunk { sequence: &mut on, input: Input::Tokens(&text[11..]), want: Want::Last };
        let found = stage.forward(&mut [chunk], &mut work).expect("fits");
        close(&wanted[wanted.len() - stage.config().vocab..], &found, SAME, a);
    }
}

/// Eight bits in the cache change little, four change more.
#[test]
fn narrower_caches_come_close() {
    for a in ALL {
        let stage = whole(a);
        let text = tokens(30, 9);
        let wanted = one_by_one(&stage, &text, 16);
        close(&wanted, &one_by_one(&stage, &text, 8), 0.05, a);
        close(&wanted, &one_by_one(&stage, &text, 4), 0.5, a);
        let mixed: Vec<u8> = (0..stage.config().layers).map(|i| [16, 8, 4][i % 3]).collect();
        let mut sequence = stage.sequence_with(KvBits::by_layer(mixed).expect("bits")).expect("layers");
        let mut work = Workspace::new();
        let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(&text), want: Want::All };
        close(&wanted, &stage.forward(&mut [chunk], &mut work).expect("fits"), 0.5, a);
    }
}

#[test]
fn a_window_hides_what_lies_before_it() {
    // One layer with a window of 8: the last of 20 tokens sees only tokens 12 to 19.
    let tiny = Tiny { layers: 1, ..Tiny::new("gemma3") };
    let stage = load(&tiny.file().expect("fits"), None);
    let vocab = stage.config().vocab;
    let text = tokens(20, 10);
    let mut other = text.clone();
    let last = |t: &[Token]| {
        let all = one_by_one(&stage, t, 16);
        all[all.len() - vocab..].to_vec()
    };
    let wanted = last(&text);
    other[11] = 3;
    assert_eq!(wanted, last(&other));
    other[12] = 3;
    assert_ne!(wanted, last(&other));
}

#[test]
fn every_precision_runs_and_counts_its_bits() {
    let file = Tiny { kind: 0, ..Tiny::new("llama") }.file().expect("fits");
    let text = tokens(12, 11);
    let load = |precision| Stage::load(&file, &Options { precision, ..Options::default() }, pool()).expect("loads");
    let wanted = one_by_one(&load(Precision::Format(Format::F16)), &text, 16);
    let mut last = f64::INFINITY;
    for format in Format::ALL {
        let stage = load(Precision::Format(format));
        let found = one_by_one(&stage, &text, 16);
        assert!(found.iter().all(|x| x.is_finite()), "{format}");
        match format {
            Format::F16 | Format::W8 | Format::W8A8 => close(&wanted, &found, 0.06, format.name()),
            Format::W6 | Format::W5 => close(&wanted, &found, 0.3, format.name()),
            _ => {}
        }
        let bits = stage.size().bits_per_weight;
        assert!(bits <= last + 0.6, "{format}: {bits} after {last}");
        last = bits;
        // The token table and the output matrix stay at eight bits or more.
        let table = stage.matrices().find(|(class, _)| *class == "token_embd").expect("there").1;
        assert_eq!(table.format(), if format == Format::F16 { Format::F16 } else { Format::W8 });
    }
}

/// A plan counts on these bits: `profiles::gguf::packed_bits` says what `kernels` packs.
#[test]
fn matrices_have_the_bits_that_a_plan_counts_with() {
    // Plain, symmetric blocks, blocks with a minimum, more bits than most formats.
    for kind in [1, 2, 3, 8] {
        // Widths of which some are no whole chunks; rows that are whole tiles.
        let file = Tiny { kind, layers: 1, hidden: 96, wide: 160, heads: 6, ..Tiny::new("llama") }.file().expect("fits");
        let bytes = file.bytes();
        let profile = profiles::gguf::read(bytes, bytes.len() as u64, "tiny").expect("a model");
        for weights in profiles::WeightFormat::ALL {
            let stage = Stage::load(&file, &Options { precision: Precision::of(weights), ..Options::default() }, pool());
            let stage = stage.expect("loads");
            let layers = |(class, _): &(&str, &kernels::Matrix)| !matches!(*class, "token_embd" | "output");
            let packed: usize = stage.matrices().filter(layers).map(|(_, m)| m.bytes()).sum();
            // Norms are single precision.
            let counted: f64 = profile.blocks[1..profile.blocks.len() - 1]
                .iter()
                .map(|g| f64::from(g.count) * (g.block.weight_bytes(weights).get() - 4.0 * g.block.kept as f64))
                .sum();
            assert!(
                (counted - packed as f64).abs() < 1e-6 * counted,
                "type {kind} at {weights}: {counted} counted, {packed} packed"
            );
        }
    }
}

#[test]
fn kernels_agree() {
    for a in ALL {
        let file = Tiny { kind: 3, ..Tiny::new(a) }.file().expect("fits");
        let text = tokens(15, 12);
        let run = |kernel| {
            let options = Options { kernel: Some(kernel), ..Options::default() };
            one_by_one(&Stage::load(&file, &options, pool()).expect("loads"), &text, 16)
        };
        let wanted = run(Kernel::Scalar);
        for kernel in Kernel::available() {
            // Another order of float sums may tip a rounding of an activation.
            close(&wanted, &run(kernel), 0.02, kernel.name());
        }
    }
}

#[test]
fn threads_do_not_change_a_byte() {
    let file = Tiny::new("llama").file().expect("fits");
    let run = |threads| {
        let stage = Stage::load(&file, &Options::default(), Arc::new(Pool::new(threads, Wait::Park))).expect("loads");
        one_by_one(&stage, &tokens(10, 13), 16)
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn bad_input_is_an_error_and_changes_nothing() {
    let stage = whole("llama");
    let mut work = Workspace::new();
    let mut sequence = stage.sequence(16).expect("bits");
    let vocab = stage.config().vocab as Token;
    let hidden = vec![0.0; 64];
    for input in [Input::Tokens(&[vocab]), Input::Tokens(&[Token::MAX]), Input::Hidden(&hidden), Input::Tokens(&[1; 129])] {
        assert!(stage.forward(&mut [Chunk { sequence: &mut sequence, input, want: Want::Last }], &mut work).is_err());
        assert!(sequence.is_empty());
    }
    assert!(matches!(stage.prefill(&mut sequence, &[1; 129], &mut work), Err(EngineError::Context { wanted: 129, limit: 128 })));
    assert!(stage.prefill(&mut sequence, &[], &mut work).is_err());
    assert!(stage.sequence(5).is_err());
    assert!(KvBits::by_layer(vec![16, 0]).is_err());
    assert!(stage.sequence_with(KvBits::all(16, 3).expect("bits")).is_err());
    // A cache of another stage.
    let mut other = whole("gemma3").sequence(16).expect("bits");
    let chunk = Chunk { sequence: &mut other, input: Input::Tokens(&[1]), want: Want::Last };
    assert!(stage.forward(&mut [chunk], &mut work).is_err());
    // Nothing in, nothing out.
    assert!(stage.forward(&mut [], &mut work).expect("nothing").is_empty());
    let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(&[]), want: Want::All };
    assert!(stage.forward(&mut [chunk], &mut work).expect("nothing").is_empty());
}

#[test]
fn parts_that_are_not_there_are_errors() {
    let file = Tiny::new("llama").file().expect("fits");
    let load = |part| Stage::load(&file, &Options { part: Some(part), ..Options::default() }, pool());
    assert!(load(Part { embedding: true, layers: 0..3, head: false }).is_err());
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    let reversed = load(Part { embedding: true, layers: 2..1, head: false });
    assert!(reversed.is_err());
}

/// Each change to a sound file is told by name.
#[test]
fn files_that_do_not_fit_their_architecture_are_errors() {
    use crate::gguf::Meta;
    let told = |key: &str, value: Meta| {
        let mut w = Tiny::new("llama").writer().expect("fits");
        w.key(key, value);
        let file = File::from_bytes(w.to_bytes()).expect("sound");
        Stage::load(&file, &Options::default(), pool()).expect_err("does not fit").to_string()
    };
    for (key, value, wanted) in [
        ("general.architecture", Meta::from("mamba"), "`mamba` is not run"),
        ("llama.block_count", Meta::U32(3), "blk.2"),
        ("llama.block_count", Meta::U32(0), "1 to 2048"),
        ("llama.block_count", Meta::from("2"), "must be a count"),
        ("llama.embedding_length", Meta::U32(32), "expected [32]"),
        ("llama.attention.head_count", Meta::U32(3), "do not divide"),
        ("llama.attention.head_count", Meta::U32(u32::MAX), "1 to 16384"),
        ("llama.attention.head_count", Meta::I32s(vec![4, 2]), "layer to layer"),
        ("llama.attention.head_count", Meta::I32s(vec![-4, -4]), "1 to 16384"),
        ("llama.attention.key_length", Meta::U32(15), "differs"),
        ("llama.attention.value_length", Meta::U32(8), "differs"),
        ("llama.rope.dimension_count", Meta::U32(8), "differs"),
        ("llama.rope.freq_base", Meta::F32(0.0), "rotary base"),
        ("llama.rope.freq_base", Meta::F32(f32::NAN), "finite"),
        ("llama.rope.scaling.type", Meta::from("yarn"), "`yarn` is not run"),
        ("llama.context_length", Meta::U32(0), "context_length"),
        ("llama.attention.layer_norm_rms_epsilon", Meta::F32(-1.0), "epsilon"),
    ] {
        let found = told(key, value);
        assert!(found.contains(wanted), "{key}: {found}");
    }
}

#[test]
fn weights_that_are_no_numbers_are_errors() {
    let mut w = crate::gguf::Writer::default();
    let sound = Tiny { kind: 0, ..Tiny::new("llama") }.writer().expect("fits").to_bytes();
    let mut bytes = sound;
    // The last matrix's weights lie before the last norm.
    let at = bytes.len() - 64 * 4 - 4 * 100;
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    let file = File::from_bytes(bytes).expect("sound");
    assert!(matches!(Stage::load(&file, &Options::default(), pool()), Err(EngineError::Pack { .. })));
    w.key("general.architecture", "llama");
    assert!(Stage::load(&File::from_bytes(w.to_bytes()).expect("sound"), &Options::default(), pool()).is_err());
}

#[test]
fn next_tokens_of_a_few_sequences_are_what_each_has_alone() {
    for (a, bits, precision) in [
        ("llama", 16, Precision::Format(Format::W4)),
        ("llama", 8, Precision::Format(Format::F16)),
        ("qwen2", 4, Precision::Format(Format::W8)),
        ("gemma3", 16, Precision::Format(Format::Ternary)),
    ] {
        let file = Tiny::new(a).file().expect("fits");
        for threads in [1, 3] {
            let pool = Arc::new(Pool::new(threads, Wait::Park));
            let stage = Stage::load(&file, &Options { precision, ..Options::default() }, pool).expect("loads");
            let mut work = Workspace::new();
            // Three of their own, and two that stand on one prefix.
            let grown = |work: &mut Workspace| -> Vec<Sequence> {
                let mut all: Vec<Sequence> = (0..3).map(|_| stage.sequence(bits).expect("bits")).collect();
                for (i, s) in all.iter_mut().enumerate() {
                    stage.prefill(s, &tokens(5 + 9 * i, i), work).expect("fits");
                }
                let mut first = stage.sequence(bits).expect("bits");
                stage.prefill(&mut first, &tokens(20, 7), work).expect("fits");
                let prefix = first.share().expect("shares");
                all.extend((0..2).map(|_| stage.sequence(bits).expect("bits").on(&prefix).expect("the same bits")));
                all
            };
            let (mut apart, mut alone) = (grown(&mut work), grown(&mut work));
            for step in 0..4 {
                let next: Vec<Token> = tokens(apart.len(), 50 + step);
                let mut chunks: Vec<Chunk<'_>> = (apart.iter_mut().zip(&next))
                    .map(|(sequence, t)| Chunk { sequence, input: Input::Tokens(std::slice::from_ref(t)), want: Want::Last })
                    .collect();
                let together = stage.forward(&mut chunks, &mut work).expect("fits");
                for ((sequence, t), got) in alone.iter_mut().zip(&next).zip(together.chunks(stage.config().vocab)) {
                    let chunk = Chunk { sequence, input: Input::Tokens(&[*t]), want: Want::Last };
                    let wanted = stage.forward(&mut [chunk], &mut work).expect("fits");
                    assert!(got.iter().zip(&wanted).all(|(a, b)| a.to_bits() == b.to_bits()), "{a} at step {step}");
                }
            }
        }
    }
}
