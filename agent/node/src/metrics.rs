//! Counts of what a node did, for `/metrics` and telemetry.

use crate::shared::lock;
use protocol::Name;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Notes that are kept.
const NOTES: usize = 32;
/// Times of one window that percentiles are taken of.
const TIMES: usize = 1_024;

/// One service's requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) tokens: u64,
    pub(crate) ttft_s: f64,
    pub(crate) decode_s: f64,
    /// Requests that had a first token.
    pub(crate) begun: u64,
    /// Tokens after the first ones.
    pub(crate) decoded: u64,
}

/// Since the last look.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Window {
    pub(crate) counts: Counts,
    pub(crate) ttft_s: Vec<f64>,
    pub(crate) tpot_s: Vec<f64>,
}

#[derive(Default)]
pub(crate) struct Metrics {
    services: Mutex<BTreeMap<(Name, u32), (Counts, Window)>>,
    /// Requests that were refused because the queue was full.
    refused: Mutex<u64>,
    /// Times that a stage was lost and the request began anew behind it.
    healed: Mutex<u64>,
    /// Streams to neighbours that were opened.
    streams: AtomicU64,
    /// Power of the machine over the last window, where a sensor measures it.
    power_w: Mutex<Option<f64>>,
    notes: Mutex<VecDeque<String>>,
}

impl Metrics {
    /// What went wrong, for `/metrics` and people.
    pub(crate) fn note(&self, what: String) {
        let mut notes = lock(&self.notes);
        if notes.back() != Some(&what) {
            if notes.len() >= NOTES {
                notes.pop_front();
            }
            notes.push_back(what);
        }
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        lock(&self.notes).iter().cloned().collect()
    }

    pub(crate) fn set_power(&self, watts: Option<f64>) {
        *lock(&self.power_w) = watts;
    }

    pub(crate) fn power_w(&self) -> Option<f64> {
        *lock(&self.power_w)
    }

    pub(crate) fn heal(&self) {
        *lock(&self.healed) += 1;
    }

    pub(crate) fn healed(&self) -> u64 {
        *lock(&self.healed)
    }

    pub(crate) fn opened(&self) {
        self.streams.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn streams(&self) -> u64 {
        self.streams.load(Ordering::Relaxed)
    }

    pub(crate) fn refuse(&self) {
        *lock(&self.refused) += 1;
    }

    pub(crate) fn refused(&self) -> u64 {
        *lock(&self.refused)
    }

    /// A request ended: after so many tokens, the first of which came after `ttft_s`, the last after `whole_s`.
    pub(crate) fn ended(&self, service: &Name, replica: u32, tokens: u64, ttft_s: Option<f64>, whole_s: f64, failed: bool) {
        let mut services = lock(&self.services);
        let (total, window) = services.entry((service.clone(), replica)).or_default();
        let after = tokens.saturating_sub(1);
        for counts in [total, &mut window.counts] {
            counts.requests += 1;
            counts.failed += u64::from(failed);
            counts.tokens += tokens;
            if let Some(first) = ttft_s {
                counts.begun += 1;
                counts.ttft_s += first;
                counts.decoded += after;
                counts.decode_s += (whole_s - first).max(0.0);
            }
        }
        if let Some(first) = ttft_s.filter(|_| window.ttft_s.len() < TIMES) {
            window.ttft_s.push(first);
            if after > 0 {
                window.tpot_s.push((whole_s - first) / after as f64);
            }
        }
    }

    pub(crate) fn totals(&self) -> Vec<((Name, u32), Counts)> {
        lock(&self.services).iter().map(|(k, (total, _))| (k.clone(), total.clone())).collect()
    }

    /// What happened since the last call.
    pub(crate) fn lap(&self) -> Vec<((Name, u32), Window)> {
        lock(&self.services).iter_mut().map(|(k, (_, window))| (k.clone(), std::mem::take(window))).collect()
    }
}

/// A percentile of some times; `None` without any.
pub(crate) fn at(times: &mut [f64], share: f64) -> Option<f64> {
    times.sort_by(f64::total_cmp);
    let last = times.len().checked_sub(1)?;
    Some(times[(last as f64 * share).round() as usize])
}
