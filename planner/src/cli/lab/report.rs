//! What was predicted beside what was measured.

use super::ask::{Sample, Told};
use super::predict::Predicted;
use profiles::Quality;
use profiles::units::significant;
use protocol::Name;
use reports::{Trace, TraceProcess, TraceSlice, TraceTrack};
use std::fmt::Write as _;

/// One service's figures.
pub(crate) struct Row {
    pub(crate) service: Name,
    /// For the tokens of the median request; `None`: the profile has no kernel for it.
    pub(crate) predicted: Option<Predicted>,
    pub(crate) samples: Vec<Sample>,
    /// Requests that were not answered, and the last reason.
    pub(crate) failed: (usize, Option<String>),
}

/// Samples of a service.
pub(crate) fn of(service: &Name, told: &[Told]) -> (Vec<Sample>, (usize, Option<String>)) {
    let mine = || told.iter().filter(|(name, _)| name == service).map(|(_, said)| said);
    let samples = mine().filter_map(|said| said.clone().ok()).collect();
    let failed: Vec<&String> = mine().filter_map(|said| said.as_ref().err()).collect();
    (samples, (failed.len(), failed.last().map(|why| (*why).clone())))
}

/// Where a share of the sorted values lies below.
fn at(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut all: Vec<f64> = values.collect();
    all.sort_by(f64::total_cmp);
    all
}

/// Median tokens of a prompt and of an answer.
pub(crate) fn tokens(samples: &[Sample]) -> Option<(u32, u32)> {
    let middle = |of: fn(&Sample) -> u32| {
        let mut all: Vec<u32> = samples.iter().map(of).collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied()
    };
    Some((middle(|s| s.prompt)?, middle(|s| s.answer)?))
}

