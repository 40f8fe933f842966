//! Fits the coefficients of one processor: rates first, then power, each with left-one-out predictions.

use super::Used;
use super::power::{self, Draw};
use super::rates::{self, Priors, Rate};
use crate::validate::passes::Passes;
use crate::validate::profile;
use crate::validate::range::{Phase, Range};
use crate::validate::regression::{Fit, Law, Problem, Terms};
use profiles::{DeviceProfile, Processor, WeightFormat};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Spread of repeated measurements before residuals tell, and its bounds, in logarithms.
const NOISE: f64 = 0.1;
const NOISE_LEAST: f64 = 0.02;
const NOISE_MOST: f64 = 0.4;
/// Observations from which residuals tell the spread.
const TELLING: usize = 5;
/// Steps from the priors, and from a fit with one row more.
const COLD: usize = 12;
const WARM: usize = 4;
/// Rows with power from which power is fitted.
const FEWEST_POWER: usize = 3;

/// A fitted number with its uncertainty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Value {
    /// In the coefficient's unit.
    pub value: f64,
    /// Standard deviation of its logarithm.
    pub spread: f64,
}

/// One observation: measured, fitted, and predicted without its row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// Index among the used rows.
    pub used: usize,
    pub measured: f64,
    pub fitted: f64,
    pub left_out: f64,
}

/// Rates of one phase, or power.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub points: Vec<Point>,
    pub range: Option<Range>,
    /// Ids of the rows.
    pub rows: Vec<String>,
}

/// All that was fitted of one processor.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub processor: String,
    /// Ids of all used rows, in the order of [`Point::used`].
    pub rows: Vec<String>,
    pub bandwidth: Option<Value>,
    pub launch: Option<Value>,
    pub arithmetic: BTreeMap<WeightFormat, Value>,
    /// Factors on the profile's idle power, energy per byte and energy per operation, and the modes and formats concerned.
    pub power: Option<[Value; 3]>,
    pub modes: Vec<usize>,
    pub formats: Vec<WeightFormat>,
    pub decode: Group,
    pub prefill: Group,
    pub watts: Group,
    /// Rows whose power was not used, with the reason.
    pub unmetered: Vec<(String, String)>,
}

/// A problem with the row that each observation is of.
struct Seen<L> {
    problem: Problem<L>,
    used: Vec<usize>,
}

impl<L: Law> Seen<L> {
    fn new() -> Self {
        Self { problem: Problem { terms: Terms::default(), rows: Vec::new(), noise: NOISE, lean: 0.0 }, used: Vec::new() }
    }

    fn all(&self) -> Vec<usize> {
        (0..self.used.len()).collect()
    }

    /// Fits, learns the spread of the residuals, and fits again.
    fn fit(&mut self) -> Fit {
        let all = self.all();
        let first = self.problem.fit(&all, &self.problem.prior(), COLD);
        if all.len() < TELLING {
            return first;
        }
        let mut away: Vec<f64> = all.iter().map(|&i| (self.problem.predict(i, &first) - self.problem.rows[i].y).abs()).collect();
        away.sort_by(f64::total_cmp);
        let n = away.len();
        self.problem.noise = (f64::midpoint(away[(n - 1) / 2], away[n / 2]) / 0.6745).clamp(NOISE_LEAST, NOISE_MOST);
        self.problem.fit(&all, &first, COLD)
    }

    /// `log y` of each observation from a fit without its row.
    fn left_out(&self, fit: &Fit) -> Vec<f64> {
        let all = self.all();
        all.iter()
            .map(|&i| {
                let others: Vec<usize> = all.iter().copied().filter(|&j| self.used[j] != self.used[i]).collect();
                self.problem.predict(i, &self.problem.fit(&others, fit, WARM))
            })
            .collect()
    }

    /// A head of an observation, as a number.
    fn value(&self, head: usize, of: usize, fit: &Fit) -> Value {
        let row = &self.problem.rows[of];
        Value { value: self.problem.heads(row, fit)[head].exp(), spread: self.problem.deviation(head, row, &self.all(), fit) }
    }
}

