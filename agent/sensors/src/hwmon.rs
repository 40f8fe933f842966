//! `/sys/class/hwmon`: chips by name, never by number, for numbers change between boots.

use crate::files::{Files, integer, scaled, text};
use crate::missing::Missing;

/// One chip.
#[derive(Clone, Debug)]
pub(crate) struct Chip {
    pub name: String,
    /// `/sys/class/hwmon/hwmon3`.
    pub dir: String,
}

impl Chip {
    pub(crate) fn path(&self, attribute: &str) -> String {
        format!("{}/{attribute}", self.dir)
    }

    pub(crate) fn text(&self, files: &dyn Files, attribute: &str) -> Result<String, Missing> {
        text(files, &self.path(attribute))
    }

    pub(crate) fn integer(&self, files: &dyn Files, attribute: &str) -> Result<f64, Missing> {
        integer(files, &self.path(attribute))
    }

    pub(crate) fn scaled(&self, files: &dyn Files, attribute: &str, factor: f64) -> Result<f64, Missing> {
        scaled(files, &self.path(attribute), factor)
    }
}

/// All chips, in the order of their numbers.
pub(crate) fn chips(files: &dyn Files) -> Vec<Chip> {
    let mut found = Vec::new();
    for entry in files.list("/sys/class/hwmon").unwrap_or_default() {
        let dir = format!("/sys/class/hwmon/{entry}");
        if let Ok(name) = text(files, &format!("{dir}/name")) {
            found.push(Chip { name, dir });
        }
    }
    found
}

/// Chips with one of these names; a reason when there is none.
pub(crate) fn named(files: &dyn Files, names: &[&str]) -> Result<Vec<Chip>, Missing> {
    let found: Vec<Chip> = chips(files).into_iter().filter(|c| names.contains(&c.name.as_str())).collect();
    if found.is_empty() {
        return Err(Missing::absent(format!("a hwmon chip named {}", names.join(" or "))));
    }
    Ok(found)
}
