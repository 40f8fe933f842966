//! A file of at most a mebibyte never makes its reader hold more than 64 MiB.
//!
//! The heap is counted in a process of its own, since tests beside it hold whole models.

use std::process::Command;

use cap::Cap;
use engine::gguf::{Meta, Writer};
use engine::testing::{bpe_vocabulary, spm_vocabulary};

use crate::fuzz::{env, header_target, tokenizer_target};

#[global_allocator]
static HEAP: Cap<std::alloc::System> = Cap::new(std::alloc::System, usize::MAX);

const LIMIT: usize = 64 << 20;
const CHILD: &str = "WATTLINE_MEMORY_CHILD";

/// Most that the heap of this process has held, MiB: that of one test where it runs alone.
pub(crate) fn peak_mib() -> f64 {
    HEAP.max_allocated() as f64 / f64::from(1 << 20)
}

#[test]
fn files_up_to_a_mebibyte_stay_below_64_mib() {
    let out = this_test()
        .args(["--exact", "memory::child", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .expect("started");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && text.contains("peak"), "{text}\n{}", String::from_utf8_lossy(&out.stderr));
    println!("{}", text.lines().find(|l| l.contains("peak")).unwrap_or_default());
}

/// This program; under the emulator that runs it, where one does.
pub(crate) fn this_test() -> Command {
    let this = std::env::current_exe().expect("this test");
    let runner = std::env::var("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER").ok().filter(|_| cfg!(target_arch = "aarch64"));
    let Some(runner) = runner else { return Command::new(this) };
    let mut words = runner.split_whitespace();
    let mut command = Command::new(words.next().expect("an emulator"));
    command.args(words).arg(this);
    command
}

#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        println!("SKIPPED: runs in the process that files_up_to_a_mebibyte_stay_below_64_mib starts");
        return;
    }
    HEAP.set_limit(LIMIT).expect("not above it yet");
    for bytes in big() {
        assert!(bytes.len() <= 1 << 20, "{}", bytes.len());
        header_target(bytes.clone());
        tokenizer_target(bytes);
    }
    println!("peak {:.1} MiB, seed {}", peak_mib(), env("WATTLINE_FUZZ_SEED", 1));
}

/// Files that are as large as may be and ask for as much as they can.
fn big() -> Vec<Vec<u8>> {
    let written = |fill: &dyn Fn(&mut Writer)| {
        let mut w = Writer::default();
        fill(&mut w);
        w.to_bytes()
    };
    // A text of 8 bytes length and none of its own is the smallest entry of an array.
    let many = |n: usize| Meta::Texts(vec![Vec::new(); n]);
    let pairs = |n: usize| Meta::Texts(vec![b"l l".to_vec(); n]);
    let mut files = vec![
        written(&|w| {
            bpe_vocabulary(w);
            w.key("tokenizer.ggml.tokens", many(130_000));
            w.key("tokenizer.ggml.token_type", Meta::U32(0));
        }),
        written(&|w| {
            bpe_vocabulary(w);
            w.key("tokenizer.ggml.merges", pairs(90_000));
        }),
        written(&|w| {
            spm_vocabulary(w);
            w.key("tokenizer.ggml.tokens", many(60_000));
            w.key("tokenizer.ggml.token_type", Meta::I32s(vec![4; 60_000]));
            w.key("tokenizer.ggml.scores", Meta::F32s(vec![0.0; 60_000]));
        }),
        written(&|w| {
            bpe_vocabulary(w);
            w.key("tokenizer.ggml.tokens", Meta::Texts(vec![vec![b'a'; 255]; 3_900]));
            w.key("tokenizer.ggml.token_type", Meta::I32s(vec![4; 3_900]));
        }),
        written(&|w| w.key("tokenizer.chat_template", "{{ x }}".repeat(30_000).as_str())),
        written(&|w| (0..25_000).for_each(|i| w.key_unchecked(&format!("k{i}"), Meta::U32(i)))),
        written(&|w| {
            for i in 0..15_000 {
                w.tensor(&format!("t{i}"), &[1], 0, vec![0; 4]).expect("fits");
            }
        }),
        // Ternary blocks grow most when they become numbers.
        written(&|w| w.tensor("t", &[256, 15_000], 34, vec![0; 54 * 15_000]).expect("fits")),
    ];
    // 160 bytes that claim a gibibyte of text (Ollama issue 17042).
    let mut claim = b"GGUF\x03\0\0\0".to_vec();
    claim.extend(0u64.to_le_bytes());
    claim.extend(1u64.to_le_bytes());
    claim.extend(1u64.to_le_bytes());
    claim.extend(b"k\x08\0\0\0");
    claim.extend((1u64 << 30).to_le_bytes());
    claim.resize(160, 0);
    files.push(claim);
    files
}
