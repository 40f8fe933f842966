//! Typed maps to YAML, for tests, converters and `planner demo`: the inverse of reading.

use crate::file::File;

/// The file as YAML; reading it back yields an equal [`File`].
///
/// # Errors
/// What the YAML writer reports; none is known for these types.
pub fn to_yaml(file: &File) -> Result<String, serde_yaml::ser_error::Error> {
    serde_yaml::to_string(file)
}
