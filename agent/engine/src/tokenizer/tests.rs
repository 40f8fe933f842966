//! Small vocabularies, and vocabularies that no honest file has.

use super::*;
use crate::gguf::{Meta, Writer};
use crate::testing::{bpe_vocabulary, spm_vocabulary};
use proptest::prelude::*;

fn read(w: &Writer) -> Result<Tokenizer, EngineError> {
    Tokenizer::new(&File::from_bytes(w.to_bytes()).expect("a sound file"))
}

fn bpe() -> Writer {
    let mut w = Writer::default();
    bpe_vocabulary(&mut w);
    w
}

fn spm() -> Writer {
    let mut w = Writer::default();
    spm_vocabulary(&mut w);
    w
}

fn texts(t: &Tokenizer, text: &str) -> Vec<String> {
    t.encode(text).expect("short").into_iter().map(|token| t.stored(token)).collect()
}

#[test]
fn merges_go_by_rank() {
    let t = read(&bpe()).expect("sound");
    // "an" (rank 4) comes before "nd" could, "and" after it.
    assert_eq!(texts(&t, "and the hello"), ["and", "Ġthe", "Ġ", "hello"]);
    assert_eq!(texts(&t, "hell"), ["hell"]);
    assert_eq!(texts(&t, "lll"), ["ll", "l"]);
    assert_eq!(texts(&t, "é"), ["Ã", "©"]);
    assert!(t.encode("").expect("short").is_empty());
}

#[test]
fn control_tokens_are_only_found_where_they_are_trusted() {
    let t = read(&bpe()).expect("sound");
    let text = "<|im_start|>a<|im_end|>";
    assert!(t.encode(text).expect("short").iter().all(|t2| t.kind(*t2) == Kind::Normal));
    let trusted = t.encode_control(text).expect("short");
    assert_eq!(trusted.iter().map(|t2| t.stored(*t2)).collect::<Vec<_>>(), ["<|im_start|>", "a", "<|im_end|>"]);
    assert!(t.is_end(trusted[2]) && !t.is_end(trusted[0]));
    // They have no text of their own.
    assert_eq!(t.decode(&trusted), "a");
    assert_eq!(t.decode(&t.encode(text).expect("short")), text);
}

#[test]
fn pieces_merge_by_score() {
    let t = read(&spm()).expect("sound");
    assert_eq!(texts(&t, "hello the"), ["hello", "\u{2581}the"]);
    // Characters without a piece become bytes; a defined token is found first.
    assert_eq!(texts(&t, "é\n\na"), ["<0xC3>", "<0xA9>", "\n\n", "a"]);
    assert_eq!(t.encode_prompt("a").expect("short")[0], 1, "this family begins with a token");
    assert_eq!(t.decode(&t.encode("hello  the é\n\n").expect("short")), "hello  the é\n\n");
}

#[test]
fn a_space_that_is_put_before_a_text_is_taken_away_again() {
    let mut w = spm();
    w.key("tokenizer.ggml.add_space_prefix", Meta::Bool(true));
    let t = read(&w).expect("sound");
    assert_eq!(texts(&t, "the"), ["\u{2581}the"]);
    assert_eq!(t.decode(&t.encode("the and").expect("short")), "the and");
}

#[test]
fn a_token_list_that_is_missing_or_too_short_is_an_error() {
    for make in [bpe, spm] {
        for list in [vec![], vec![b"a".to_vec()]] {
            let mut w = make();
            w.key("tokenizer.ggml.tokens", Meta::Texts(list));
            assert!(matches!(read(&w), Err(EngineError::Tokenizer(_))));
        }
    }
    assert!(read(&Writer::default()).is_err());
    // Shorter than what belongs to it.
    for make in [bpe, spm] {
        let mut w = make();
        w.key("tokenizer.ggml.tokens", Meta::Texts(vec![b"a".to_vec(), b"b".to_vec()]));
        assert!(read(&w).is_err());
    }
}

