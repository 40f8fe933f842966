//! The profile as a file: `sources`, `device`, `links`, and under `probe` the record it was made from.

use crate::error::ProbeError;
use crate::profile::Profile;
use crate::record::Record;
use profiles::{DeviceProfile, LinkProfile};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Out<'p> {
    sources: &'p crate::profile::Sources,
    device: &'p DeviceProfile,
    #[serde(skip_serializing_if = "<[LinkProfile]>::is_empty")]
    links: &'p [LinkProfile],
    probe: &'p Record,
}

/// The text of a profile file, read back by the planner's own reader before it is given out.
///
/// # Errors
/// What cannot be written or read back.
pub fn text(profile: &Profile, record: &Record) -> Result<String, ProbeError> {
    let wrong = |e: &dyn std::fmt::Display| ProbeError::Profile(e.to_string());
    // A trace is long and has done its work: coefficients and residuals stay.
    let mut record = record.clone();
    if let Some(heat) = &mut record.heat {
        heat.trace.clear();
    }
    let out = Out { sources: &profile.sources, device: &profile.device, links: &profile.links, probe: &record };
    let body = serde_yaml::to_string(&out).map_err(|e| wrong(&e))?;
    let s = &record.surroundings;
    let text = format!(
        "# Written by `{}` (agent {}) on {}, {}.\n# `device` is in the form of the catalogue; in a scenario: `profile_file: {}.yaml`.\n{body}",
        s.command, s.version, s.processor, s.date, profile.device.id
    );
    let read = profiles::read_probed("the profile", &text).map_err(|e| wrong(&e))?;
    if read.device.id != profile.device.id || read.links.len() != profile.links.len() {
        return Err(ProbeError::Profile("it reads back as another".into()));
    }
    Ok(text)
}

/// The record in a profile file.
///
/// # Errors
/// The text is no profile file, or holds no record.
pub fn record(file: &str, text: &str) -> Result<Record, ProbeError> {
    #[derive(Deserialize)]
    struct In {
        probe: Option<Record>,
    }
    profiles::read_probed(file, text).map_err(|e| ProbeError::Read(e.to_string()))?;
    let read: In = profiles::yaml::parse(file, text, 0).map_err(|e| ProbeError::Read(e.to_string()))?;
    read.probe.ok_or_else(|| ProbeError::Read(format!("{file}: no `probe`; `agent probe -o` writes one")))
}
