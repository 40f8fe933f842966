//! Robust regression of logarithms with priors: what "fitted" means in this folder.
//!
//! A law predicts `log y` from a few heads (`log` of a share, a launch time, an energy), and each head is
//! its prior mean plus weighted terms: `h = mean + sum w_k v_k`, `w_k ~ N(mean_k, sd_k)`. Terms go from what all
//! rows share to the class, the engine, the precision and the device, with ever smaller spreads, so that
//! a level with few rows stays near the level above it. Found by Gauss and Newton's steps on linearised laws; each
//! step is solved in the space of rows (as a Gaussian process is: Rasmussen and Williams 2006, 2.3), since there are more
//! terms than rows. Outliers weigh by Huber's function (Huber 1964). A term that no row bears keeps its prior.

use super::matrix::Cholesky;
use std::collections::BTreeMap;

/// Most heads that a law has.
pub(super) const HEADS: usize = 5;
/// Residual beyond which a row weighs less, in standard deviations. The usual constant is 1.345..1.5.
const HUBER: f64 = 1.5;
/// Longest step of a weight, so that a first step from the priors cannot leave the law's range.
const STEP: f64 = 1.0;

/// Names of terms, and their spreads.
#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    ids: BTreeMap<String, u32>,
    variance: Vec<f64>,
}

/// One term of one row: which weight, on which head, times what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    head: usize,
    id: u32,
    value: f64,
}

/// A row as the regression sees it.
#[derive(Clone, Debug)]
pub(super) struct Observation<L> {
    /// Logarithm of what was measured.
    pub y: f64,
    pub law: L,
    /// Prior of each head, before its terms.
    pub heads: [f64; HEADS],
    pub terms: Vec<Term>,
}

/// A physical law in logarithms.
pub(super) trait Law {
    /// `log y` and its derivatives by the heads.
    fn predict(&self, heads: &[f64; HEADS]) -> (f64, [f64; HEADS]);
}

/// Adds terms to one observation.
#[derive(Debug)]
pub(super) struct Writer<'t> {
    pub terms: &'t mut Terms,
    pub heads: [f64; HEADS],
    pub out: Vec<Term>,
}

impl Writer<'_> {
    /// A term `name` on `head` with spread `sd`, times `value`; nothing where `value` is zero.
    pub(super) fn add(&mut self, head: usize, name: &str, sd: f64, value: f64) {
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

    /// The same with a prior mean other than zero.
    pub(super) fn add_around(&mut self, head: usize, name: &str, sd: f64, value: f64, mean: f64) {
        if value.is_finite() {
            self.heads[head] += mean * value;
        }
        self.add(head, name, sd, value);
    }
}

/// Weights of all terms, as deviations from their prior means.
#[derive(Clone, Debug)]
pub(super) struct Fit {
    weights: Vec<f64>,
}

/// All observations of one quantity, and the terms that they share.
#[derive(Clone, Debug)]
pub(super) struct Problem<L> {
    pub terms: Terms,
    pub rows: Vec<Observation<L>>,
    /// Standard deviation of a row's logarithm around the law.
    pub noise: f64,
}

/// A row's derivative by the weights, and its value where the weights are zero on the linearised law.
struct Linear {
    slope: Vec<(u32, f64)>,
    offset: f64,
    residual: f64,
}

impl<L: Law> Problem<L> {
    /// Nothing seen.
    pub(super) fn prior(&self) -> Fit {
        Fit { weights: vec![0.0; self.terms.variance.len()] }
    }

    fn heads(&self, row: &Observation<L>, fit: &Fit) -> [f64; HEADS] {
        let mut heads = row.heads;
        for term in &row.terms {
            heads[term.head] += fit.weights[term.id as usize] * term.value;
        }
        heads
    }

    /// `log y` of a row.
    pub(super) fn predict(&self, row: usize, fit: &Fit) -> f64 {
        let row = &self.rows[row];
        row.law.predict(&self.heads(row, fit)).0
    }

    /// The same under another law, such as one that holds a predicted rate instead of the measured one.
    pub(super) fn predict_as(&self, row: usize, law: &L, fit: &Fit) -> f64 {
        law.predict(&self.heads(&self.rows[row], fit)).0
    }

    fn linear(&self, row: usize, fit: &Fit) -> Linear {
        let row = &self.rows[row];
        let (value, by_head) = row.law.predict(&self.heads(row, fit));
        let slope: Vec<(u32, f64)> = row.terms.iter().map(|t| (t.id, by_head[t.head] * t.value)).collect();
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

    /// Fits to some rows, from a start, in a number of steps.
    pub(super) fn fit(&self, rows: &[usize], start: &Fit, steps: usize) -> Fit {
        let mut fit = start.clone();
        for _ in 0..steps {
            let lines: Vec<Linear> = rows.iter().map(|&r| self.linear(r, &fit)).collect();
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
            for (old, new) in fit.weights.iter_mut().zip(next) {
                *old += (new - *old).clamp(-STEP, STEP);
            }
        }
        fit
    }

    /// Of `candidates`, the `count` whose measurement would leave the least variance over all of them, given that
    /// `seen` were measured: greedy A-optimal design. It looks at no outcome of a candidate.
    pub(super) fn choose(&self, candidates: &[usize], seen: &[usize], fit: &Fit, count: usize) -> Vec<usize> {
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
        let mut chosen: Vec<usize> = Vec::new();
        for _ in 0..count.min(m) {
            let gain = |j: usize| p[j].iter().map(|x| x * x).sum::<f64>() / (p[j][j].max(0.0) + self.noise * self.noise);
            let best = (0..m).filter(|j| !chosen.contains(j)).max_by(|&a, &b| gain(a).total_cmp(&gain(b)).then(b.cmp(&a)));
            let Some(best) = best else { break };
            chosen.push(best);
            let column = p[best].clone();
            let scale = column[best].max(0.0) + self.noise * self.noise;
            for (row, &a) in p.iter_mut().zip(&column) {
                for (x, &b) in row.iter_mut().zip(&column) {
                    *x -= a * b / scale;
                }
            }
        }
        chosen.into_iter().map(|c| candidates[c]).collect()
    }
}
