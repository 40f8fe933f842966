//! `planner validate`: how far the physics is from measurements that it has not seen.
//!
//! ```text
//! table -> rows -> cases (datasheet facts, work) -> laws with priors -> zero-shot, few-shot, fitted -> errors
//! ```
//!
//! - **Zero-shot** knows a device's datasheet. Every coefficient is fitted anew with all rows of the device left
//!   out, in all its power modes: what is left are the priors of its class.
//! - **Few-shot** has also seen at most [`FEW`] rows of the profile (the device in one power mode), at most three
//!   quarters of them. They are chosen by what they would tell, not by what was measured, one set for all quantities,
//!   and they are not scored. Its other modes stay unseen.
//! - **Fitted** has seen all rows.
//! - **Profile** is the catalogue's, through the physics that plans are made with ([`profile`]). Its coefficients were fitted
//!   by others, some of them to rows of the very same table, so its errors are no test on unseen rows.
//!
//! The terms and their priors are in [`terms`], the laws in [`laws`], which use the physics' work and roofline; the
//! regression is in [`regression`].

mod against;
pub(crate) mod case;
mod cores;
mod kinds;
mod known;
mod laws;
mod load;
mod matrix;
pub(crate) mod passes;
pub(crate) mod profile;
mod public;
pub(crate) mod range;
pub(crate) mod regression;
mod render;
pub(crate) mod report;
mod shape;
mod table;
mod terms;
mod words;

#[cfg(test)]
mod odd;
#[cfg(test)]
mod tests;

pub use against::{Against, AtPrecision, Compared, against};
pub use range::{NoRange, Range, Span};
pub use report::{Errors, Kinds, Miss, Report, Score, Skipped, WORST, errors, kendall, quantile, spearman};
pub use table::{Row, TableFault, TableFaults, read};

use case::Case;
use kinds::{LeftOut, Place, Predicted, Scored, leave_out, predict, show};
use laws::{Decode, Power, Prefill};
use profiles::Catalogue;
use regression::{Problem, Terms};
use std::collections::{BTreeMap, BTreeSet};

/// Most rows of a device that a few-shot profile may see.
pub const FEW: usize = 10;
/// Spread of repeated measurements around a law that fits, in logarithms: decode rates, prefill rates, and power.
const NOISE_DECODE: f64 = 0.08;
const NOISE_PREFILL: f64 = 0.18;
const NOISE_POWER: f64 = 0.15;
/// Share of the variance by which predictions lean towards the smaller error: all of it would be right for lognormal
/// errors, ours have longer tails.
const LEAN_DECODE: f64 = 0.5;
const LEAN_PREFILL: f64 = 0.0;
const LEAN_POWER: f64 = 0.0;

/// Quantities by the names of the groups.
const DECODE: &str = "decode";
const PREFILL: &str = "prefill";
const POWER: &str = "power";
const ENERGY: &str = "energy_per_token";
const POWER_PREFILL: &str = "power_prefill";
const ENERGY_PREFILL: &str = "energy_per_prompt_token";

/// One quantity's problem: its observations, where they belong, and which case each is of.
struct Task<L> {
    problem: Problem<L>,
    places: Vec<Place>,
    cases: Vec<usize>,
}

impl<L> Task<L> {
    fn new(noise: f64, lean: f64) -> Self {
        Self {
            problem: Problem { terms: Terms::default(), rows: Vec::new(), noise, lean },
            places: Vec::new(),
            cases: Vec::new(),
        }
    }

    /// `given`: rows of the table; a case behind them is known beside it.
    fn place(&mut self, index: usize, case: &Case, given: usize) {
        let known = case.row >= given;
        self.places.push(Place { device: case.device.clone(), profile: case.profile.clone(), row: case.row, known });
        self.cases.push(index);
    }
}

/// What a fit may learn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// The table and the published measurements that the program knows.
    Published,
    /// The table alone.
    Table,
}