fn word(quality: Quality) -> String {
    serde_json::to_value(quality).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The report as a table. `power_w`: what a sensor measured of this machine; `profile`: whose numbers predictions are.
pub(crate) fn table(rows: &[Row], seconds: f64, power_w: Option<f64>, profile: &str) -> String {
    let mut out = format!("\nafter {} s, one request at a time; predicted from {profile}\n\n", significant(seconds));
    let _ = writeln!(
        out,
        "{:<16}  {:>5}  {:<14}  {:>11}  {:>11}  {:>23}  {:>6}",
        "service", "asked", "", "predicted", "seen, mean", "10 % to 90 %", "off"
    );
    for row in rows {
        lines(&mut out, row, power_w);
    }
    for row in rows {
        if let (n @ 1.., Some(why)) = &row.failed {
            let _ = writeln!(out, "{}: {n} requests were not answered, the last because: {why}", row.service);
        }
    }
    for row in rows {
        if let Some(takes) = row.predicted.map(|p| p.takes).filter(|t| t.exchanges > 0.0) {
            let (count, share) = (takes.exchanges, 100.0 * takes.exchange_s / takes.tpot_s);
            let _ = writeln!(
                out,
                "{}: agents that share a stage exchange {count} sums a token, predicted {} s of TPOT ({share:.0} %)",
                row.service,
                significant(takes.exchange_s)
            );
        }
    }
    let worst = |of: fn(&Predicted) -> Quality| rows.iter().filter_map(|r| r.predicted.as_ref()).map(of).max();
    if let (Some(times), Some(energy)) = (worst(|p| p.times), worst(|p| p.energy)) {
        let _ = writeln!(out, "\ntimes: seen is measured; predictions rest on {} numbers or better", word(times));
        let seen = match power_w {
            Some(w) => {
                format!("measured, {} W of the whole machine over the last 10 s, for as long as a request took", significant(w))
            }
            None => "modelled, since this machine has no power sensor: the same work, over the time that was measured".into(),
        };
        let _ = writeln!(out, "energy: seen is {seen}; predictions rest on {} numbers or better", word(energy));
    }
    out
}

fn lines(out: &mut String, row: &Row, power_w: Option<f64>) {
    let asked = row.samples.len() + row.failed.0;
    if row.samples.is_empty() {
        let _ = writeln!(out, "{:<16}  {asked:>5}  no answer yet", row.service.as_str());
        return;
    }
    let total = sorted(row.samples.iter().map(|s| s.total_s));
    let predicted = row.predicted.as_ref();
    let joules = |s: &Sample| power_w.map_or_else(|| predicted.map(|p| p.joules(s.total_s)), |w| Some(w * s.total_s));
    let quality = if power_w.is_some() { "measured" } else { "modelled" };
    let figures = [
        ("TTFT s".to_owned(), predicted.map(|p| p.takes.ttft_s), sorted(row.samples.iter().map(|s| s.ttft_s))),
        ("TPOT s".to_owned(), predicted.map(|p| p.takes.tpot_s), sorted(row.samples.iter().filter_map(|s| s.tpot_s))),
        ("whole s".to_owned(), predicted.map(|p| p.takes.total_s), total),
        (format!("J, {quality}"), predicted.map(|p| p.joules(p.takes.total_s)), sorted(row.samples.iter().filter_map(joules))),
    ];
    for (i, (what, said, seen)) in figures.into_iter().enumerate() {
        let (name, count) = if i == 0 { (row.service.as_str(), asked.to_string()) } else { ("", String::new()) };
        let said = said.filter(|s| *s > 0.0);
        let shown = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), significant);
        // Predictions are means: a lost packet now and then belongs to them, and is no part of a median.
        let mean = (!seen.is_empty()).then(|| seen.iter().sum::<f64>() / seen.len() as f64);
        let spread = if seen.is_empty() {
            String::new()
        } else {
            format!("{} to {}", significant(at(&seen, 0.1)), significant(at(&seen, 0.9)))
        };
        let off = said.zip(mean).map_or_else(String::new, |(p, m)| format!("{:+.0} %", 100.0 * (m / p - 1.0)));
        let _ =
            writeln!(out, "{name:<16}  {count:>5}  {what:<14}  {:>11}  {:>11}  {spread:>23}  {off:>6}", shown(said), shown(mean));
    }
}

