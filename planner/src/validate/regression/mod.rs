//! Robust regression of logarithms with priors: what "fitted" means in this folder.
//!
//! A law predicts `log y` from a few heads (`log` of a share, a launch time, an energy), and each head is
//! its prior mean plus weighted terms: `h = mean + sum w_k v_k`, `w_k ~ N(mean_k, sd_k)`. Terms go from what all
//! rows share to the class, the engine, the precision and the device, with ever smaller spreads, so that
//! a level with few rows stays near the level above it. Found by Gauss and Newton's steps on linearised laws, shortened
//! where they overshoot (a line search: Nocedal and Wright 2006, 10.3); each step is solved in the space of rows, as a
//! Gaussian process is (Rasmussen and Williams 2006, 2.3), since there are more terms than rows. Outliers weigh by Huber's function (Huber 1964). A term that no row bears keeps its prior.

use super::matrix::Cholesky;
use std::collections::BTreeMap;

/// Most heads that a law has.
pub(crate) const HEADS: usize = 6;
/// Residual beyond which a row weighs less, in standard deviations. The usual constant is 1.345..1.5.
const HUBER: f64 = 1.5;
/// What a row that may be shown is thought to stray from the law, in standard deviations of the noise: more than repeated
/// measurements do, for a row also has its own peculiarities. Assumed.
const DOUBT: f64 = 2.0;
/// Longest step of a weight, so that a first step from the priors cannot leave the law's range.
const STEP: f64 = 1.0;
/// Shares of a step that are tried.
const SHARES: [f64; 4] = [1.0, 0.5, 0.25, 0.1];
/// Gain of a step, as a share of what is left to lose, below which it is the last.
const WORTH: f64 = 1e-3;

/// Names of terms, and their spreads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    ids: BTreeMap<String, u32>,
    variance: Vec<f64>,
}

/// One term of one row: which weight, on which head, times what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    head: usize,
    id: u32,
    value: f64,
}

/// A row as the regression sees it.
#[derive(Clone, Debug)]
pub(crate) struct Observation<L> {
    /// Logarithm of what was measured.
    pub y: f64,
    pub law: L,
    /// Prior of each head, before its terms.
    pub heads: [f64; HEADS],
    pub terms: Vec<Term>,
}

/// A physical law in logarithms.
pub(crate) trait Law {
    /// `log y` and its derivatives by the heads.
    fn predict(&self, heads: &[f64; HEADS]) -> (f64, [f64; HEADS]);
}

/// Adds terms to one observation.
#[derive(Debug)]
pub(crate) struct Writer<'t> {
    pub terms: &'t mut Terms,
    pub heads: [f64; HEADS],
    pub out: Vec<Term>,
}

impl Writer<'_> {
    /// A term `name` on `head` with spread `sd`, times `value`; nothing where `value` is zero.
    pub(crate) fn add(&mut self, head: usize, name: &str, sd: f64, value: f64) {
        if value == 0.0 || !value.is_finite() {
            return;
        }
        let next = self.terms.variance.len() as u32;
        let id = *self.terms.ids.entry(format!("{head} {name}")).or_insert(next);
        if id == next {
            self.terms.variance.push(sd * sd);
        }
        self.out.push(Term { head, id, value });
    }

    /// One term on several heads at once, each with its value.
    pub(crate) fn share(&mut self, name: &str, sd: f64, on: &[(usize, f64)]) {
        let next = self.terms.variance.len() as u32;
        let id = *self.terms.ids.entry(name.to_owned()).or_insert(next);
        if id == next {
            self.terms.variance.push(sd * sd);
        }
        self.out.extend(on.iter().map(|&(head, value)| Term { head, id, value }));
    }

    /// The same with a prior mean other than zero.
    pub(crate) fn add_around(&mut self, head: usize, name: &str, sd: f64, value: f64, mean: f64) {
        if value.is_finite() {
            self.heads[head] += mean * value;
        }
        self.add(head, name, sd, value);
    }
}

/// Weights of all terms, as deviations from their prior means.
#[derive(Clone, Debug)]
pub(crate) struct Fit {
    weights: Vec<f64>,
}

/// All observations of one quantity, and the terms that they share.
#[derive(Clone, Debug)]
pub(crate) struct Problem<L> {
    pub terms: Terms,
    pub rows: Vec<Observation<L>>,
    /// Standard deviation of a row's logarithm around the law.
    pub noise: f64,
    /// Share of its variance by which a prediction's logarithm is moved, away from what would be too much. The
    /// expected `|predicted / measured - 1|` under a lognormal of variance `v` is least `v` below the median: what is
    /// predicted ten times too high errs by 900 %, ten times too low by 90 %. Positive where `y` is a time.
    pub lean: f64,
}

/// A row's derivative by the weights, and its value where the weights are zero on the linearised law.
struct Linear {
    slope: Vec<(u32, f64)>,
    offset: f64,
    residual: f64,
}

impl<L: Law> Problem<L> {
    /// Nothing seen.
    pub(crate) fn prior(&self) -> Fit {
        Fit { weights: vec![0.0; self.terms.variance.len()] }
    }

