//! Files that are written are read back; files that are not sound are not opened.

use super::*;
use crate::EngineError;
use profiles::gguf::{GgufError, Why};

fn small() -> Writer {
    let mut w = Writer::default();
    w.key("general.architecture", "llama");
    w.key("a.number", Meta::U32(7));
    w.key("a.float", Meta::F32(0.5));
    w.key("a.truth", Meta::Bool(true));
    w.key("a.texts", Meta::Texts(vec![b"one".to_vec(), vec![0xff], Vec::new()]));
    w.key("a.floats", Meta::F32s(vec![1.0, -2.5]));
    w.key("a.integers", Meta::I32s(vec![1, -2, 3]));
    w.tensor("x", &[3], 0, [1.0f32, 2.0, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect()).expect("fits");
    w.tensor("y", &[32, 2], 8, vec![1; 68]).expect("fits");
    w
}

#[test]
fn what_is_written_is_read() {
    let file = File::from_bytes(small().to_bytes()).expect("sound");
    let (h, b) = (file.header(), file.bytes());
    assert_eq!(h.count("a.number").expect("a count"), Some(7));
    assert_eq!(h.float("a.float").expect("a float"), Some(0.5));
    assert_eq!(h.truth("a.truth").expect("a truth"), Some(true));
    assert_eq!(h.text("general.architecture").expect("a text"), Some("llama"));
    assert_eq!(h.texts(b, "a.texts").expect("texts"), Some(vec![&b"one"[..], &[0xff], &[]]));
    assert_eq!(h.floats(b, "a.floats").expect("floats"), Some(vec![1.0, -2.5]));
    assert_eq!(h.integers(b, "a.integers").expect("integers"), Some(vec![1, -2, 3]));
    assert_eq!(h.texts(b, "not.there").expect("absent"), None);
    assert_eq!(file.tensor("x").expect("there").bytes.len(), 12);
    assert_eq!(file.tensor("y").expect("there").bytes, [1; 68]);
    assert!(file.tensor("z").is_none());
}

#[test]
fn a_file_is_saved_and_mapped() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("small.gguf");
    small().save(&path).expect("written");
    let mapped = File::open(&path).expect("sound");
    assert_eq!(mapped.bytes(), small().to_bytes());
    assert_eq!(mapped.digest().len(), 64);
    // Nothing else is left behind.
    assert_eq!(std::fs::read_dir(dir.path()).expect("read").count(), 1);
    assert!(matches!(File::open(&dir.path().join("none.gguf")), Err(EngineError::File { .. })));
    std::fs::write(&path, b"").expect("written");
    assert!(File::open(&path).is_err());
}

#[test]
fn arrays_of_another_type_than_asked_for_are_errors() {
    let file = File::from_bytes(small().to_bytes()).expect("sound");
    let (h, b) = (file.header(), file.bytes());
    for key in ["a.number", "a.float", "a.truth", "general.architecture", "a.floats", "a.integers"] {
        assert!(h.texts(b, key).is_err(), "{key}");
    }
    for key in ["a.number", "a.texts", "a.integers"] {
        assert!(h.floats(b, key).is_err(), "{key}");
    }
    for key in ["a.number", "a.texts", "a.floats"] {
        assert!(h.integers(b, key).is_err(), "{key}");
    }
    for key in ["a.texts", "a.integers", "a.float"] {
        assert!(h.count(key).is_err() && h.truth(key).is_err() && h.text(key).is_err(), "{key}");
    }
}

#[test]
fn tensors_of_another_size_are_not_written() {
    let mut w = Writer::default();
    assert!(w.tensor("x", &[32], 8, vec![0; 33]).is_err());
    assert!(w.tensor("x", &[31], 8, vec![0; 34]).is_err());
    assert!(w.tensor("x", &[1 << 40, 1 << 40], 0, Vec::new()).is_err());
    assert!(w.tensor("x", &[1], 5, vec![0; 4]).is_err());
}

#[test]
fn data_beyond_the_end_of_the_file_is_never_a_slice() {
    let bytes = small().to_bytes();
    // The last tensor ends before the padding: without that the file is still whole.
    let whole = bytes.len() - 28;
    assert!(File::from_bytes(bytes[..whole].to_vec()).is_ok());
    let cut = File::from_bytes(bytes[..whole - 1].to_vec()).expect_err("one byte too few");
    assert!(matches!(cut, EngineError::Gguf(GgufError::Header { why: Why::PastEnd(_), .. })));
}
