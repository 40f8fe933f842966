//! Shapes of JSON that others script against, from a tiny model that is made here.

use crate::models::{agent, smollm2, texts};
use engine::testing::Tiny;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A model file of random weights.
fn tiny(folder: &Path) -> String {
    let path = folder.join("tiny.gguf");
    std::fs::write(&path, Tiny { context: 4096, ..Tiny::new("llama") }.file().unwrap().bytes()).unwrap();
    path.display().to_string()
}

fn json(args: &[&str]) -> Value {
    let out = agent(args).args(["--format", "json"]).output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("`{key}` is no number in {value}"))
}

#[test]
fn bench_gives_medians_with_ranges() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny(folder.path());
    let one = json(&["bench", "-m", &model, "--precision", "w4", "-p", "8", "-n", "4", "-t", "1", "-r", "3"]);
    for key in ["prefill_tok_s", "decode_tok_s"] {
        let (low, median, high) = (number(&one, &format!("{key}_min")), number(&one, key), number(&one, &format!("{key}_max")));
        assert!(0.0 < low && low <= median && median <= high, "{one}");
    }
    for key in ["bytes_per_token", "bandwidth_share", "peak_share", "read_bandwidth", "int8_peak", "bits_per_weight"] {
        assert!(number(&one, key) > 0.0, "{key}");
    }
    assert!(kernels::Kernel::named(one["kernel"].as_str().unwrap()).is_some());
    assert_eq!((one["precision"].as_str(), one["threads"].as_u64(), one["repetitions"].as_u64()), (Some("w4"), Some(1), Some(3)));
    // Joules are measured, or there are none.
    for phase in ["prefill_energy", "decode_energy"] {
        assert_eq!(one[phase]["joules"].is_null(), one[phase]["quality"] == "unknown");
    }
    // A part that was not asked for has no number.
    let decode = json(&["bench", "-m", &model, "-p", "0", "-n", "2", "-d", "4", "-t", "1", "-r", "1"]);
    assert!(decode["prefill_tok_s"].is_null() && decode["peak_share"].is_null() && decode["decode_tok_s"].is_number());
    let several = json(&["bench", "-m", &model, "--precision", "w8,sherry", "-p", "4", "-n", "1", "-t", "1", "-r", "1"]);
    assert_eq!(several["results"].as_array().unwrap().len(), 2);
}

#[test]
fn generate_is_the_same_for_the_same_seed() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny(folder.path());
    let run = |seed| {
        json(&[
            "generate",
            "-m",
            &model,
            "-p",
            "a b",
            "-n",
            "8",
            "-t",
            "1",
            "--temperature",
            "1",
            "--samples",
            "3",
            "--seed",
            seed,
        ])
    };
    let (one, same, other) = (run("1"), run("1"), run("2"));
    assert_eq!(one["answers"], same["answers"]);
    assert_ne!(one["answers"], other["answers"]);
    assert_eq!(one["answers"].as_array().unwrap().len(), 3);
    let best = |a: &Value| a["mean_logprob"].as_f64().unwrap();
    let chosen = one["chosen"].as_u64().unwrap() as usize;
    assert!(one["answers"].as_array().unwrap().iter().all(|a| best(a) <= best(&one["answers"][chosen])));
    assert_eq!(one["text"], one["answers"][chosen]["text"]);
    let logprobs = json(&["generate", "-m", &model, "-p", "a", "-n", "3", "-t", "1", "--logprobs"]);
    for drawn in logprobs["answers"][0]["logprobs"].as_array().unwrap() {
        assert!(number(drawn, "logprob") <= 0.0);
    }
}