    /// The heads of an observation under a fit.
    pub(crate) fn heads(&self, row: &Observation<L>, fit: &Fit) -> [f64; HEADS] {
        let mut heads = row.heads;
        for term in &row.terms {
            heads[term.head] += fit.weights[term.id as usize] * term.value;
        }
        heads
    }

    /// `log y` of a row.
    pub(crate) fn predict(&self, row: usize, fit: &Fit) -> f64 {
        let row = &self.rows[row];
        row.law.predict(&self.heads(row, fit)).0
    }

    /// The same under another law, such as one that holds a predicted rate instead of the measured one.
    pub(crate) fn predict_as(&self, row: usize, law: &L, fit: &Fit) -> f64 {
        law.predict(&self.heads(&self.rows[row], fit)).0
    }

    fn linear(&self, row: usize, fit: &Fit) -> Linear {
        let row = &self.rows[row];
        let (value, by_head) = row.law.predict(&self.heads(row, fit));
        let mut slope: Vec<(u32, f64)> = Vec::with_capacity(row.terms.len());
        for t in &row.terms {
            let s = by_head[t.head] * t.value;
            match slope.iter_mut().find(|known| known.0 == t.id) {
                Some(known) => known.1 += s,
                None => slope.push((t.id, s)),
            }
        }
        let at: f64 = slope.iter().map(|&(id, s)| s * fit.weights[id as usize]).sum();
        Linear { slope, offset: value - at, residual: row.y - value }
    }

    /// Lower triangle of the prior covariance of rows, noise not included.
    fn covariance(&self, rows: &[Linear]) -> Vec<f64> {
        let n = rows.len();
        let mut by_term: Vec<Vec<(u32, f64)>> = vec![Vec::new(); self.terms.variance.len()];
        for (i, row) in (0u32..).zip(rows) {
            for &(id, s) in &row.slope {
                by_term[id as usize].push((i, s));
            }
        }
        let mut k = vec![0.0; n * n];
        for (bearers, variance) in by_term.iter().zip(&self.terms.variance) {
            for (a, &(i, si)) in bearers.iter().enumerate() {
                let scaled = si * variance;
                for &(j, sj) in &bearers[..=a] {
                    k[i as usize * n + j as usize] += scaled * sj;
                }
            }
        }
        k
    }

    fn variance_of(&self, residual: f64) -> f64 {
        let u = residual.abs() / self.noise;
        self.noise * self.noise * (u / HUBER).max(1.0)
    }

    /// What a fit minimises: Huber's loss of the residuals in standard deviations, and half the squares of the weights in theirs.
    pub(crate) fn loss(&self, rows: &[usize], fit: &Fit) -> f64 {
        let of = |row: usize| {
            let u = (self.rows[row].y - self.predict(row, fit)).abs() / self.noise;
            if u < HUBER { 0.5 * u * u } else { HUBER * (u - 0.5 * HUBER) }
        };
        let weights = fit.weights.iter().zip(&self.terms.variance);
        rows.iter().map(|&r| of(r)).sum::<f64>() + 0.5 * weights.filter(|(_, v)| **v > 0.0).map(|(w, v)| w * w / v).sum::<f64>()
    }

    /// Weights that Gauss and Newton's next step would lead to, no further than [`STEP`] from where they are.
    fn aim(&self, rows: &[usize], fit: &Fit) -> Vec<f64> {
        let lines: Vec<Linear> = rows.iter().map(|&r| self.linear(r, fit)).collect();
        let n = lines.len();
        let mut k = self.covariance(&lines);
        let mut z: Vec<f64> = lines.iter().zip(rows).map(|(l, &r)| self.rows[r].y - l.offset).collect();
        for (i, line) in lines.iter().enumerate() {
            k[i * n + i] += self.variance_of(line.residual);
        }
        Cholesky::of(k, n).solve(&mut z);
        let mut next = vec![0.0; fit.weights.len()];
        for (line, a) in lines.iter().zip(&z) {
            for &(id, s) in &line.slope {
                next[id as usize] += self.terms.variance[id as usize] * s * a;
            }
        }
        next.iter().zip(&fit.weights).map(|(new, old)| old + (new - old).clamp(-STEP, STEP)).collect()
    }

    /// Fits to some rows, from a start, in at most so many steps. Of each step the share in [`SHARES`] is taken that leaves
    /// least to lose: whole steps swing about the best weights for ever where a launch and a share of the bandwidth can
    /// stand for each other. Ends where a step gains nothing worth it.
    pub(crate) fn fit(&self, rows: &[usize], start: &Fit, steps: usize) -> Fit {
        let (mut fit, mut loss) = (start.clone(), self.loss(rows, start));
        for _ in 0..steps {
            let aim = self.aim(rows, &fit);
            let part = |share: f64| {
                let weights = fit.weights.iter().zip(&aim).map(|(old, new)| old + share * (new - old)).collect();
                let part = Fit { weights };
                (self.loss(rows, &part), part)
            };
            let Some((least, best)) = SHARES.into_iter().map(part).min_by(|a, b| a.0.total_cmp(&b.0)) else { break };
            if least.total_cmp(&loss).is_ge() {
                break;
            }
            let gain = loss - least;
            (fit, loss) = (best, least);
            if gain < WORTH * loss {
                break;
            }
        }
        fit
    }

