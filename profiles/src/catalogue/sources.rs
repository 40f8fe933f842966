//! Source keys become source texts.

use std::collections::BTreeMap;

use crate::path::Path;
use crate::walk::Walk;

/// A file's map from short key to source text.
pub(crate) type Sources = BTreeMap<String, String>;

/// Replaces each key by its text. Returns the sources that are neither a key nor a text, with
/// the place of the value that names them.
pub(crate) fn expand(profile: &mut impl Walk, sources: &Sources) -> Vec<(String, String)> {
    let mut unknown = Vec::new();
    profile.walk(&Path::ROOT, &mut |at, _, source| {
        if let Some(text) = sources.get(source.as_str()) {
            source.clone_from(text);
        } else if !source.contains([' ', '/']) {
            unknown.push((at.to_string(), source.clone()));
        }
    });
    unknown
}