/// Scores a table. Rows that are not marked calibratable, or cannot be predicted, are listed with the reason.
#[must_use]
pub fn validate(rows: &[Row], knowledge: Knowledge) -> Report {
    let (cases, skipped) = cases(rows);
    let mut scores = scores(rows, &cases, knowledge);
    let unprofiled = profiled(rows, &cases, &mut scores);
    report(rows, skipped, unprofiled, &scores)
}

/// Adds what the catalogue's own profiles say. Returns the scored rows that they say nothing about.
fn profiled(rows: &[Row], cases: &[Case], scores: &mut [Score]) -> Vec<Skipped> {
    let mut unprofiled = Vec::new();
    let mut said = BTreeMap::new();
    for case in cases {
        let device = Catalogue::builtin().device(&case.device).ok_or_else(|| "no profile".to_owned());
        match device.and_then(|d| profile::predict(d, case)) {
            Ok(of) => drop(said.insert(case.row, of)),
            Err(reason) => unprofiled.push(Skipped { row_id: rows[case.row].row_id.clone(), reason }),
        }
    }
    for score in scores {
        let Some(of) = said.get(&score.row) else { continue };
        score.profile = match score.quantity {
            DECODE => of.decode_tok_s,
            PREFILL => of.prefill_tok_s,
            POWER => of.decode_w,
            POWER_PREFILL => of.prefill_w,
            ENERGY => of.decode_w.zip(of.decode_tok_s).map(|(w, r)| w / r),
            _ => of.prefill_w.zip(of.prefill_tok_s).map(|(w, r)| w / r),
        };
    }
    unprofiled
}

/// Every scored number.
fn scores(table: &[Row], own: &[Case], knowledge: Knowledge) -> Vec<Score> {
    let given = table.len();
    let mut rows = table.to_vec();
    if knowledge == Knowledge::Published {
        rows.extend(known::beside(table).cloned());
    }
    let mut cases = own.to_vec();
    cases.extend((given..rows.len()).filter_map(|i| case::of(i, &rows[i]).ok()));
    let (rows, cases) = (rows.as_slice(), cases.as_slice());
    let mut decode = Task::new(NOISE_DECODE, LEAN_DECODE);
    let mut prefill = Task::new(NOISE_PREFILL, LEAN_PREFILL);
    for (index, case) in cases.iter().enumerate() {
        let row = &rows[case.row];
        if let Some(rate) = row.decode_tok_s.filter(|r| *r > 0.0) {
            let task: &mut Task<Decode> = &mut decode;
            let law = Decode::of(case);
            task.problem.rows.push(terms::of_decode(case, -rate.ln(), law, &mut task.problem.terms));
            task.place(index, case, given);
        }
        if let Some(rate) = row.prefill_tok_s.filter(|r| *r > 0.0) {
            let task: &mut Task<Prefill> = &mut prefill;
            let law = Prefill::of(case);
            task.problem.rows.push(terms::of_prefill(case, -rate.ln(), law, &mut task.problem.terms));
            task.place(index, case, given);
        }
    }
    let power = power_task(rows, cases, given);
    let (decode_out, prefill_out, power_out) = (
        leave_out(&decode.problem, &decode.places),
        leave_out(&prefill.problem, &prefill.places),
        leave_out(&power.problem, &power.places),
    );
    let shown = choose(&decode, &decode_out, &prefill, &prefill_out, &power, &power_out);
    let decoded = predict(&decode.problem, &decode.places, &decode_out, &shown, None);
    let prefilled = predict(&prefill.problem, &prefill.places, &prefill_out, &shown, None);
    let mut scores = Vec::new();
    rates(DECODE, &decode, &decoded, &mut scores);
    rates(PREFILL, &prefill, &prefilled, &mut scores);
    powers(rows, cases, &power, &power_out, &shown, [(&decode.cases, &decoded), (&prefill.cases, &prefilled)], &mut scores);
    scores
}