    /// Variance of `log y` of `targets` around what a fit to `rows` predicts, the noise of one measurement included.
    pub(crate) fn variances(&self, targets: &[usize], rows: &[usize], fit: &Fit) -> Vec<f64> {
        let n = rows.len();
        let all: Vec<Linear> = rows.iter().chain(targets).map(|&r| self.linear(r, fit)).collect();
        let size = all.len();
        let k = self.covariance(&all);
        let mut seen = vec![0.0; n * n];
        for i in 0..n {
            seen[i * n..=i * n + i].copy_from_slice(&k[i * size..=i * size + i]);
            seen[i * n + i] += self.variance_of(all[i].residual);
        }
        let factor = Cholesky::of(seen, n);
        (n..size)
            .map(|t| {
                let mut crossed = k[t * size..t * size + n].to_vec();
                factor.forward(&mut crossed);
                let told: f64 = crossed.iter().map(|c| c * c).sum();
                (k[t * size + t] - told).max(0.0) + self.noise * self.noise
            })
            .collect()
    }

    /// Standard deviation of a head of an observation after `rows` were seen, on the linearised law.
    pub(crate) fn deviation(&self, head: usize, of: &Observation<L>, rows: &[usize], fit: &Fit) -> f64 {
        let terms: Vec<&Term> = of.terms.iter().filter(|t| t.head == head).collect();
        let variance = |id: u32| self.terms.variance[id as usize];
        let prior: f64 = terms.iter().map(|t| t.value * t.value * variance(t.id)).sum();
        let lines: Vec<Linear> = rows.iter().map(|&r| self.linear(r, fit)).collect();
        let n = lines.len();
        let mut k = self.covariance(&lines);
        let mut crossed = Vec::with_capacity(n);
        for (i, line) in lines.iter().enumerate() {
            k[i * n + i] += self.variance_of(line.residual);
            let with = |id: u32| terms.iter().filter(|t| t.id == id).map(|t| t.value).sum::<f64>();
            crossed.push(line.slope.iter().map(|&(id, s)| s * variance(id) * with(id)).sum::<f64>());
        }
        Cholesky::of(k, n).forward(&mut crossed);
        (prior - crossed.iter().map(|c| c * c).sum::<f64>()).max(0.0).sqrt()
    }

    /// Of `candidates`, the `count` whose measurement would leave the least sum of standard deviations over all of them, given
    /// that `seen` were measured: what is left of an expected relative error is proportional to it. Greedy, as in sequential
    /// optimal design (Chaloner and Verdinelli 1995, 2), by the posterior of a Gaussian process (Rasmussen and Williams 2006,
    /// 2.25 and 2.26). It looks at no outcome of a candidate.
    pub(crate) fn choose(&self, candidates: &[usize], seen: &[usize], fit: &Fit, count: usize) -> Vec<usize> {
        let n = seen.len();
        let all: Vec<Linear> = seen.iter().chain(candidates).map(|&r| self.linear(r, fit)).collect();
        let k = self.covariance(&all);
        let size = all.len();
        let mut seen_k = vec![0.0; n * n];
        for i in 0..n {
            seen_k[i * n..=i * n + i].copy_from_slice(&k[i * size..=i * size + i]);
            seen_k[i * n + i] += self.noise * self.noise;
        }
        let factor = Cholesky::of(seen_k, n);
        let m = candidates.len();
        let crossed: Vec<Vec<f64>> = (0..m)
            .map(|c| {
                let mut column = k[(n + c) * size..(n + c) * size + n].to_vec();
                factor.forward(&mut column);
                column
            })
            .collect();
        let mut p = vec![vec![0.0; m]; m];
        for i in 0..m {
            for j in 0..=i {
                let explained: f64 = crossed[i].iter().zip(&crossed[j]).map(|(a, b)| a * b).sum();
                p[i][j] = k[(n + i) * size + n + j] - explained;
                p[j][i] = p[i][j];
            }
        }
        let doubt = (DOUBT * self.noise).powi(2);
        let mut chosen: Vec<usize> = Vec::new();
        for _ in 0..count.min(m) {
            let left = |j: usize| {
                let told = p[j][j].max(0.0) + doubt;
                (0..m).map(|i| (p[i][i].max(0.0) + doubt - p[j][i] * p[j][i] / told).max(doubt).sqrt()).sum::<f64>()
            };
            let rest: Vec<(f64, usize)> = (0..m).filter(|j| !chosen.contains(j)).map(|j| (left(j), j)).collect();
            let best = rest.iter().min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))).map(|b| b.1);
            let Some(best) = best else { break };
            chosen.push(best);
            let column = p[best].clone();
            let scale = column[best].max(0.0) + doubt;
            for (row, &a) in p.iter_mut().zip(&column) {
                for (x, &b) in row.iter_mut().zip(&column) {
                    *x -= a * b / scale;
                }
            }
        }
        chosen.into_iter().map(|c| candidates[c]).collect()
    }
}

#[cfg(test)]
mod tests;
