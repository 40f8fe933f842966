//! `planner watch SCENARIO`: looks at a fleet, and plans anew when a device that its plan uses is lost, one is back, or
//! one turns out to be another than its profile says.
//!
//! A loss is repaired at once. A device that is back must have been heard for a while, and the plan with it must be
//! better by more than a little: otherwise a flapping device would move models to and fro.

mod decide;
mod happened;
mod live;
mod server;
#[cfg(test)]
mod tests;

use super::session::Session;
use super::wait;
use crate::cli::args::{Happening, Watch};
use crate::cli::exit::{Exit, Failure, Outcome};
use crate::cli::{events, files, paint, solve, watch as terminal};
use crate::drift::Drift;
use crate::replan::Terms;
use crate::{drift, lint};
use decide::{Found, Why, is_ours, is_worth, missing, pays, used, why, without};
use happened::{Happened, What};
use protocol::{Name, Plan, Status};
use scenarios::Scenario;
use serde_json::json;
use server::{Board, Server};
use std::collections::{BTreeMap, BTreeSet};

/// After an attempt that failed the same is not tried for so long, s.
const AGAIN_S: f64 = 30.0;

/// When each device was last heard, and since when without a gap. Seconds of any one clock.
#[derive(Debug, Default)]
struct Seen(BTreeMap<String, Heard>);

#[derive(Debug)]
struct Heard {
    /// Boot and sequence of its last word.
    word: (u64, u64),
    at: f64,
    since: f64,
}

impl Seen {
    fn look<'s>(&mut self, statuses: impl Iterator<Item = &'s Status>, lost_s: f64, now: f64) {
        for s in statuses {
            let word = (s.boot, s.sequence);
            match self.0.get_mut(s.agent.as_str()) {
                Some(heard) if heard.word == word => {}
                Some(heard) => {
                    let since = if now - heard.at >= lost_s { now } else { heard.since };
                    *heard = Heard { word, at: now, since };
                }
                None => drop(self.0.insert(s.agent.to_string(), Heard { word, at: now, since: now })),
            }
        }
    }

    /// Whether it has been silent for so long; one that was never heard counts from the start, 0.
    fn is_lost(&self, name: &str, lost_s: f64, now: f64) -> bool {
        now - self.0.get(name).map_or(0.0, |h| h.at) >= lost_s
    }

    /// How long ago it was heard; nothing: never.
    fn ago_s(&self, name: &str, now: f64) -> Option<f64> {
        self.0.get(name).map(|h| now - h.at)
    }

    /// Whether it has been heard without a gap for so long.
    fn is_steady(&self, name: &str, settle_s: f64, now: f64) -> bool {
        self.0.get(name).is_some_and(|h| now - h.since >= settle_s)
    }
}

/// A look at the fleet after another, and what they showed.
struct Watcher<'a> {
    args: &'a Watch,
    scenario: &'a Scenario,
    begun: f64,
    seen: Seen,
    happened: Happened,
    memory: live::Memory,
    /// How far devices are from their profiles, and what was heard for that already.
    drift: Drift,
    counted: BTreeMap<Name, (u64, u64)>,
    lost: BTreeSet<String>,
    doing: String,
    /// The plan that was last seen, so that it is not fetched at each look.
    running: Option<Plan>,
    /// The page, where there is one.
    board: Option<Board>,
}

