//! `planner keygen`, `enroll`, `apply`, `status`, `rollback`, `history`, `watch`: the owner's side of a fleet.
//!
//! The decisions are the controller's in the crate `fleet`; here its actions are carried out, through any one
//! agent. That agent needs no trust: plans are signed by the owner, statuses by the agents that say them.

mod ask;
pub(crate) mod enrol;
pub(crate) mod http;
mod log;
mod models;
mod rehearse;
pub(crate) mod session;
pub(crate) mod show;
pub(crate) mod wait;
mod watch;

pub(crate) use enrol::{enroll, keygen, rotate};
pub(crate) use models::model;
pub(crate) use watch::watch;

use super::args::{Apply, Format, History, Rollback, Status, Stream};
use super::exit::{Exit, Failure, Outcome};
use super::{files, paint};
use fleet::controller::follow;
use log::Log;
use session::Session;

pub(crate) fn apply(args: &Apply) -> Outcome {
    let plan = files::plan(&args.plan)?;
    if let Some(why) = fleet::not_yet(&plan) {
        return Err(Failure::input(format!("error: the plan is not applied: {why}")));
    }
    if args.dry_run {
        let mut session = Session::open(&args.fleet, false)?;
        session.adopt()?;
        return rehearse::rehearse(&mut session, &plan);
    }
    if !ask::agreed(args, &plan)? {
        return Ok(Exit::Changed);
    }
    let mut session = Session::open(&args.fleet, true)?;
    session.adopt()?;
    let issued = session.apply(&plan, "apply")?;
    let done = wait::until_served(&mut session, issued, args.wait, args.format)?;
    if Log::open(&args.fleet.fleet)?.before(issued.generation).is_some() {
        paint::tell(&format!("undo: planner rollback{}", args.fleet.typed()));
    }
    Ok(done)
}

pub(crate) fn rollback(args: &Rollback) -> Outcome {
    let mut session = Session::open(&args.fleet, true)?;
    session.adopt()?;
    let Some(newest) = session.newest() else {
        return Err(Failure::input("error: the fleet has no plan to go back from\n  help: `planner apply PLAN` gives it one"));
    };
    let log = Log::open(&args.fleet.fleet)?;
    let Some(back) = log.before(newest.generation) else {
        let message =
            format!("error: no plan before {newest} was served by all its devices\n  help: `planner history` lists them");
        return Err(Failure::input(message));
    };
    let content = log.plan(back)?;
    let plan = follow(&content, newest).map_err(Failure::bug)?;
    let issued = session.apply(&plan, &format!("rollback to {back}"))?;
    wait::until_served(&mut session, issued, args.wait, args.format)
}

pub(crate) fn status(args: &Status) -> Outcome {
    let mut session = Session::open(&args.fleet, false)?;
    session.poll()?;
    if let Some(path) = &args.save {
        let none = || Failure::input("error: the fleet has no plan yet\n  help: `planner apply PLAN` gives it one");
        let bytes = protocol::canonical::bytes(&session.newest_plan().ok_or_else(none)?).map_err(Failure::bug)?;
        files::create(path, &bytes)?;
    }
    match args.format {
        Format::Human => files::print(&show::status(&session)),
        Format::Json => files::print(&show::json(&session)?),
    }
    Ok(Exit::Done)
}

pub(crate) fn history(args: &History) -> Outcome {
    let log = Log::open(&args.fleet)?;
    match args.format {
        Stream::Human => files::print(&log.table()),
        Stream::Json => files::print(&log.json()?),
        Stream::Jsonl => log.events()?,
    }
    Ok(Exit::Done)
}
