//! Models of the user's own, beside those of the catalogue.

use profiles::{DeviceProfile, LinkProfile, ModelProfile};
use std::path::Path;

use super::names::list;
use crate::code::Code;
use crate::diagnostic::Sink;
use crate::file::{File, Marked, Text};
use crate::known::Known;
use crate::read::Open;

/// The catalogue, and the models of `model_files`.
pub(super) struct WithOwn<'a> {
    known: &'a dyn Known,
    own: Vec<ModelProfile>,
}

impl<'a> WithOwn<'a> {
    /// Reads the files; what cannot be used is reported.
    pub(super) fn read(file: &File, folder: &Path, known: &'a dyn Known, open: Open<'_>, sink: &mut Sink) -> Self {
        let mut own: Vec<ModelProfile> = Vec::new();
        for path in list(file.model_files.as_ref()) {
            let Some(model) = model(path, folder, open, sink) else { continue };
            if known.model(&model.id).is_some() || own.iter().any(|m| m.id == model.id) {
                let message = format!("there are two models `{}`", model.id);
                sink.report(Code::DuplicateName, path.span, message, "give the one in this file another `id`");
                continue;
            }
            own.push(model);
        }
        Self { known, own }
    }
}

fn model(path: &Marked<Text>, folder: &Path, open: Open<'_>, sink: &mut Sink) -> Option<ModelProfile> {
    let shown = crate::file::shorten(&folder.join(&path.value.0).display().to_string());
    let found = open(&path.value.0).and_then(|bytes| {
        let text = String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
        profiles::read_model(&shown, &text).map_err(|error| error.to_string())
    });
    found
        .map_err(|reason| {
            // A profile file has findings of its own; the first tells enough here.
            let reason = reason.lines().next().unwrap_or("cannot be read").trim_end().to_owned();
            let help = "the path is relative to this file; `agent eval perplexity --profile` writes such a profile";
            sink.report(Code::ProfileFile, path.span, format!("no model's profile in `{shown}`: {reason}"), help);
        })
        .ok()
}

impl Known for WithOwn<'_> {
    fn device(&self, id: &str) -> Option<&DeviceProfile> {
        self.known.device(id)
    }
    fn model(&self, id: &str) -> Option<&ModelProfile> {
        self.own.iter().find(|m| m.id == id).or_else(|| self.known.model(id))
    }
    fn link(&self, id: &str) -> Option<&LinkProfile> {
        self.known.link(id)
    }
    fn device_ids(&self) -> Vec<&str> {
        self.known.device_ids()
    }
    fn model_ids(&self) -> Vec<&str> {
        let own = self.own.iter().map(|m| m.id.as_str());
        own.chain(self.known.model_ids()).collect()
    }
    fn link_ids(&self) -> Vec<&str> {
        self.known.link_ids()
    }
}
