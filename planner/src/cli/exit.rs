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

    pub(crate) fn bug(message: impl std::fmt::Display) -> Self {
        Self {
            exit: Exit::Bug,
            message: format!(
                "this is a bug in planner, not in your input: {message}\nhelp: send the scenario and this line to the maintainers"
            ),
        }
    }
}

/// A panic is a bug of this program: it says so and leaves with [`Exit::Bug`], on whichever thread it happens.
pub(crate) fn own_up() {
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{}", Failure::bug(panic).message);
        std::process::exit(Exit::Bug as i32);
    }));
}

/// What every command returns.
pub(crate) type Outcome = Result<Exit, Failure>;
