//! The file that a run is kept in.

use super::failure;
use crate::exit::Failure;
use ::learn::Learner;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// No run's file is larger: what is, is none of ours and is not read whole.
const LARGEST: u64 = 64 << 20;

/// Where a run is kept.
pub(super) struct Checkpoint(PathBuf);

impl Checkpoint {
    /// The place, and what is to be resumed from it. A file that is there is written over only when that was asked for.
    pub(super) fn open(path: PathBuf, resume: bool, force: bool) -> Result<(Self, Option<String>), Failure> {
        let shown = path.display().to_string();
        if !resume {
            if path.exists() && !force {
                let help = "--resume goes on with it, --force begins anew, --checkpoint FILE names another";
                return Err(Failure::help(format!("{shown} is there already"), help));
            }
            return Ok((Self(path), None));
        }
        let text = read(&path).map_err(|e| match e.kind() {
            ErrorKind::NotFound => Failure::help(
                format!("there is no checkpoint {shown}"),
                "leave --resume out to begin, or name it with --checkpoint",
            ),
            _ => Failure::help(format!("cannot read {shown}: {e}"), "name a checkpoint of agent learn with --checkpoint"),
        })?;
        Ok((Self(path), Some(text)))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// In place of the older one, at once.
    pub(super) fn write(&self, learner: &Learner) -> Result<(), Failure> {
        let text = learner.save().map_err(|e| failure(&e))?;
        crate::print::file(&self.0, &text)
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST { Err(ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

/// The command that goes on where this one stops.
pub(super) fn again() -> String {
    resumed(std::env::args().skip(1))
}

fn resumed(args: impl Iterator<Item = String>) -> String {
    let mut words = vec!["agent".to_owned()];
    words.extend(args.filter(|a| !matches!(a.as_str(), "--force" | "--resume")).map(|a| quoted(&a)));
    words.push("--resume".into());
    words.join(" ")
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_goes_on_is_one_to_paste() {
        let words = ["learn", "grid", "-m", "my model.gguf", "--force"].map(String::from);
        assert_eq!(resumed(words.into_iter()), "agent learn grid -m 'my model.gguf' --resume");
        assert_eq!(resumed(["learn", "it's", "--resume"].map(String::from).into_iter()), r"agent learn 'it'\''s' --resume");
    }

    #[test]
    fn files_are_kept_unless_told_otherwise() {
        let folder = tempfile::tempdir().expect("writable");
        let path = folder.path().join("run.json");
        let open = |resume, force| Checkpoint::open(path.clone(), resume, force).map(|(_, text)| text);
        assert_eq!(open(false, false).expect("nothing there"), None);
        assert!(open(true, false).expect_err("nothing there").message.contains("no checkpoint"));
        std::fs::write(&path, "{}").expect("writable");
        assert!(open(false, false).expect_err("there").message.contains("--resume"));
        assert_eq!(open(false, true).expect("forced"), None);
        assert_eq!(open(true, false).expect("there"), Some("{}".into()));
        std::fs::write(&path, [0xff, 0xfe]).expect("writable");
        assert!(open(true, false).expect_err("no text").message.contains("cannot read"));
    }
}
