//! Instructions per weight, counted under emulation: the one speed that can be stated for a processor
//! that is not at hand.
//!
//! The emulator logs every instruction (`-singlestep -d exec,nochain`: one line each). A product of
//! twice the rows done twice, less done once, less the same of half the rows: what is left is one
//! product's cost for the added rows. Start-up, packing and activations cancel; what a row costs outside
//! its inner loop does not.

use crate::aarch64::toolchain::Toolchain;
use crate::run::{Done, cargo_with, root};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FORMATS: &[&str] = &["ternary", "sherry", "w4", "w8a8"];
/// Whole pairs of tiles of every kernel.
const ROWS: usize = 32;
const COLS: usize = 2048;

/// A kernel on an emulated core.
struct Machine {
    kernel: &'static str,
    emulator: &'static str,
    options: &'static [&'static str],
    program: PathBuf,
}

pub(crate) fn count() -> Done {
    let build = ["build", "--locked", "--release", "-p", "kernels", "--example", "multiply"];
    let tools = Toolchain::provide()?;
    cargo_with(&tools.env("max"), &build)?;
    let own = [("CARGO_TARGET_DIR", "target/instructions".to_owned()), ("CARGO_BUILD_TARGET", X86.to_owned())];
    cargo_with(&own, &build)?;
    let arm = |kernel, core: &'static [&'static str]| Machine {
        kernel,
        emulator: "qemu-aarch64-static",
        options: core,
        program: example("target/aarch64", "aarch64-unknown-linux-gnu"),
    };
    let machines = [
        arm("neon", &["-cpu", "cortex-a72", "-L", "/usr/aarch64-linux-gnu"]),
        arm("neon-dotprod", &["-cpu", "cortex-a76", "-L", "/usr/aarch64-linux-gnu"]),
        Machine {
            kernel: "avx2",
            emulator: "qemu-x86_64-static",
            options: &["-cpu", "max"],
            program: example("target/instructions", X86),
        },
    ];
    println!("Instructions per weight, one token, {COLS} columns; in brackets per 64 weights.\n");
    println!("| kernel | {} |", FORMATS.join(" | "));
    println!("| --- |{}", " --- |".repeat(FORMATS.len()));
    for machine in &machines {
        let mut cells = Vec::new();
        for format in FORMATS {
            let per_weight = machine.per_weight(format)?;
            cells.push(format!("{per_weight:.3} ({:.1})", 64.0 * per_weight));
        }
        println!("| {} | {} |", machine.kernel, cells.join(" | "));
    }
    Ok(())
}

const X86: &str = "x86_64-unknown-linux-gnu";

fn example(target: &str, triple: &str) -> PathBuf {
    root().join(target).join(triple).join("release/examples/multiply")
}

impl Machine {
    fn per_weight(&self, format: &str) -> Result<f64, String> {
        let once_more = |rows: usize| -> Result<i64, String> {
            Ok(self.instructions(format, rows, 2)? - self.instructions(format, rows, 1)?)
        };
        Ok((once_more(2 * ROWS)? - once_more(ROWS)?) as f64 / (ROWS * COLS) as f64)
    }

    /// Instructions of a whole run.
    fn instructions(&self, format: &str, rows: usize, times: usize) -> Result<i64, String> {
        let sizes = [rows, COLS, 1, times].map(|n| n.to_string());
        let mut child = Command::new(self.emulator)
            .args(self.options)
            .args(["-singlestep", "-d", "exec,nochain"])
            .arg(&self.program)
            .args([self.kernel, format])
            .args(sizes)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{}: {e}", self.emulator))?;
        let log = child.stderr.take().ok_or("the emulator has no log")?;
        let (count, rest) = lines(&mut BufReader::with_capacity(1 << 20, log))?;
        let status = child.wait().map_err(|e| format!("{}: {e}", self.emulator))?;
        if status.success() && count > 0 { Ok(count) } else { Err(format!("{}: {status}: {rest}", shown(&self.program))) }
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