#[test]
fn evaluations_count_and_write_profiles() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny(folder.path());
    let text = folder.path().join("text.txt");
    std::fs::write(&text, "a b c d ".repeat(40)).unwrap();
    let found = json(&[
        "eval",
        "perplexity",
        "-m",
        &model,
        "--text",
        &text.display().to_string(),
        "--window",
        "16",
        "--windows",
        "2",
        "-t",
        "1",
    ]);
    // Of 16 tokens, those after the middle but the first: 7.
    assert_eq!(found["tokens"].as_u64(), Some(2 * 7));
    assert!(number(&found, "perplexity") > 1.0 && number(&found, "stderr") > 0.0);

    let (data, profile) = (folder.path().join("arc.jsonl"), folder.path().join("profile.yaml"));
    let line = r#"{"question": "a?", "choices": ["b", "c d"], "answer": "A"}"#;
    std::fs::write(&data, format!("{line}\n\n{line}\n")).unwrap();
    let (data, profile) = (data.display().to_string(), profile.display().to_string());
    let found =
        json(&["eval", "arc-easy", "-m", &model, "--data", &data, "-t", "1", "--precision", "w8,w4", "--profile", &profile]);
    for row in found["results"].as_array().unwrap() {
        let a = &row["accuracy"];
        assert_eq!(a["of"].as_u64(), Some(2));
        assert!(number(a, "low") <= number(a, "share") && number(a, "share") <= number(a, "high"));
    }
    let read = profiles::read_model_file(&PathBuf::from(&profile)).unwrap();
    assert_eq!(read.quality.len(), 2);
    assert!(read.quality.iter().all(|q| q.benchmark == "arc-easy" && q.accuracy.source.starts_with("agent eval arc-easy")));

    let problems = folder.path().join("problems.jsonl");
    std::fs::write(&problems, "{\"question\": \"a?\", \"final\": \"3\"}\n".repeat(2)).unwrap();
    let problems = problems.display().to_string();
    let args = [
        "eval",
        "gsm8k",
        "-m",
        &model,
        "--data",
        &problems,
        "--samples",
        "3",
        "--temperature",
        "1",
        "-n",
        "6",
        "-t",
        "1",
        "--early",
    ];
    let out = agent(&args).args(["--prompting", "chat", "--format", "json"]).output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    let found: Value = serde_json::from_slice(&out.stdout).unwrap();
    let ks: Vec<u64> = found["votes"].as_array().unwrap().iter().map(|v| v["k"].as_u64().unwrap()).collect();
    assert_eq!(ks, [1, 3]);
    assert!(number(&found, "tokens_if_early") <= number(&found, "generated_tokens"));
    assert_eq!(found["early"]["majority"]["of"].as_u64(), Some(2));
}

#[test]
fn doctor_names_a_kernel_for_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let found = json(&["doctor", "-m", &tiny(folder.path()), "--precision", "w4", "-t", "1"]);
    let classes: Vec<&str> = found["kernels"].as_array().unwrap().iter().map(|k| k["class"].as_str().unwrap()).collect();
    assert!(classes.contains(&"ffn_down") && classes.contains(&"token_embd"), "{classes:?}");
    assert!(found["kernels"].as_array().unwrap().iter().all(|k| number(k, "bytes_per_second") > 0.0));
    assert!(number(&found, "read_bandwidth") > 0.0);
    assert!(found["sensors"]["entries"].as_array().unwrap().len() > 10);
}

#[test]
fn chat_remembers_what_was_said() {
    if !smollm2("chat") {
        return;
    }
    use std::io::Write;
    let mut child = agent(&["chat", "-m", "smollm2-135m", "-n", "24", "-t", "1"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"Say hello.\n\nSay it again.\n/new\nSay hello.\n").unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(0));
    let said = String::from_utf8_lossy(&out.stderr);
    let new: Vec<usize> = said.lines().filter_map(|l| l.split("the prompt's ").nth(1)?.split(' ').next()?.parse().ok()).collect();
    assert_eq!(new.len(), 3, "{said}");
    assert!(new[1] < new[0] + 24, "the first turn is not computed again: {said}");
    assert_eq!(new[2], 1, "after /new the first prompt still stands in the cache: {said}");
    assert!(out.stdout.iter().filter(|b| **b == b'\n').count() >= 3);
}

#[test]
fn perplexity_of_the_first_windows_is_llama_cpps() {
    let name = "perplexity";
    let (true, Some(folder)) = (smollm2(name), texts(name)) else { return };
    let text = folder.join("wikitext-2-raw-test.txt").display().to_string();
    let found =
        json(&["eval", "perplexity", "-m", "smollm2-135m", "--text", &text, "--windows", "4", "--window", "512", "-t", "1"]);
    assert_eq!(found["tokens"].as_u64(), Some(4 * 255));
    // llama.cpp's tool on the same file and windows: 22.79.
    assert!((number(&found, "perplexity") / 22.79 - 1.0).abs() < 0.005, "{found}");
}
