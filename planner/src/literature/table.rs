//! A table of measured runs: each row predicted from the catalogue, and each model from a fit to the other models.

use profiles::literature::{EDGEREASONING, Table};
use profiles::units::{JoulesPerByte, Ratio, Seconds};
use profiles::{DeviceProfile, ModelKind, Precision};
use std::collections::BTreeSet;

use super::fit::{self, Fitted, Observed};
use super::report::{Crossed, Errors, Group, TableReport};
use super::setting::{self, Ready};
use super::{LiteratureError, Unpredictable, special, used};
use crate::physics::request::Request;
use crate::physics::whole::Alone;
use crate::validate::{self, Row};

/// Prompts from this length on fill the rows of a matrix kernel; shorter ones are padded.
const FULL_PROMPT: f64 = 256.0;

/// What a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Decode,
    Batch,
    Prefill,
}

/// A row of one model, with what was measured.
struct Run<'r> {
    row: &'r Row,
    kind: Kind,
    model: &'r str,
    prompt: u32,
    answer: u32,
    samples: u32,
}

impl Run<'_> {
    /// The request on a device.
    fn on(&self, device: &DeviceProfile, table: &Table) -> Result<Ready, Unpredictable> {
        let model = setting::model(self.model)?.clone();
        Ok(Ready {
            precision: Precision { weights: table.weights, kv_bits: 16, activation_bits: 16 },
            request: Request::new(ModelKind::Llm, self.prompt, self.answer, self.samples),
            rates: setting::rates(device, &table.processor, table.weights)?,
            device: device.clone(),
            model,
        })
    }

    /// Answers that outlast the meter's lag.
    fn steady(&self, table: &Table) -> bool {
        self.answer >= table.steady_answer && self.row.power_ok
    }
}

/// Predictions of a row: rate of its phase, power on the metered rail, energy per token there.
struct Predicted {
    rate: f64,
    power_w: f64,
    energy_j: f64,
}

fn predict(run: &Run<'_>, device: &DeviceProfile, table: &Table) -> Result<Predicted, Unpredictable> {
    let ready = run.on(device, table)?;
    let alone = ready.alone()?;
    if run.kind == Kind::Prefill {
        let rate = f64::from(run.prompt) / alone.prefill.time_s;
        return Ok(Predicted { rate, power_w: 0.0, energy_j: 0.0 });
    }
    let dynamic_w = alone.decode_dynamic_w();
    let rail_w = ready.standing_w(dynamic_w)? - table.unseen.get();
    let tokens = f64::from(run.answer) * f64::from(run.samples);
    Ok(Predicted { rate: alone.decode_rate(), power_w: rail_w + dynamic_w, energy_j: rail_j(run, &alone, rail_w) / tokens })
}

/// Energy of the request on the rail; the rows of batches leave the prefill out.
fn rail_j(run: &Run<'_>, alone: &Alone, rail_w: f64) -> f64 {
    let decode = alone.decode.times(f64::from(run.answer));
    let spent = if run.kind == Kind::Batch { decode } else { decode + alone.prefill };
    spent.energy_j + rail_w * spent.time_s
}

/// The rows that the table's models cover.
fn runs<'r>(table: &'r Table, rows: &'r [Row]) -> Result<Vec<Run<'r>>, Unpredictable> {
    let whole = |v: Option<f64>| v.map_or(0, |v| v as u32);
    let mut runs = Vec::new();
    for row in rows {
        let model = table.models.get(&row.model).ok_or_else(|| Unpredictable::Unnamed(row.model.clone()))?;
        let batch = row.power_scope.contains("batch");
        let kind = match row.phase.as_str() {
            "decode" if batch => Kind::Batch,
            "decode" => Kind::Decode,
            _ => Kind::Prefill,
        };
        let answer = if kind == Kind::Prefill { 1 } else { whole(row.gen_tokens) };
        runs.push(Run { row, kind, model, prompt: whole(row.prompt_tokens), answer, samples: whole(row.batch).max(1) });
    }
    Ok(runs)
}

/// Compares a table.
pub(super) fn compare(table: &Table) -> Result<TableReport, LiteratureError> {
    let rows = validate::read("catalogue/literature-edgereasoning.csv", EDGEREASONING.as_bytes())?;
    let failed = |what| LiteratureError::Table { table: table.id.clone(), what };
    let runs = runs(table, &rows).map_err(failed)?;
    let device = setting::device(&table.device).map_err(failed)?;
    let groups = groups(table, &runs, device).map_err(failed)?;
    let models: BTreeSet<&str> = runs.iter().map(|r| r.model).collect();
    let crossed =
        models.iter().map(|out| cross(table, &runs, device, Some(*out))).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let fitted = cross(table, &runs, device, None).map_err(failed)?;
    Ok(TableReport {
        id: table.id.clone(),
        name: table.name.clone(),
        paper: table.paper.clone(),
        assumes: table.assumes.clone(),
        finding: table.finding.clone(),
        rows: runs.len(),
        groups,
        crossed,
        fitted,
        coefficients: used::of_processor(device, &table.processor, table.weights),
    })
}

/// A quantity's rows: which they are, and predicted and measured value of one.
type Pick = (&'static str, fn(&Run<'_>, &Table) -> bool, fn(&Predicted, &Row) -> Option<(f64, f64)>);

fn decode_rate(p: &Predicted, row: &Row) -> Option<(f64, f64)> {
    row.decode_tok_s.map(|m| (p.rate, m))
}

fn energy(p: &Predicted, row: &Row) -> Option<(f64, f64)> {
    row.j_per_token.map(|m| (p.energy_j, m))
}

