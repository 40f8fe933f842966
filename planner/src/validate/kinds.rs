//! Zero-shot, few-shot and fitted predictions of a set of observations.

use super::regression::{Fit, Law, Problem};
use rayon::prelude::*;
use std::collections::BTreeSet;

/// Most steps of Gauss and Newton from the priors, and from a neighbouring fit.
const COLD: usize = 16;
const WARM: usize = 8;

/// Where an observation belongs.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Left out whole when one of its rows is scored.
    pub device: String,
    /// What a few-shot profile is about: the device in a power mode.
    pub profile: String,
    /// Row of the table; several observations may share it.
    pub row: usize,
    /// Not of the table that is scored, but known beside it: it teaches, and is neither shown nor scored.
    pub known: bool,
}

/// A device's observations, all others, and a fit that has seen only those.
#[derive(Clone, Debug)]
pub(super) struct LeftOut {
    pub own: Vec<usize>,
    pub others: Vec<usize>,
    pub fit: Fit,
    /// Variances of the logarithms of its own observations around what that fit predicts.
    pub variances: Vec<f64>,
}

/// A fit without each device of the table, in the order of the devices' names. Does not depend on the number of threads.
pub(super) fn leave_out<L: Law + Sync>(problem: &Problem<L>, places: &[Place]) -> Vec<LeftOut> {
    let devices: BTreeSet<&str> = places.iter().filter(|p| !p.known).map(|p| p.device.as_str()).collect();
    let devices: Vec<&str> = devices.into_iter().collect();
    devices
        .par_iter()
        .map(|device| {
            let (mut own, others): (Vec<usize>, Vec<usize>) = (0..places.len()).partition(|&i| places[i].device == *device);
            own.retain(|&i| !places[i].known);
            let fit = problem.fit(&others, &problem.prior(), COLD);
            let variances = problem.variances(&own, &others, &fit);
            LeftOut { own, others, fit, variances }
        })
        .collect()
}

/// Adds to `shown` up to `count` rows of the table, such that the problem learns most about a profile's rows.
pub(super) fn show<L: Law>(
    problem: &Problem<L>,
    places: &[Place],
    left: &LeftOut,
    profile: &str,
    count: usize,
    shown: &mut BTreeSet<usize>,
) {
    let mine: Vec<usize> = left.own.iter().copied().filter(|&i| places[i].profile == profile).collect();
    let (known, open): (Vec<usize>, Vec<usize>) = mine.into_iter().partition(|&i| shown.contains(&places[i].row));
    let mut seen = left.others.clone();
    seen.extend(known);
    shown.extend(problem.choose(&open, &seen, &left.fit, count).into_iter().map(|i| places[i].row));
}

/// Laws under which scored observations are predicted, where they differ from those that are fitted: an
/// observation's law may hold a measured rate that its prediction must not know.
pub(super) struct Scored<L> {
    pub zero: Vec<L>,
    pub few: Vec<Option<L>>,
    pub fitted: Vec<L>,
}

/// Logarithms predicted for each observation.
#[derive(Clone, Debug)]
pub(super) struct Predicted {
    pub zero: Vec<f64>,
    /// `None` for rows that the profile has seen, and where it could see none.
    pub few: Vec<Option<f64>>,
    pub fitted: Vec<f64>,
}

/// All three predictions of every observation.
pub(super) fn predict<L: Law + Sync>(
    problem: &Problem<L>,
    places: &[Place],
    parts: &[LeftOut],
    shown: &BTreeSet<usize>,
    laws: Option<&Scored<L>>,
) -> Predicted {
    let everything: Vec<usize> = (0..places.len()).collect();
    let fit = problem.fit(&everything, &problem.prior(), COLD);
    let mut out = Predicted { zero: vec![0.0; places.len()], few: vec![None; places.len()], fitted: Vec::new() };
    out.fitted = everything
        .iter()
        .map(|&i| laws.map_or_else(|| problem.predict(i, &fit), |l| problem.predict_as(i, &l.fitted[i], &fit)))
        .collect();
    let few: Vec<Vec<(usize, f64)>> = parts.par_iter().map(|left| few_shot(problem, places, left, shown, laws)).collect();
    for left in parts {
        for (&i, variance) in left.own.iter().zip(&left.variances) {
            let said = laws.map_or_else(|| problem.predict(i, &left.fit), |l| problem.predict_as(i, &l.zero[i], &left.fit));
            out.zero[i] = said + problem.lean * variance;
        }
    }
    for (i, value) in few.into_iter().flatten() {
        out.few[i] = Some(value);
    }
    out
}

fn few_shot<L: Law>(
    problem: &Problem<L>,
    places: &[Place],
    left: &LeftOut,
    shown: &BTreeSet<usize>,
    laws: Option<&Scored<L>>,
) -> Vec<(usize, f64)> {
    let profiles: BTreeSet<&str> = left.own.iter().map(|&i| places[i].profile.as_str()).collect();
    let mut out = Vec::new();
    for profile in profiles {
        let mine = left.own.iter().copied().filter(|&i| places[i].profile == profile);
        let (seen, scored): (Vec<usize>, Vec<usize>) = mine.partition(|&i| shown.contains(&places[i].row));
        // A profile that has seen nothing of this quantity stays zero-shot in it, and is scored as what it is: few-shot elsewhere.
        let rows = [left.others.as_slice(), &seen].concat();
        let fit = if seen.is_empty() { left.fit.clone() } else { problem.fit(&rows, &left.fit, WARM) };
        let variances = problem.variances(&scored, &rows, &fit);
        out.extend(scored.into_iter().zip(variances).filter_map(|(i, variance)| {
            let said = match laws {
                None => problem.predict(i, &fit),
                Some(l) => problem.predict_as(i, l.few[i].as_ref()?, &fit),
            };
            Some((i, said + problem.lean * variance))
        }));
    }
    out
}
