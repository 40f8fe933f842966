//! The range of runs that a fit has seen. Beyond it a prediction is an extrapolation, and is marked as one.
//!
//! A profile has no field for it, so it stands in the source of the fitted coefficients, in a fixed form that is read back:
//! `range [decode: bits 2..8.5, parameters 0.494..7.62 G, batch 1..8, context 32..1088]`.

use super::case::Case;
use std::fmt;
use std::str::FromStr;

/// Share by which a run may lie beyond a range before it is marked.
const SLACK: f64 = 0.1;
/// Contexts below this are alike: weights, not the cache, decide.
const SHORT: f64 = 256.0;

/// Least and most of one feature.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Span {
    pub least: f64,
    pub most: f64,
}

impl Span {
    fn over(values: impl Iterator<Item = f64>) -> Self {
        values.fold(Self { least: f64::INFINITY, most: f64::NEG_INFINITY }, |s, v| Self {
            least: s.least.min(v),
            most: s.most.max(v),
        })
    }

    fn holds(&self, value: f64) -> bool {
        value >= self.least * (1.0 - SLACK) && value <= self.most * (1.0 + SLACK)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.least, self.most)
    }
}

/// Which phase of a request was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Decode,
    Prefill,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Decode => "decode",
            Self::Prefill => "prefill",
        })
    }
}

/// What the rows of one phase spanned.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Range {
    pub phase: Phase,
    /// Bits per weight.
    pub bits: Span,
    /// Billions of parameters.
    pub parameters: Span,
    pub batch: Span,
    /// Tokens in the cache at the mean step while decoding; tokens of the prompt in prefill.
    pub context: Span,
}

/// Context of a run as a range counts it.
fn context(phase: Phase, case: &Case) -> f64 {
    match phase {
        Phase::Decode => case.context.round().max(SHORT),
        Phase::Prefill => case.prompt + case.depth,
    }
}

/// Three digits are enough to tell where a range ends, and are read by people.
fn rounded(value: f64) -> f64 {
    profiles::units::significant(value).parse().unwrap_or(value)
}

impl Range {
    /// `None` without cases.
    pub(crate) fn of<'c>(phase: Phase, cases: impl Iterator<Item = &'c Case> + Clone) -> Option<Self> {
        cases.clone().next()?;
        let span = |of: fn(Phase, &Case) -> f64| Span::over(cases.clone().map(|c| rounded(of(phase, c))));
        Some(Self {
            phase,
            bits: span(|_, c| c.bits),
            parameters: span(|_, c| c.parameters / 1e9),
            batch: span(|_, c| c.batch),
            context: span(context),
        })
    }

    /// What lies beyond the range in a case, in words; empty where nothing does.
    pub(crate) fn beyond(&self, case: &Case) -> Vec<&'static str> {
        let mut out = Vec::new();
        let mut check = |span: &Span, value: f64, name| {
            if !span.holds(value) {
                out.push(name);
            }
        };
        check(&self.bits, case.bits, "bits");
        check(&self.parameters, case.parameters / 1e9, "size");
        check(&self.batch, case.batch, "batch");
        check(&self.context, context(self.phase, case), if self.phase == Phase::Decode { "context" } else { "prompt" });
        out
    }

    /// Every range that a source text holds.
    #[must_use]
    pub fn find(source: &str) -> Vec<Self> {
        source.split("range [").skip(1).filter_map(|rest| rest.split(']').next()?.parse().ok()).collect()
    }
}

impl fmt::Display for Range {
    /// What stands between the brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, bits, parameters, batch, context } = self;
        let tokens = if *phase == Phase::Decode { "context" } else { "prompt" };
        write!(f, "{phase}: bits {bits}, parameters {parameters} G, batch {batch}, {tokens} {context}")
    }
}

/// A text is no range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `decode: bits 2..8.5, parameters 0.5..8 G, batch 1..8, context 256..2048`")]
pub struct NoRange;

impl FromStr for Range {
    type Err = NoRange;

    fn from_str(text: &str) -> Result<Self, NoRange> {
        let (phase, rest) = text.split_once(": ").ok_or(NoRange)?;
        let phase = match phase {
            "decode" => Phase::Decode,
            "prefill" => Phase::Prefill,
            _ => return Err(NoRange),
        };
        let mut spans = rest.split(", ").map(|part| {
            let (least, most) = part.split(' ').nth(1)?.split_once("..")?;
            Some(Span { least: least.parse().ok()?, most: most.parse().ok()? })
        });
        let mut next = || spans.next().flatten().ok_or(NoRange);
        Ok(Self { phase, bits: next()?, parameters: next()?, batch: next()?, context: next()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span() -> impl Strategy<Value = Span> {
        (0.01..1e4f64, 1.0..50.0f64).prop_map(|(least, times)| Span { least: rounded(least), most: rounded(least * times) })
    }

    proptest! {
        #[test]
        fn a_range_is_read_back_from_a_source(bits in span(), parameters in span(), batch in span(), context in span(), decode: bool) {
            let phase = if decode { Phase::Decode } else { Phase::Prefill };
            let range = Range { phase, bits, parameters, batch, context };
            let source = format!("fitted: planner calibrate on rows.csv, median 3 %; range [{range}]; more words");
            prop_assert_eq!(Range::find(&source), vec![range]);
        }
    }

    #[test]
    fn other_texts_hold_no_range() {
        assert!(Range::find("fitted: rows m1..m3 [see notes]").is_empty());
        assert!(Range::find("range [decode: bits 3]").is_empty());
        assert_eq!("".parse::<Range>(), Err(NoRange));
    }
}
