//! Measured rows as a table of measurements: the columns that `planner validate --measurements` reads.

use super::row::Row;
use crate::exit::Failure;

/// Columns in their order, as the project's tables of measurements have them.
const COLUMNS: [&str; 35] = [
    "row_id",
    "device_id",
    "calib_ok",
    "power_ok",
    "phase",
    "kind",
    "device",
    "n_devices",
    "power_mode",
    "processor",
    "engine",
    "model",
    "params_b",
    "active_params_b",
    "quant",
    "bits_per_weight",
    "model_gb",
    "threads",
    "prompt_tokens",
    "gen_tokens",
    "batch",
    "prefill_tok_s",
    "decode_tok_s",
    "ttft_s",
    "latency_ms",
    "power_w",
    "power_scope",
    "j_per_token",
    "temp_c",
    "j_per_token_derived",
    "eff_bw_gbs_derived",
    "roofline_frac_derived",
    "evidence",
    "source",
    "notes",
];

/// What stands in every row of one run.
pub(super) struct About {
    pub(super) device_id: String,
    pub(super) device: String,
    pub(super) command: String,
    pub(super) date: String,
}

/// A phase of a run; each is a row of its own, for a prompt is not what its new tokens follow.
#[derive(Clone, Copy)]
enum Phase {
    Prefill,
    Decode,
}

/// The whole table, header first.
pub(super) fn table(rows: &[Row], about: &About) -> Result<String, Failure> {
    let wrong = |e: &dyn std::fmt::Display| Failure::input(format!("error: cannot write the table: {e}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(|e| wrong(&e))?;
    for row in rows {
        for phase in [Phase::Prefill, Phase::Decode] {
            let there = match phase {
                Phase::Prefill => row.prefill_tok_s.is_some(),
                Phase::Decode => row.decode_tok_s.is_some(),
            };
            if there {
                writer.write_record(COLUMNS.map(|c| cell(row, about, phase, c))).map_err(|e| wrong(&e))?;
            }
        }
    }
    let bytes = writer.into_inner().map_err(|e| wrong(&e))?;
    String::from_utf8(bytes).map_err(|e| wrong(&e))
}

fn cell(row: &Row, about: &About, phase: Phase, column: &str) -> String {
    let some = |x: Option<f64>| x.map_or_else(String::new, |x| format!("{x:.6}"));
    let (name, energy, joules) = match phase {
        Phase::Prefill => ("prefill", &row.prefill_energy, row.prefill_j_per_token),
        Phase::Decode => ("decode", &row.decode_energy, row.decode_j_per_token),
    };
    let decoding = matches!(phase, Phase::Decode);
    match column {
        "row_id" => format!("{}-{}-{}-t{}-{name}", about.device_id, row.model, row.precision, row.threads).replace(' ', "-"),
        "device_id" => about.device_id.clone(),
        "calib_ok" | "n_devices" | "batch" => "1".into(),
        "power_ok" => if energy.watts.is_some() { "1" } else { "0" }.into(),
        "phase" => name.into(),
        "kind" => "llm".into(),
        "device" => about.device.clone(),
        "processor" => "CPU".into(),
        "engine" => format!("wattline {}", env!("CARGO_PKG_VERSION")),
        "model" => row.model.clone(),
        "params_b" => format!("{:.6}", row.parameters as f64 * 1e-9),
        "quant" => row.precision.to_string(),
        "bits_per_weight" => format!("{:.4}", row.bits_per_weight),
        "model_gb" => format!("{:.6}", row.weight_bytes as f64 * 1e-9),
        "threads" => row.threads.to_string(),
        // New tokens follow those that are in the cache.
        "prompt_tokens" => if decoding { row.depth } else { row.prompt }.to_string(),
        "gen_tokens" => if decoding { row.new } else { 0 }.to_string(),
        "prefill_tok_s" if !decoding => some(row.prefill_tok_s),
        "decode_tok_s" if decoding => some(row.decode_tok_s),
        "power_w" => some(energy.watts),
        "power_scope" => energy.scope.clone().unwrap_or_default(),
        "j_per_token" => some(joules),
        "eff_bw_gbs_derived" if decoding => some(row.decode_tok_s.map(|r| r * row.bytes_per_token as f64 * 1e-9)),
        "evidence" => "measured".into(),
        "source" => format!("{}, {}", about.command, about.date),
        "notes" => format!(
            "{}; medians of {}; KV cache {} bits{}{}",
            row.kernel,
            row.repetitions,
            row.kv_bits,
            energy.why.as_ref().map_or_else(String::new, |why| format!("; {why}")),
            if row.debug_build { "; built with checks that cost speed" } else { "" }
        ),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::limits::Limits;
    use crate::power::Joules;
    use engine::bench::{Plan, bench};
    use engine::model::Shape;
    use engine::{Options, Precision, Stage};
    use kernels::{Format, Pool, Wait};
    use std::sync::Arc;

    fn rows() -> Vec<Row> {
        let shape = Shape { layers: 1, hidden: 64, wide: 128, heads: 2, kv_heads: 1, vocab: 96, context: 64 };
        let options = Options { precision: Precision::Format(Format::W4), ..Options::default() };
        let stage = Stage::random(&shape, 1, &options, Arc::new(Pool::new(1, Wait::Park))).expect("packs");
        let plan = Plan { prompt: 8, new: 2, depth: 4, repetitions: 1, kv_bits: 16 };
        let speed = bench(&stage, plan).expect("fits");
        let limits = Limits { read: None, int8: None };
        let measured = Joules { watts: Some(5.0), scope: Some("module".into()), ..Joules::none() };
        vec![Row::new("a model, \"quoted\"", &stage, &speed, limits, Joules::none(), measured)]
    }

    #[test]
    fn each_phase_is_a_row_that_reads_back() {
        let about = About {
            device_id: "this-machine".into(),
            device: "A machine".into(),
            command: "agent bench -m x, y".into(),
            date: "2026-11-26".into(),
        };
        let text = table(&rows(), &about).expect("written");
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().expect("a header").clone();
        // What the planner's reader cannot do without.
        for needed in ["row_id", "device_id", "phase", "processor", "engine", "model", "quant", "calib_ok"] {
            assert!(header.iter().any(|h| h == needed), "{needed}");
        }
        let read: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("rows as long as the header");
        let cell = |row: usize, name: &str| {
            let column = header.iter().position(|h| h == name).expect("a column");
            read[row].get(column).expect("a cell").to_owned()
        };
        assert_eq!(read.len(), 2);
        assert_eq!([cell(0, "phase"), cell(1, "phase")], ["prefill", "decode"]);
        assert_eq!([cell(0, "prompt_tokens"), cell(1, "prompt_tokens")], ["8", "4"], "new tokens follow the cache");
        assert_eq!([cell(0, "gen_tokens"), cell(1, "gen_tokens")], ["0", "2"]);
        assert_eq!([cell(0, "decode_tok_s"), cell(1, "prefill_tok_s")], ["", ""]);
        assert!(cell(0, "prefill_tok_s").parse::<f64>().expect("a rate") > 0.0);
        assert_eq!([cell(0, "power_ok"), cell(1, "power_ok")], ["0", "1"]);
        assert!(cell(0, "notes").contains("no power sensor: energy is modelled"));
        assert_eq!((cell(1, "power_scope").as_str(), cell(0, "model").as_str()), ("module", "a model, \"quoted\""));
        assert_ne!(cell(0, "row_id"), cell(1, "row_id"));
        let bits: f64 = cell(0, "bits_per_weight").parse().expect("a number");
        assert!((4.0..9.0).contains(&bits), "{bits}");
    }
}
