//! Quality as a profile that the planner reads: `model:` with its `quality` rows, each with command and day.

use crate::exit::Failure;
use crate::load::Model;
use engine::Precision;
use kernels::Format;
use profiles::units::Ratio;
use profiles::{ModelProfile, PerplexityRow, Quality, QualityRow, Sourced, WeightFormat};
use serde::Serialize;
use std::path::Path;

/// The planner's name of a precision; none where it has none of its own.
fn weights(precision: Precision, profile: &ModelProfile) -> Option<WeightFormat> {
    match precision {
        Precision::Stored => profile.formats.first().copied(),
        Precision::Format(format) => match format {
            Format::F16 => Some(WeightFormat::W16),
            Format::W8 => Some(WeightFormat::W8),
            Format::W6 => Some(WeightFormat::W6),
            Format::W5 => Some(WeightFormat::W5),
            Format::W4 => Some(WeightFormat::W4),
            Format::W3 => Some(WeightFormat::W3),
            Format::W2 => Some(WeightFormat::W2),
            Format::Ternary => Some(WeightFormat::Ternary),
            Format::Sherry => Some(WeightFormat::Sherry),
            Format::W8A8 | Format::Ternary167 => None,
        },
        Precision::Corrected(..) => None,
    }
}

/// A profile that grows: the file at a path, or where there is none what the model file's header says.
struct Growing<'p> {
    path: &'p Path,
    profile: ModelProfile,
    weights: WeightFormat,
}

impl<'p> Growing<'p> {
    /// `None`, said on stderr, where the planner has no such precision.
    fn open(path: &'p Path, model: &Model, precision: Precision) -> Result<Option<Self>, Failure> {
        let wrong = |e: &dyn std::error::Error| Failure::help(crate::exit::causes(e), "name another file with --profile");
        let profile = if path.exists() {
            profiles::read_model_file(path).map_err(|e| wrong(&e))?
        } else {
            let bytes = model.file.bytes();
            profiles::gguf::read(bytes, bytes.len() as u64, &model.name).map_err(|e| wrong(&e))?
        };
        let Some(weights) = weights(precision, &profile) else {
            eprintln!("{}: not in the profile: the planner has no such precision", precision.name());
            return Ok(None);
        };
        Ok(Some(Self { path, profile, weights }))
    }

    fn put(&mut self, benchmark: &str, source: &str, accuracy: f64, beta: Option<(f64, f64)>) {
        let weights = self.weights;
        let beta = beta.map(|value| Sourced { value, quality: Quality::Fitted, source: source.to_owned() });
        let row = QualityRow {
            benchmark: benchmark.into(),
            weights,
            accuracy: measured(Ratio(accuracy), source),
            majority_ceiling: None,
            beta,
            budgets: Vec::new(),
            votes: Vec::new(),
        };
        let rows = &mut self.profile.quality;
        rows.retain(|r| (r.benchmark.as_str(), r.weights) != (benchmark, weights));
        rows.push(row);
    }

    fn close(mut self) -> Result<(), Failure> {
        if !self.profile.formats.contains(&self.weights) {
            self.profile.formats.push(self.weights);
        }
        write(self.path, &self.profile)
    }
}

fn measured<T>(value: T, source: &str) -> Sourced<T> {
    Sourced { value, quality: Quality::Measured, source: source.to_owned() }
}

/// Adds a measured accuracy to the profile at `path`, in place of an older one of the same benchmark and
/// precision. Without such a file the profile is made from the model file's header.
pub(super) fn add(
    path: &Path,
    model: &Model,
    precision: Precision,
    benchmark: &str,
    source: &str,
    accuracy: f64,
    beta: Option<(f64, f64)>,
) -> Result<(), Failure> {
    let Some(mut growing) = Growing::open(path, model, precision)? else { return Ok(()) };
    growing.put(benchmark, source, accuracy, beta);
    growing.close()
}

/// A perplexity that was measured.
pub(super) struct Scored<'s> {
    /// Name of the text's file.
    pub(super) text: &'s str,
    pub(super) windows: usize,
    pub(super) window: usize,
    pub(super) perplexity: f64,
    pub(super) stderr: f64,
    pub(super) bits_per_weight: f64,
    /// Share of tokens that the model held for the likeliest.
    pub(super) right: f64,
}

