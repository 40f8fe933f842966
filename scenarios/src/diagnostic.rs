//! One finding about a scenario file: what, where, and what to type instead.

use serde::{Serialize, Serializer};
use std::fmt;

use crate::code::Code;
use crate::scenario::At;

/// A place in the file: 1-based line and column and a length, all in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Span {
    pub line: u32,
    pub column: u32,
    pub length: u32,
}

impl Span {
    /// The start of the file, for findings about the whole of it.
    pub const START: Self = Self { line: 1, column: 1, length: 0 };
}

impl From<Span> for At {
    fn from(span: Span) -> Self {
        At { line: span.line, column: span.column }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.line, self.column, self.length)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The scenario cannot be used.
    Error,
    /// The scenario is used as it stands; the reader should know.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// A finding. `message` stands alone, in lower case and without a full stop; `help` says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    pub message: String,
    pub at: Span,
    pub help: Option<String>,
}

/// For `--format json`: `code`, `severity`, `message`, `at` and `help`.
impl Serialize for Diagnostic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut map = serializer.serialize_struct("Diagnostic", 5)?;
        map.serialize_field("code", &self.code.to_string())?;
        map.serialize_field("severity", &self.severity().to_string())?;
        map.serialize_field("message", &self.message)?;
        map.serialize_field("at", &self.at)?;
        map.serialize_field("help", &self.help)?;
        map.end()
    }
}

impl Diagnostic {
    /// Follows from the code: a code never changes its severity.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {} (line {}, column {})", self.severity(), self.code, self.message, self.at.line, self.at.column)
    }
}

/// Findings after which reading stops: a wrong file can hold tens of thousands.
const MAX_FINDINGS: usize = 200;

/// Where readers drop their findings; reading goes on, so that one run shows them all.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    findings: Vec<Diagnostic>,
}

impl Sink {
    pub(crate) fn report(&mut self, code: Code, at: Span, message: impl Into<String>, help: impl Into<String>) {
        self.findings.push(Diagnostic { code, message: message.into(), at, help: Some(help.into()) });
    }

    /// Enough for any reader: what follows from here on is not worth finding.
    pub(crate) fn is_full(&self) -> bool {
        self.findings.len() >= MAX_FINDINGS
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.findings.iter().any(|d| d.severity() == Severity::Error)
    }

    /// All findings in file order; two at one place in the order found.
    pub(crate) fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.findings.sort_by_key(|d| (d.at.line, d.at.column));
        self.findings.dedup();
        self.findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_stand_in_file_order_and_once() {
        let mut sink = Sink::default();
        let at = |line, column| Span { line, column, length: 1 };
        sink.report(Code::NoUnit, at(9, 2), "c", "h");
        sink.report(Code::NoUnit, at(3, 7), "b", "h");
        sink.report(Code::NoUnit, at(3, 1), "a", "h");
        sink.report(Code::NoUnit, at(3, 1), "a", "h");
        let messages: Vec<String> = sink.into_sorted().into_iter().map(|d| d.message).collect();
        assert_eq!(messages, ["a", "b", "c"]);
    }

    #[test]
    fn json_has_the_five_fields() {
        let finding = Diagnostic { code: Code::NoDeadline, message: "m".into(), at: Span::START, help: Some("h".into()) };
        let wanted = serde_json::json!({
            "code": "EDGE-0104", "severity": "warning", "message": "m", "at": { "line": 1, "column": 1, "length": 0 }, "help": "h",
        });
        assert_eq!(serde_json::to_value(&finding).unwrap(), wanted);
    }
}
