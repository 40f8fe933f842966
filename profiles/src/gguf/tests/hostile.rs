//! Hostile headers. Each test is a class of bug that some public reader of this format had.

use proptest::prelude::*;

use super::build::{File, array_value, text, text_value, u32_value};
use crate::gguf::{GgufError, Header, Why};

fn why(f: &File) -> Why {
    match f.parse() {
        Err(GgufError::Header { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

fn changed(change: impl FnOnce(&mut File)) -> File {
    let mut f = File::llama();
    change(&mut f);
    f
}

const HUGE: [u64; 4] = [1 << 32, 1 << 63, u64::MAX - 1, u64::MAX];

#[test]
fn counts_of_tensors_beyond_the_file() {
    for n in HUGE {
        assert!(matches!(why(&changed(|f| f.tensor_count = Some(n))), Why::TooMany { .. }));
    }
    assert!(matches!(why(&changed(|f| f.tensor_count = Some(60_000))), Why::NoRoom { .. }));
    assert_eq!(why(&changed(|f| f.tensor_count = Some(11))), Why::Truncated);
}

#[test]
fn counts_of_keys_beyond_the_file() {
    for n in HUGE {
        assert!(matches!(why(&changed(|f| f.key_count = Some(n))), Why::TooMany { .. }));
    }
    assert!(matches!(why(&changed(|f| f.key_count = Some(60_000))), Why::NoRoom { .. }));
}

#[test]
fn text_lengths_beyond_the_file() {
    for n in HUGE {
        let value = [&8u32.to_le_bytes()[..], &n.to_le_bytes()].concat();
        assert!(matches!(why(&changed(|f| f.key("general.author", value))), Why::TooMany { .. }));
    }
    // A small file that claims a text of half a megabyte allocates nothing.
    let value = [&8u32.to_le_bytes()[..], &500_000u64.to_le_bytes()].concat();
    assert!(matches!(why(&changed(|f| f.key("general.author", value))), Why::NoRoom { .. }));
}

/// GHSA-8wwf-w4qm-gpqr: lengths inside the token list.
#[test]
fn token_lengths_beyond_the_file() {
    for n in [1 << 31, 1 << 32, u64::MAX] {
        let tokens = [text(b"a"), n.to_le_bytes().to_vec(), b"b".to_vec()].concat();
        let f = changed(|f| f.key("tokenizer.ggml.tokens", array_value(8, 2, &tokens)));
        assert!(matches!(why(&f), Why::TooMany { .. }));
    }
    let tokens = [text(b"a"), 1_000_000u64.to_le_bytes().to_vec(), b"b".to_vec()].concat();
    assert!(matches!(why(&changed(|f| f.key("tokenizer.ggml.tokens", array_value(8, 2, &tokens)))), Why::NoRoom { .. }));
}

/// llama.cpp #24759 and #26318: rounding a size up to the alignment wraps before it is compared.
#[test]
fn sizes_whose_padding_wraps() {
    for alignment in [8, 32, 65_536] {
        let f = changed(|f| {
            f.key("general.alignment", u32_value(alignment));
            f.tensors.truncate(1);
            // 2^64 - 4 bytes.
            (f.tensors[0].shape, f.tensors[0].kind, f.tensors[0].offset) = (vec![(1 << 62) - 1], 0, 0);
        });
        assert!(matches!(Header::parse(&f.header(), u64::MAX), Err(GgufError::Header { why: Why::PastEnd(_), .. })));
    }
}

#[test]
fn array_lengths_beyond_the_file() {
    for n in HUGE {
        assert!(matches!(why(&changed(|f| f.key("a", array_value(4, n, &[])))), Why::TooMany { .. }));
        assert!(matches!(why(&changed(|f| f.key("a", array_value(8, n, &[])))), Why::TooMany { .. }));
    }
    assert!(matches!(why(&changed(|f| f.key("a", array_value(10, 1 << 20, &[])))), Why::NoRoom { .. }));
}

#[test]
fn arrays_in_arrays() {
    let inner = [&4u32.to_le_bytes()[..], &0u64.to_le_bytes()].concat();
    assert_eq!(why(&changed(|f| f.key("a", array_value(9, 1, &inner)))), Why::Nested);
}

#[test]
fn unknown_metadata_types() {
    for kind in [13, 255, u32::MAX] {
        assert_eq!(why(&changed(|f| f.key("a", kind.to_le_bytes().to_vec()))), Why::ValueType(kind));
        assert_eq!(why(&changed(|f| f.key("a", array_value(kind, 0, &[])))), Why::ValueType(kind));
    }
    assert_eq!(why(&changed(|f| f.key("a", [&7u32.to_le_bytes()[..], &[2]].concat()))), Why::Bool(2));
}

#[test]
fn empty_and_double_keys() {
    assert_eq!(why(&changed(|f| f.keys.push((Vec::new(), u32_value(1))))), Why::EmptyName);
    assert_eq!(why(&changed(|f| f.keys.push((b"general.name".to_vec(), u32_value(1))))), Why::Twice("general.name".into()));
    assert_eq!(why(&changed(|f| f.keys.push((b"\xff".to_vec(), u32_value(1))))), Why::Utf8);
}

#[test]
fn empty_and_double_tensor_names() {
    assert_eq!(why(&changed(|f| f.tensors[0].name.clear())), Why::EmptyName);
    assert_eq!(why(&changed(|f| f.tensors[1].name = "token_embd.weight".into())), Why::Twice("token_embd.weight".into()));
}

#[test]
fn dimension_counts_out_of_range() {
    for n in [0, 5, u32::MAX] {
        assert!(matches!(why(&changed(|f| f.tensors[0].dimensions = Some(n))), Why::Dimensions { count, .. } if count == n));
    }
}

#[test]
fn zero_dimensions() {
    for shape in [vec![0], vec![64, 0], vec![0, 100]] {
        assert!(matches!(why(&changed(|f| f.tensors[0].shape = shape)), Why::ZeroDimension(_)));
    }
}

#[test]
fn products_of_dimensions_that_wrap() {
    // Two dimensions of 2^32: their product modulo 2^64 is 0.
    for shape in [vec![1 << 32, 1 << 32], vec![u64::MAX, 2], vec![1 << 16; 4], vec![1 << 63, 2, 1 << 63, 2]] {
        assert!(matches!(why(&changed(|f| f.tensors[0].shape = shape)), Why::TooLarge(_)));
    }
}

#[test]
fn bytes_of_a_tensor_that_wrap() {
    // 2^62 elements fit in 64 bits, 2^64 bytes do not.
    let f = changed(|f| {
        f.tensors[0].shape = vec![1 << 62];
        f.tensors[0].kind = 0;
    });
    assert!(matches!(why(&f), Why::TooLarge(_)));
}

#[test]
fn sums_of_tensors_that_wrap() {
    // Each size fits; offset plus size, and the sum of sizes, do not.
    let f = changed(|f| {
        for (t, offset) in f.tensors.iter_mut().zip([0, 1 << 63]) {
            (t.shape, t.kind, t.offset) = (vec![1 << 61], 0, offset);
        }
    });
    assert!(matches!(why(&f), Why::PastEnd(_)));
}

#[test]
fn header_and_data_that_wrap_together() {
    let f = changed(|f| {
        f.tensors.truncate(1);
        (f.tensors[0].shape, f.tensors[0].kind, f.tensors[0].offset) = (vec![(1 << 62) - 8], 0, 0);
    });
    let header = f.header();
    assert!(matches!(Header::parse(&header, u64::MAX), Err(GgufError::Header { why: Why::PastEnd(_), .. })));
}

#[test]
fn dimensions_above_32_bits_are_not_cut() {
    assert!(matches!(why(&changed(|f| f.tensors[0].shape = vec![64, (1 << 32) + 1])), Why::PastEnd(_)));
}

#[test]
fn unknown_tensor_types() {
    // 4 and 5 are withdrawn, -1 is what a signed reader would index with.
    for kind in [4, 5, 31, 40, 1 << 31, u32::MAX] {
        assert_eq!(why(&changed(|f| f.tensors[0].kind = kind)), Why::TensorType(kind));
    }
}

#[test]
fn rows_that_are_no_whole_blocks() {
    assert!(matches!(why(&changed(|f| f.tensors[0].shape = vec![65, 100])), Why::Row { row: 65, block: 32, .. }));
}

#[test]
fn alignments_out_of_range() {
    for a in [0, 3, 4, 13, 1 << 17, 1 << 31, u32::MAX] {
        assert_eq!(why(&changed(|f| f.key("general.alignment", u32_value(a)))), Why::Alignment(a.into()));
    }
    assert!(matches!(why(&changed(|f| f.key("general.alignment", text_value("32")))), Why::KeyType { .. }));
    let negative = [5u32.to_le_bytes(), (-32i32).to_le_bytes()].concat();
    assert!(matches!(why(&changed(|f| f.key("general.alignment", negative))), Why::KeyType { .. }));
    let huge = [&10u32.to_le_bytes()[..], &(u64::MAX - 3).to_le_bytes()].concat();
    assert!(matches!(why(&changed(|f| f.key("general.alignment", huge))), Why::Alignment(_)));
}

#[test]
fn offsets_out_of_the_file() {
    let last = |offset: u64| changed(|f| f.tensors.last_mut().expect("some").offset = offset);
    let end = File::llama().data;
    assert!(matches!(why(&last(end)), Why::PastEnd(_)));
    for offset in [1 << 62, 1 << 63, u64::MAX - 31] {
        assert!(matches!(why(&last(offset)), Why::PastEnd(_)));
    }
    assert!(matches!(why(&last(1)), Why::Misaligned(_)));
}

#[test]
fn data_that_ends_one_byte_too_early() {
    let f = File::llama();
    let last = f.tensors.last().expect("some");
    let end = (f.header().len() as u64).next_multiple_of(32) + last.offset + 256;
    assert!(Header::parse(&f.header(), end).is_ok());
    assert!(matches!(Header::parse(&f.header(), end - 1), Err(GgufError::Header { why: Why::PastEnd(_), .. })));
}

#[test]
fn tensors_that_overlap() {
    assert!(matches!(why(&changed(|f| f.tensors[1].offset = 0)), Why::Overlap(..)));
}

#[test]
fn wrong_magic_and_versions() {
    assert_eq!(why(&changed(|f| f.magic = b"GGML".to_vec())), Why::Magic);
    // 1 is the old layout, 2^24 * 3 a big-endian file.
    for v in [0, 1, 4, 0x0300_0000, u32::MAX] {
        assert_eq!(why(&changed(|f| f.version = v)), Why::Version(v));
    }
}

#[test]
fn hyper_parameters_out_of_range() {
    for key in ["block_count", "embedding_length", "context_length", "attention.head_count", "attention.head_count_kv"] {
        for n in [0, u32::MAX] {
            let f = changed(|f| f.key(&format!("llama.{key}"), u32_value(n)));
            assert!(matches!(f.read(), Err(GgufError::Model(_))), "{key} {n}");
        }
        let f = changed(|f| f.key(&format!("llama.{key}"), text_value("2")));
        assert!(matches!(f.read(), Err(GgufError::Model(_))), "{key} as text");
    }
    // Heads that do not divide, a list of another length than the layers.
    assert!(changed(|f| f.key("llama.attention.head_count", u32_value(3))).read().is_ok());
    assert!(changed(|f| f.key("llama.attention.head_count_kv", u32_value(4))).read().is_err());
    let three = array_value(4, 3, &[1u32.to_le_bytes(); 3].concat());
    assert!(changed(|f| f.key("llama.attention.head_count", three)).read().is_err());
}

#[test]
fn arrays_of_another_type_than_the_key_wants() {
    for kind in [0, 6, 7, 8, 12] {
        let bytes = if kind == 8 { [text(b"2"), text(b"2")].concat() } else { vec![0; 16] };
        let value = array_value(
            kind,
            2,
            &bytes[..if kind == 8 {
                18
            } else if kind == 12 {
                16
            } else if kind == 6 {
                8
            } else {
                2
            }],
        );
        assert!(matches!(changed(|f| f.key("llama.attention.head_count", value)).read(), Err(GgufError::Model(_))), "{kind}");
    }
}

#[test]
fn tensors_of_layers_that_are_not() {
    for name in ["blk.2.attn_q.weight", "blk.-1.x", "blk.99999999999999999999.x", "blk.", "blk.x"] {
        assert!(matches!(changed(|f| f.tensors[1].name = name.into()).read(), Err(GgufError::Model(_))), "{name}");
    }
}

#[test]
fn every_prefix_of_a_sound_file_is_an_error() {
    let header = File::llama().header();
    let len = File::llama().file_len();
    for cut in 0..header.len() {
        assert!(Header::parse(&header[..cut], len).is_err(), "cut at {cut}");
    }
    assert!(Header::parse(&header, len).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512), len in any::<u64>()) {
        let _ = crate::gguf::read(&bytes, len, "random");
        let _ = crate::gguf::read(&[&b"GGUF\x03\0\0\0"[..], &bytes].concat(), len, "random");
    }

    #[test]
    fn changed_bytes_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        len in prop_oneof![Just(File::llama().file_len()), any::<u64>()],
    ) {
        let mut bytes = File::llama().header();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // What is read in spite of the change must be a profile that can be computed with.
        if let Ok(m) = crate::gguf::read(&bytes, len, "changed") {
            prop_assert_eq!(crate::check::model(&m), Vec::new());
        }
    }

    /// Whole fields set to numbers at the edges.
    #[test]
    fn edges_never_panic(
        at in any::<prop::sample::Index>(),
        edge in prop_oneof![Just(0u64), Just(1), Just((1 << 31) - 1), Just(1 << 32), Just(1 << 63), Just(u64::MAX)],
    ) {
        let mut bytes = File::llama().header();
        let at = at.index(bytes.len() - 8);
        bytes[at..at + 8].copy_from_slice(&edge.to_le_bytes());
        let _ = crate::gguf::read(&bytes, u64::MAX, "changed");
    }
}