fn watts(p: &Predicted, row: &Row) -> Option<(f64, f64)> {
    row.power_w.map(|m| (p.power_w, m))
}

const PICKS: [Pick; 9] = [
    ("decode rate", |r, _| r.kind == Kind::Decode, decode_rate),
    ("energy per token", |r, _| r.kind == Kind::Decode && r.row.power_ok, energy),
    ("energy per token, steady answers", |r, t| r.kind == Kind::Decode && r.steady(t), energy),
    ("power while decoding", |r, _| r.kind == Kind::Decode && r.row.power_ok, watts),
    ("power while decoding, steady answers", |r, t| r.kind == Kind::Decode && r.steady(t), watts),
    ("prefill rate", |r, _| r.kind == Kind::Prefill, |p, row| row.prefill_tok_s.map(|m| (p.rate, m))),
    (
        "prefill rate, from 256 tokens",
        |r, _| r.kind == Kind::Prefill && f64::from(r.prompt) >= FULL_PROMPT,
        |p, row| row.prefill_tok_s.map(|m| (p.rate, m)),
    ),
    ("decode rate, batches", |r, _| r.kind == Kind::Batch, decode_rate),
    ("energy per token, batches", |r, _| r.kind == Kind::Batch, energy),
];

fn groups(table: &Table, runs: &[Run<'_>], device: &DeviceProfile) -> Result<Vec<Group>, Unpredictable> {
    let predicted = runs.iter().map(|r| predict(r, device, table)).collect::<Result<Vec<_>, _>>()?;
    let models: BTreeSet<&str> = runs.iter().map(|r| r.model).collect();
    let mut groups = Vec::new();
    for (quantity, which, value) in PICKS {
        for model in std::iter::once(None).chain(models.iter().copied().map(Some)) {
            let mut errors = Vec::new();
            let mut worst = (0.0, String::new());
            for (run, p) in runs.iter().zip(&predicted) {
                if !which(run, table) || model.is_some_and(|m| m != run.model) {
                    continue;
                }
                let Some((predicted, measured)) = value(p, run.row) else { continue };
                let error = predicted / measured - 1.0;
                if error.abs() > worst.0 {
                    worst = (error.abs(), run.row.row_id.clone());
                }
                errors.push(error);
            }
            groups.push(Group {
                quantity: quantity.into(),
                model: model.unwrap_or("all").into(),
                errors: Errors::of(&errors),
                bias: validate::quantile(&errors, 0.5),
                worst: worst.1,
            });
        }
    }
    Ok(groups)
}

/// Fits to the decode rows of all models but one (all, where none is left out), and predicts the one left out.
fn cross(table: &Table, runs: &[Run<'_>], device: &DeviceProfile, out: Option<&str>) -> Result<Crossed, Unpredictable> {
    let decode = || runs.iter().filter(|r| r.kind == Kind::Decode);
    let mut seen = Vec::new();
    for run in decode().filter(|r| out != Some(r.model)) {
        seen.push(observe(run, device, table)?);
    }
    let seen: Vec<Observed> = seen.into_iter().flatten().collect();
    let fitted = fit::fit(&seen).ok_or(Unpredictable::Models)?;
    let device = with(device, table, &fitted)?;
    let (mut rates, mut energies) = (Vec::new(), Vec::new());
    for run in decode().filter(|r| out.is_none_or(|m| m == r.model)) {
        let p = predict(run, &device, table)?;
        rates.extend(decode_rate(&p, run.row).map(|(p, m)| p / m - 1.0));
        if run.steady(table) {
            energies.extend(energy(&p, run.row).map(|(p, m)| p / m - 1.0));
        }
    }
    let peak = device.processors.iter().find(|p| p.id == table.processor).map_or(1.0, |p| p.bandwidth.value.get());
    Ok(Crossed {
        left_out: out.unwrap_or("none").into(),
        bandwidth_efficiency: fitted.bandwidth / peak,
        launch_s: fitted.launch_s,
        joules_per_byte: fitted.joules_per_byte,
        decode: Errors::of(&rates),
        energy_per_token: Errors::of(&energies),
    })
}

/// What a row tells the fit.
fn observe(run: &Run<'_>, device: &DeviceProfile, table: &Table) -> Result<Option<Observed>, Unpredictable> {
    let ready = run.on(device, table)?;
    let Some(rate) = run.row.decode_tok_s.filter(|r| *r > 0.0) else { return Ok(None) };
    let (bytes, launches, ops) = special::sums(&ready);
    let time_s = 1.0 / rate;
    let byte_energy_j = match run.row.power_w {
        Some(rail_w) if run.steady(table) => {
            // The standing power at the measured one: what is left is the work's.
            let standing_w =
                ready.standing_w(rail_w + table.unseen.get() - device.modes.first().map_or(0.0, |m| m.idle.value.get()))?;
            Some((rail_w + table.unseen.get() - standing_w) * time_s - ops * ready.rates.joules_per_op)
        }
        _ => None,
    };
    Ok(Some(Observed { bytes, launches, time_s, byte_energy_j }))
}

/// The device with three coefficients replaced.
fn with(device: &DeviceProfile, table: &Table, fitted: &Fitted) -> Result<DeviceProfile, Unpredictable> {
    let mut device = device.clone();
    let processor = setting::processor(&mut device, &table.processor, table.weights)?;
    processor.bandwidth_efficiency.value = Ratio(fitted.bandwidth / processor.bandwidth.value.get());
    processor.launch.value = Seconds(fitted.launch_s);
    processor.pass_overhead.value = Seconds(0.0);
    processor.joules_per_byte.value = JoulesPerByte(fitted.joules_per_byte);
    Ok(device)
}