/// Adds a measured perplexity in the same way, in place of an older one of the same text, windows and precision; and the
/// share of tokens held for the likeliest as an accuracy of the benchmark `next-token-TEXT`, by which a plan may choose.
pub(super) fn add_perplexity(
    path: &Path,
    model: &Model,
    precision: Precision,
    source: &str,
    scored: &Scored<'_>,
) -> Result<(), Failure> {
    let Some(mut growing) = Growing::open(path, model, precision)? else { return Ok(()) };
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let row = PerplexityRow {
        weights: growing.weights,
        text: text_name(scored.text),
        windows: count(scored.windows),
        window: count(scored.window),
        perplexity: measured(scored.perplexity, source),
        stderr: Some(scored.stderr),
        bits_per_weight: Some(scored.bits_per_weight),
    };
    let benchmark = format!("next-token-{}", row.text);
    let rows = &mut growing.profile.perplexity;
    rows.retain(|r| (r.weights, &r.text, r.windows, r.window) != (row.weights, &row.text, row.windows, row.window));
    rows.push(row);
    growing.put(&benchmark, source, scored.right, None);
    growing.close()
}

/// A text's name as profiles spell names: `wikitext-2-raw-test` of `wikitext-2-raw-test.txt`.
fn text_name(file: &str) -> String {
    let stem = Path::new(file).file_stem().map_or_else(|| file.into(), |s| s.to_string_lossy());
    let fine = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    stem.chars().map(fine).collect()
}

#[derive(Serialize)]
struct File<'p> {
    model: &'p ModelProfile,
}

/// Writes it, and reads it as the planner will before it takes the old file's place.
fn write(path: &Path, profile: &ModelProfile) -> Result<(), Failure> {
    // JSON is YAML: one writer less, and the reader is the planner's own.
    let text = serde_json::to_string_pretty(&File { model: profile })
        .map_err(|e| Failure::input(format!("error: cannot write the profile: {e}")))?;
    let name = path.display().to_string();
    profiles::read_model(&name, &text).map_err(|e| {
        Failure::help(crate::exit::causes(&e), "this file's numbers do not make a profile; name another file with --profile")
    })?;
    crate::print::file(path, &(text + "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::Tokenizer;
    use engine::testing::Tiny;

    #[test]
    fn a_profile_grows_by_rows_that_the_planner_reads() {
        let file = Tiny::new("llama").file().expect("fits");
        let tokenizer = Tokenizer::new(&file).expect("sound");
        let model = Model { name: "tiny".into(), path: "tiny.gguf".into(), file, tokenizer };
        let folder = tempfile::tempdir().expect("writable");
        let path = folder.path().join("tiny.yaml");
        let put = |format, share, beta| add(&path, &model, Precision::Format(format), "gsm8k", "a test, today", share, beta);
        put(Format::W4, 0.25, Some((0.5, 1.5))).expect("written");
        put(Format::W8, 0.5, None).expect("written");
        put(Format::W4, 0.3, None).expect("written over the first");
        put(Format::W8A8, 0.3, None).expect("left out");
        let read = profiles::read_model_file(&path).expect("the planner reads it");
        let rows: Vec<(WeightFormat, f64)> = read.quality.iter().map(|r| (r.weights, r.accuracy.value.get())).collect();
        assert_eq!(rows, [(WeightFormat::W8, 0.5), (WeightFormat::W4, 0.3)]);
        assert!(read.quality.iter().all(|r| r.accuracy.source == "a test, today"));
        let scored = |perplexity| Scored {
            text: "Some text.txt",
            windows: 4,
            window: 512,
            perplexity,
            stderr: 2.0,
            bits_per_weight: 5.0,
            right: 1.0 / perplexity,
        };
        for (format, perplexity) in [(Format::W4, 30.0), (Format::W2, 99.0), (Format::W4, 25.0), (Format::Ternary167, 1.0)] {
            add_perplexity(&path, &model, Precision::Format(format), "a test, today", &scored(perplexity)).expect("written");
        }
        let read = profiles::read_model_file(&path).expect("the planner reads it");
        let rows: Vec<_> = read.perplexity.iter().map(|r| (r.weights, r.text.as_str(), r.perplexity.value)).collect();
        assert_eq!(rows, [(WeightFormat::W2, "some-text", 99.0), (WeightFormat::W4, "some-text", 25.0)]);
        let rows: Vec<(&str, f64)> = read.quality.iter().map(|r| (r.benchmark.as_str(), r.accuracy.value.get())).collect();
        let right = [("next-token-some-text", 1.0 / 99.0), ("next-token-some-text", 1.0 / 25.0)];
        assert_eq!(rows, [&[("gsm8k", 0.5), ("gsm8k", 0.3)][..], &right].concat(), "what was there stays");
        std::fs::write(&path, "model: 3").expect("writable");
        assert!(put(Format::W4, 0.3, None).is_err(), "what is no profile is not written over");
    }
}