#[test]
fn special_tokens_beyond_the_vocabulary_are_errors() {
    for make in [bpe, spm] {
        for key in ["bos", "eos", "eot"] {
            for id in [100_000, u32::MAX] {
                let mut w = make();
                w.key(&format!("tokenizer.ggml.{key}_token_id"), Meta::U32(id));
                assert!(read(&w).expect_err("beyond").to_string().contains(&id.to_string()));
            }
        }
    }
    let t = read(&bpe()).expect("sound");
    assert_eq!((t.kind(u32::MAX), t.stored(u32::MAX), t.decode(&[u32::MAX])), (Kind::Unused, String::new(), String::new()));
}

/// llama.cpp #26511, #27226: a sign in a byte token gave an index of -1.
#[test]
fn byte_tokens_with_signs_or_other_digits_are_errors() {
    for text in ["<0x-1>", "<0x+1>", "<0xGG>", "<0x1>", "<0x100>", "<0x>", "0x41", "<0x 1>", "<0X41>", ""] {
        assert_eq!(vocab::byte(text.as_bytes()), None, "{text}");
        let mut w = Writer::default();
        let count = spm_vocabulary(&mut w) as usize;
        let mut tokens: Vec<Vec<u8>> = vec![b"x".to_vec(); count];
        tokens[4] = text.into();
        w.key("tokenizer.ggml.tokens", Meta::Texts(tokens));
        assert!(read(&w).expect_err("no byte").to_string().contains("is no byte token"), "{text}");
    }
    assert_eq!((vocab::byte(b"<0x0a>"), vocab::byte(b"<0xFF>")), (Some(10), Some(255)));
}

/// llama.cpp #26690: an array of one element type read as another.
#[test]
fn every_key_with_another_type_is_an_error() {
    let wrong = || {
        [
            Meta::U32(1),
            Meta::F32(1.0),
            Meta::Bool(true),
            Meta::from("x"),
            Meta::Texts(vec![b"x".to_vec(); 3]),
            Meta::F32s(vec![1.0; 3]),
            Meta::I32s(vec![1; 3]),
        ]
    };
    type IsRight = fn(&Meta) -> bool;
    let keys: [(&str, IsRight); 8] = [
        ("tokens", |m| matches!(m, Meta::Texts(_))),
        ("token_type", |m| matches!(m, Meta::I32s(_))),
        ("merges", |m| matches!(m, Meta::Texts(_))),
        ("scores", |m| matches!(m, Meta::F32s(_))),
        ("model", |m| matches!(m, Meta::Text(_))),
        ("bos_token_id", |m| matches!(m, Meta::U32(_))),
        ("add_bos_token", |m| matches!(m, Meta::Bool(_))),
        ("pre", |m| matches!(m, Meta::Text(_))),
    ];
    for (key, right) in keys {
        for value in wrong() {
            if right(&value) {
                continue;
            }
            let mut w = if key == "scores" { spm() } else { bpe() };
            w.key(&format!("tokenizer.ggml.{key}"), value.clone());
            assert!(read(&w).is_err(), "{key} as {value:?}");
        }
    }
    for kind in [0, 7, -1, i32::MAX] {
        let mut w = Writer::default();
        let count = bpe_vocabulary(&mut w) as usize;
        w.key("tokenizer.ggml.token_type", Meta::I32s(vec![kind; count]));
        assert!(read(&w).is_err(), "kind {kind}");
    }
}

#[test]
fn merges_that_are_no_pairs_are_errors_and_unknown_ones_are_not() {
    for line in ["", "a", "ab", " "] {
        let mut w = bpe();
        w.key("tokenizer.ggml.merges", Meta::Texts(vec![line.as_bytes().to_vec()]));
        assert!(read(&w).is_err(), "{line:?}");
    }
    let mut w = bpe();
    w.key("tokenizer.ggml.merges", Meta::Texts(vec![b"q q".to_vec(), b"zz top".to_vec(), b"l l".to_vec(), b"a ".to_vec()]));
    let t = read(&w).expect("merges of no tokens never show");
    assert_eq!(texts(&t, "qqll"), ["q", "q", "ll"]);
}

