//! What can be wrong with a change.

use std::fmt;

/// One change that cannot be applied.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ChangeError {
    #[error("`{text}` is no change; write NAME.KEY=VALUE, for example `chat.deadline.ttft=1200ms`")]
    Form { text: String },
    #[error("no device or service is named `{name}`{}", hint(.near))]
    Name { name: String, near: Option<String> },
    #[error("`{name}` has no `{key}` to set{}; its keys: {}", hint(.near), .keys.join(", "))]
    Key { name: String, key: String, near: Option<String>, keys: Vec<&'static str> },
    #[error("{key}: {reason}")]
    Value { key: String, reason: String },
    #[error("{key}: {value} is out of range; {range}")]
    Range { key: String, value: String, range: &'static str },
    #[error("{key}: `{value}` is none of {}{}", .choices.join(", "), hint(.near))]
    Choice { key: String, value: String, near: Option<String>, choices: Vec<String> },
    #[error("`{device}` cannot be dropped: {needed_by}")]
    Needed { device: String, needed_by: String },
    #[error("the name `{name}` is taken")]
    Taken { name: String },
    #[error("no device profile is named `{id}`{}", hint(.near))]
    Profile { id: String, near: Option<String> },
    #[error("the scenario has no site to add `{id}` to")]
    NoSite { id: String },
}

/// All changes that could not be applied; never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeErrors(pub Vec<ChangeError>);

impl fmt::Display for ChangeErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, e) in self.0.iter().enumerate() {
            write!(f, "{}error: {e}", if i > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ChangeErrors {}

fn hint(near: &Option<String>) -> String {
    near.as_ref().map_or(String::new(), |n| format!("; did you mean `{n}`?"))
}

/// The nearest of some names, if any is near enough to be a slip of the hand.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(name, k), k))
        .min()
        .filter(|&(distance, k)| distance <= 1 + k.len().min(name.len()) / 4)
        .map(|(_, k)| k.to_owned())
}
