use super::{InstanceError, hypervolume, plans, problem, read};
use crate::search::{Effort, Silent, solve};
use crate::testing::{instance_json, random_instance};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Costs by hand for the first option of the first service on one device: the closed forms of the format.
#[test]
fn costs_follow_the_closed_forms() {
    let i = random_instance(1, 3, 2, 8);
    let p = problem(&i).unwrap();
    for (s, service) in i.services.iter().enumerate() {
        for (o, meaning) in p.options[s].iter().enumerate() {
            let m = &i.models[&meaning.model];
            for (d, device) in i.devices.iter().enumerate() {
                let c = p.table.services[s].options[o].at[d].as_ref().unwrap().stage(0, 2);
                let w = m.mparams * 1e6;
                let (k, n_in, n_out) = (f64::from(meaning.samples), f64::from(service.prompt), f64::from(service.out));
                let bytes = w * f64::from(meaning.bits) / 8.0 * 1.06;
                let kv = 4.0 * m.kv_width;
                let (fl, bw) = (device.tflops * 1e12, device.bw_gbs * 1e9);
                let tau = f64::max(2.0 * w * n_in / fl, bytes / bw)
                    + n_out * f64::max(2.0 * w * k / fl, (bytes + k * (n_in + n_out / 2.0) * kv) / bw);
                let hop = (n_out + 1.0) * device.net_ms * 1e-3 + (n_in + n_out * k) * m.width * 16.0 / (device.net_gbps * 1e9);
                assert!(
                    (c.busy_s - 2.0 * tau).abs() <= 1e-12 * tau && (c.total_s - 2.0 * tau - hop).abs() <= 1e-12 * (tau + hop)
                );
                let memory = 2.0 * (bytes + 2.0 * k * (n_in + n_out) * kv) + 0.25e9;
                assert!((c.bytes - memory).abs() <= 1e-12 * memory);
            }
        }
    }
}

/// Of two formats that both reach the floor, the one with fewer bits stays; other models stay too.
#[test]
fn beaten_options_are_left_out() {
    let mut j = instance_json(4, 2, 1, 6);
    j["services"][0]["acc_floor"] = json!(0.3);
    let p = problem(&read(j.to_string().as_bytes()).unwrap()).unwrap();
    let kept: Vec<(&str, u32, u32)> = p.options[0].iter().map(|m| (m.model.as_str(), m.bits, m.samples)).collect();
    assert_eq!(kept, [("small", 4, 1), ("large", 4, 1)]);
}

#[test]
fn plans_read_back_as_the_scorer_reads_them() {
    let i = random_instance(2, 6, 4, 12);
    let p = problem(&i).unwrap();
    let found = solve(&p.table, &Effort { front: 10, ..Effort::for_seconds(0.05) }, &Silent);
    let written = serde_json::to_value(plans(&p, found.front.iter().map(|(a, _)| a))).unwrap();
    for (plan, (_, e)) in written.as_array().unwrap().iter().zip(&found.front) {
        let (mut power, services) = (0.0, plan["services"].as_array().unwrap());
        assert_eq!(services.len(), i.services.len());
        let mut used = vec![false; i.devices.len()];
        for (s, served) in services.iter().enumerate() {
            let at = p.options[s]
                .iter()
                .position(|m| served["model"] == m.model.as_str() && served["bits"] == m.bits && served["samples"] == m.samples);
            let option = &p.table.services[s].options[at.unwrap()];
            let mut layers = 0;
            for stage in served["stages"].as_array().unwrap() {
                let (d, n) = (stage[0].as_u64().unwrap() as usize, stage[1].as_u64().unwrap() as u32);
                (used[d], layers) = (true, layers + n);
                let joules = option.at[d].as_ref().unwrap().stage(0, n).dynamic_j + option.enter[d].energy_j;
                power += i.services[s].rate * joules;
            }
            assert_eq!(layers, option.blocks);
        }
        power += i.devices.iter().zip(used).map(|(d, used)| if used { d.idle_w } else { d.standby_w }).sum::<f64>();
        assert!((power - e.power_w).abs() <= 1e-9 * power, "{power} {}", e.power_w);
    }
}

