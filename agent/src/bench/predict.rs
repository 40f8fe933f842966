//! What the machine's own probe predicts of a model, beside what is measured.

use super::row::Row;
use crate::exit::Failure;
use ::probe::law::Model;
use ::probe::{ProbeError, Record};
use engine::Stage;
use serde::Serialize;
use std::path::Path;

/// A probe's record, from its profile's file.
pub(super) struct Predictor {
    record: Record,
    /// Id of the profile.
    pub(super) device: String,
}

/// Predicted rates, and their errors against the medians: of one thread those of its processor time, as it was probed,
/// of several those of the wall.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Predicted {
    /// Tokens a second.
    pub(crate) prefill_tok_s: Option<f64>,
    pub(crate) decode_tok_s: Option<f64>,
    /// Predicted over measured, less one.
    pub(crate) prefill_error: Option<f64>,
    pub(crate) decode_error: Option<f64>,
}

impl Predictor {
    pub(super) fn open(path: &Path, threads: usize) -> Result<Self, Failure> {
        let wrong = |e: &dyn std::fmt::Display| Failure::help(e, "a file that `agent probe -o` wrote on this machine");
        let text = std::fs::read_to_string(path).map_err(|e| wrong(&format!("cannot read {}: {e}", path.display())))?;
        let name = path.display().to_string();
        let record = ::probe::record(&name, &text).map_err(|e: ProbeError| wrong(&e))?;
        let device = profiles::read_device(&name, &text).map_err(|e| wrong(&e))?;
        if record.threads != threads {
            return Err(Failure::help(
                format!("{name} is of {} threads, this run has {threads}", record.threads),
                format!("-t {}, or another probe", record.threads),
            ));
        }
        Ok(Self { record, device: device.id })
    }

    pub(super) fn predict(&self, stage: &Stage, row: &Row) -> Predicted {
        let model = Model::of(stage);
        // The mean of what new tokens see.
        let context = row.depth as f64 + row.new as f64 / 2.0;
        let rate = |seconds: Option<f64>, tokens: f64| seconds.filter(|s| *s > 0.0).map(|s| tokens / s);
        let decode = rate(self.record.decode(&model, context).map(|t| t.total()), 1.0);
        let prompt = row.prompt as f64;
        let prefill = rate(self.record.prefill(&model, prompt).map(|t| t.total()), prompt);
        let alone = row.threads == 1;
        let of = |wall: Option<f64>, cpu: Option<f64>| if alone { cpu.or(wall) } else { wall };
        let error = |p: Option<f64>, m: Option<f64>| p.zip(m).filter(|(_, m)| *m > 0.0).map(|(p, m)| p / m - 1.0);
        Predicted {
            prefill_tok_s: prefill.filter(|_| row.prompt > 0),
            decode_tok_s: decode,
            prefill_error: error(prefill, of(row.prefill_tok_s, row.prefill_tok_cpu_s)),
            decode_error: error(decode, of(row.decode_tok_s, row.decode_tok_cpu_s)),
        }
    }
}
