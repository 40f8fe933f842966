//! What free text in a table says: engine, back end, quantisation, meter. Words that are not known stay a group of their own.

use profiles::WeightFormat;

/// Share of a memory that weights may fill before the system takes their pages. Assumed.
const HELD: f64 = 0.85;

/// Engines by a word of their names; the first that matches.
const ENGINES: [&str; 16] = [
    "ollama",
    "t-mac",
    "bitnet",
    "mlc",
    "vllm",
    "tensorrt",
    "mnn",
    "genie",
    "hailo",
    "distributed",
    "powerinfer",
    "llamafile",
    "transformers",
    "litert",
    "mlx",
    "llama.cpp",
];

/// Engine family; an unknown engine is its first word.
pub(super) fn engine(text: &str) -> String {
    let lower = text.to_lowercase();
    let known = ENGINES.iter().find(|e| lower.contains(**e)).map(|e| (*e).to_owned());
    known.unwrap_or_else(|| lower.split_whitespace().next().unwrap_or("unknown").to_owned())
}

/// Back end where the name of the engine says it.
pub(super) fn backend(text: &str) -> &'static str {
    let lower = text.to_lowercase();
    ["vulkan", "opencl", "metal", "cuda"].into_iter().find(|b| lower.contains(b)).unwrap_or("")
}

/// Whether an engine runs ggml's Metal kernels on the GPU of a catalogue's device.
pub(super) fn metal(device: &str, engine: &str) -> bool {
    device.starts_with("apple-") && matches!(engine, "llama.cpp" | "ollama" | "llamafile")
}

/// Group of weight formats whose kernels are alike.
pub(super) fn quantisation(text: &str, bits: f64) -> &'static str {
    let lower = text.to_lowercase();
    if lower.contains("tern") || lower.contains("q1_0") || bits < 1.9 {
        "ternary"
    } else if lower.contains("fp4") {
        "fp4"
    } else if bits >= 15.0 {
        "16"
    } else if bits >= 7.5 {
        "8"
    } else if bits >= 4.6 {
        "4k"
    } else if bits >= 3.6 {
        "4"
    } else if bits >= 2.6 {
        "3"
    } else {
        "2"
    }
}

/// Bits per weight of a format's name, block scales included, where a row gives none.
pub(super) fn bits_of_name(text: &str) -> Option<f64> {
    let known = [
        ("mxfp4", 4.25),
        ("nvfp4", 4.5),
        ("q8_0", 8.5),
        ("q6_k", 6.56),
        ("q5_k_m", 5.68),
        ("q4_k_m", 4.84),
        ("q4_0", 4.5),
        ("q3_k_m", 3.9),
        ("q2_k", 3.35),
        ("bf16", 16.0),
        ("fp16", 16.0),
        ("f16", 16.0),
        ("f32", 32.0),
        ("int8", 8.0),
        ("int4", 4.5),
        ("w4", 4.5),
        ("w8", 8.0),
    ];
    let lower = text.to_lowercase();
    known.iter().find(|(name, _)| lower.contains(name)).map(|k| k.1)
}

/// The planner's format of a row's weights: by name where the row has one of the planner's own names or they are
/// ternary, else the nearest in bits. Bits of a whole model contain its ends, so a name says more than they do.
pub(super) fn format(text: &str, bits: f64) -> WeightFormat {
    if let Some(own) = WeightFormat::ALL.into_iter().find(|f| f.name() == text.trim().to_lowercase()) {
        return own;
    }
    let ternary = quantisation(text, bits) == "ternary";
    let near = |f: &WeightFormat| (f.bits_per_weight() / bits).ln().abs();
    WeightFormat::ALL
        .into_iter()
        .filter(|f| matches!(f, WeightFormat::Ternary | WeightFormat::Sherry) == ternary)
        .min_by(|a, b| near(a).total_cmp(&near(b)))
        .unwrap_or(WeightFormat::W16)
}

/// What the meter saw: a rail of the chip, the module, the wall, a battery less idle.
pub(super) fn scope(text: &str) -> &'static str {
    let lower = text.to_lowercase();
    if lower.contains("net of idle") {
        "net"
    } else if lower.contains("rail") {
        "rail"
    } else if lower.contains("wall") {
        "wall"
    } else if lower.contains("module") {
        "module"
    } else {
        "device"
    }
}

