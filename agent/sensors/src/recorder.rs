//! Writes down what sensors read, as a board in a text: a device's answers for a bug report or a new fixture.

use crate::files::Files;
use crate::listing::escape;
use crate::missing::Missing;
use crate::runner::Runner;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Hands every question on and remembers the answer. Clones share the memory.
#[derive(Clone, Debug)]
pub struct Recorder {
    files: Arc<dyn Files>,
    runner: Arc<dyn Runner>,
    /// Folder or `$`, then name, then answer.
    heard: Arc<Mutex<BTreeMap<String, BTreeMap<String, String>>>>,
}

impl Recorder {
    /// Asks these files and this runner.
    #[must_use]
    pub fn new(files: Arc<dyn Files>, runner: Arc<dyn Runner>) -> Self {
        Self { files, runner, heard: Arc::default() }
    }

    fn hear(&self, folder: &str, name: &str, answer: &Result<String, Missing>) {
        let text = match answer {
            Ok(text) => escape(text),
            Err(Missing::Denied { .. }) => "!EACCES".into(),
            Err(Missing::Unpowered { .. }) => "!EAGAIN".into(),
            Err(Missing::NotSupported { .. }) => "!ENODATA".into(),
            Err(Missing::TimedOut { .. }) => "!HANG".into(),
            Err(Missing::Failed { .. }) => "!EIO".into(),
            // What is not there is not written down.
            Err(_) => return,
        };
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.entry(folder.into()).or_default().insert(name.into(), text);
    }

    /// The listing that [`crate::Listing::parse`] reads.
    #[must_use]
    pub fn listing(&self) -> String {
        let mut out = String::new();
        for (folder, entries) in self.heard.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // Writing to a text cannot fail.
            let _ = writeln!(out, "[{folder}]");
            for (name, answer) in entries {
                let _ = writeln!(out, "{name} = {answer}");
            }
        }
        out
    }
}

impl Files for Recorder {
    fn read(&self, path: &str) -> Result<String, Missing> {
        let answer = self.files.read(path);
        if let Some((folder, name)) = path.rsplit_once('/') {
            self.hear(folder, name, &answer);
        }
        answer
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, Missing> {
        self.files.list(folder)
    }
}

impl Runner for Recorder {
    fn run(&self, command: &[&str]) -> Result<String, Missing> {
        let answer = self.runner.run(command);
        self.hear("$", &command.join(" "), &answer);
        answer
    }
}
