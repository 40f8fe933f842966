//! Quality as a profile that the planner reads: `model:` with its `quality` rows, each with command and day.

use crate::exit::Failure;
use crate::load::Model;
use engine::Precision;
use kernels::Format;
use profiles::units::Ratio;
use profiles::{ModelProfile, Quality, QualityRow, Sourced, WeightFormat};
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
    let wrong = |e: &dyn std::error::Error| Failure::help(crate::exit::causes(e), "name another file with --profile");
    let mut profile = if path.exists() {
        profiles::read_model_file(path).map_err(|e| wrong(&e))?
    } else {
        let bytes = model.file.bytes();
        profiles::gguf::read(bytes, bytes.len() as u64, &model.name).map_err(|e| wrong(&e))?
    };
    let Some(weights) = weights(precision, &profile) else {
        eprintln!("{}: not in the profile: the planner has no such precision", precision.name());
        return Ok(());
    };
    let sourced = |value| Sourced { value, quality: Quality::Measured, source: source.to_owned() };
    let beta = beta.map(|value| Sourced { value, quality: Quality::Fitted, source: source.to_owned() });
    let row = QualityRow {
        benchmark: benchmark.into(),
        weights,
        accuracy: sourced(Ratio(accuracy)),
        majority_ceiling: None,
        beta,
        budgets: Vec::new(),
        votes: Vec::new(),
    };
    profile.quality.retain(|r| (r.benchmark.as_str(), r.weights) != (benchmark, weights));
    profile.quality.push(row);
    if !profile.formats.contains(&weights) {
        profile.formats.push(weights);
    }
    write(path, &profile)
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
        std::fs::write(&path, "model: 3").expect("writable");
        assert!(put(Format::W4, 0.3, None).is_err(), "what is no profile is not written over");
    }
}
