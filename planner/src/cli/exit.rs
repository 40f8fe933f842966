//! Exit codes, few and documented.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Infeasible, or a target missed; what could be written is written.
    Missed = 1,
    /// Bad input or usage.
    Input = 2,
    /// `diff --exit-code` or `apply --dry-run` found changes.
    Changed = 3,
    /// An agent or the network failed.
    Remote = 4,
    /// A bug.
    Bug = 70,
    /// Interrupted; the best plan so far is kept.
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

    /// An agent that is not reached, or does not do what was asked.
    pub(crate) fn remote(message: impl Into<String>) -> Self {
        Self { exit: Exit::Remote, message: message.into() }
    }

    /// Told with a report file to send: [`crash`].
    pub(crate) fn bug(message: impl std::fmt::Display) -> Self {
        Self { exit: Exit::Bug, message: message.to_string() }
    }

    /// Says on stderr what is wrong, and gives the exit code.
    pub(crate) fn tell(self) -> Exit {
        if self.exit == Exit::Bug {
            crash::report(PROGRAM, &self.message);
        } else if !self.message.is_empty() {
            super::paint::tell(&self.message);
        }
        self.exit
    }
}

const PROGRAM: crash::Program = crash::Program { name: "planner", version: env!("CARGO_PKG_VERSION"), secret: &["--api-key"] };

/// A panic is a bug of this program: it says so and leaves with [`Exit::Bug`], on whichever thread it happens.
pub(crate) fn own_up() {
    crash::own_up(PROGRAM);
}

/// What every command returns.
pub(crate) type Outcome = Result<Exit, Failure>;