/// Rows that can be predicted, and the others with reasons.
fn cases(rows: &[Row]) -> (Vec<Case>, Vec<Skipped>) {
    let (mut cases, mut skipped) = (Vec::new(), Vec::new());
    for (index, row) in rows.iter().enumerate() {
        let found = if row.calibratable { case::of(index, row) } else { Err("not marked calibratable (calib_ok)".into()) };
        match found {
            Ok(case) => cases.push(case),
            Err(reason) => skipped.push(Skipped { row_id: row.row_id.clone(), reason }),
        }
    }
    (cases, skipped)
}

fn power_task(rows: &[Row], cases: &[Case], given: usize) -> Task<Power> {
    let mut task = Task::new(NOISE_POWER, LEAN_POWER);
    for (index, case) in cases.iter().enumerate() {
        let row = &rows[case.row];
        let (Some(watts), Some(rate)) = (row.metered_w(), row.metered_rate()) else { continue };
        let Some(law) = Power::of(case, 1.0 / rate, row.decoding()) else { continue };
        task.problem.rows.push(terms::of_power(case, watts.ln(), law, row.decoding(), &mut task.problem.terms));
        task.place(index, case, given);
    }
    task
}

/// Rows that few-shot profiles see: at most [`FEW`], and a quarter of a profile's rows is left to be scored. Those that
/// tell most about decoding first, for plans rest on it most; where rows are left, about power, then about prompts.
fn choose(
    decode: &Task<Decode>,
    decode_out: &[LeftOut],
    prefill: &Task<Prefill>,
    prefill_out: &[LeftOut],
    power: &Task<Power>,
    power_out: &[LeftOut],
) -> BTreeSet<usize> {
    let mut rows: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for place in decode.places.iter().chain(&prefill.places).filter(|p| !p.known) {
        rows.entry(&place.profile).or_default().insert(place.row);
    }
    let mut shown = BTreeSet::new();
    for (profile, all) in rows {
        let budget = FEW.min(all.len() - all.len().div_ceil(4));
        let mut seen = BTreeSet::new();
        if let Some(left) = left_of(decode_out, &decode.places, profile) {
            show(&decode.problem, &decode.places, left, profile, budget, &mut seen);
        }
        if let Some(left) = left_of(power_out, &power.places, profile) {
            show(&power.problem, &power.places, left, profile, budget.saturating_sub(seen.len()), &mut seen);
        }
        if let Some(left) = left_of(prefill_out, &prefill.places, profile) {
            show(&prefill.problem, &prefill.places, left, profile, budget.saturating_sub(seen.len()), &mut seen);
        }
        shown.extend(seen);
    }
    shown
}

fn left_of<'a>(parts: &'a [LeftOut], places: &[Place], profile: &str) -> Option<&'a LeftOut> {
    parts.iter().find(|l| l.own.iter().any(|&i| places[i].profile == profile))
}

fn rates<L: regression::Law>(quantity: &'static str, task: &Task<L>, out: &Predicted, scores: &mut Vec<Score>) {
    for (i, place) in task.places.iter().enumerate().filter(|(_, p)| !p.known) {
        scores.push(Score {
            row: place.row,
            quantity,
            measured: (-task.problem.rows[i].y).exp(),
            zero_shot: (-out.zero[i]).exp(),
            few_shot: out.few[i].map(|l| (-l).exp()),
            fitted: (-out.fitted[i]).exp(),
            profile: None,
        });
    }
}

