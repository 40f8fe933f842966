//! The improvements that would help most: single relaxations of a scenario, each solved again.

use profiles::units::{Ratio, Watts};
use scenarios::Scenario;
use serde::Serialize;

use crate::pairs;
use crate::search::{self, Effort, Silent};
use crate::table::Table;

/// One relaxation and what it would save.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Improvement {
    /// In words: `chat: 10 % more time for the whole request`.
    pub what: String,
    /// As arguments of what-if, so that it can be tried: `--set chat.deadline.total=1.1 s`.
    pub try_it: String,
    /// Objective before and after, in the table's unit (`W` where power is minimised).
    pub before: f64,
    pub after: f64,
    /// `1 - after / before`.
    pub saving: f64,
}

/// Improvements that are reported.
const MOST: usize = 3;

/// Smallest relative saving worth a line.
const LEAST: f64 = 1e-3;

/// Candidates that are sketched at most, spread over the kinds, and of these the best that are solved.
const TRIED: usize = 24;
const SOLVED: usize = 6;

/// The best single relaxations of a scenario whose best plan's objective is `before`, largest saving first.
///
/// All candidates are sketched by annealing; those that look best are solved from scratch with `effort`. A
/// saving is therefore an estimate from below. None for an objective of zero.
#[must_use]
pub fn improvements(scenario: &Scenario, before: f64, effort: &Effort) -> Vec<Improvement> {
    if before <= 0.0 || !before.is_finite() {
        return Vec::new();
    }
    let mut sketched: Vec<(f64, Candidate, Vec<Table>)> = Vec::new();
    for candidate in candidates(scenario).into_iter().take(TRIED) {
        let tables: Vec<Table> = pairs::models(&candidate.2).into_iter().map(|m| m.table).collect();
        let sketch = |t: &Table| search::sketch(t, effort, &Silent).map_or(f64::INFINITY, |(_, e)| e.objective);
        let value = tables.iter().map(sketch).fold(f64::INFINITY, f64::min);
        sketched.push((value, candidate, tables));
    }
    sketched.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut found = Vec::new();
    for (value, (what, set, changed), tables) in sketched.into_iter().take(SOLVED) {
        let after = match &tables[..] {
            [table] => search::solve(table, effort, &Silent).best.map_or(f64::INFINITY, |(_, e)| e.objective).min(value),
            // A sketch does not look at the devices of a pair one by one.
            _ => {
                let all = pairs::each(&changed, effort, &Silent, &|_| Vec::new());
                all[pairs::best(&all).best].value
            }
        };
        let saving = 1.0 - after / before;
        if saving >= LEAST {
            found.push(Improvement { what, try_it: set, before, after, saving });
        }
    }
    found.sort_by(|a, b| b.saving.total_cmp(&a.saving).then_with(|| a.what.cmp(&b.what)));
    found.truncate(MOST);
    found
}

type Candidate = (String, String, Scenario);

/// Every single relaxation, kinds in turn, so that a cut list still holds each kind.
fn candidates(scenario: &Scenario) -> Vec<Candidate> {
    let mut kinds =
        vec![deadlines(scenario), modes(scenario), devices(scenario), floors(scenario), margins(scenario), caps(scenario)];
    let longest = kinds.iter().map(Vec::len).max().unwrap_or(0);
    let mut all = Vec::new();
    for i in 0..longest {
        for kind in &mut kinds {
            if i < kind.len() {
                all.push(kind[i].clone());
            }
        }
    }
    all
}

/// Each deadline 10 % later.
fn deadlines(scenario: &Scenario) -> Vec<Candidate> {
    let mut all = Vec::new();
    for (i, s) in scenario.services.iter().enumerate() {
        let d = &s.deadline;
        for (key, words, said) in [
            ("ttft", "for the first token", &d.ttft),
            ("tpot", "for each token", &d.tpot),
            ("total", "for the whole request", &d.total),
        ] {
            let Some(said) = said else { continue };
            let later = said.value * 1.1;
            let mut changed = scenario.clone();
            let target = &mut changed.services[i].deadline;
            let slot = match key {
                "ttft" => &mut target.ttft,
                "tpot" => &mut target.tpot,
                _ => &mut target.total,
            };
            if let Some(slot) = slot {
                slot.value = later;
            }
            let set = format!("--set {}.deadline.{key}='{later}'", s.name);
            all.push((format!("{}: 10 % more time {words}", s.name), set, changed));
        }
    }
    all
}

/// Every power mode allowed, where the owner allows only some.
fn modes(scenario: &Scenario) -> Vec<Candidate> {
    let limited = scenario.devices.iter().enumerate().filter(|(_, d)| !d.modes.is_empty());
    let free = |(i, d): (usize, &scenarios::Device)| {
        let mut changed = scenario.clone();
        changed.devices[i].modes.clear();
        (format!("{}: every power mode allowed", d.name), format!("--set {}.modes=all", d.name), changed)
    };
    limited.map(free).collect()
}

/// Accuracy floors one point lower.
fn floors(scenario: &Scenario) -> Vec<Candidate> {
    let mut all = Vec::new();
    for (i, s) in scenario.services.iter().enumerate() {
        let Some(floor) = &s.accuracy else { continue };
        let lower = Ratio((floor.at_least.value.get() - 0.01).max(0.0));
        let mut changed = scenario.clone();
        if let Some(floor) = &mut changed.services[i].accuracy {
            floor.at_least.value = lower;
        }
        all.push((
            format!("{}: an accuracy floor one point lower", s.name),
            format!("--set {}.accuracy='{lower}'", s.name),
            changed,
        ));
    }
    all
}

/// Memory margins given up.
fn margins(scenario: &Scenario) -> Vec<Candidate> {
    let kept = scenario.devices.iter().enumerate().filter(|(_, d)| d.memory_margin.value > Ratio(0.0));
    let free = |(i, d): (usize, &scenarios::Device)| {
        let mut changed = scenario.clone();
        changed.devices[i].memory_margin.value = Ratio(0.0);
        (format!("{}: no memory margin", d.name), format!("--set {}.memory_margin=0%", d.name), changed)
    };
    kept.map(free).collect()
}

/// Owners' power caps 10 % higher.
fn caps(scenario: &Scenario) -> Vec<Candidate> {
    let mut all = Vec::new();
    for (i, d) in scenario.devices.iter().enumerate() {
        let Some(cap) = &d.power_cap else { continue };
        let higher = Watts(cap.value.get() * 1.1);
        let mut changed = scenario.clone();
        if let Some(cap) = &mut changed.devices[i].power_cap {
            cap.value = higher;
        }
        all.push((format!("{}: a power cap 10 % higher", d.name), format!("--set {}.power_cap='{higher}'", d.name), changed));
    }
    all
}

/// One more device of each kind in the fleet.
fn devices(scenario: &Scenario) -> Vec<Candidate> {
    let mut ids: Vec<&str> = scenario.devices.iter().map(|d| d.profile.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let add = |id: &str| {
        let mut changed = scenario.clone();
        super::fleet::add(&mut changed, id).ok()?;
        Some((format!("one more {id}"), format!("--add {id}"), changed))
    };
    ids.into_iter().filter_map(add).collect()
}
