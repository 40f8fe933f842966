//! `planner calibrate --device NAME|FILE --measurements TABLE [-o FILE]`.

use super::args::{Calibrate, Format};
use super::exit::{Exit, Failure, Outcome};
use super::{device, files};
use crate::{calibrate, validate};
use profiles::DeviceProfile;
use serde::Serialize;

#[derive(Serialize)]
struct File<'d> {
    device: &'d DeviceProfile,
}

pub(crate) fn run(args: &Calibrate) -> Outcome {
    if let Some(out) = args.out.as_ref().filter(|o| o.exists()) {
        return Err(files::exists(out));
    }
    let device = device::find(&args.device)?;
    let table = args.measurements.display().to_string();
    let bytes = files::read(&args.measurements)?;
    let rows = validate::read(&table, &bytes).map_err(|all| Failure::input(all.to_string()))?;
    let name = args.measurements.file_name().map_or_else(|| table.clone(), |n| n.to_string_lossy().into_owned());
    let done = calibrate::calibrate(&device, &rows, &name).map_err(|e| {
        Failure::input(format!(
            "error: {table}: {e}\n  help: `device_id` of its rows must be `{}`, or that with the id of a power mode behind it",
            device.id
        ))
    })?;
    if let Some(out) = &args.out {
        let text = yaml(&done.profile, &name)?;
        files::create(out, text.as_bytes())?;
    }
    match args.format {
        Format::Human => files::print(&done.to_string()),
        Format::Json => files::print(&format!("{}\n", serde_json::to_string_pretty(&done).map_err(Failure::bug)?)),
    }
    Ok(Exit::Done)
}

/// The profile as a file, read back before anyone relies on it.
fn yaml(profile: &DeviceProfile, table: &str) -> Result<String, Failure> {
    let body = serde_yaml::to_string(&File { device: profile }).map_err(Failure::bug)?;
    let text = format!("# Written by `planner calibrate` from {table}: fitted coefficients name their rows in `source`.\n{body}");
    let back = profiles::read_device("the fitted profile", &text).map_err(Failure::bug)?;
    if back.id == profile.id { Ok(text) } else { Err(Failure::bug("the fitted profile reads back as another device")) }
}
