//! The yardstick's folder: instances, generator, scorer.

use crate::run::output;
use std::path::{Path, PathBuf};

/// The folder, and a temporary one for what is generated, removed at the end.
pub(super) struct Folder {
    root: PathBuf,
    made: PathBuf,
    python: String,
}

/// What the scorer said of a file of plans.
pub(super) struct Scored {
    pub feasible: usize,
    pub plans: usize,
    pub hypervolume: f64,
}

/// Variants of an instance, in the generator's language.
const VARIANTS: &str = r#"
import json, random, sys
from instance import generate
def numbered(i):
    for n, d in enumerate(i["devices"]):
        d["id"] = n
    return i
def fewer(i):
    i["devices"].pop()
    return i
def shuffled(i):
    random.Random(1).shuffle(i["devices"])
    return numbered(i)
"#;

impl Folder {
    /// The yardstick's folder, or that of its instances.
    pub(super) fn open(named: &Path) -> Result<Folder, String> {
        let path = named.canonicalize().map_err(|e| format!("{}: {e}", named.display()))?;
        let root = if path.join("instances").is_dir() { path } else { path.parent().map_or(path.clone(), Path::to_path_buf) };
        let made = std::env::temp_dir().join(format!("wattline-yardstick-{}", std::process::id()));
        std::fs::create_dir_all(&made).map_err(|e| format!("{}: {e}", made.display()))?;
        let python = std::env::var("WATTLINE_YARDSTICK_PYTHON").unwrap_or_else(|_| "python3".into());
        let folder = Folder { root, made, python };
        if folder.scores() || folder.generates() {
            folder.python("import numpy").map_err(|e| {
                format!("{e}\nnumpy is needed: `python3 -m venv venv && venv/bin/pip install numpy`, then WATTLINE_YARDSTICK_PYTHON=venv/bin/python")
            })?;
        }
        Ok(folder)
    }

    pub(super) fn scores(&self) -> bool {
        self.root.join("score.py").is_file()
    }

    pub(super) fn generates(&self) -> bool {
        self.root.join("instance.py").is_file()
    }

    /// The fixed instances, smallest first.
    pub(super) fn instances(&self) -> Result<Vec<PathBuf>, String> {
        let folder = self.root.join("instances");
        let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
            .map_err(|e| format!("{}: {e}", folder.display()))?
            .filter_map(|e| e.ok().map(|e| e.path()))
            .filter(|p| p.extension().is_some_and(|e| e == "json"))
            .collect();
        files.sort_by_key(|p| (p.metadata().map_or(0, |m| m.len()), p.clone()));
        if files.is_empty() { Err(format!("{}: no instances", folder.display())) } else { Ok(files) }
    }

    /// What a line of Python prints that sees the generator.
    pub(super) fn python(&self, line: &str) -> Result<String, String> {
        let program = if self.generates() { format!("{VARIANTS}{line}") } else { line.to_owned() };
        let env = [("PYTHONPATH", self.root.display().to_string()), ("PYTHONDONTWRITEBYTECODE", "1".into())];
        output(&env, &self.python, &["-c", &program])
    }

    /// An instance by an expression of the generator's.
    pub(super) fn generate(&self, expression: &str, name: &str) -> Result<PathBuf, String> {
        let file = self.made.join(format!("{}.json", name.replace(' ', "-")));
        let text = self.python(&format!("i = {expression}\ni['name'] = '{name}'\njson.dump(i, sys.stdout)"))?;
        std::fs::write(&file, text).map_err(|e| format!("{}: {e}", file.display()))?;
        Ok(file)
    }

    /// Scores a file of plans, where there is a scorer.
    pub(super) fn score(&self, instance: &Path, plans: &Path) -> Result<Option<Scored>, String> {
        if !self.scores() {
            return Ok(None);
        }
        let scorer = self.root.join("score.py").display().to_string();
        let env = [("PYTHONDONTWRITEBYTECODE", "1".into())];
        let said = output(&env, &self.python, &[&scorer, &instance.display().to_string(), &plans.display().to_string()])?;
        let lines: Vec<&str> = said.lines().filter(|l| l.starts_with("plan ")).collect();
        let area = said.lines().find_map(|l| l.strip_prefix("hypervolume ")).and_then(|l| l.split(' ').next()?.parse().ok());
        Ok(Some(Scored {
            feasible: lines.iter().filter(|l| l.contains(": feasible ")).count(),
            plans: lines.len(),
            hypervolume: area.unwrap_or(f64::NAN),
        }))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.made);
    }
}
