//! Sound files, and a named test for each public class of bug in readers of this format.

mod build;
mod hostile;

use super::*;
use crate::model::Mixer;
use crate::precision::WeightFormat;
use crate::units::Bytes;
use build::{File, array_value, text_value, u32_value};

#[test]
fn a_llama_becomes_blocks_with_the_bits_of_its_tensors() {
    let m = File::llama().read().expect("sound");
    assert_eq!((m.id.as_str(), m.family.as_str(), m.context), ("tiny-llama-2", "llama", 512));
    assert_eq!(
        m.blocks.iter().map(|g| (g.block.name.as_str(), g.count)).collect::<Vec<_>>(),
        [("embedding", 1), ("layer", 2), ("head", 1)]
    );
    let layer = &m.blocks[1].block;
    assert_eq!(layer.mixer, Mixer::Attention { heads: 2, kv_heads: 1, head_dim: 32, window: None });
    let (norm, q, kv) = (64, 64 * 64, 64 * 32);
    assert_eq!((layer.parameters, layer.multiplied, layer.kept), (norm + q + 2 * kv, q + 2 * kv, norm));
    // Norm at 32 bits, q and k at 4.5, v at 8.5.
    let bits = 64.0 * 32.0 + (4096.0 + 2048.0) * 4.5 + 2048.0 * 8.5;
    assert!((layer.stored_bits.expect("from a file") * layer.parameters as f64 - bits).abs() < 1e-6);
    // The agent packs rows of 64: at 2 bits a scale for 16, at 4 the codes of Q4_0 are kept and Q8_0 is quantised anew.
    for (format, each) in [(WeightFormat::W2, 3.0), (WeightFormat::W4, 4.5), (WeightFormat::W8, 8.5)] {
        assert_eq!(layer.weight_bytes(format), Bytes((64.0 * 32.0 + 8192.0 * each) / 8.0), "{format}");
    }
    // The table serves twice.
    let head = &m.blocks[2].block;
    assert_eq!((head.tied, head.parameters, head.kept), (6400, 6400 + 64, 64));
    assert_eq!(m.total_parameters(), m.architecture.value);
    let classes: Vec<_> = m.tensors.iter().map(|c| (c.r#type.as_str(), c.bits, c.parameters)).collect();
    assert_eq!(classes, [("F32", 32.0, 192), ("Q4_0", 4.5, 2 * (4096 + 2048)), ("Q8_0", 8.5, 6400 + 2 * 2048)]);
    // Most weights of the layers are Q4_0.
    assert_eq!(m.formats, [WeightFormat::W4]);
}

#[test]
fn version_2_is_read_too() {
    assert!(File { version: 2, ..File::llama() }.read().is_ok());
}

#[test]
fn an_output_matrix_of_its_own_is_not_tied() {
    let mut f = File::llama();
    f.tensor("output.weight", &[64, 100], 8);
    let m = f.read().expect("sound");
    assert_eq!(m.blocks[2].block.tied, 0);
    assert_eq!(m.total_parameters(), m.architecture.value);
}

#[test]
fn gemma_has_windows_in_five_layers_of_six() {
    let mut f = File::llama();
    f.keys.clear();
    f.key("general.architecture", text_value("gemma3"));
    for (name, n) in [
        ("block_count", 7),
        ("embedding_length", 64),
        ("context_length", 512),
        ("attention.head_count", 2),
        ("attention.head_count_kv", 1),
        ("attention.key_length", 256),
        ("attention.sliding_window", 128),
    ] {
        f.key(&format!("gemma3.{name}"), u32_value(n));
    }
    for i in 2..7 {
        f.tensor(&format!("blk.{i}.attn_norm.weight"), &[64], 0);
        f.tensor(&format!("blk.{i}.attn_q.weight"), &[64, 64], 2);
        f.tensor(&format!("blk.{i}.attn_k.weight"), &[64, 32], 2);
        f.tensor(&format!("blk.{i}.attn_v.weight"), &[64, 32], 8);
    }
    let m = f.read().expect("sound");
    let windows: Vec<_> = m
        .chain()
        .filter_map(|b| match b.mixer {
            Mixer::Attention { window, head_dim, .. } => Some((window, head_dim)),
            _ => None,
        })
        .collect();
    let w = (Some(128), 256);
    assert_eq!(windows, [w, w, w, w, w, (None, 256), w]);
}

#[test]
fn heads_may_differ_by_layer() {
    let mut f = File::llama();
    let heads = [2u32.to_le_bytes(), 1u32.to_le_bytes()].concat();
    f.key("llama.attention.head_count", array_value(4, 2, &heads));
    let m = f.read().expect("sound");
    assert_eq!(m.blocks.len(), 4);
}

#[test]
fn a_profile_from_a_file_is_written_and_read_back() {
    let m = File::llama().read().expect("sound");
    let text = serde_yaml::to_string(&m).expect("serialises");
    let back: crate::ModelProfile = crate::yaml::parse("m.yaml", &text, 0).unwrap_or_else(|f| panic!("{f}"));
    assert_eq!(back, m);
}

#[test]
fn a_file_on_disk_is_read_without_its_data() {
    let f = File::llama();
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("tiny.gguf");
    let mut bytes = f.header();
    bytes.resize(usize::try_from(f.file_len()).expect("small"), 0);
    std::fs::write(&path, &bytes).expect("written");
    assert_eq!(read_file(&path).expect("sound").blocks, f.read().expect("sound").blocks);
    bytes.pop();
    // The last tensor's padding may be missing, its data may not.
    bytes.truncate(bytes.len() - 256);
    std::fs::write(&path, &bytes).expect("written");
    assert!(matches!(read_file(&path), Err(GgufError::Header { why: Why::PastEnd(_), .. })));
    assert!(matches!(read_file(&dir.path().join("none.gguf")), Err(GgufError::File { .. })));
}

/// A vocabulary makes a header longer than the first read.
#[test]
fn a_long_header_is_read_to_its_end() {
    let mut f = File::llama();
    f.key("tokenizer.ggml.scores", array_value(6, 1 << 19, &vec![0; 4 << 19]));
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("long.gguf");
    let mut bytes = f.header();
    assert!(bytes.len() as u64 > FIRST_READ);
    bytes.resize(usize::try_from(f.file_len()).expect("small"), 0);
    std::fs::write(&path, &bytes).expect("written");
    assert_eq!(read_file(&path).expect("sound").blocks, f.read().expect("sound").blocks);
    // Cut inside the header, after the first read.
    std::fs::write(&path, &bytes[..FIRST_READ as usize + 100]).expect("written");
    assert!(read_file(&path).is_err());
}

#[test]
fn what_is_no_model_we_know_is_said() {
    let told = |change: &dyn Fn(&mut File)| {
        let mut f = File::llama();
        change(&mut f);
        f.read().expect_err("not a model").to_string()
    };
    assert!(told(&|f| f.key("general.architecture", text_value("clip"))).contains("`clip` is not read"));
    assert!(told(&|f| f.keys.retain(|(k, _)| k != b"general.architecture")).contains("names no"));
    assert!(told(&|f| f.keys.retain(|(k, _)| k != b"llama.context_length")).contains("`llama.context_length` is missing"));
    assert!(told(&|f| f.tensors.retain(|t| !t.name.starts_with("token_embd"))).contains("no token table"));
    assert!(told(&|f| f.tensors.retain(|t| !t.name.starts_with("blk.1"))).contains("layer 1 has no tensors"));
    assert!(told(&|f| f.key("llama.embedding_length", u32_value(32))).contains("rows"));
}

/// The published SmolLM2-135M-Instruct, fetched by `cargo xtask fetch-model`; shape and bits as its maker and its tensor list state.
#[test]
fn the_real_smollm2_reads_as_published() {
    let home = || std::path::PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/wattline");
    let cache = std::env::var_os("WATTLINE_CACHE").map_or_else(home, Into::into);
    let path = cache.join("models/SmolLM2-135M-Instruct.Q4_1.gguf");
    if !path.is_file() {
        println!("SKIPPED: {} is not there (cargo xtask fetch-model)", path.display());
        return;
    }
    let m = read_file(&path).expect("a published model");
    assert_eq!((m.family.as_str(), m.context), ("llama", 8192));
    assert_eq!(m.block_count(), 32, "embedding, 30 layers, head");
    assert_eq!(m.tensors.iter().map(|t| t.parameters).sum::<u64>(), 134_515_008);
    // 210 tensors Q4_1 (5 bits with scales), the embedding Q8_0, norms F32.
    let bits = |id: &str| m.tensors.iter().find(|t| t.r#type == id).map(|t| t.bits);
    assert_eq!((bits("Q4_1"), bits("Q8_0"), bits("F32")), (Some(5.0), Some(8.5), Some(32.0)));
    let bytes: f64 = m.tensors.iter().map(|t| t.bits * t.parameters as f64 / 8.0).sum();
    assert!((0.95..=1.0).contains(&(bytes / 98_362_432.0)), "{bytes}");
}
