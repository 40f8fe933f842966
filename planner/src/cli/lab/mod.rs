//! `planner lab LAB.yaml`: a fleet of processes on this machine, until Ctrl-C. Leaves nothing behind.

mod agents;
mod file;
mod plan;

use super::args::{Fleet, Lab};
use super::exit::{Exit, Failure, Outcome};
use super::fleet::{enrol, session::Session, wait};
use super::{files, watch};
use agents::Agents;
use fleet::enrol::{Roster, make_key};
use protocol::Name;
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
    watch::catch_interrupt();
    let folder = Folder(std::env::temp_dir().join(format!("wattline-lab-{}", std::process::id())));
    enroll(&lab, &folder.0)?;
    let base = args.lab.parent().unwrap_or(Path::new("."));
    let mut agents = Agents::start(&lab, base, &folder.0, args.listen.as_deref())?;
    let access = Fleet { fleet: folder.0.clone(), agent: agents.entry().to_owned(), api_key: None };
    let mut session = Session::open(&access, true)?;
    let issued = session.apply(&plan, "lab")?;
    let served = wait::served(&mut session, issued, args.wait, &mut || {
        if watch::interrupted() { Err(interrupted()) } else { agents.alive() }
    });
    if let Err(failure) = served {
        return if failure.exit == Exit::Interrupted { Ok(Exit::Interrupted) } else { Err(failure) };
    }
    let entry = agents.entry();
    files::print(&format!("{}\nserving on http://{entry}/v1 until Ctrl-C; try\n", super::fleet::show::status(&session)));
    for service in &lab.services {
        let body = format!(
            "{{\"model\":\"{}\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}",
            service.name
        );
        files::print(&format!("  curl -N http://{entry}/v1/chat/completions -d '{body}'\n"));
    }
    while !watch::interrupted() {
        agents.alive()?;
        std::thread::sleep(STEP);
    }
    Ok(Exit::Interrupted)
}

fn interrupted() -> Failure {
    Failure { exit: Exit::Interrupted, message: String::new() }
}

/// Keys and roster of the lab.
fn enroll(lab: &file::Lab, folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|e| Failure::input(format!("error: cannot make {}: {e}", folder.display())))?;
    let failure = |e: fleet::enrol::EnrolError| enrol::failure(&e);
    let planner = make_key(&enrol::owner(folder)).map_err(failure)?;
    let mut roster = Roster::new(lab.name.clone(), &planner.public());
    for agent in &lab.agents {
        let key = make_key(&folder.join(format!("{agent}.key"))).map_err(failure)?;
        roster.enrol(Name::clone(agent), &key.public()).map_err(failure)?;
    }
    roster.write(&enrol::roster(folder)).map_err(failure)
}
