//! Checks of a profile's values beyond their types. A profile without problems is one that the
//! physics can compute with: no division by zero, no name without a meaning.

mod device;
mod link;
mod model;
#[cfg(test)]
mod tests;

use crate::path::Path;
use crate::provenance::Sourced;
use crate::units::Ratio;
use crate::walk::Walk;

pub use device::device;
pub use link::link;
pub use model::model;

/// One thing that is wrong with a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path of the value: `processors[0].bandwidth`.
    pub at: String,
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: &'static str,
}

/// Collects problems.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, at: &Path<'_>, message: impl Into<String>) {
        self.hint(at, message, "");
    }

    fn hint(&mut self, at: &Path<'_>, message: impl Into<String>, hint: &'static str) {
        self.0.push(Problem { at: at.to_string(), message: message.into(), hint });
    }

    /// The value must be finite and above 0.
    fn positive<T: Copy + Into<f64> + std::fmt::Display>(&mut self, at: &Path<'_>, value: &Sourced<T>) {
        let v: f64 = value.value.into();
        if !(v.is_finite() && v > 0.0) {
            self.add(at, format!("must be above 0, is {}", value.value));
        }
    }

    /// The value must be finite and at least 0.
    fn not_negative<T: Copy + Into<f64> + std::fmt::Display>(&mut self, at: &Path<'_>, value: &Sourced<T>) {
        let v: f64 = value.value.into();
        if !(v.is_finite() && v >= 0.0) {
            self.add(at, format!("must be at least 0, is {}", value.value));
        }
    }

    /// The share must be in (0, 1].
    fn share(&mut self, at: &Path<'_>, value: &Sourced<Ratio>) {
        let v = value.value.get();
        if !(v > 0.0 && v <= 1.0) {
            self.add(at, format!("must be above 0 % and at most 100 %, is {}", value.value));
        }
    }

    /// The id must be lower case letters, digits, dots and dashes.
    fn id(&mut self, at: &Path<'_>, id: &str) {
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        if id.is_empty() || !id.chars().all(fine) || id.starts_with('-') {
            self.hint(at, format!("`{id}` is not an id"), "lower case letters, digits, dots and dashes");
        }
    }

    /// Every sourced value must have a source.
    fn sources(&mut self, profile: &(impl Walk + Clone)) {
        profile.clone().walk(&Path::ROOT, &mut |at, _, source| {
            if source.trim().is_empty() {
                self.hint(at, "the source is empty", "write a URL or a reason");
            }
        });
    }
}
