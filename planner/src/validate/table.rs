//! A table of measurements: one row a run, columns by name, every fault of the file at once with its line.

use std::fmt;

/// What was measured in a row, and on what. Absent where the cell is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Line in the file, 1-based.
    pub line: u64,
    pub row_id: String,
    /// Catalogue id, with `-` and the id of a power mode behind it where the mode is not the first.
    pub device_id: String,
    /// Marked by the table's maker as fit for calibration.
    pub calibratable: bool,
    /// Marked as having a power reading that can be used.
    pub power_ok: bool,
    /// `decode`, `prefill`, `prefill+decode`, `other`.
    pub phase: String,
    pub processor: String,
    pub engine: String,
    /// State of the device in words: thermal state, governor, firmware.
    pub power_mode: String,
    /// Where the row was published: rows of one source share its way of measuring.
    pub source: String,
    pub model: String,
    /// Billions of parameters, and of those active for a token.
    pub params_b: Option<f64>,
    pub active_params_b: Option<f64>,
    pub quant: String,
    pub bits_per_weight: Option<f64>,
    /// Size of the model file, decimal gigabytes.
    pub model_gb: Option<f64>,
    pub devices: Option<f64>,
    pub threads: Option<f64>,
    pub prompt_tokens: Option<f64>,
    pub gen_tokens: Option<f64>,
    pub batch: Option<f64>,
    /// Tokens per second over the whole batch.
    pub prefill_tok_s: Option<f64>,
    pub decode_tok_s: Option<f64>,
    pub power_w: Option<f64>,
    /// What the meter saw, in words.
    pub power_scope: String,
    pub j_per_token: Option<f64>,
    pub notes: String,
}

impl Row {
    /// Whether the row's power is that of decoding: a row of both phases is metered in its decode window.
    #[must_use]
    pub fn decoding(&self) -> bool {
        self.decode_tok_s.is_some()
    }

    /// Rate of the phase that the power was metered in, tokens per second.
    #[must_use]
    pub fn metered_rate(&self) -> Option<f64> {
        if self.decoding() { self.decode_tok_s } else { self.prefill_tok_s }.filter(|r| *r > 0.0)
    }

    /// Power where it was metered, watts; from energy and rate where only energy a token was published.
    #[must_use]
    pub fn metered_w(&self) -> Option<f64> {
        let rate = self.metered_rate()?;
        self.power_w.or_else(|| self.j_per_token.map(|j| j * rate)).filter(|w| self.power_ok && *w > 0.0)
    }
}

/// One fault of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFault {
    pub file: String,
    /// 1-based; 0 when the whole file is meant.
    pub line: u64,
    pub message: String,
}

impl fmt::Display for TableFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Every fault of a table, in the order of its lines. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct TableFaults(pub Vec<TableFault>);

/// Columns without which a row means nothing.
const NEEDED: [&str; 8] = ["row_id", "device_id", "phase", "processor", "engine", "model", "quant", "calib_ok"];

/// What a measurement may be beside zero: wider than any device, and narrow enough that no product overflows.
const RANGE: std::ops::RangeInclusive<f64> = 1e-9..=1e12;

/// Reads a table; `file` is its name in faults. Columns may stand in any order, and others are ignored.
///
/// # Errors
/// Every fault: missing columns, rows of another length, cells that are no number.
pub fn read(file: &str, bytes: &[u8]) -> Result<Vec<Row>, TableFaults> {
    let mut faults = Vec::new();
    let mut fault = |line: u64, message: String| faults.push(TableFault { file: file.into(), line, message });
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(e) => {
            fault(1, format!("no header of column names: {e}"));
            return Err(TableFaults(faults));
        }
    };
    for name in NEEDED {
        if !header.iter().any(|h| h == name) {
            fault(1, format!("column `{name}` is missing; expected at least {}", NEEDED.join(", ")));
        }
    }
    for (i, name) in header.iter().enumerate() {
        if !name.is_empty() && header.iter().take(i).any(|h| h == name) {
            fault(1, format!("column `{name}` stands twice; expected each name once"));
        }
    }
    let mut rows = Vec::new();
    let mut seen = std::collections::BTreeMap::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(e) => {
                let line = e.position().map_or(0, csv::Position::line);
                fault(line, format!("not a row of {} columns: {}", header.len(), plain(&e)));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |name: &str| header.iter().position(|h| h == name).and_then(|i| record.get(i)).unwrap_or_default();
        let mut number = |name: &str| -> Option<f64> {
            let text = cell(name);
            if text.is_empty() {
                return None;
            }
            match text.parse::<f64>() {
                Ok(value) if value == 0.0 || RANGE.contains(&value) => Some(value),
                Ok(value) if value.is_finite() && value > 0.0 => {
                    let (low, high) = (RANGE.start(), RANGE.end());
                    fault(line, format!("column `{name}`: `{text}` is out of range; expected 0, or {low:e} to {high:e}"));
                    None
                }
                _ => {
                    fault(line, format!("column `{name}`: `{text}` is not a number of zero or more"));
                    None
                }
            }
        };
        let row = Row {
            line,
            calibratable: number("calib_ok").is_some_and(|v| v > 0.0),
            power_ok: number("power_ok").is_some_and(|v| v > 0.0),
            params_b: number("params_b"),
            active_params_b: number("active_params_b"),
            bits_per_weight: number("bits_per_weight"),
            model_gb: number("model_gb"),
            devices: number("n_devices"),
            threads: number("threads"),
            prompt_tokens: number("prompt_tokens"),
            gen_tokens: number("gen_tokens"),
            batch: number("batch"),
            prefill_tok_s: number("prefill_tok_s"),
            decode_tok_s: number("decode_tok_s"),
            power_w: number("power_w"),
            j_per_token: number("j_per_token"),
            row_id: cell("row_id").into(),
            device_id: cell("device_id").into(),
            phase: cell("phase").into(),
            processor: cell("processor").into(),
            engine: cell("engine").into(),
            power_mode: cell("power_mode").into(),
            source: cell("source").into(),
            model: cell("model").into(),
            quant: cell("quant").into(),
            power_scope: cell("power_scope").into(),
            notes: cell("notes").into(),
        };
        if let Some(first) = seen.insert(row.row_id.clone(), line) {
            fault(line, format!("row id `{}` stands in line {first} already", row.row_id));
        }
        rows.push(row);
    }
    if rows.is_empty() && faults.is_empty() {
        faults.push(TableFault { file: file.into(), line: 0, message: "no rows; expected one a measurement".into() });
    }
    if faults.is_empty() {
        return Ok(rows);
    }
    faults.sort_by_key(|f| f.line);
    Err(TableFaults(faults))
}

/// The reader's words without the place, which is printed by us.
fn plain(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { len, .. } => format!("it has {len}"),
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".into(),
        _ => error.to_string(),
    }
}
