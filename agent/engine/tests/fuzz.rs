//! Changed files, by the hundred thousand: whatever comes out, no panic and no memory without bytes.
//!
//! A deterministic mutation fuzzer over a committed corpus. `WATTLINE_FUZZ=1000000` sets how many
//! executions each target gets (default 20,000), `WATTLINE_FUZZ_SEED` the stream; a failure prints the
//! execution's number, and `WATTLINE_FUZZ_ONE=number` repeats it alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::chat::Template;
use engine::dequant::Rows;
use engine::gguf::{Meta, Writer};
use engine::testing::{Tiny, bpe_vocabulary, spm_vocabulary};
use engine::{File, Options, Stage, Tokenizer};
use kernels::{Kernel, Pool, Wait};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

pub(crate) fn env(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).expect("the corpus").map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    let files: Vec<Vec<u8>> = paths.iter().map(|p| std::fs::read(p).expect("a corpus file")).collect();
    assert!(files.len() >= 2, "a corpus of {}", files.len());
    files
}

struct Random(Xoshiro256PlusPlus);

impl Random {
    fn of(execution: u64) -> Self {
        let seed = env("WATTLINE_FUZZ_SEED", 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ execution;
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { (self.0.next_u64() % n as u64) as usize }
    }

    /// Numbers at the edges of what readers count with.
    fn edge(&mut self) -> u64 {
        let power = 1u64 << self.below(64);
        match self.below(4) {
            0 => power,
            1 => power - 1,
            2 => power.wrapping_neg(),
            _ => self.0.next_u64() >> self.below(64),
        }
    }
}

/// One file with one to six changes; nine of ten within the first part, where the structure is.
fn changed(files: &[Vec<u8>], r: &mut Random) -> Vec<u8> {
    let mut bytes = files[r.below(files.len())].clone();
    for _ in 0..=r.below(6) {
        let len = bytes.len();
        let reach = if r.below(10) > 0 { len.min(1500) } else { len };
        let at = r.below(reach);
        match r.below(8) {
            0 => bytes[at] ^= 1 << r.below(8),
            1 => bytes[at] = r.edge() as u8,
            2 if len >= at + 4 => bytes[at..at + 4].copy_from_slice(&(r.edge() as u32).to_le_bytes()),
            3 if len >= at + 8 => bytes[at..at + 8].copy_from_slice(&r.edge().to_le_bytes()),
            4 => bytes.truncate(len - r.below(len / 2)),
            5 => drop(bytes.drain(at..(at + 1 + r.below(40)).min(len))),
            6 => {
                let other = &files[r.below(files.len())];
                let from = r.below(other.len());
                let piece = other[from..(from + 1 + r.below(60)).min(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let piece = bytes[at..(at + 1 + r.below(60)).min(len)].to_vec();
                bytes.splice(at..at, piece);
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

/// Opens a file and does all that a program does with it.
pub(crate) fn header_target(bytes: Vec<u8>) {
    let Ok(file) = File::from_bytes(bytes) else { return };
    for t in &file.header().tensors {
        let data = file.tensor(&t.name).expect("a tensor of the list is inside the file");
        assert_eq!(data.bytes.len() as u64, t.bytes);
        if t.elements < 1 << 16
            && let Ok(rows) = Rows::new(data)
        {
            assert_eq!(rows.to_vec().len() as u64, t.elements);
        }
    }
    let options = Options { kernel: Some(Kernel::Scalar), ..Options::default() };
    if let Ok(stage) = Stage::load(&file, &options, Arc::new(Pool::new(1, Wait::Park)))
        && stage.config().hidden <= 4096
        && let Ok(mut sequence) = stage.sequence(8)
    {
        let _ = stage.prefill(&mut sequence, &[0, 1], &mut engine::Workspace::new());
    }
    let _ = profiles::gguf::read(file.bytes(), file.bytes().len() as u64, "fuzz");
}

pub(crate) fn tokenizer_target(bytes: Vec<u8>) {
    let Ok(file) = File::from_bytes(bytes) else { return };
    let Ok(t) = Tokenizer::new(&file) else { return };
    let _ = Template::new(&file, &t);
    let text = "the hello <|im_start|> 12 é\u{fffd}  \n\n\u{2581}x";
    for tokens in [t.encode(text), t.encode_control(text), t.encode_prompt(text)] {
        let tokens = tokens.expect("a short text");
        assert!(tokens.iter().all(|token| (*token as usize) < t.len()));
        let mut stream = t.stream();
        let streamed: String = tokens.iter().map(|token| stream.push(*token)).collect();
        assert!(streamed.len() <= text.len() * 64 * 1024);
        let _ = t.decode(&tokens);
    }
}

/// A sound file whose vocabulary is not: changes that a change of bytes hardly makes.
fn odd_vocabulary(r: &mut Random) -> Vec<u8> {
    let mut w = Writer::default();
    let count = if r.below(2) == 0 { bpe_vocabulary(&mut w) } else { spm_vocabulary(&mut w) } as usize;
    let odd_text = |r: &mut Random| -> Vec<u8> {
        const ODD: [&[u8]; 12] = [
            b"",
            b"<0x41>",
            b"<0x-1>",
            b"a b",
            b"\xff\xfe",
            b"\xc3",
            "\u{2581}".as_bytes(),
            "Ġ".as_bytes(),
            b"ll",
            b" ",
            b"the",
            b"l l",
        ];
        ODD[r.below(ODD.len())].repeat(1 + r.below(3))
    };
    for _ in 0..=r.below(3) {
        let n = if r.below(4) == 0 { r.below(count + 2) } else { count };
        let (key, value) = match r.below(8) {
            0 => ("tokens", Meta::Texts((0..n).map(|_| odd_text(r)).collect())),
            1 => ("token_type", Meta::I32s((0..n).map(|_| r.below(8) as i32).collect())),
            2 => ("token_type", Meta::I32s((0..n).map(|_| 1 + r.below(6) as i32).collect())),
            3 => ("scores", Meta::F32s((0..n).map(|_| f32::from_bits(r.edge() as u32)).collect())),
            4 => ("merges", Meta::Texts((0..r.below(60)).map(|_| [odd_text(r), b" ".to_vec(), odd_text(r)].concat()).collect())),
            5 => ("bos_token_id", Meta::U32(r.edge() as u32)),
            6 => ("pre", Meta::from(["smollm", "qwen2", "gpt-2", "none"][r.below(4)])),
            _ => ("model", Meta::from(["gpt2", "llama", "bert"][r.below(3)])),
        };
        w.key(&format!("tokenizer.ggml.{key}"), value);
    }
    w.to_bytes()
}

pub(crate) fn header_input(files: &[Vec<u8>], execution: u64) -> Vec<u8> {
    changed(files, &mut Random::of(execution))
}

pub(crate) fn tokenizer_input(files: &[Vec<u8>], execution: u64) -> Vec<u8> {
    let mut r = Random::of(execution);
    if execution.is_multiple_of(2) { changed(files, &mut r) } else { odd_vocabulary(&mut r) }
}

fn run(name: &str, input: fn(&[Vec<u8>], u64) -> Vec<u8>, target: fn(Vec<u8>)) {
    let files = corpus(name);
    files.iter().cloned().for_each(target);
    let one = std::env::var("WATTLINE_FUZZ_ONE").ok().and_then(|n| n.parse::<u64>().ok());
    let executions = one.map_or(0..env("WATTLINE_FUZZ", 20_000), |n| n..n + 1);
    let count = executions.end - executions.start;
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let failed = executions.into_iter().find(|i| catch_unwind(AssertUnwindSafe(|| target(input(&files, *i)))).is_err());
    std::panic::set_hook(hook);
    if let Some(i) = failed {
        panic!("{name}: execution {i} panics; WATTLINE_FUZZ_ONE={i} repeats it");
    }
    println!("{name}: {count} executions, no panic; heap of the process at most {:.1} MiB", crate::memory::peak_mib());
}

#[test]
fn changed_headers_do_no_harm() {
    run("header", header_input, header_target);
}

#[test]
fn changed_vocabularies_do_no_harm() {
    run("tokenizer", tokenizer_input, tokenizer_target);
}

/// Every beginning of every corpus file is an error or a whole file without its padding, never a panic.
#[test]
fn every_prefix_of_every_file_does_no_harm() {
    let mut prefixes = 0;
    for file in corpus("header").into_iter().chain(corpus("tokenizer")) {
        let whole = File::from_bytes(file.clone()).expect("corpus files are sound");
        let header = whole.header();
        let end = header.tensors.iter().map(|t| header.data_at + t.offset + t.bytes).max().unwrap_or(header.data_at);
        for cut in 0..file.len() {
            let read = File::from_bytes(file[..cut].to_vec());
            // Of a file without tensors the last padding belongs to no one.
            let complete = if header.tensors.is_empty() { read.is_ok() } else { cut as u64 >= end };
            assert_eq!(read.is_ok(), complete, "cut at {cut} of {}", file.len());
            prefixes += 1;
        }
    }
    println!("{prefixes} prefixes, no panic");
}

/// Writes the corpus anew when the format of the tiny models changes: `WATTLINE_WRITE_CORPUS=1`.
#[test]
fn the_corpus_is_what_the_tiny_models_are() {
    let tiny = |architecture, kind| Tiny {
        layers: 1,
        hidden: 32,
        heads: 2,
        kv_heads: 1,
        head_dim: 16,
        wide: 32,
        context: 32,
        kind,
        ..Tiny::new(architecture)
    };
    let vocabulary = |fill: fn(&mut Writer) -> u32| {
        let mut w = Writer::default();
        fill(&mut w);
        w.to_bytes()
    };
    let version_2 = |mut bytes: Vec<u8>| {
        bytes[4] = 2;
        bytes
    };
    let model = |t: Tiny| t.writer().expect("fits").to_bytes();
    let files = [
        ("header/llama-q8_0.gguf", model(tiny("llama", 8))),
        ("header/llama-q4_1-v2.gguf", version_2(model(Tiny { own_head: true, ..tiny("llama", 3) }))),
        ("header/qwen2-q5_0.gguf", model(tiny("qwen2", 6))),
        ("header/gemma3-q4_0.gguf", model(tiny("gemma3", 2))),
        ("tokenizer/bpe.gguf", vocabulary(bpe_vocabulary)),
        ("tokenizer/spm.gguf", vocabulary(spm_vocabulary)),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    for (name, bytes) in files {
        let path = folder.join(name);
        if std::env::var_os("WATTLINE_WRITE_CORPUS").is_some() {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(&path, &bytes).expect("written");
        }
        assert!(std::fs::read(&path).is_ok_and(|b| b == bytes), "{name} is out of date: run with WATTLINE_WRITE_CORPUS=1");
    }
}
