//! The question before `apply` acts.

use super::rehearse;
use super::session::Session;
use crate::cli::args::Apply;
use crate::cli::exit::Failure;
use crate::cli::paint;
use protocol::Plan;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// Whether to go on: yes by `--yes`, else what a person answers who has read what each device would do.
///
/// # Errors
/// Where nobody can be asked, or the plan would be refused anyway.
pub(crate) fn agreed(args: &Apply, plan: &Plan) -> Result<bool, Failure> {
    if args.yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        let message = "error: apply asks before it acts, and there is no terminal to ask at: nothing was sent";
        return Err(Failure::input(format!("{message}\n  help: --yes acts without asking, --dry-run says what would be done")));
    }
    // A session of its own: a person takes time, in which the fleet may move on.
    let mut session = Session::open(&args.fleet, false)?;
    session.adopt()?;
    let (text, _) = rehearse::rehearsed(&mut session, plan)?;
    paint::tell(&text.replace(": nothing was sent", ":"));
    let _ = write!(std::io::stderr(), "apply? [y/N] ");
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    let is_yes = read.is_ok() && matches!(line.trim().to_lowercase().as_str(), "y" | "yes");
    if !is_yes {
        paint::tell("nothing was sent: it was not agreed to");
    }
    Ok(is_yes)
}
