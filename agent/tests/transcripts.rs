//! Golden transcripts of `tests/cli` (see the crate `transcripts`), run in the repository's root. The cache is in the
//! script's folder. A script that begins with `# needs smollm2-135m` uses the real cache, and is skipped where
//! the model is not there; one that begins with `# numbers vary` needs none. What differs between runs and machines is hidden in those: numbers, kernels, what is
//! known of energy, where weights came from, and texts that hang on a near tie between two tokens (samples, chats).

use crate::models::{agent, root, smollm2};
use kernels::Kernel;
use std::process::Stdio;
use transcripts::{Call, Shown, check, transcript};

/// Lines that every machine and build prints.
fn everywhere(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines().filter(|l| !l.starts_with("built without")) {
        let hidden = ["energy ", "votes ", "weights "].into_iter().find(|start| line.starts_with(start));
        let line = hidden.map_or_else(|| line.to_owned(), |start| format!("{start}…"));
        let kernel = Kernel::ALL.iter().rev().find(|k| line.ends_with(k.name()));
        let line = kernel.map_or_else(|| line.clone(), |k| line.replace(k.name(), "(kernel)"));
        out += &format!("{}\n", without_numbers(&line));
    }
    out
}

/// Numbers as `#`, and runs of spaces as one, since columns move with them.
fn without_numbers(text: &str) -> String {
    let mut out = String::new();
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        let before = |n: usize| at.checked_sub(n).map(|i| chars[i]);
        let dashed = before(1) == Some('-') && before(2).is_some_and(char::is_alphanumeric);
        let in_word = dashed || before(1).is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
        if chars[at].is_ascii_digit() && !in_word {
            let start = at;
            while at < chars.len() && (chars[at].is_ascii_digit() || matches!(chars[at], '.' | 'e')) {
                at += 1;
            }
            // A name such as `1b` is none.
            if at < chars.len() && chars[at].is_alphabetic() {
                out.extend(&chars[start..at]);
            } else {
                out.push('#');
            }
            continue;
        }
        if !(chars[at] == ' ' && out.ends_with(' ')) {
            out.push(chars[at]);
        }
        at += 1;
    }
    out
}

/// Runs a command of a script; `real`: on the real cache; `hidden`: without what varies.
fn run(call: &Call<'_>, real: bool, hidden: bool) -> Shown {
    let mut process = call.shell().unwrap_or_else(|| {
        assert_eq!(call.program, "agent", "a script runs `agent` or `sh`");
        agent(&call.args.iter().map(String::as_str).collect::<Vec<_>>())
    });
    if !real {
        process.env("WATTLINE_CACHE", call.tmp.join("cache"));
    }
    let done = process.current_dir(root()).env_remove("WATTLINE_EVAL").stdin(Stdio::null()).output().unwrap();
    let shown = call.shown(&done);
    if !hidden {
        return shown;
    }
    let text = call.args.first().is_some_and(|c| c == "generate");
    let varies = ["--samples", "--chat"].iter().any(|o| call.args.iter().any(|r| r == o));
    let stdout = match (text, varies && !shown.stdout.is_empty()) {
        (true, true) => "(some text)".into(),
        (true, false) => shown.stdout,
        (false, _) => everywhere(&shown.stdout),
    };
    Shown { exit: shown.exit, stdout, stderr: everywhere(&shown.stderr) }
}

#[test]
fn transcripts_are_as_written() {
    check(&root().join("agent/tests/cli"), |path, script| {
        let real = script.starts_with("# needs smollm2-135m");
        if real && !smollm2(&path.display().to_string()) {
            return Ok(None);
        }
        let hidden = real || script.starts_with("# numbers vary");
        transcript(script, |call| run(call, real, hidden)).map(Some)
    })
    .unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn numbers_are_hidden_and_names_are_not() {
    assert_eq!(without_numbers("w4  12.5 tok/s, avx512-vnni 1b 3 -0.5"), "w4 # tok/s, avx512-vnni 1b # -#");
    assert_eq!(everywhere("energy 3 J\nbuilt without x\nw4 2 avx512-vnni"), "energy …\nw4 # (kernel)\n");
}
