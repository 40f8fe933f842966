//! Published measurements that the program knows: what a class, an engine or a precision is like, before a table is read.
//!
//! `known.csv` holds the calibratable rows of rates in the project's collection of public measurements, each with its
//! source, in the form of any table; of the notes only what [`super::words`] reads. They join every fit under the same
//! rule as the table's own rows: none of a scored device is seen zero-shot, and few-shot sees of it the chosen rows alone.

use super::table::{Row, read};
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// All of them; a test reads the file.
pub(super) fn rows() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| read("known.csv", include_bytes!("known.csv")).unwrap_or_default())
}

/// What tells one run from another, whatever its row is called.
fn run(row: &Row) -> String {
    format!(
        "{} {} {} {} {} {:?} {} {:?} {:?} {:?} {} {:?} {:?} {:?}",
        row.device_id,
        row.processor,
        row.engine,
        row.model,
        row.quant,
        row.bits_per_weight,
        row.devices.unwrap_or(1.0),
        row.threads,
        row.prompt_tokens,
        row.gen_tokens,
        row.batch.unwrap_or(1.0),
        row.prefill_tok_s,
        row.decode_tok_s,
        row.power_w
    )
}

/// The rows that are not in a table already.
pub(super) fn beside(table: &[Row]) -> impl Iterator<Item = &'static Row> {
    let there: BTreeSet<String> = table.iter().map(run).collect();
    rows().iter().filter(move |r| !there.contains(&run(r)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_rows_are_sound_and_are_not_counted_twice() {
        assert!(rows().len() > 500, "the file does not read: {}", rows().len());
        assert!(rows().iter().all(|r| r.calibratable && !r.source.is_empty()));
        assert_eq!(beside(rows()).count(), 0);
        let mut other = rows()[..10].to_vec();
        for row in &mut other {
            row.row_id = format!("mine-{}", row.row_id);
            row.devices = row.devices.or(Some(1.0));
        }
        assert_eq!(beside(&other).count(), rows().len() - 10, "another name is the same run");
    }
}
