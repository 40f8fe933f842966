//! Instructions per weight: the one speed that can be stated for a processor that is not at hand.
//!
//! An emulator logs every instruction (`-singlestep -d exec,nochain`: one line each). A product of
//! twice the rows done twice, less done once, less the same of half the rows: what is left is one
//! product's cost for the added rows. Start-up, packing and activations cancel; what a row costs outside
//! its inner loop does not. Kernels that no emulator knows are counted where this processor has them, by
//! single steps (`benches/steps.py`): a product of twice the rows less one of half the rows.

use crate::aarch64::toolchain::Toolchain;
use crate::run::{Done, cargo_with, root};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FORMATS: &[&str] = &["ternary", "sherry", "w4", "w8a8"];
/// Whole pairs of tiles of every kernel.
const ROWS: usize = 32;
const COLS: usize = 2048;

/// A kernel, and what counts its instructions.
struct Machine {
    kernel: &'static str,
    counter: Counter,
    program: PathBuf,
}

enum Counter {
    Emulator {
        name: &'static str,
        options: &'static [&'static str],
    },
    /// This processor.
    Steps,
}

pub(crate) fn count() -> Done {
    let build = ["build", "--locked", "--release", "-p", "kernels", "--example", "multiply"];
    let tools = Toolchain::provide()?;
    cargo_with(&tools.env("max"), &build)?;
    let own = [("CARGO_TARGET_DIR", "target/instructions".to_owned()), ("CARGO_BUILD_TARGET", X86.to_owned())];
    cargo_with(&own, &build)?;
    let arm = |kernel, core: &'static [&'static str]| Machine {
        kernel,
        counter: Counter::Emulator { name: "qemu-aarch64-static", options: core },
        program: example("target/aarch64", "aarch64-unknown-linux-gnu"),
    };
    let x86 = |kernel, counter| Machine { kernel, counter, program: example("target/instructions", X86) };
    let machines = [
        arm("neon", &["-cpu", "cortex-a72", "-L", "/usr/aarch64-linux-gnu"]),
        arm("neon-dotprod", &["-cpu", "cortex-a76", "-L", "/usr/aarch64-linux-gnu"]),
        x86("avx2", Counter::Emulator { name: "qemu-x86_64-static", options: &["-cpu", "max"] }),
        x86("avx2", Counter::Steps),
        x86("avx-vnni", Counter::Steps),
        x86("avx512-vnni", Counter::Steps),
    ];
    println!("Instructions per weight, one token, {COLS} columns; in brackets per 64 weights.\n");
    println!("| kernel | counted by | {} |", FORMATS.join(" | "));
    println!("| --- | --- |{}", " --- |".repeat(FORMATS.len()));
    for machine in &machines {
        if matches!(machine.counter, Counter::Steps) && !has(machine.kernel) {
            println!("| {} | this processor has no such instructions |{}", machine.kernel, " |".repeat(FORMATS.len()));
            continue;
        }
        let mut cells = Vec::new();
        for format in FORMATS {
            let per_weight = machine.per_weight(format)?;
            cells.push(format!("{per_weight:.3} ({:.1})", 64.0 * per_weight));
        }
        println!("| {} | {} | {} |", machine.kernel, machine.counter.name(), cells.join(" | "));
    }
    Ok(())
}

const X86: &str = "x86_64-unknown-linux-gnu";

fn example(target: &str, triple: &str) -> PathBuf {
    root().join(target).join(triple).join("release/examples/multiply")
}

/// Whether this processor can run the kernel.
fn has(kernel: &str) -> bool {
    #[cfg(target_arch = "x86_64")]
    match kernel {
        "avx2" => return is_x86_feature_detected!("avx2"),
        "avx-vnni" => return is_x86_feature_detected!("avxvnni"),
        "avx512-vnni" => return is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512bw"),
        _ => {}
    }
    let _ = kernel;
    false
}

impl Counter {
    fn name(&self) -> &'static str {
        match self {
            Self::Emulator { name, .. } => name,
            Self::Steps => "single steps",
        }
    }
}

impl Machine {
    fn per_weight(&self, format: &str) -> Result<f64, String> {
        let product = |rows: usize| -> Result<i64, String> {
            match self.counter {
                Counter::Emulator { name, options } => {
                    let all = |times| self.logged(name, options, format, rows, times);
                    Ok(all(2)? - all(1)?)
                }
                Counter::Steps => self.stepped(format, rows),
            }
        };
        Ok((product(2 * ROWS)? - product(ROWS)?) as f64 / (ROWS * COLS) as f64)
    }

    fn arguments(&self, format: &str, rows: usize, times: usize) -> Vec<String> {
        let sizes = [rows, COLS, 1, times].map(|n| n.to_string());
        [self.kernel.to_owned(), format.to_owned()].into_iter().chain(sizes).collect()
    }

    /// Instructions of a whole run under an emulator.
    fn logged(&self, emulator: &str, options: &[&str], format: &str, rows: usize, times: usize) -> Result<i64, String> {
        let mut child = Command::new(emulator)
            .args(options)
            .args(["-singlestep", "-d", "exec,nochain"])
            .arg(&self.program)
            .args(self.arguments(format, rows, times))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{emulator}: {e}"))?;
        let log = child.stderr.take().ok_or("the emulator has no log")?;
        let (count, rest) = lines(&mut BufReader::with_capacity(1 << 20, log))?;
        let status = child.wait().map_err(|e| format!("{emulator}: {e}"))?;
        if status.success() && count > 0 { Ok(count) } else { Err(format!("{}: {status}: {rest}", shown(&self.program))) }
    }

    /// Instructions of the second of two products, the first having filled what is kept between them.
    fn stepped(&self, format: &str, rows: usize) -> Result<i64, String> {
        let done = Command::new("python3")
            .arg(root().join("benches/steps.py"))
            .arg(&self.program)
            .args(self.arguments(format, rows, 2))
            .output()
            .map_err(|e| format!("python3: {e}"))?;
        let parts = String::from_utf8_lossy(&done.stdout);
        match parts.lines().nth(1).and_then(|n| n.parse().ok()) {
            Some(count) if done.status.success() => Ok(count),
            _ => Err(format!("benches/steps.py: {}: {}", done.status, String::from_utf8_lossy(&done.stderr).trim())),
        }
    }
}

fn shown(program: &Path) -> String {
    program.display().to_string()
}

/// Number of logged instructions, and the last other line.
fn lines(log: &mut impl BufRead) -> Result<(i64, String), String> {
    let (mut count, mut rest, mut line) = (0, String::new(), Vec::new());
    while log.read_until(b'\n', &mut line).map_err(|e| format!("the emulator's log: {e}"))? > 0 {
        if line.starts_with(b"Trace ") {
            count += 1;
        } else {
            rest = String::from_utf8_lossy(&line).trim().to_owned();
        }
        line.clear();
    }
    Ok((count, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_there() {
        assert!(root().join("agent/kernels/examples/multiply.rs").exists());
        assert!(root().join("benches/steps.py").exists());
    }

    #[test]
    fn only_traces_are_counted() {
        let mut log = "Trace 0: 0x7f\nfoo\nTrace 0: 0x80\nlast\n".as_bytes();
        assert_eq!(lines(&mut log), Ok((2, "last".to_owned())));
    }
}