/// Power and energy a token, both with the predicted rate: nothing measured on a scored row is known.
fn powers(
    rows: &[Row],
    cases: &[Case],
    task: &Task<Power>,
    parts: &[LeftOut],
    shown: &BTreeSet<usize>,
    rated: [(&Vec<usize>, &Predicted); 2],
    scores: &mut Vec<Score>,
) {
    let index: Vec<BTreeMap<usize, usize>> =
        rated.iter().map(|(cases, _)| cases.iter().enumerate().map(|(i, &c)| (c, i)).collect()).collect();
    // Seconds a token of an observation, zero-shot, few-shot and fitted.
    let seconds = |i: usize| {
        let case = task.cases[i];
        let which = usize::from(!rows[cases[case].row].decoding());
        let (at, out) = (index[which][&case], rated[which].1);
        (out.zero[at].exp(), out.few[at].map(f64::exp), out.fitted[at].exp())
    };
    let law = |i: usize, s: f64| {
        let case = &cases[task.cases[i]];
        Power::of(case, s, rows[case.row].decoding()).unwrap_or(task.problem.rows[i].law)
    };
    let n = task.places.len();
    let laws = Scored {
        zero: (0..n).map(|i| law(i, seconds(i).0)).collect(),
        few: (0..n).map(|i| seconds(i).1.map(|s| law(i, s))).collect(),
        fitted: (0..n).map(|i| law(i, seconds(i).2)).collect(),
    };
    let out = predict(&task.problem, &task.places, parts, shown, Some(&laws));
    for (i, place) in task.places.iter().enumerate().filter(|(_, p)| !p.known) {
        let row = &rows[place.row];
        let (power, energy) = if row.decoding() { (POWER, ENERGY) } else { (POWER_PREFILL, ENERGY_PREFILL) };
        let (zero_s, few_s, fitted_s) = seconds(i);
        let watts = (out.zero[i].exp(), out.few[i].map(f64::exp), out.fitted[i].exp());
        if let Some(measured) = row.power_w.filter(|w| *w > 0.0) {
            let (zero_shot, few_shot, fitted) = watts;
            scores.push(Score { row: place.row, quantity: power, measured, zero_shot, few_shot, fitted, profile: None });
        }
        if let Some(measured) = row.j_per_token.filter(|j| *j > 0.0) {
            let few_shot = watts.1.zip(few_s).map(|(w, s)| w * s);
            let (zero_shot, fitted) = (watts.0 * zero_s, watts.2 * fitted_s);
            scores.push(Score { row: place.row, quantity: energy, measured, zero_shot, few_shot, fitted, profile: None });
        }
    }
}

fn report(rows: &[Row], mut skipped: Vec<Skipped>, unprofiled: Vec<Skipped>, scores: &[Score]) -> Report {
    let scored: BTreeSet<usize> = scores.iter().map(|s| s.row).collect();
    let named: BTreeSet<String> = skipped.iter().map(|s| s.row_id.clone()).collect();
    for (index, row) in rows.iter().enumerate() {
        if !scored.contains(&index) && !named.contains(&row.row_id) {
            skipped.push(Skipped { row_id: row.row_id.clone(), reason: "no quantity in it can be scored".into() });
        }
    }
    let groups = [DECODE, PREFILL, POWER, ENERGY, POWER_PREFILL, ENERGY_PREFILL];
    let mut worst: Vec<Miss> = scores
        .iter()
        .map(|s| Miss {
            row_id: rows[s.row].row_id.clone(),
            line: rows[s.row].line,
            device: rows[s.row].device_id.clone(),
            model: rows[s.row].model.clone(),
            quantity: s.quantity,
            measured: s.measured,
            predicted: s.zero_shot,
            error: report::relative(s.zero_shot, s.measured),
        })
        .collect();
    worst.sort_by(|a, b| b.error.total_cmp(&a.error).then(a.row_id.cmp(&b.row_id)));
    worst.truncate(WORST);
    Report {
        rows: rows.len(),
        calibratable: rows.iter().filter(|r| r.calibratable).count(),
        scored: scored.len(),
        skipped,
        unprofiled,
        groups: groups.into_iter().map(|g| (g, report::kinds(scores, g))).collect(),
        worst,
    }
}