impl Watcher<'_> {
    fn at(&self) -> f64 {
        now() - self.begun
    }

    /// After each look.
    fn look(&mut self, session: &Session) {
        let at = self.at();
        self.seen.look(session.statuses().map(|s| &**s), self.args.lost, at);
        let names = self.scenario.devices.iter().map(|d| d.name.clone());
        self.lost = names.filter(|n| self.seen.is_lost(n, self.args.lost, at)).collect();
        // A device that the plan lets sleep, and that was never there, is not missed.
        let missed =
            |n: &&String| self.seen.ago_s(n, at).is_some() || self.running.as_ref().is_none_or(|p| used(p).contains(n.as_str()));
        let missed: BTreeSet<String> = self.lost.iter().filter(missed).cloned().collect();
        self.happened.look(session, &missed, self.args.lost, wall_ms());
        let known = self.running.as_ref().map(|p| (p.generation, p.id.clone()));
        let newest = session.newest().map(|n| (n.generation, n.id.to_string()));
        if known != newest {
            self.running = session.newest_plan();
        }
        self.measure(session, at);
        if self.board.is_some() {
            self.memory.look(session, at);
            self.show(session);
        }
    }

    /// Takes in what devices say of how they serve the plan.
    fn measure(&mut self, session: &Session, at: f64) {
        let Some(plan) = self.running.as_ref().filter(|p| !self.args.no_fit && is_ours(self.scenario, p)) else { return };
        self.drift.adopt(drift::of_plan(plan));
        for sample in session.samples() {
            if self.counted.insert(sample.telemetry.agent.clone(), sample.order) != Some(sample.order) {
                self.drift.hear(self.scenario, plan, &sample.telemetry, at);
            }
        }
    }

    /// From now on plans count with what was heard.
    fn correct(&mut self) {
        let news = self.drift.news();
        for (device, fitted) in &news {
            self.happened.fitted(device, fitted, wall_ms());
        }
        self.drift.take(news);
    }

    fn show(&self, session: &Session) {
        let Some(board) = &self.board else { return };
        let file = self.args.scenario.display().to_string();
        let state = live::state(&live::Look {
            scenario: self.scenario,
            file: &file,
            plan: self.running.as_ref(),
            session,
            heard: &self.seen,
            memory: &self.memory,
            drift: &self.drift,
            lost: &self.lost,
            doing: &self.doing,
            now_s: self.at(),
            wall_ms: wall_ms(),
        });
        board.show(reports::Live { events: self.happened.events(), ..state });
    }

    /// Says what the planner does from now on.
    fn does(&mut self, doing: String, session: &Session) {
        self.doing = doing;
        self.show(session);
    }

    fn add(&mut self, what: What, subject: &str, text: &str) {
        self.happened.add(what, subject, text, wall_ms());
    }
}

const WATCHING: &str = "watching";

pub(crate) fn watch(args: &Watch) -> Outcome {
    let scenario = solve::scenario(&args.scenario)?;
    terminal::catch_interrupt();
    let mut session = Session::open(&args.fleet, true)?;
    session.adopt()?;
    if scenario.name != session.roster().fleet.as_str() {
        let (theirs, ours) = (&session.roster().fleet, &scenario.name);
        let message = format!("error: the scenario is of fleet `{ours}`, the folder's roster is of `{theirs}`");
        return Err(Failure::input(format!("{message}\n  help: name the fleet's folder with --fleet")));
    }
    let board = args.serve.map(|_| Board::default());
    let mut watcher = Watcher {
        args,
        scenario: &scenario,
        begun: now(),
        seen: Seen::default(),
        happened: Happened::new(args.format),
        memory: live::Memory::default(),
        drift: Drift::default(),
        counted: BTreeMap::new(),
        lost: BTreeSet::new(),
        doing: WATCHING.into(),
        running: None,
        board,
    };
    watcher.look(&session);
    // Ends with this.
    let _server = watcher.board.clone().zip(args.serve).map(|(board, address)| serve(args, board, address)).transpose()?;
    let mut tried: Option<(Why, f64)> = None;
    loop {
        let at = watcher.at();
        if terminal::interrupted() {
            return Ok(Exit::Interrupted);
        }
        if args.until.is_some_and(|end| at >= end) {
            return Ok(Exit::Done);
        }
        if let Err(failure) = session.step() {
            // The agent that was asked is perhaps what is lost: any other will do.
            if failure.exit != Exit::Remote || !session.ask_another() {
                return Err(failure);
            }
            continue;
        }
        watcher.look(&session);
        let found = Found {
            lost: &watcher.lost,
            steady: &|n| watcher.seen.is_steady(n, args.settle, at),
            drifted: watcher.drift.news().into_keys().collect(),
        };
        let Some(why) = why(&scenario, watcher.running.as_ref(), &found) else { continue };
        if tried.as_ref().is_some_and(|(last, when)| *last == why && at - when < AGAIN_S) {
            continue;
        }
        tried = Some((why.clone(), at));
        watcher.correct();
        watcher.add(What::Planning, &scenario.name, &format!("planning {why}"));
        watcher.does(format!("planning {why}"), &session);
        let done = replan(&mut watcher, &why, &mut session);
        watcher.does(WATCHING.into(), &session);
        match done {
            Ok(text) => {
                if args.format == Happening::Human {
                    text.iter().for_each(|text| files::print(&format!("{text}\n")));
                }
            }
            Err(failure) if failure.exit == Exit::Bug || failure.exit == Exit::Interrupted => return Err(failure),
            Err(failure) => {
                let first = failure.message.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
                watcher.add(What::Failed, &scenario.name, &first);
                if args.format == Happening::Human {
                    paint::tell(&failure.message);
                }
            }
        }
    }
}

