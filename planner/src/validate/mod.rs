//! `planner validate`: how far the physics is from measurements that it has not seen.
//!
//! ```text
//! table -> rows -> cases (datasheet facts, work) -> laws with priors -> zero-shot, few-shot, fitted -> errors
//! ```
//!
//! - **Zero-shot** knows a device's datasheet. Every coefficient is fitted anew with all rows of the device left
//!   out, in all its power modes: what is left are the priors of its class.
//! - **Few-shot** has also seen at most [`FEW`] rows of the profile (the device in one power mode), half of them
//!   where there are fewer than twice as many. They are chosen by what they would tell, not by
//!   what was measured, one set for all quantities, and they are not scored. Its other modes stay unseen.
//! - **Fitted** has seen all rows.
//!
//! The terms and their priors are in [`terms`], the laws in [`laws`], which use the physics' work and roofline; the
//! regression is in [`regression`].

mod case;
mod kinds;
mod laws;
mod matrix;
mod regression;
mod render;
mod report;
mod shape;
mod table;
mod terms;
mod words;

#[cfg(test)]
mod tests;

pub use report::{Errors, Kinds, Miss, Report, Score, Skipped, WORST, errors, quantile, spearman};
pub use table::{Row, TableFault, TableFaults, read};

use case::Case;
use kinds::{LeftOut, Place, Predicted, Scored, leave_out, predict, show};
use laws::{Decode, Power, Prefill};
use regression::{Problem, Terms};
use std::collections::{BTreeMap, BTreeSet};

/// Most rows of a device that a few-shot profile may see.
pub const FEW: usize = 10;
/// Of these, rows chosen first for what they tell about power.
const FEW_POWER: usize = 2;
/// Spread of repeated measurements around a law that fits, in logarithms: rates, and power.
const NOISE_RATE: f64 = 0.18;
const NOISE_POWER: f64 = 0.15;

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
    fn new(noise: f64) -> Self {
        Self { problem: Problem { terms: Terms::default(), rows: Vec::new(), noise }, places: Vec::new(), cases: Vec::new() }
    }

    fn place(&mut self, index: usize, case: &Case) {
        self.places.push(Place { device: case.device.clone(), profile: case.profile.clone(), row: case.row });
        self.cases.push(index);
    }
}

/// Scores a table. Rows that are not marked calibratable, or cannot be predicted, are listed with the reason.
#[must_use]
pub fn validate(rows: &[Row]) -> Report {
    let (scores, skipped) = scores(rows);
    report(rows, skipped, &scores)
}

/// Every scored number, and the rows that cannot be predicted.
fn scores(rows: &[Row]) -> (Vec<Score>, Vec<Skipped>) {
    let (cases, skipped) = cases(rows);
    let mut decode = Task::new(NOISE_RATE);
    let mut prefill = Task::new(NOISE_RATE);
    for (index, case) in cases.iter().enumerate() {
        let row = &rows[case.row];
        if let Some(rate) = row.decode_tok_s.filter(|r| *r > 0.0) {
            let task: &mut Task<Decode> = &mut decode;
            let law = Decode::of(case);
            task.problem.rows.push(terms::of_decode(case, -rate.ln(), law, &mut task.problem.terms));
            task.place(index, case);
        }
        if let Some(rate) = row.prefill_tok_s.filter(|r| *r > 0.0) {
            let task: &mut Task<Prefill> = &mut prefill;
            let law = Prefill::of(case);
            task.problem.rows.push(terms::of_prefill(case, -rate.ln(), law, &mut task.problem.terms));
            task.place(index, case);
        }
    }
    let power = power_task(rows, &cases);
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
    powers(rows, &cases, &power, &power_out, &shown, [(&decode.cases, &decoded), (&prefill.cases, &prefilled)], &mut scores);
    (scores, skipped)
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

/// Whether a row's power is that of decoding: a row of both phases is metered in its decode window.
fn decoding(row: &Row) -> bool {
    row.decode_tok_s.is_some()
}

/// Rate of the phase that a row's power was metered in, tokens per second.
fn metered_rate(row: &Row) -> Option<f64> {
    if decoding(row) { row.decode_tok_s } else { row.prefill_tok_s }.filter(|r| *r > 0.0)
}

/// Power where it was metered; from energy and rate where only energy a token was published.
fn metered_w(row: &Row) -> Option<f64> {
    let rate = metered_rate(row)?;
    row.power_w.or_else(|| row.j_per_token.map(|j| j * rate)).filter(|w| row.power_ok && *w > 0.0)
}

fn power_task(rows: &[Row], cases: &[Case]) -> Task<Power> {
    let mut task = Task::new(NOISE_POWER);
    for (index, case) in cases.iter().enumerate() {
        let row = &rows[case.row];
        let (Some(watts), Some(rate)) = (metered_w(row), metered_rate(row)) else { continue };
        let Some(law) = Power::of(case, 1.0 / rate, decoding(row)) else { continue };
        task.problem.rows.push(terms::of_power(case, watts.ln(), law, decoding(row), &mut task.problem.terms));
        task.place(index, case);
    }
    task
}

/// Rows that few-shot profiles see: at most [`FEW`] and at most half of a profile's rows, power first, then decode and
/// prefill by the number of their rows.
fn choose(
    decode: &Task<Decode>,
    decode_out: &[LeftOut],
    prefill: &Task<Prefill>,
    prefill_out: &[LeftOut],
    power: &Task<Power>,
    power_out: &[LeftOut],
) -> BTreeSet<usize> {
    let mut rows: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for place in decode.places.iter().chain(&prefill.places) {
        rows.entry(&place.profile).or_default().insert(place.row);
    }
    let mut shown = BTreeSet::new();
    for (profile, all) in rows {
        let budget = FEW.min(all.len() / 2);
        let mine = |places: &[Place]| places.iter().filter(|p| p.profile == profile).map(|p| p.row).collect::<BTreeSet<_>>();
        let with_decode = mine(&decode.places);
        let alone = mine(&prefill.places).difference(&with_decode).count();
        let for_decode = (budget as f64 * with_decode.len() as f64 / (with_decode.len() + alone) as f64).ceil() as usize;
        let mut seen = BTreeSet::new();
        if let Some(left) = left_of(power_out, &power.places, profile) {
            show(&power.problem, &power.places, left, profile, FEW_POWER.min(budget), &mut seen);
        }
        if let Some(left) = left_of(decode_out, &decode.places, profile) {
            let count = for_decode.min(budget).saturating_sub(seen.len());
            show(&decode.problem, &decode.places, left, profile, count, &mut seen);
        }
        if let Some(left) = left_of(prefill_out, &prefill.places, profile) {
            let count = budget.saturating_sub(seen.len());
            show(&prefill.problem, &prefill.places, left, profile, count, &mut seen);
        }
        shown.extend(seen);
    }
    shown
}

fn left_of<'a>(parts: &'a [LeftOut], places: &[Place], profile: &str) -> Option<&'a LeftOut> {
    parts.iter().find(|l| l.own.iter().any(|&i| places[i].profile == profile))
}