#[test]
fn scores_that_are_no_numbers_do_no_harm() {
    let mut w = Writer::default();
    let count = spm_vocabulary(&mut w) as usize;
    w.key("tokenizer.ggml.scores", Meta::F32s((0..count).map(|i| [f32::NAN, f32::INFINITY, -0.0][i % 3]).collect()));
    let t = read(&w).expect("read");
    assert_eq!(t.decode(&t.encode("hello and the").expect("short")), "hello and the");
}

/// GHSA-7rxv-5jhh-j6xx: lengths of texts compared as signed numbers.
#[test]
fn a_text_that_is_too_long_is_an_error_before_anything_is_counted() {
    let t = read(&bpe()).expect("sound");
    let text = " ".repeat(MAX_TEXT + 1);
    assert!(matches!(t.encode(&text), Err(EngineError::Input(_))));
    const { assert!(MAX_TEXT < i32::MAX as usize / 2, "tokens of the longest text are counted in 32 bits") }
}

#[test]
fn a_word_of_a_mebibyte_takes_n_log_n_steps() {
    for make in [bpe, spm] {
        let t = read(&make()).expect("sound");
        let text = "lhel".repeat(1 << 18);
        let tokens = t.encode(&text).expect("long, but not too long");
        assert_eq!(t.decode(&tokens), text);
    }
}

#[test]
fn special_texts_that_are_no_text_are_never_found() {
    let mut w = Writer::default();
    let count = bpe_vocabulary(&mut w) as usize;
    let mut kinds = vec![1; count];
    kinds[..6].fill(4);
    let mut tokens = vec![b"x".to_vec(); count];
    tokens[..6].clone_from_slice(&[vec![], vec![0xa9], vec![0xc3], vec![b'a'; 300], b"aa".to_vec(), b"aaa".to_vec()]);
    w.key("tokenizer.ggml.tokens", Meta::Texts(tokens));
    w.key("tokenizer.ggml.token_type", Meta::I32s(kinds));
    let t = read(&w).expect("odd, but sound");
    // The longest at the leftmost place; half a character is none.
    assert_eq!(t.encode("éaaaaa").expect("short"), [5, 4]);
}

proptest! {
    #[test]
    fn a_text_comes_back(text in any::<String>()) {
        for make in [bpe, spm] {
            let t = read(&make()).expect("sound");
            let wanted = if t.adds_bos() { text.replace('\u{2581}', " ") } else { text.clone() };
            prop_assert_eq!(t.decode(&t.encode(&text).expect("short")), wanted);
        }
    }

    #[test]
    fn a_stream_gives_whole_characters_and_all_of_them(text in any::<String>()) {
        let t = read(&bpe()).expect("sound");
        let tokens = t.encode(&text).expect("short");
        let mut stream = t.stream();
        let mut out = String::new();
        for token in &tokens {
            out.push_str(&stream.push(*token));
            prop_assert!(text.starts_with(&out), "{:?} is no beginning of {:?}", out, text);
        }
        out.push_str(&stream.finish());
        prop_assert_eq!(out, text);
    }

    /// Any tokens at all: a stream gives what decoding them together gives.
    #[test]
    fn a_stream_equals_decoding_together(tokens in proptest::collection::vec(0u32..300, 0..60)) {
        for make in [bpe, spm] {
            let t = read(&make()).expect("sound");
            let mut stream = t.stream();
            let mut out: String = tokens.iter().map(|token| stream.push(*token)).collect();
            out.push_str(&stream.finish());
            prop_assert_eq!(out, t.decode(&tokens));
        }
    }
}
