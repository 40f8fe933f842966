//! Pages of documentation as scripts: each `console` block is run, and what it shows must come out.
//!
//! A line `$ …` goes to `sh`; what follows, up to the next, is what it prints on both streams; `(exit 2)` beneath is
//! how it ends, if not with 0. `…` stands for any text in a line, alone for any lines. `$ … &` starts a program that
//! goes on until the page ends. `<!-- file: NAME -->` before another block: the reader saves it under that name.
//! `<!-- not run: WHY -->` before a `console` block: this machine cannot.

mod glob;
mod parse;
mod session;

pub use session::Session;

use glob::matches;
use parse::{Part, parts};
use std::fmt::Write as _;

/// A page as it would read if every block showed what comes out now. Blocks that are right stay as they are.
///
/// # Errors
/// A block that is neither run nor says why, a file that cannot be written, a program that does not start.
pub fn retold(page: &str, session: &mut Session) -> Result<String, String> {
    let mut out = String::new();
    for part in parts(page)? {
        match part {
            Part::Text(text) => out += text,
            Part::File { name, text } => session.save(name, text)?,
            Part::Command { line, shown } => {
                let now = session.run(line)?;
                if now.lines().any(|l| l.starts_with("```")) {
                    return Err(format!("`{line}` prints a fence, which would end the block: show less of it"));
                }
                let _ = writeln!(out, "$ {line}");
                out += if matches(shown, &now) { shown } else { &now };
            }
        }
    }
    Ok(out)
}

/// How many commands of a page are run, and how many are marked as not run.
///
/// # Errors
/// As [`retold`].
pub fn counts(page: &str) -> Result<(usize, usize), String> {
    let run = parts(page)?.iter().filter(|p| matches!(p, Part::Command { .. })).count();
    let all = parse::commands(page);
    Ok((run, all - run))
}

#[cfg(test)]
mod tests;
