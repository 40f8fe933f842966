//! The folder that the commands of a page share, and the programs that it has started.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Time between two looks at a program.
const LOOK: Duration = Duration::from_millis(20);
/// Looks until a started program says something, a minute; until it ends, ten seconds.
const START: usize = 3_000;
const END: usize = 500;

/// Ends what it has started when it is dropped.
#[derive(Debug)]
pub struct Session {
    folder: tempfile::TempDir,
    /// Folders that programs are looked for in, before the system's.
    programs: PathBuf,
    started: Vec<Child>,
    /// A page's ports of the loopback, and those free here that they stand for.
    ports: Vec<(String, String)>,
}

impl Session {
    /// A folder with links to `linked` below `root`, where programs of `programs` are found.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(root: &Path, linked: &[&str], programs: &Path) -> std::io::Result<Self> {
        let folder = tempfile::tempdir()?;
        for name in linked {
            std::os::unix::fs::symlink(root.join(name), folder.path().join(name))?;
        }
        Ok(Self { folder, programs: programs.to_path_buf(), started: Vec::new(), ports: Vec::new() })
    }

    pub(crate) fn save(&mut self, name: &str, text: &str) -> Result<(), String> {
        let text = self.here(text)?;
        std::fs::write(self.folder.path().join(name), text).map_err(|e| format!("{name}: {e}"))
    }

    /// What a command prints on both streams, and how it ends.
    pub(crate) fn run(&mut self, line: &str) -> Result<String, String> {
        let here = self.here(line)?;
        if let Some(program) = here.strip_suffix(" &") {
            return self.start(program);
        }
        let done = self.shell(&format!("{{ {here}\n}} 2>&1")).output().map_err(|e| format!("sh: {e}"))?;
        let mut text = self.there(&String::from_utf8_lossy(&done.stdout));
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        match done.status.code() {
            Some(0) => {}
            Some(code) => text += &format!("(exit {code})\n"),
            None => text += "(ended by a signal)\n",
        }
        Ok(text)
    }

    /// Starts a program and waits until it has said something; that is not shown.
    fn start(&mut self, program: &str) -> Result<String, String> {
        let said = self.folder.path().join(format!("said-{}", self.started.len()));
        let file = File::create(&said).and_then(|f| Ok((f.try_clone()?, f))).map_err(|e| format!("{}: {e}", said.display()))?;
        let mut shell = self.shell(&format!("exec {program}"));
        let child = shell.stdout(file.0).stderr(file.1).spawn().map_err(|e| format!("sh: {e}"))?;
        self.started.push(child);
        for _ in 0..START {
            if std::fs::metadata(&said).is_ok_and(|m| m.len() > 0) {
                return Ok(String::new());
            }
            std::thread::sleep(LOOK);
        }
        Err(format!("`{program}` says nothing"))
    }

    fn shell(&self, line: &str) -> Command {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(self.programs.clone()).chain(std::env::split_paths(&path));
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(self.folder.path()).stdin(Stdio::null());
        shell.env("COLUMNS", "100").env("NO_COLOR", "1");
        if let Ok(path) = std::env::join_paths(path) {
            shell.env("PATH", path);
        }
        shell
    }

    /// With ports that are free.
    fn here(&mut self, text: &str) -> Result<String, String> {
        const HOST: &str = "127.0.0.1:";
        for rest in text.split(HOST).skip(1) {
            let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
            // Port 1 stands for nobody, 0 for any.
            if port.len() < 4 || self.ports.iter().any(|(there, _)| there.ends_with(&port)) {
                continue;
            }
            let free = TcpListener::bind((HOST.trim_end_matches(':'), 0)).and_then(|l| l.local_addr());
            let free = free.map_err(|e| format!("no free port: {e}"))?.port();
            self.ports.push((format!("{HOST}{port}"), format!("{HOST}{free}")));
        }
        Ok(self.ports.iter().fold(text.to_owned(), |text, (there, here)| text.replace(there, here)))
    }

    fn there(&self, text: &str) -> String {
        let text = text.replace(&self.folder.path().display().to_string(), "~");
        self.ports.iter().fold(text, |text, (there, here)| text.replace(here, there))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for child in self.started.iter_mut().rev() {
            end(child);
        }
    }
}

/// As Ctrl-C would, so that a program can clear up; by force where it does not.
fn end(child: &mut Child) {
    let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    for _ in 0..END {
        if child.try_wait().is_ok_and(|done| done.is_some()) {
            return;
        }
        std::thread::sleep(LOOK);
    }
    let _ = child.kill();
    let _ = child.wait();
}
