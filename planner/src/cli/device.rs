//! A device by its name in the catalogue, or by its file.

use super::exit::Failure;
use profiles::{Catalogue, DeviceProfile};
use std::path::Path;

/// Ends of names that are files.
const FILES: [&str; 2] = ["yaml", "yml"];

/// Reads the device that was named.
pub(crate) fn find(name: &str) -> Result<DeviceProfile, Failure> {
    let path = Path::new(name);
    if path.extension().is_some_and(|e| FILES.iter().any(|f| e == *f)) || path.components().count() > 1 {
        let bytes = super::files::read(path)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::input(format!("error: {name} is no text, expected a profile in YAML")))?;
        return profiles::read_device(name, &text).map_err(|e| {
            Failure::input(format!("{e}\n  help: the file needs one `device:`; `planner schema device` shows its form"))
        });
    }
    let catalogue = Catalogue::builtin();
    catalogue.device(name).cloned().ok_or_else(|| {
        let near = catalogue.device_ids().min_by_key(|id| strsim::damerau_levenshtein(id, name)).unwrap_or_default();
        Failure::input(format!(
            "error: the catalogue has no device `{name}`\n  help: did you mean `{near}`? A file ends in .yaml"
        ))
    })
}