/// The requests as a trace: measured at the client, and one of each service as predicted.
pub(crate) fn trace(rows: &[Row]) -> Trace {
    let slice = |name: &str, start_s: f64, end_s: f64, what: String| TraceSlice {
        name: name.into(),
        start_s,
        end_s,
        notes: vec![("what".to_owned(), what)],
    };
    let both = |start_s: f64, ttft_s: f64, total_s: f64, what: &str| {
        let first = start_s + ttft_s;
        [slice("to the first token", start_s, first, what.into()), slice("decode", first, start_s + total_s, what.into())]
    };
    let (mut measured, mut predicted) = (Vec::new(), Vec::new());
    for row in rows {
        let name = row.service.to_string();
        let seen =
            |s: &Sample| both(s.start_s, s.ttft_s, s.total_s, &format!("{} tokens of prompt, {} of answer", s.prompt, s.answer));
        measured.push(TraceTrack { name: name.clone(), slices: row.samples.iter().flat_map(seen).collect() });
        if let (Some(p), Some((prompt, answer))) = (&row.predicted, tokens(&row.samples)) {
            let what =
                format!("{prompt} tokens of prompt, {answer} of answer, the medians; from {} numbers or better", word(p.times));
            predicted.push(TraceTrack { name, slices: both(0.0, p.takes.ttft_s, p.takes.total_s, &what).into() });
        }
    }
    let process = |name: &str, category: &str, tracks| TraceProcess {
        name: name.into(),
        category: category.into(),
        tracks,
        counters: Vec::new(),
    };
    Trace { processes: vec![process("requests", "measured", measured), process("one request", "predicted", predicted)] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::physics::chain::Chained;

    fn sample(ttft_s: f64) -> Sample {
        Sample { prompt: 40, answer: 11, start_s: 0.0, ttft_s, tpot_s: Some(0.01), total_s: ttft_s + 0.1 }
    }

    fn row(samples: Vec<Sample>) -> Row {
        let takes = Chained { ttft_s: 0.1, tpot_s: 0.01, total_s: 0.2, dynamic_j: 1.0, ..Chained::default() };
        let predicted = Some(Predicted { takes, standing_w: 5.0, times: Quality::Fitted, energy: Quality::Assumed });
        Row { service: Name::new("chat").expect("a name"), predicted, samples, failed: (0, None) }
    }

    #[test]
    fn predicted_stands_beside_seen_with_its_quality() {
        let text = table(&[row(vec![sample(0.1), sample(0.2), sample(0.15)])], 60.0, None, "this.yaml");
        let ttft = text.lines().find(|l| l.contains("TTFT")).expect("a line");
        assert!(ttft.starts_with("chat") && ttft.contains("0.100 to 0.200") && ttft.ends_with("+50 %"), "{text}");
        // 1 J of work and 5 W: 2 J over 0.2 s, 2.25 J over 0.25 s.
        let energy = text.lines().find(|l| l.contains("J, modelled")).expect("a line");
        assert!(energy.contains(" 2.00 ") && energy.contains(" 2.25 ") && energy.ends_with("+12 %"), "{energy}");
        assert!(text.contains("no power sensor") && text.contains("rest on assumed numbers"), "{text}");
    }

    #[test]
    fn exchanges_of_a_shared_stage_are_told() {
        let mut shared = row(vec![sample(0.1)]);
        assert!(!table(&[row(vec![sample(0.1)])], 60.0, None, "this.yaml").contains("exchange"));
        let predicted = shared.predicted.as_mut().expect("predicted");
        (predicted.takes.exchanges, predicted.takes.exchange_s) = (60.0, 0.002);
        let text = table(&[shared], 60.0, None, "this.yaml");
        assert!(
            text.contains("chat: agents that share a stage exchange 60 sums a token, predicted 0.00200 s of TPOT (20 %)"),
            "{text}"
        );
    }

    #[test]
    fn a_sensor_makes_energy_measured() {
        let text = table(&[row(vec![sample(0.1)])], 60.0, Some(20.0), "this.yaml");
        let energy = text.lines().find(|l| l.contains("J, measured")).expect("a line");
        assert!(energy.contains(" 4.00 ") && text.contains("20.0 W of the whole machine"), "{text}");
    }

    #[test]
    fn requests_are_measured_slices_beside_one_prediction() {
        let later = Sample { start_s: 2.0, ..sample(0.2) };
        let t = trace(&[row(vec![sample(0.1), later])]);
        let [measured, predicted] = t.processes.as_slice() else { panic!("{t:?}") };
        let times = |p: &TraceProcess| -> Vec<(f64, f64)> { p.tracks[0].slices.iter().map(|s| (s.start_s, s.end_s)).collect() };
        let seen = times(measured);
        assert_eq!((measured.category.as_str(), seen.len()), ("measured", 4));
        assert!(seen[0] == (0.0, 0.1) && seen[2] == (2.0, 2.2) && (seen[3].1 - 2.3).abs() < 1e-12, "{seen:?}");
        assert_eq!((predicted.category.as_str(), times(predicted)), ("predicted", vec![(0.0, 0.1), (0.1, 0.2)]));
    }

    #[test]
    fn what_was_not_answered_is_said() {
        let told = vec![(Name::new("chat").expect("a name"), Err("a stage is lost".to_owned()))];
        let (samples, failed) = of(&told[0].0, &told);
        let text = table(&[Row { failed, ..row(samples) }], 5.0, None, "this.yaml");
        assert!(
            text.contains("no answer yet") && text.contains("1 requests were not answered, the last because: a stage is lost"),
            "{text}"
        );
    }
}
