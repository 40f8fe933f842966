//! Timelines for Perfetto and other viewers: the JSON form of Chrome's "Trace Event Format" (a JSON object with
//! `traceEvents`; metadata events `M` name processes and threads, complete events `X` are slices with `ts` and `dur` in
//! microseconds, counter events `C` carry values). Viewers do not draw slices that overlap on a thread, so none do.

use crate::report::Report;
use serde_json::{Value, json};

/// What a viewer shows as processes, each with its tracks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    pub processes: Vec<TraceProcess>,
}

/// A group of tracks. `category` says how its times are known: `predicted`, `measured`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceProcess {
    pub name: String,
    pub category: String,
    pub tracks: Vec<TraceTrack>,
    pub counters: Vec<TraceCounter>,
}

/// Slices one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceTrack {
    pub name: String,
    pub slices: Vec<TraceSlice>,
}

/// From when to when, seconds since the trace's start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceSlice {
    pub name: String,
    pub start_s: f64,
    pub end_s: f64,
    /// What is shown beside it.
    pub notes: Vec<(String, String)>,
}

/// A value over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceCounter {
    /// With its unit: `orin power (W)`.
    pub name: String,
    /// Seconds since the trace's start, and the value from then on.
    pub points: Vec<(f64, f64)>,
}

/// The trace as a JSON document. A slice that begins before the last one of its track has ended is cut to begin there;
/// one that is not finite is left out.
#[must_use]
pub fn trace(t: &Trace) -> String {
    let mut events = Vec::new();
    for (pid, process) in (1..).zip(&t.processes) {
        let name = json!({ "name": format!("{} ({})", process.name, process.category) });
        events.push(json!({ "ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": name }));
        events.push(json!({ "ph": "M", "name": "process_sort_index", "pid": pid, "tid": 0, "args": { "sort_index": pid } }));
        for (tid, track) in (1..).zip(&process.tracks) {
            events.push(json!({ "ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": { "name": track.name } }));
            slices(&mut events, pid, tid, process, track);
        }
        for counter in &process.counters {
            let finite = counter.points.iter().filter(|(at, value)| at.is_finite() && value.is_finite());
            events.extend(finite.map(|(at, value)| {
                json!({ "ph": "C", "name": counter.name, "cat": process.category, "pid": pid, "tid": 0, "ts": at * 1e6, "args": { "value": value } })
            }));
        }
    }
    format!("{}\n", json!({ "displayTimeUnit": "ms", "traceEvents": events }))
}

fn slices(events: &mut Vec<Value>, pid: u32, tid: u32, process: &TraceProcess, track: &TraceTrack) {
    let mut sorted: Vec<&TraceSlice> = track.slices.iter().filter(|s| s.start_s.is_finite() && s.end_s.is_finite()).collect();
    sorted.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    let mut free_s = f64::NEG_INFINITY;
    for slice in sorted {
        let start_s = slice.start_s.max(free_s);
        if slice.end_s <= start_s {
            continue;
        }
        free_s = slice.end_s;
        let args: serde_json::Map<String, Value> = slice.notes.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect();
        events.push(json!({
            "ph": "X", "name": slice.name, "cat": process.category, "pid": pid, "tid": tid,
            "ts": start_s * 1e6, "dur": (slice.end_s - start_s) * 1e6, "args": args,
        }));
    }
}

