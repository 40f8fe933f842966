//! A user's own profile file: `sources:` (optional) and one `device:` (with `links:` where an agent measured some) or
//! `model:`, every fault with its place.

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::path::{Path as FilePath, PathBuf};

use crate::catalogue::sources::{Sources, expand};
use crate::check::{self, Problem};
use crate::device::DeviceProfile;
use crate::link::LinkProfile;
use crate::model::ModelProfile;
use crate::places::Places;
use crate::walk::Walk;
use crate::yaml::{self, Fault};

/// Why a profile file is not a profile.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot read {path}")]
    File { path: PathBuf, source: std::io::Error },
    /// Never empty, in the order of the file.
    #[error("{}", list(.0))]
    Faults(Vec<Fault>),
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads and checks a device profile; `file` is its name in faults.
///
/// # Errors
/// The first fault of the YAML, or all faults of the values.
pub fn read_device(file: &str, text: &str) -> Result<DeviceProfile, ReadError> {
    read_probed(file, text).map(|probed| probed.device)
}

/// What `agent probe` writes: a device, and the links that it measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Probed {
    pub device: DeviceProfile,
    /// Empty where none was measured, and in a file that a person wrote.
    pub links: Vec<LinkProfile>,
}

/// Reads and checks a device profile and the links beside it; what the agent keeps under `probe` is its own.
///
/// # Errors
/// The first fault of the YAML, or all faults of the values.
pub fn read_probed(file: &str, text: &str) -> Result<Probed, ReadError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct DeviceFile {
        #[serde(default)]
        sources: Sources,
        device: DeviceProfile,
        #[serde(default)]
        links: Vec<LinkProfile>,
        #[serde(default, rename = "probe")]
        _probe: IgnoredAny,
    }
    let DeviceFile { sources, device, links, .. } = yaml::parse(file, text, 0).map_err(|f| ReadError::Faults(vec![f]))?;
    let device = finish(file, text, "device", &sources, device, check::device)?;
    let links = links.into_iter().enumerate();
    let links =
        links.map(|(i, l)| finish(file, text, &format!("links[{i}]"), &sources, l, check::link)).collect::<Result<_, _>>()?;
    Ok(Probed { device, links })
}

/// Reads and checks a model profile; `file` is its name in faults.
///
/// # Errors
/// The first fault of the YAML, or all faults of the values.
pub fn read_model(file: &str, text: &str) -> Result<ModelProfile, ReadError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct ModelFile {
        #[serde(default)]
        sources: Sources,
        model: ModelProfile,
    }
    let ModelFile { sources, model } = yaml::parse(file, text, 0).map_err(|f| ReadError::Faults(vec![f]))?;
    finish(file, text, "model", &sources, model, check::model)
}

/// [`read_device`] of a file on disk.
///
/// # Errors
/// The file cannot be read, or its faults.
pub fn read_device_file(path: &FilePath) -> Result<DeviceProfile, ReadError> {
    read_device(&path.display().to_string(), &load(path)?)
}

/// [`read_model`] of a file on disk.
///
/// # Errors
/// The file cannot be read, or its faults.
pub fn read_model_file(path: &FilePath) -> Result<ModelProfile, ReadError> {
    read_model(&path.display().to_string(), &load(path)?)
}

fn load(path: &FilePath) -> Result<String, ReadError> {
    use std::io::Read;
    let mut text = String::new();
    // One byte past the limit, so that a device file without an end cannot fill the memory.
    std::fs::File::open(path)
        .and_then(|f| f.take(yaml::MAX_BYTES as u64 + 1).read_to_string(&mut text))
        .map_err(|source| ReadError::File { path: path.into(), source })?;
    Ok(text)
}

fn finish<T: Walk>(
    file: &str,
    text: &str,
    key: &str,
    sources: &Sources,
    mut profile: T,
    check: fn(&T) -> Vec<Problem>,
) -> Result<T, ReadError> {
    let mut problems: Vec<Problem> = expand(&mut profile, sources)
        .into_iter()
        .map(|(at, source)| Problem {
            at,
            message: format!("`{source}` is not a key of `sources`"),
            hint: "add it there, or write a URL or a reason",
        })
        .collect();
    problems.extend(check(&profile));
    if problems.is_empty() {
        return Ok(profile);
    }
    let places = Places::of(text);
    let mut faults: Vec<Fault> = problems
        .into_iter()
        .map(|p| {
            let (line, column) = places.find(&format!("{key}.{}", p.at));
            Fault { file: file.into(), line, column, message: format!("{}: {}", p.at, p.message), hint: p.hint.into() }
        })
        .collect();
    faults.sort_by_key(|f| (f.line, f.column));
    Err(ReadError::Faults(faults))
}
