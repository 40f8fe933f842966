//! Golden transcripts: each file in `tests/cli` is a script of commands; beneath each stands what it prints.
//!
//! A line `$ agent …` is run in the repository's root; what follows, up to the next command, is what must
//! come out: exit code, stdout, stderr. `$ sh …` prepares files. `UPDATE_GOLDEN=1` rewrites the files.
//! `{tmp}` is a folder of the script's own, and the cache is in it. A script that begins with `# needs
//! smollm2-135m` uses the real cache, and is skipped where the model is not there. What differs between runs
//! and machines is hidden in those: numbers, kernels, what is known of energy, where weights came from, and texts that hang on a
//! near tie between two tokens (samples, chats).

use crate::models::{agent, root, smollm2};
use kernels::Kernel;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Words of a command line; single quotes hold words together.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                any = true;
            }
            ' ' if !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                    any = false;
                }
            }
            c => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

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

fn block(out: &mut String, name: &str, text: &str) {
    if !text.is_empty() {
        let _ = writeln!(out, "--- {name}");
        for line in text.lines() {
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
}

/// Runs the commands of a script and writes the transcript anew; `None` where the script's model is missing.
fn transcript(name: &str, script: &str) -> Option<String> {
    let real = script.starts_with("# needs smollm2-135m");
    if real && !smollm2(name) {
        return None;
    }
    let tmp = tempfile::tempdir().unwrap();
    let tmp_text = tmp.path().display().to_string();
    let cache = tmp.path().join("cache").display().to_string();
    let mut out = String::new();
    for line in script.lines() {
        if line.starts_with('#') {
            let _ = writeln!(out, "{line}");
        }
        let Some(command) = line.strip_prefix("$ ") else { continue };
        let _ = writeln!(out, "{line}");
        let command = command.replace("{tmp}", &tmp_text);
        let mut words = words(&command).into_iter();
        let program = words.next().unwrap();
        let rest: Vec<String> = words.collect();
        let mut process = if program == "agent" {
            agent(&rest.iter().map(String::as_str).collect::<Vec<_>>())
        } else {
            assert_eq!(program, "sh", "a script runs `agent` or `sh`");
            let mut p = Command::new("sh");
            p.arg("-c").arg(command.trim_start_matches("sh "));
            p
        };
        if !real {
            process.env("WATTLINE_CACHE", &cache);
        }
        let done = process.current_dir(root()).env_remove("WATTLINE_EVAL").stdin(Stdio::null()).output().unwrap();
        let _ = writeln!(out, "exit {}", done.status.code().map_or("signal".into(), |c| c.to_string()));
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&tmp_text, "{tmp}");
        let (stdout, stderr) = (shown(&done.stdout), shown(&done.stderr));
        let text = real && rest.first().is_some_and(|c| c == "generate");
        let varies = ["--samples", "--chat"].iter().any(|o| rest.iter().any(|r| r == o));
        let stdout = match (text, varies && !stdout.is_empty()) {
            (true, true) => "(some text)".into(),
            (true, false) => stdout,
            (false, _) if real => everywhere(&stdout),
            _ => stdout,
        };
        block(&mut out, "stdout", &stdout);
        block(&mut out, "stderr", &if real { everywhere(&stderr) } else { stderr });
        out.push('\n');
    }
    Some(out)
}

#[test]
fn transcripts_are_as_written() {
    let folder = root().join("agent/tests/cli");
    let mut scripts: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "txt"))
        .collect();
    scripts.sort();
    assert!(!scripts.is_empty());
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for path in scripts {
        let written = std::fs::read_to_string(&path).unwrap();
        let Some(now) = transcript(&path.display().to_string(), &written) else { continue };
        if now.trim_end() == written.trim_end() {
            continue;
        }
        if update {
            std::fs::write(&path, format!("{}\n", now.trim_end())).unwrap();
        } else {
            let first = now.lines().zip(written.lines()).position(|(a, b)| a != b).unwrap_or(0);
            let line = |t: &str| t.lines().nth(first).unwrap_or("(end)").to_owned();
            wrong.push(format!("{}:{}\n  written: {}\n  now:     {}", path.display(), first + 1, line(&written), line(&now)));
        }
    }
    assert!(wrong.is_empty(), "transcripts differ; UPDATE_GOLDEN=1 rewrites them, then read the diff\n{}", wrong.join("\n"));
}

#[test]
fn numbers_are_hidden_and_names_are_not() {
    assert_eq!(without_numbers("w4  12.5 tok/s, avx512-vnni 1b 3 -0.5"), "w4 # tok/s, avx512-vnni 1b # -#");
    assert_eq!(everywhere("energy 3 J\nbuilt without x\nw4 2 avx512-vnni"), "energy …\nw4 # (kernel)\n");
}