/// Fits one processor of a device to its rows.
pub(crate) fn fit(device: &DeviceProfile, processor: &Processor, used: &[Used<'_>]) -> Part {
    let cache = processor.cache.as_ref().map_or(0.0, |c| c.value.get());
    let passes: Vec<Arc<Passes>> = used.iter().map(|u| Arc::new(Passes::of(&u.case, cache))).collect();
    let mut part = Part {
        processor: processor.id.clone(),
        rows: used.iter().map(|u| u.row.row_id.clone()).collect(),
        bandwidth: None,
        launch: None,
        arithmetic: BTreeMap::new(),
        power: None,
        modes: Vec::new(),
        formats: Vec::new(),
        decode: Group::default(),
        prefill: Group::default(),
        watts: Group::default(),
        unmetered: Vec::new(),
    };
    fit_rates(device, processor, used, &passes, &mut part);
    fit_power(device, processor, used, &passes, &mut part);
    part
}

fn fit_rates(device: &DeviceProfile, processor: &Processor, used: &[Used<'_>], passes: &[Arc<Passes>], part: &mut Part) {
    let priors = Priors::of(device, processor);
    let mut seen: Seen<Rate> = Seen::new();
    let mut phases = Vec::new();
    for (index, u) in used.iter().enumerate() {
        let Ok(rates) = profile::rates(device, &u.case) else { continue };
        let Some(kernel) = processor.kernels.get(&u.case.format) else { continue };
        let shares = (processor.bandwidth_efficiency.value.get(), kernel.efficiency.value.get());
        for (phase, rate) in [(Phase::Decode, u.row.decode_tok_s), (Phase::Prefill, u.row.prefill_tok_s)] {
            let Some(rate) = rate.filter(|r| *r > 0.0) else { continue };
            let law = Rate::new(passes[index].clone(), phase, &rates, shares.0, shares.1);
            let Some(made) = rates::observe(processor, &priors, &u.case, law, rate, &mut seen.problem.terms) else { continue };
            seen.problem.rows.push(made);
            seen.used.push(index);
            phases.push(phase);
        }
    }
    let fit = seen.fit();
    let left_out = seen.left_out(&fit);
    for (i, &phase) in phases.iter().enumerate() {
        let point = Point {
            used: seen.used[i],
            measured: (-seen.problem.rows[i].y).exp(),
            fitted: (-seen.problem.predict(i, &fit)).exp(),
            left_out: (-left_out[i]).exp(),
        };
        let group = if phase == Phase::Decode { &mut part.decode } else { &mut part.prefill };
        group.points.push(point);
        group.rows.push(used[point.used].row.row_id.clone());
        let format = used[point.used].case.format;
        if phase == Phase::Prefill && !part.arithmetic.contains_key(&format) {
            part.arithmetic.insert(format, seen.value(rates::ARITHMETIC, i, &fit));
        }
        if phase == Phase::Decode && part.bandwidth.is_none() {
            part.bandwidth = Some(seen.value(rates::BANDWIDTH, i, &fit));
            part.launch = Some(seen.value(rates::LAUNCH, i, &fit));
        }
    }
    let ranged = |group: &Group, phase| Range::of(phase, group.points.iter().map(|p| &used[p.used].case));
    part.decode.range = ranged(&part.decode, Phase::Decode);
    part.prefill.range = ranged(&part.prefill, Phase::Prefill);
}

/// The scope that most metered rows share; a rail of the chip is not the device.
fn scope(used: &[Used<'_>]) -> Option<&'static str> {
    let mut count: BTreeMap<&'static str, usize> = BTreeMap::new();
    for u in used.iter().filter(|u| u.row.metered_w().is_some() && u.case.scope != "rail") {
        *count.entry(u.case.scope).or_default() += 1;
    }
    count.into_iter().max_by_key(|&(_, n)| n).map(|(scope, _)| scope)
}

fn fit_power(device: &DeviceProfile, processor: &Processor, used: &[Used<'_>], passes: &[Arc<Passes>], part: &mut Part) {
    let Some(scope) = scope(used) else { return };
    let mut seen: Seen<Draw> = Seen::new();
    for (index, u) in used.iter().enumerate() {
        let (Some(watts), Some(rate)) = (u.row.metered_w(), u.row.metered_rate()) else { continue };
        if u.case.scope != scope {
            let reason = format!("power of the scope `{}`, most rows have `{scope}`", u.case.scope);
            part.unmetered.push((u.row.row_id.clone(), reason));
            continue;
        }
        let law = Draw::of(device, processor, &u.case, &passes[index], u.row.decoding(), rate, watts);
        let made = power::observe(device, processor, &u.case, law, watts, &mut seen.problem.terms);
        seen.problem.rows.push(made);
        seen.used.push(index);
        if !part.modes.contains(&u.case.mode) {
            part.modes.push(u.case.mode);
        }
        if !part.formats.contains(&u.case.format) {
            part.formats.push(u.case.format);
        }
    }
    if seen.used.len() < FEWEST_POWER {
        let reason = format!("fewer than {FEWEST_POWER} rows with power");
        part.unmetered.extend(seen.used.iter().map(|&i| (used[i].row.row_id.clone(), reason.clone())));
        return;
    }
    let fit = seen.fit();
    let left_out = seen.left_out(&fit);
    for (i, &index) in seen.used.iter().enumerate() {
        let (measured, fitted) = (seen.problem.rows[i].y.exp(), seen.problem.predict(i, &fit).exp());
        part.watts.points.push(Point { used: index, measured, fitted, left_out: left_out[i].exp() });
        part.watts.rows.push(used[index].row.row_id.clone());
    }
    part.power = Some([power::IDLE, power::BYTE, power::OPERATION].map(|head| seen.value(head, 0, &fit)));
}