/// Starts the page and says where it is.
fn serve(args: &Watch, board: Board, address: std::net::SocketAddr) -> Result<Server, Failure> {
    let server = Server::start(board, address, args.public)?;
    let url = format!("http://{}/", server.address);
    match args.format {
        Happening::Human => paint::tell(&format!("live page: {url}")),
        Happening::Jsonl => events::print("serving", json!({ "url": url })),
    }
    Ok(server)
}

/// Plans with what is there, from the running plan, and applies it; says what was done.
fn replan(watcher: &mut Watcher<'_>, why: &Why, session: &mut Session) -> Result<Option<String>, Failure> {
    let (args, scenario, running) = (watcher.args, watcher.scenario, watcher.running.clone());
    let running = running.as_ref();
    let mut gone = watcher.lost.clone();
    if let (Why::Drift(_), Some(plan)) = (why, running) {
        // Whoever is back has its own turn.
        gone.extend(missing(scenario, plan));
    }
    let reduced = without(scenario, &gone).map_err(|e| Failure::input(format!("error: no plan {why}: {e}")))?;
    let factors = watcher.drift.used().clone();
    let corrected = drift::corrected(&reduced, &factors);
    let effort = solve::effort(&args.search);
    // Moves that a day's saving does not pay for are not made.
    let parent = running.map(|plan| (plan, Terms { hysteresis: args.gain, ..Terms::default() }));
    let solved = solve::with_threads(args.search.threads, || solve::solve(&corrected, &effort, parent, terminal::Show::Nothing))?;
    let Some(plan) = solved.plan.clone().map(|plan| drift::mark(plan, &factors)) else {
        return Err(Failure::input(format!("error: no plan {why}: nothing feasible was found; the fleet goes on as it is")));
    };
    let verdict = lint::lint(&reduced, &plan);
    if verdict.fatal() {
        return Err(Failure::bug(format!("the linter refuses this plan\n{verdict}")));
    }
    let worth = match (why, running) {
        (Why::Back(_), Some(old)) => is_worth(old, &plan, args.gain),
        (Why::Drift(_), Some(old)) => pays(&corrected, &solved, old, &plan, args.gain),
        _ => true,
    };
    if !worth {
        watcher.add(
            What::Kept,
            &scenario.name,
            &format!("planned {why}: it gains less than {} %, so nothing moves", 100.0 * args.gain),
        );
        return Ok(None);
    }
    let issued = session.apply(&plan, &format!("watch: {why}"))?;
    watcher.doing = format!("waiting until {issued} is served");
    let mut look = |session: &Session| {
        watcher.look(session);
        if terminal::interrupted() { Err(Failure { exit: Exit::Interrupted, message: String::new() }) } else { Ok(()) }
    };
    let devices = wait::served(session, issued, args.wait, &mut look)?;
    let unit = &plan.certificate.unit;
    let value = |p: &Plan| format!("{} {unit}", profiles::units::significant(p.certificate.value));
    let before =
        running.filter(|r| r.certificate.objective == plan.certificate.objective).map(|r| format!("{} before, ", value(r)));
    let objective = &plan.certificate.objective;
    let costs = format!("{objective} {}{}", before.unwrap_or_default(), value(&plan));
    watcher.add(What::Served, &issued.to_string(), &format!("by {devices} devices, {why}: {costs}"));
    Ok(Some(format!("{issued} is served by {devices} devices, {why}: {costs}")))
}

fn wall_ms() -> u64 {
    (now() * 1e3) as u64
}

#[expect(clippy::disallowed_methods, reason = "silence is measured in real time")]
fn now() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

impl Session {
    /// Asks through another agent from now on; false: no other is known.
    pub(super) fn ask_another(&mut self) -> bool {
        let current = self.address().to_owned();
        let known: Vec<(Name, String)> =
            self.statuses().filter_map(|s| Some((s.agent.clone(), s.http.clone()?))).filter(|(_, a)| *a != current).collect();
        // In turn, so that one which is lost as well is left again.
        let next = known.iter().find(|(name, _)| *name > self.through).or(known.first()).cloned();
        next.map(|(name, address)| self.reach(name, address)).is_some()
    }
}