/// One request of each service as the plan predicts it, and what the plan predicts of each device meanwhile.
#[must_use]
pub fn plan_trace(r: &Report) -> Trace {
    let mut processes: Vec<TraceProcess> = Vec::new();
    for bar in &r.timeline {
        let at = processes.iter().position(|p| p.name == bar.service).unwrap_or_else(|| {
            processes.push(TraceProcess { name: bar.service.clone(), category: "predicted".into(), ..TraceProcess::default() });
            processes.len() - 1
        });
        let tracks = &mut processes[at].tracks;
        let track = tracks.iter().position(|t| t.name == bar.track).unwrap_or_else(|| {
            tracks.push(TraceTrack { name: bar.track.clone(), slices: Vec::new() });
            tracks.len() - 1
        });
        let notes = vec![("what".to_owned(), bar.label.clone()), ("quality".to_owned(), bar.quality.word().to_owned())];
        tracks[track].slices.push(TraceSlice { name: bar.kind.word().into(), start_s: bar.start_s, end_s: bar.end_s, notes });
    }
    let at_start = |name: String, value: f64| TraceCounter { name, points: vec![(0.0, value)] };
    let mut counters = Vec::new();
    for d in r.devices.iter().filter(|d| d.awake) {
        counters.push(at_start(format!("{} power (W)", d.name), d.power_w));
        counters.extend(d.temperature_c.map(|t| at_start(format!("{} temperature (°C)", d.name), t)));
        counters.extend(d.pools.iter().map(|p| at_start(format!("{} memory {} (bytes)", d.name, p.name), p.resident_bytes)));
    }
    if !counters.is_empty() {
        processes.push(TraceProcess { name: "devices, mean".into(), category: "predicted".into(), tracks: Vec::new(), counters });
    }
    Trace { processes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// What the format's definition asks of each event; slices by process and thread.
    fn checked(text: &str) -> BTreeMap<(u64, u64), Vec<(f64, f64)>> {
        let value: Value = serde_json::from_str(text).unwrap();
        let (mut named, mut slices) = (Vec::new(), BTreeMap::new());
        for e in value["traceEvents"].as_array().unwrap() {
            let (pid, tid) = (e["pid"].as_u64().unwrap(), e["tid"].as_u64().unwrap());
            assert!(e["name"].is_string() && e["args"].is_object(), "{e}");
            match e["ph"].as_str().unwrap() {
                "M" => {
                    assert!(e["args"]["name"].is_string() || e["args"]["sort_index"].is_u64(), "{e}");
                    named.push((pid, tid));
                }
                "X" => {
                    assert!(named.contains(&(pid, tid)) && named.contains(&(pid, 0)), "named before it is used: {e}");
                    assert!(e["cat"].is_string() && e["dur"].as_f64().unwrap() > 0.0 && e["ts"].as_f64().unwrap() >= 0.0, "{e}");
                    let ts = e["ts"].as_f64().unwrap();
                    slices.entry((pid, tid)).or_insert_with(Vec::new).push((ts, ts + e["dur"].as_f64().unwrap()));
                }
                "C" => assert!(e["ts"].is_number() && e["args"]["value"].is_number() && e["cat"].is_string(), "{e}"),
                other => panic!("no such phase is used: {other}"),
            }
        }
        for all in slices.values() {
            assert!(all.windows(2).all(|w| w[0].1 <= w[1].0 + 1e-6), "slices of a track do not overlap: {all:?}");
        }
        slices
    }

    #[test]
    fn a_plan_is_a_trace() {
        let report = crate::testing::sample();
        let text = trace(&plan_trace(&report));
        let slices = checked(&text);
        let count: usize = slices.values().map(Vec::len).sum();
        assert_eq!(count, report.timeline.len(), "each step is there");
        let longest = report.timeline.iter().map(|b| b.end_s).fold(0.0, f64::max) * 1e6;
        let end = slices.values().flatten().map(|s| s.1).fold(0.0, f64::max);
        assert!((end - longest).abs() < 1e-3, "{end} µs, {longest} µs");
        assert!(!text.contains("measured"), "nothing of a plan is measured");
        let watts: f64 = report.devices.iter().find(|d| d.awake).unwrap().power_w;
        assert!(text.contains("power (W)") && text.contains(&watts.to_string()));
    }

    #[test]
    fn what_would_overlap_is_cut_and_what_is_no_time_is_left_out() {
        let slice = |start_s, end_s| TraceSlice { name: "s".into(), start_s, end_s, notes: Vec::new() };
        let track = TraceTrack {
            name: "t".into(),
            slices: vec![slice(1.0, 3.0), slice(0.0, 2.0), slice(1.5, 1.6), slice(f64::NAN, 4.0), slice(3.0, 3.0)],
        };
        let process =
            TraceProcess { name: "</script>".into(), category: "measured".into(), tracks: vec![track], counters: Vec::new() };
        let slices = checked(&trace(&Trace { processes: vec![process] }));
        assert_eq!(slices[&(1, 1)], [(0.0, 2e6), (2e6, 3e6)]);
    }
}
