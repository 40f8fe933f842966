//! `planner lab LAB.yaml`: a fleet of processes on this machine, until Ctrl-C. Leaves nothing behind.

mod agents;
mod ask;
mod file;
mod plan;
mod predict;
mod report;

use super::args::{Fleet, Lab};
use super::exit::{Exit, Failure, Outcome};
use super::fleet::{enrol, session::Session, wait};
use super::{files, watch};
use agents::Agents;
use ask::Load;
use fleet::enrol::{Owners, Roster, make_key};
use profiles::DeviceProfile;
use protocol::Name;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often Ctrl-C and the agents are looked at.
const STEP: Duration = Duration::from_millis(100);

/// A folder that goes with this.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn run(args: &Lab) -> Outcome {
    let lab = file::read(&args.lab)?;
    let plan = plan::of(&lab)?;
    let named = args.profile.as_deref().map(super::device::find).transpose()?;
    watch::catch_interrupts();
    let folder = Folder(std::env::temp_dir().join(format!("wattline-lab-{}", std::process::id())));
    enroll(&lab, &folder.0)?;
    let base = args.lab.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut agents = Agents::start(&lab, base, &folder.0, args.listen.as_deref())?;
    let files = agents.files(&lab)?;
    let device = match named {
        _ if args.no_report => None,
        Some(device) => Some(device),
        None => {
            eprintln!("measuring this machine for the report: agent probe --quick (--no-report or --profile do without)");
            Some(agents::probe(lab.threads, &folder.0)?)
        }
    };
    let access = Fleet { fleet: folder.0.clone(), agent: agents.entry().to_owned(), api_key: None };
    let mut session = Session::open(&access, true)?;
    let issued = session.apply(&plan, "lab")?;
    let served = wait::served(&mut session, issued, args.wait, &mut |_| {
        if watch::interrupted() { Err(interrupted()) } else { agents.alive() }
    });
    if let Err(failure) = served {
        return if failure.exit == Exit::Interrupted { Ok(Exit::Interrupted) } else { Err(failure) };
    }
    let entry = agents.entry().to_owned();
    files::print(&format!("{}\nserving on http://{entry}/v1 until Ctrl-C; try\n", super::fleet::show::status(&session)));
    for service in &lab.services {
        let body = format!("{{\"model\":\"{}\",\"stream\":true,\"prompt\":\"Once upon a time\"}}", service.name);
        files::print(&format!("  curl -N http://{entry}/v1/completions -d '{body}'\n"));
    }
    if let Some(device) = device
        && !reported(args, &lab, &files, &device, &mut agents)?
    {
        return Ok(Exit::Interrupted);
    }
    while !watch::interrupted() {
        agents.alive()?;
        std::thread::sleep(STEP);
    }
    Ok(Exit::Interrupted)
}

/// Asks for as long as was said and prints how it went; false: Ctrl-C came first.
fn reported(
    args: &Lab,
    lab: &file::Lab,
    files: &BTreeMap<String, PathBuf>,
    device: &DeviceProfile,
    agents: &mut Agents,
) -> Result<bool, Failure> {
    let names = lab.services.iter().map(|s| s.name.clone()).collect();
    let load = Load::start(agents.entry(), names);
    for _ in 0..(args.report / STEP.as_secs_f64()).ceil() as u64 {
        if watch::interrupted() {
            return Ok(false);
        }
        agents.alive()?;
        std::thread::sleep(STEP);
    }
    let told = load.end();
    let mut rows = Vec::new();
    let link = predict::link(lab.link.as_ref()).ok_or_else(|| Failure::bug("the catalogue has no loopback"))?;
    for service in &lab.services {
        let (samples, failed) = report::of(&service.name, &told);
        let model = files.get(&service.model).map(|path| profiles::gguf::read_file(path));
        let model = model.transpose().map_err(|e| Failure::input(format!("error: {e}")))?;
        let predicted = model
            .zip(report::tokens(&samples))
            .and_then(|(m, (prompt, answer))| predict::of(service, &link, &m, device, prompt, answer));
        rows.push(report::Row { service: service.name.clone(), predicted, samples, failed });
    }
    let profile =
        if args.profile.is_some() { format!("the profile `{}`", device.id) } else { "what `agent probe` measured here".into() };
    if let Some(path) = &args.trace {
        files::write(path, reports::trace(&report::trace(&rows)).as_bytes())?;
    }
    files::print(&report::table(&rows, args.report, agents.power_w(), &profile));
    Ok(true)
}

fn interrupted() -> Failure {
    Failure { exit: Exit::Interrupted, message: String::new() }
}

/// Keys and roster of the lab.
fn enroll(lab: &file::Lab, folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|e| Failure::input(format!("error: cannot make {}: {e}", folder.display())))?;
    let failure = |e: fleet::enrol::EnrolError| enrol::failure(&e);
    let owners = Owners::from(make_key(&enrol::owner(folder)).map_err(failure)?);
    let mut roster = Roster::new(lab.name.clone(), &owners.now).map_err(failure)?;
    for agent in &lab.agents {
        roster.enrol(Name::clone(agent), folder, &owners).map_err(failure)?;
    }
    roster.write(&enrol::roster(folder)).map_err(failure)
}
