//! What a program leaves behind when it meets a bug of its own: a message, a file to send, and exit code 70.
//!
//! The file holds the program, the system, the names of the options that were typed, what failed and where. What was
//! typed after options, and other words, is left out unless it is a number with its unit: prompts, keys, names and
//! paths are nobody's business. The message of the failure is kept as it is and may quote input, so the file's first
//! lines say to read it before it is sent.

mod typed;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

pub use typed::typed;

/// Exit code of a bug.
pub const EXIT: i32 = 70;

/// Who reports.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    pub name: &'static str,
    pub version: &'static str,
    /// Options whose values are secret even where they are numbers: `--api-key`.
    pub secret: &'static [&'static str],
}

/// From now on a panic on any thread is a bug that owns up: message on stderr, report file, exit code 70.
pub fn own_up(program: Program) {
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        let what = format!("{panic} (thread `{}`)", thread.name().unwrap_or("without a name"));
        report(program, &what);
        std::process::exit(EXIT);
    }));
}

/// Says on stderr what failed, and where the file to send lies.
pub fn report(program: Program, what: &str) {
    let text = text(program, what, &std::env::args().collect::<Vec<_>>());
    let help = match write(&std::env::temp_dir(), program.name, &text) {
        Ok(path) => format!(
            "help: read {} and send it to the maintainers, as an issue where you got {} from",
            path.display(),
            program.name
        ),
        Err(why) => format!("help: no report could be written ({why}): send this text to the maintainers\n{text}"),
    };
    // Where stderr is closed or full there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "this is a bug in {}, not in your input: {what}\n{help}", program.name);
}

/// What the file says.
#[must_use]
pub fn text(program: Program, what: &str, args: &[String]) -> String {
    let mut out = String::from(
        "Crash report. Nothing was sent anywhere. It holds no values of options but numbers, no environment, no files;\n\
         the lines under `what` may quote your input: read them before you send this.\n\n",
    );
    let _ = writeln!(out, "program: {} {}", program.name, program.version);
    let threads = std::thread::available_parallelism().map_or(0, usize::from);
    let _ = writeln!(out, "system:  {} {}, {threads} processors", std::env::consts::OS, std::env::consts::ARCH);
    let _ = writeln!(out, "command: {} {}", program.name, typed(args, program.secret));
    let _ = writeln!(out, "what:\n{}", indented(what));
    let trace = std::backtrace::Backtrace::force_capture().to_string();
    let _ = writeln!(out, "where:\n{}", indented(&without_home(&trace)));
    out
}

fn indented(text: &str) -> String {
    text.lines().map(|l| format!("  {l}\n")).collect()
}

/// The home folder names its owner.
fn without_home(text: &str) -> String {
    match std::env::var("HOME") {
        Ok(home) if home.len() > 1 => text.replace(&home, "~"),
        _ => text.to_owned(),
    }
}

/// A new file, readable by its owner alone.
fn write(folder: &Path, program: &str, text: &str) -> std::io::Result<PathBuf> {
    let mut last = std::io::Error::other("no free name");
    for n in 0..100 {
        let path = folder.join(format!("{program}-crash-{}-{n}.txt", std::process::id()));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path).and_then(|mut f| f.write_all(text.as_bytes())) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => last = e,
            Err(e) => return Err(e),
        }
    }
    Err(last)
}
