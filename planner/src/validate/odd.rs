//! Odd tables: other devices, other words, missing columns, cells that make no sense. Each gives faults with line and column,
//! or a report in which every row is scored or listed.

use super::*;
use proptest::prelude::*;

const HEADER: &str = "row_id,device_id,calib_ok,phase,processor,engine,model,params_b,quant,bits_per_weight,threads,batch,prompt_tokens,gen_tokens,decode_tok_s,prefill_tok_s,power_ok,power_w,power_scope,source,notes";
const ROWS: [&str; 6] = [
    "a,rpi5-8gb,1,prefill+decode,CPU,llama.cpp,Llama-3.2-1B,1.236,Q4_K_M,4.84,4,1,512,128,9.1,60,1,6.5,wall,here,",
    "b,rpi5-8gb,1,decode,CPU,ollama,Qwen2.5-1.5B,1.544,Q8_0,8.5,4,1,,64,5.2,,0,,,here,context depth 512 tokens",
    "c,rpi5-8gb,1,decode,CPU,llama.cpp,Llama-2-7B,6.74,Q4_0,4.5,2,1,,,1.7,,0,,,there,",
    "d,rtx4090,1,decode,GPU,vllm,Mixtral-8x7B,46.7,W4A16,4.25,,8,2048,128,95,,0,,,there,isl 2048 osl 128",
    "e,rtx4090,1,decode,GPU,llama.cpp,Llama-2-7B,6.74,F16,16,,1,,,58,,1,310,device,here,",
    "f,orin-nano-8gb,1,decode,GPU,mlc,gemma-2-2b,2.61,q4f16,4.5,,1,,,31,,0,,,here,",
];

fn table(rows: &[String]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

fn lines() -> Vec<String> {
    ROWS.iter().map(|&r| r.to_owned()).collect()
}

/// Faults that name the file's line and say something, or a whole report.
fn holds(text: &str) -> Result<(), TestCaseError> {
    match read("odd.csv", text.as_bytes()) {
        Err(faults) => {
            prop_assert!(!faults.0.is_empty());
            let last = text.lines().count() as u64 + 1;
            for fault in &faults.0 {
                prop_assert!(fault.line <= last && !fault.message.is_empty(), "{fault}");
            }
        }
        Ok(rows) => {
            let report = validate(&rows, Knowledge::Table);
            prop_assert_eq!(report.scored + report.skipped.len(), rows.len());
            for (name, kinds) in &report.groups {
                for errors in [kinds.zero_shot, kinds.few_shot, kinds.fitted, kinds.profile] {
                    prop_assert!(errors.median.is_none_or(|m| !m.is_nan()) && errors.p90.is_none_or(|p| !p.is_nan()), "{name}");
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_changed_cell_is_a_fault_or_a_row_that_is_scored_or_listed(
        row in 0..6usize,
        column in 0..21usize,
        cell in prop::sample::select(vec![
            "", "0", "-1", "nan", "inf", "1e308", "1e-300", "x", "\u{e9}\u{4e2d}", "999999999", "0.0000001", "Q4_K_M", "NPU", "tpu",
            "no-such-device", "rpi5-8gb-", "-", "depth ", "exceeds x gb streaming", "prefill", "other", " 1 ",
        ]),
    ) {
        let mut rows = lines();
        let mut cells: Vec<&str> = rows[row].split(',').collect();
        cells[column] = cell;
        rows[row] = cells.join(",");
        holds(&table(&rows))?;
    }

    #[test]
    fn a_missing_column_is_named_or_done_without(column in 0..21usize) {
        let drop = |line: &str| {
            let cells: Vec<&str> = line.split(',').enumerate().filter(|(i, _)| *i != column).map(|(_, c)| c).collect();
            cells.join(",")
        };
        let text: Vec<String> = table(&lines()).lines().map(drop).collect();
        holds(&text.join("\n"))?;
    }

    #[test]
    fn changed_bytes_never_panic(at in 0..900usize, byte: u8) {
        let mut bytes = table(&lines()).into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(rows) = read("odd.csv", &bytes) {
            let report = validate(&rows, Knowledge::Table);
            prop_assert_eq!(report.scored + report.skipped.len(), rows.len());
        }
    }
}

#[test]
fn the_table_itself_is_scored_but_for_what_does_not_fit() {
    let rows = read("odd.csv", table(&lines()).as_bytes()).unwrap();
    let report = validate(&rows, Knowledge::Table);
    assert_eq!(report.scored, ROWS.len() - 1);
    assert!(report.skipped[0].row_id == "d" && report.skipped[0].reason.contains("do not fit"), "{:?}", report.skipped);
}

#[test]
fn a_column_that_stands_twice_is_a_fault() {
    let text = "row_id,device_id,calib_ok,phase,processor,engine,model,quant,quant\na,d,1,decode,CPU,e,m,q,q\n";
    let faults = read("odd.csv", text.as_bytes()).unwrap_err().to_string();
    assert!(faults.contains("odd.csv:1: column `quant` stands twice"), "{faults}");
}

#[test]
fn a_mark_of_byte_order_and_spaces_are_no_fault() {
    let text = format!("\u{feff}{}", table(&lines()).replace(',', " , "));
    assert_eq!(read("odd.csv", text.as_bytes()).unwrap().len(), ROWS.len());
}