#[test]
fn hypervolume_of_a_staircase() {
    let i = random_instance(1, 5, 2, 4);
    assert!(hypervolume(&i.reference, []).abs() < 1e-15);
    let points = [(50.0, 0.5), (25.0, 0.8), (60.0, 0.6), (120.0, 0.1), (10.0, 1.5)];
    // Reference 100 W: 75 * 0.2 + 50 * 0.3 of 100; the rest is dominated or outside.
    assert!((hypervolume(&i.reference, points) - 0.3).abs() < 1e-12);
}

/// Every number of an instance replaced by nonsense: an error that names it, never a panic.
#[test]
fn nonsense_is_named() {
    let good = instance_json(3, 3, 2, 6);
    let mut paths: Vec<(String, Vec<String>)> = Vec::new();
    collect(&good, &mut Vec::new(), &mut paths);
    let mut refused = 0;
    for (shown, path) in &paths {
        for nonsense in [json!(-1), json!(1e300), json!(0), json!("x"), Value::Null, json!([]), json!(4_000_000_000u64)] {
            let mut j = good.clone();
            let mut at = &mut j;
            for key in path {
                at = if let Ok(n) = key.parse::<usize>()
                    && at.is_array()
                {
                    &mut at[n]
                } else {
                    &mut at[key.as_str()]
                };
            }
            *at = nonsense;
            if let Err(e) = read(j.to_string().as_bytes()).and_then(|i| problem(&i).map(|_| i)) {
                refused += 1;
                if let InstanceError::Value { at, .. } = &e {
                    assert!(shown.starts_with(at.as_str()) || at.ends_with("acc_floor") || at.contains("_w"), "{shown}: {e}");
                }
            }
        }
    }
    assert!(refused > 4 * paths.len(), "{refused} of {}", paths.len());
}

fn collect(v: &Value, path: &mut Vec<String>, out: &mut Vec<(String, Vec<String>)>) {
    match v {
        Value::Object(map) => map.iter().for_each(|(k, v)| {
            path.push(k.clone());
            collect(v, path, out);
            path.pop();
        }),
        Value::Array(list) => list.iter().enumerate().for_each(|(n, v)| {
            path.push(n.to_string());
            collect(v, path, out);
            path.pop();
        }),
        _ => {
            let mut shown = String::new();
            for key in path.iter() {
                match (key.parse::<usize>(), path[0] == "bits" || shown.is_empty()) {
                    (Ok(n), false) => shown.push_str(&format!("[{n}]")),
                    _ if shown.is_empty() => shown.push_str(key),
                    _ => shown.push_str(&format!(".{key}")),
                }
            }
            out.push((shown, path.clone()));
        }
    }
}

#[test]
fn files_that_are_no_instance() {
    for (text, line) in [("", 1), ("{", 1), ("[]", 1), ("{\n\"name\": 3}", 2), ("{\"names\": \"x\"}", 1), ("\u{0}\u{1}", 1)] {
        let e = read(text.as_bytes()).unwrap_err();
        assert!(matches!(e, InstanceError::Form { line: l, .. } if l == line), "{text:?}: {e:?}");
    }
    let huge = random_instance(1, 2, 1, 4);
    let mut crowd = huge.clone();
    crowd.devices = (0..5_000).map(|id| super::instance::Device { id, ..huge.devices[0].clone() }).collect();
    assert!(matches!(problem(&crowd), Err(InstanceError::Size { devices: 5_000, .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Cut short or with one byte changed: read or refused, never a panic, and what is read can be planned.
    #[test]
    fn damaged_files_do_not_panic(at in 0usize..4000, byte in any::<u8>(), cut in any::<bool>()) {
        let mut text = instance_json(6, 3, 2, 5).to_string().into_bytes();
        let at = at % text.len();
        if cut { text.truncate(at) } else { text[at] = byte }
        if let Ok(p) = read(&text).and_then(|i| problem(&i)) {
            let found = solve(&p.table, &Effort { seats: 2_000, front: 0, ..Effort::for_seconds(0.01) }, &Silent);
            prop_assert!(found.best.is_none_or(|(_, e)| e.feasible()));
        }
    }
}

/// The file that the command line's transcripts plan is this generator's; `UPDATE_GOLDEN=1` rewrites it.
#[test]
fn the_fixture_is_generated() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/yardstick.json");
    let text = format!("{:#}\n", instance_json(2027, 6, 5, 24));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}
