//! What happens to a fleet while somebody watches: kept for the live page, said as it happens.

use super::super::log::when;
use super::super::session::Session;
use crate::cli::args::Happening;
use crate::cli::{events, paint};
use protocol::{Fitted, Name, Phase, PlanRef, Status};
use reports::{LiveEvent, Standing};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Events that are kept.
const KEPT: usize = 200;

/// What may happen. The words are those of `event` in `--format jsonl`, with `_` for blanks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Lost,
    Back,
    Planning,
    Served,
    /// It would gain too little: nothing moves.
    Kept,
    RolledBack,
    Failed,
    /// Telemetry says that a device is another than plans counted with.
    Fitted,
}

impl What {
    const fn words(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Back => "back",
            Self::Planning => "planning",
            Self::Served => "served",
            Self::Kept => "kept",
            Self::RolledBack => "rolled back",
            Self::Failed => "failed",
            Self::Fitted => "fitted",
        }
    }

    const fn standing(self) -> Standing {
        match self {
            Self::Lost | Self::Failed => Standing::Bad,
            Self::RolledBack | Self::Fitted => Standing::Odd,
            Self::Back | Self::Served => Standing::Fine,
            Self::Planning | Self::Kept => Standing::Neutral,
        }
    }
}

/// Notices what changes between two looks, and keeps it.
#[derive(Debug)]
pub(super) struct Happened {
    format: Happening,
    kept: VecDeque<LiveEvent>,
    lost: BTreeSet<String>,
    rolled: BTreeMap<Name, Option<PlanRef>>,
}

impl Happened {
    pub(super) fn new(format: Happening) -> Self {
        Self { format, kept: VecDeque::new(), lost: BTreeSet::new(), rolled: BTreeMap::new() }
    }

    /// Newest first.
    pub(super) fn events(&self) -> Vec<LiveEvent> {
        self.kept.iter().cloned().collect()
    }

    /// `wall_ms`: now, since 1970.
    pub(super) fn add(&mut self, what: What, subject: &str, text: &str, wall_ms: u64) {
        self.tell(what, subject, text, wall_ms, json!({}));
    }

    /// From now on plans count with these factors.
    pub(super) fn fitted(&mut self, device: &str, fitted: &Fitted, wall_ms: u64) {
        let power = fitted.power.map(|p| format!(", its power {p} times")).unwrap_or_default();
        let text = format!("a step takes {} times what its profile says{power}, by {} windows", fitted.time, fitted.samples);
        let numbers = json!({ "time": fitted.time, "power": fitted.power, "samples": fitted.samples });
        self.tell(What::Fitted, device, &text, wall_ms, numbers);
    }

    /// `more`: further fields of the JSON line.
    fn tell(&mut self, what: What, subject: &str, text: &str, wall_ms: u64, mut more: Value) {
        match self.format {
            Happening::Jsonl => {
                more["at_ms"] = wall_ms.into();
                (more["subject"], more["text"]) = (subject.into(), text.into());
                events::print(&what.words().replace(' ', "_"), more);
            }
            // A plan that is served is what the command prints on stdout; a failure is told in full where it happens.
            Happening::Human if what == What::Fitted => paint::tell(&format!("{}  {subject}: {text}", when(wall_ms))),
            Happening::Human if matches!(what, What::Lost | What::Back | What::RolledBack) => {
                paint::tell(&format!("{}  {subject} is {}: {text}", when(wall_ms), what.words()));
            }
            Happening::Human => {}
        }
        let (what, standing) = (what.words().to_owned(), what.standing());
        self.kept.push_front(LiveEvent { at: when(wall_ms), standing, what, subject: subject.into(), text: text.into() });
        self.kept.truncate(KEPT);
    }

    /// Compares with the last look. `lost`: devices that say nothing for `lost_s`.
    pub(super) fn look(&mut self, session: &Session, lost: &BTreeSet<String>, lost_s: f64, wall_ms: u64) {
        self.compare(session.statuses().map(|s| &**s), lost, lost_s, wall_ms);
    }

    fn compare<'s>(&mut self, statuses: impl Iterator<Item = &'s Status>, lost: &BTreeSet<String>, lost_s: f64, wall_ms: u64) {
        for name in lost.difference(&self.lost.clone()) {
            self.add(What::Lost, name, &format!("it has said nothing for {lost_s} s"), wall_ms);
        }
        for name in self.lost.clone().difference(lost) {
            self.add(What::Back, name, "it is heard again", wall_ms);
        }
        self.lost.clone_from(lost);
        for s in statuses {
            let newest = s.newest;
            if s.phase != Phase::RolledBack {
                self.rolled.remove(&s.agent);
            } else if self.rolled.insert(s.agent.clone(), newest) != Some(newest) {
                let plan = newest.map_or_else(|| "its plan".to_owned(), |p| p.to_string());
                let why = s.note.as_deref().map(|n| format!(": {n}")).unwrap_or_default();
                self.add(What::RolledBack, s.agent.as_str(), &format!("it left {plan}{why}"), wall_ms);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(agent: &str, phase: &str, note: Option<&str>) -> Status {
        let newest = format!(r#"{{"generation":3,"id":"{}"}}"#, "a".repeat(64));
        let note = note.map_or("null".to_owned(), |n| format!("\"{n}\""));
        let text = format!(
            r#"{{"schema":"wattline.status/1","agent":"{agent}","boot":1,"sequence":1,"phase":"{phase}","newest":{newest},"active":null,"last_good":null,"note":{note}}}"#
        );
        Status::read(text.as_bytes()).expect("a status")
    }

    #[test]
    fn each_change_is_one_event() {
        let mut all = Happened::new(Happening::Human);
        let (none, two) = (BTreeSet::new(), BTreeSet::from(["two".to_owned()]));
        let fine = [said("one", "serving", None)];
        let failed = [said("one", "rolled_back", Some("strike 3: too slow"))];
        for (statuses, lost) in [(&fine, &none), (&fine, &two), (&fine, &two), (&failed, &none), (&failed, &none), (&fine, &none)]
        {
            all.compare(statuses.iter(), lost, 5.0, 1_795_694_399_999);
        }
        let told: Vec<String> =
            all.events().iter().rev().map(|e| format!("{} {} {}: {}", e.at, e.what, e.subject, e.text)).collect();
        assert_eq!(
            told,
            [
                "2026-11-26 11:59:59 lost two: it has said nothing for 5 s",
                "2026-11-26 11:59:59 back two: it is heard again",
                "2026-11-26 11:59:59 rolled back one: it left generation 3 (aaaaaaaa): strike 3: too slow",
            ]
        );
        // The same plan left again, after it was tried again, is news.
        all.compare(failed.iter(), &none, 5.0, 0);
        assert_eq!(all.events().len(), 4);
    }

    #[test]
    fn old_events_go() {
        let mut all = Happened::new(Happening::Human);
        (0..KEPT + 5).for_each(|i| all.add(What::Planning, "lab", &i.to_string(), 0));
        let events = all.events();
        assert_eq!((events.len(), events[0].text.as_str()), (KEPT, "204"));
    }
}
