//! Real model files, from the cache that `cargo xtask fetch-model` fills. A test without its file says so.

use std::path::PathBuf;

use engine::File;

pub(crate) const SMOLLM2: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
pub(crate) const QWEN2: &str = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf";
pub(crate) const GEMMA3: &str = "gemma-3-270m-q4_k_m.gguf";

/// The file, or a line that says what was skipped.
pub(crate) fn open(name: &str) -> Option<File> {
    let path = path(name)?;
    Some(File::open(&path).unwrap_or_else(|e| panic!("{name}: {e}")))
}

/// Where the file is, or a line that says what was skipped.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/wattline");
    let cache = std::env::var_os("WATTLINE_CACHE").map_or_else(home, PathBuf::from);
    let path = cache.join("models").join(name);
    if !path.is_file() {
        println!("SKIPPED: {name} is not in the model cache (cargo xtask fetch-model fetches SmolLM2)");
        return None;
    }
    Some(path)
}

/// What llama.cpp says about the file (`benches/peers/llama_cpp.py`).
#[derive(serde::Deserialize)]
pub(crate) struct Peer {
    pub(crate) tokens: Vec<Text>,
    pub(crate) greedy: Vec<Greedy>,
}

#[derive(serde::Deserialize)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) tokens: Vec<u32>,
}

#[derive(serde::Deserialize)]
pub(crate) struct Greedy {
    pub(crate) prompt: String,
    pub(crate) prompt_tokens: Vec<u32>,
    pub(crate) tokens: Vec<u32>,
    pub(crate) logprobs: Vec<f64>,
    pub(crate) text: String,
}

pub(crate) const PEERS: [(&str, &str); 3] = [
    (SMOLLM2, include_str!("data/peer-smollm2.json")),
    (QWEN2, include_str!("data/peer-qwen2.json")),
    (GEMMA3, include_str!("data/peer-gemma3.json")),
];

pub(crate) fn peer(json: &str) -> Peer {
    serde_json::from_str(json).expect("what the script writes")
}
