//! Tables made here: what is scored, what is not, and that a scored device is not seen.

use super::*;
use std::fmt::Write as _;

/// Models of the table: name and billions of parameters.
const MODELS: [(&str, f64); 6] = [
    ("Qwen2.5-0.5B", 0.494),
    ("Llama-3.2-1B", 1.236),
    ("Qwen2.5-1.5B", 1.544),
    ("Llama-3.2-3B", 3.213),
    ("Llama-2-7B", 6.74),
    ("Llama-2-13B", 13.0),
];
/// Devices and their datasheet bandwidths in GB/s.
const DEVICES: [(&str, f64); 4] = [("rtx3090", 936.0), ("rtx4090", 1008.0), ("rtxa6000", 768.0), ("rtx6000ada", 960.0)];

/// A table in which every device reads weights at `share` of its bandwidth, and the first at `factor` times that.
fn table(share: f64, factor: f64) -> Vec<Row> {
    let mut text =
        "row_id,device_id,calib_ok,phase,processor,engine,model,params_b,quant,bits_per_weight,batch,decode_tok_s\n".to_owned();
    for (d, (device, bandwidth)) in DEVICES.iter().enumerate() {
        for (model, billions) in MODELS {
            for bits in [4.5, 8.5] {
                let rate = bandwidth * share / (billions * bits / 8.0) * if d == 0 { factor } else { 1.0 };
                let _ =
                    writeln!(text, "r{}-{model}-{bits},{device},1,decode,GPU,llama.cpp,{model},{billions},Q,{bits},1,{rate}", d);
            }
        }
    }
    read("made.csv", text.as_bytes()).unwrap()
}

#[test]
fn a_scored_device_is_not_seen_zero_shot_and_is_few_shot() {
    let of = |rows: Vec<Row>| scores(&rows, &cases(&rows).0, Knowledge::Table);
    let (plain, changed) = (of(table(0.6, 1.0)), of(table(0.6, 0.5)));
    let own = |all: &[Score]| all.iter().filter(|s| s.row < 12).copied().collect::<Vec<_>>();
    let (plain, changed) = (own(&plain), own(&changed));
    assert_eq!(plain.len(), 12);
    for (a, b) in plain.iter().zip(&changed) {
        assert!((a.zero_shot / b.zero_shot - 1.0).abs() < 1e-12, "its own rows moved its zero-shot prediction");
        assert_eq!(a.few_shot.is_some(), b.few_shot.is_some(), "the choice of rows looked at what was measured");
    }
    // Nine of twelve rows are shown; with half the rate, those bring the prediction down to it.
    assert_eq!(changed.iter().filter(|s| s.few_shot.is_some()).count(), 3);
    let few: Vec<(f64, f64)> = changed.iter().filter_map(|s| Some((s.few_shot?, s.measured))).collect();
    let zero: Vec<(f64, f64)> = changed.iter().map(|s| (s.zero_shot, s.measured)).collect();
    let (few, zero) = (errors(&few).median.unwrap(), errors(&zero).median.unwrap());
    assert!(few < 0.5 * zero, "{few} against {zero}");
}

#[test]
fn a_known_share_is_recovered() {
    // Little is left where all devices obey one share: small models' launches, which the table has none of.
    let report = validate(&table(0.8, 1.0), Knowledge::Table);
    let decode = report.groups["decode"];
    assert_eq!((report.scored, decode.zero_shot.n), (48, 48));
    assert!(decode.fitted.median.unwrap() < 0.08, "{decode:?}");
    assert!(decode.zero_shot.median.unwrap() < 0.15, "{decode:?}");
}

#[test]
fn rows_that_cannot_be_predicted_say_why() {
    let mut rows = table(0.6, 1.0);
    rows[0].device_id = "no-such-device".into();
    rows[1].calibratable = false;
    rows[2].phase = "other".into();
    let report = validate(&rows, Knowledge::Table);
    assert_eq!(report.scored + report.skipped.len(), rows.len());
    let of = |id: &str| report.skipped.iter().find(|s| s.row_id == id).map(|s| s.reason.clone()).unwrap();
    assert!(of(&rows[0].row_id).contains("no-such-device"));
    assert!(of(&rows[1].row_id).contains("calib_ok"));
    assert!(of(&rows[2].row_id).contains("no rate of tokens"));
}

#[test]
fn every_fault_of_a_table_is_told_with_its_line() {
    let text = "row_id,device_id,calib_ok,phase,processor,engine,model,quant,params_b\na,d,1,decode,GPU,e,m,q,x\na,d,yes,decode,GPU,e,m,q,1\nb,d,1\n";
    let faults = read("t.csv", text.as_bytes()).unwrap_err().to_string();
    let lines: Vec<&str> = faults.lines().collect();
    assert_eq!(lines.len(), 4, "{faults}");
    assert!(lines[0].starts_with("t.csv:2: column `params_b`: `x`"), "{faults}");
    assert!(lines[1].starts_with("t.csv:3:") && lines[2].starts_with("t.csv:3:"), "{faults}");
    assert!(lines[3].starts_with("t.csv:4:") && lines[3].contains("9 columns"), "{faults}");
    let missing = read("t.csv", b"row_id,model\n1,m\n").unwrap_err();
    assert_eq!(missing.0.len(), 6);
}
