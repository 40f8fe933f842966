//! Commands behind a trait, with a deadline: `vcgencmd` and `nvpmodel`.

use crate::deadline::Deadline;
use crate::missing::Missing;
use std::fmt::Debug;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Longest output that is read.
const OUTPUT_MAX: u64 = 64 * 1024;
/// A service's search path may lack the administrator's folders, where `nvpmodel` lies.
const FOLDERS: &[&str] = &["/usr/sbin", "/usr/bin"];

/// Runs a command and hands back what it wrote to its standard output.
pub trait Runner: Debug + Send + Sync {
    /// `command` is program and arguments.
    ///
    /// # Errors
    /// The reason why there is no output.
    fn run(&self, command: &[&str]) -> Result<String, Missing>;
}

/// Runs programs of this machine.
#[derive(Clone, Debug)]
pub struct SystemRunner {
    limit: Duration,
    deadline: Deadline,
}

impl SystemRunner {
    /// Each command may take `limit`.
    #[must_use]
    pub fn new(limit: Duration, deadline: Deadline) -> Self {
        Self { limit, deadline }
    }
}

impl Runner for SystemRunner {
    fn run(&self, command: &[&str]) -> Result<String, Missing> {
        let what = command.join(" ");
        let mut child = start(command).map_err(|e| Missing::from_io(command.first().unwrap_or(&""), &e))?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let read = move || -> io::Result<(String, String)> { Ok((drain(out)?, drain(err)?)) };
        let texts = self.deadline.run(&what, self.limit, read);
        // It has closed its output or is late; either way it has nothing more to say.
        let status = end(child, &self.deadline, &what, texts.is_ok());
        let (out, err) = texts?.map_err(|e| Missing::from_io(&what, &e))?;
        if status? {
            return Ok(out);
        }
        let said = if err.trim().is_empty() { out } else { err };
        let refused = ["Permission denied", "Can't open device file", "must be root"].iter().any(|r| said.contains(r));
        if refused {
            return Err(Missing::Denied { what });
        }
        Err(Missing::Failed { what, error: said.trim().chars().take(120).collect() })
    }
}

fn start(command: &[&str]) -> io::Result<Child> {
    let Some((program, arguments)) = command.split_first() else { return Err(io::ErrorKind::InvalidInput.into()) };
    let place = find(program).ok_or(io::ErrorKind::NotFound)?;
    let mut started = Command::new(place);
    started.args(arguments).env("LC_ALL", "C");
    started.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// Where a program lies: on the search path, or in the administrator's folders.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(FOLDERS.iter().map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|place| place.is_file())
}

fn drain(pipe: Option<impl Read>) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(OUTPUT_MAX).read_to_end(&mut bytes)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Waits for the child on a thread that may get stuck, kills it first when it is late; true when it succeeded.
fn end(mut child: Child, deadline: &Deadline, what: &str, in_time: bool) -> Result<bool, Missing> {
    if !in_time {
        // Fails when it has just ended by itself: fine as well.
        let _ = child.kill();
    }
    let id = format!("{what}, its end");
    let grace = Duration::from_millis(if in_time { 200 } else { 20 });
    let status = deadline.run(&id, grace, move || child.wait())?.map_err(|e| Missing::from_io(what, &e))?;
    Ok(status.success())
}
