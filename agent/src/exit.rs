//! Exit codes, few and documented.

use engine::EngineError;
use std::error::Error;
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    /// Slower than `probe --assert` allows.
    Missed = 1,
    /// Bad input or usage.
    Input = 2,
    /// The network or a package failed.
    Remote = 4,
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that could not do its work: what to print on stderr, and how to leave.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self { exit: Exit::Input, message: message.into() }
    }

    pub(crate) fn remote(message: impl Into<String>) -> Self {
        Self { exit: Exit::Remote, message: message.into() }
    }

    /// Input with what to do about it.
    pub(crate) fn help(what: impl std::fmt::Display, help: impl std::fmt::Display) -> Self {
        Self::input(format!("error: {what}\n  help: {help}"))
    }
}

/// An error with all its causes.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    while let Some(cause) = at {
        let cause_text = cause.to_string();
        // Some errors print their cause themselves.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        at = cause.source();
    }
    text
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let text = format!("error: {}", causes(&error));
        Self::input(match error {
            EngineError::Context { .. } => format!("{text}\n  help: a shorter prompt, or fewer tokens with -n"),
            _ => text,
        })
    }
}

/// A panic is a bug of this program: it says so and leaves with 70, on whichever thread it happens.
pub(crate) fn own_up() {
    crash::own_up(crash::Program { name: "agent", version: env!("CARGO_PKG_VERSION"), secret: &[] });
}

/// What every command returns.
pub(crate) type Outcome = Result<Exit, Failure>;