/// Tokens in the cache before the run, where a note says `context depth N tokens`.
pub(super) fn depth(notes: &str) -> f64 {
    let number = notes.split("depth ").nth(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    number.and_then(|n| n.parse().ok()).unwrap_or(0.0)
}

/// Whether an engine runs a model operation by operation, with no graph or fused kernels.
pub(super) fn eager(engine: &str) -> bool {
    engine.contains("eager") || engine.contains("transformers")
}

/// Whether a device was already hot: long runs, after the clocks have fallen.
pub(super) fn sustained(state: &str) -> bool {
    state.contains("sustained")
}

/// Whether weights of so many bytes came from storage while the model ran, by what is said of the device's state: its
/// memory was capped, the run swapped, or the weights exceed the memory that a note names.
pub(super) fn streamed(state: &str, notes: &str, weight_bytes: f64) -> bool {
    let (state, notes) = (state.to_lowercase(), notes.to_lowercase());
    if state.contains("ram capped") || notes.contains("memory-limited run") || notes.contains("swap regime") {
        return true;
    }
    let memory = notes.split("exceeds ").nth(1).and_then(|rest| rest.split(" gb").next()?.parse::<f64>().ok());
    notes.contains("streaming") && memory.is_some_and(|gb| weight_bytes > HELD * gb * 1e9)
}

/// Whether a decode rate counts the time of the prompt too: where a note says so, or gives lengths of input and output
/// (`isl 2048 osl 128`) as load generators do, whose output rates are over whole requests.
pub(super) fn end_to_end(notes: &str) -> bool {
    notes.contains("includes prefill") || (notes.contains("isl ") && notes.contains("osl "))
}

/// Bits per weight that ggml's k-quants of a name fall back to in rows that are no multiple of their 256 weights (llama.cpp's
/// quantizer: q4_K to q5_0, q5_K to q5_1, q6_K to q8_0, below to 4.5 bits); `None` for other formats.
pub(super) fn fallback_bits(quant: &str) -> Option<f64> {
    let lower = quant.to_lowercase();
    let bits = [("q2_k", 4.5), ("q3_k", 4.5), ("q4_k", 5.5), ("q5_k", 6.0), ("q6_k", 8.5)];
    bits.iter().find(|(name, _)| lower.starts_with(name)).map(|b| b.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found() {
        assert_eq!(engine("Ollama 0.24.0 CUDA"), "ollama");
        assert_eq!(engine("Ollama/llama.cpp"), "ollama");
        assert_eq!(engine("SomeEngine 3"), "someengine");
        assert_eq!(quantisation("Q4_K_M", 4.84), "4k");
        assert_eq!(quantisation("Q2_0 ternary", 2.1), "ternary");
        assert!(metal("apple-m2-ultra", "llama.cpp") && !metal("gb10-spark", "llama.cpp") && !metal("apple-m1", "mlx"));
        assert_eq!(scope("GPU rail (tegrastats)"), "rail");
        assert!((depth("context depth 8192 tokens; flash attention on") - 8192.0).abs() < 1e-9);
        assert!(depth("no number").abs() < 1e-9);
        assert!(streamed("RAM capped 1 GB", "", 1.0) && streamed("", "exceeds 16 GB working set, swap regime", 1e9));
        let note = "disk-streaming regime when model exceeds 8 GB RAM";
        assert!(streamed("", note, 7.2e9) && !streamed("", note, 3.8e9) && !streamed("", "spills to CPU", 9e9));
        assert!(sustained("sustained, 5 x 1024 tokens") && !sustained("first gen"));
        assert_eq!(format("Q4_K_M", 4.84), WeightFormat::W4);
        assert_eq!(format("ternary I2_S", 2.0), WeightFormat::Ternary);
        assert_eq!(format("w4", 5.74), WeightFormat::W4, "ends at 8 bits do not make it another format");
        assert_eq!(format("sherry", 2.9), WeightFormat::Sherry);
        assert_eq!(format("Q2_K", 3.35), WeightFormat::W3);
        assert!(end_to_end("isl 2048 osl 128; concurrency 8") && !end_to_end("isle of osl"));
        assert_eq!((fallback_bits("Q4_K_M"), fallback_bits("Q4_0")), (Some(5.5), None));
        assert!(end_to_end("end-to-end, includes prefill of 2048-token prompt"));
    }
}
