//! The report as JSON: the same value that the page shows, every number exact.

use crate::Report;

/// Pretty-printed JSON with a newline at its end; `serde_json::from_str::<Report>` reads it back.
///
/// # Errors
/// None for a report whose numbers are finite; a number that is not becomes `null` and will not read back.
pub fn json(r: &Report) -> serde_json::Result<String> {
    serde_json::to_string_pretty(r).map(|text| text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_equal() {
        let report = crate::testing::sample();
        let text = json(&report).unwrap();
        assert!(text.starts_with("{\n  \"schema\": \"wattline.report/1\""), "{}", &text[..60]);
        // Numbers are written exactly; the reader may miss the last binary digit, and so may a second writing.
        let back: Report = serde_json::from_str(&text).unwrap();
        assert_eq!(back.header, report.header);
        assert_eq!(back.notes, report.notes);
        for (a, b) in back.front.iter().zip(&report.front) {
            assert_eq!((&a.id, &a.description, a.chosen), (&b.id, &b.description, b.chosen));
            assert!((a.power_w - b.power_w).abs() <= f64::EPSILON * b.power_w.abs());
        }
        assert_eq!(back.front.len(), report.front.len());
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(serde_json::from_str::<Report>(r#"{"schema":"wattline.report/1","sceema":1}"#).is_err());
    }
}