fn rates<L: regression::Law>(quantity: &'static str, task: &Task<L>, out: &Predicted, scores: &mut Vec<Score>) {
    for (i, place) in task.places.iter().enumerate() {
        scores.push(Score {
            row: place.row,
            quantity,
            measured: (-task.problem.rows[i].y).exp(),
            zero_shot: (-out.zero[i]).exp(),
            few_shot: out.few[i].map(|l| (-l).exp()),
            fitted: (-out.fitted[i]).exp(),
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
        let which = usize::from(!decoding(&rows[cases[case].row]));
        let (at, out) = (index[which][&case], rated[which].1);
        (out.zero[at].exp(), out.few[at].map(f64::exp), out.fitted[at].exp())
    };
    let law = |i: usize, s: f64| {
        let case = &cases[task.cases[i]];
        Power::of(case, s, decoding(&rows[case.row])).unwrap_or(task.problem.rows[i].law)
    };
    let n = task.places.len();
    let laws = Scored {
        zero: (0..n).map(|i| law(i, seconds(i).0)).collect(),
        few: (0..n).map(|i| seconds(i).1.map(|s| law(i, s))).collect(),
        fitted: (0..n).map(|i| law(i, seconds(i).2)).collect(),
    };
    let out = predict(&task.problem, &task.places, parts, shown, Some(&laws));
    for (i, place) in task.places.iter().enumerate() {
        let row = &rows[place.row];
        let (power, energy) = if decoding(row) { (POWER, ENERGY) } else { (POWER_PREFILL, ENERGY_PREFILL) };
        let (zero_s, few_s, fitted_s) = seconds(i);
        let watts = (out.zero[i].exp(), out.few[i].map(f64::exp), out.fitted[i].exp());
        if let Some(measured) = row.power_w.filter(|w| *w > 0.0) {
            let (zero_shot, few_shot, fitted) = watts;
            scores.push(Score { row: place.row, quantity: power, measured, zero_shot, few_shot, fitted });
        }
        if let Some(measured) = row.j_per_token.filter(|j| *j > 0.0) {
            let few_shot = watts.1.zip(few_s).map(|(w, s)| w * s);
            let (zero_shot, fitted) = (watts.0 * zero_s, watts.2 * fitted_s);
            scores.push(Score { row: place.row, quantity: energy, measured, zero_shot, few_shot, fitted });
        }
    }
}

fn report(rows: &[Row], mut skipped: Vec<Skipped>, scores: &[Score]) -> Report {
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
        groups: groups.into_iter().map(|g| (g, report::kinds(scores, g))).collect(),
        worst,
    }
}
