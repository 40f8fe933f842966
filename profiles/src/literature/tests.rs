use super::*;
use crate::Catalogue;

/// Every setting of a figure.
fn settings(run: &Run) -> Vec<&Setting> {
    match run {
        Run::Decode(s) | Run::Ttft(s) | Run::TokensPerJoule(s) | Run::Power { at: s, .. } | Run::Flash { at: s, .. } => vec![s],
        Run::DecodeRatio { of, over } | Run::TtftRatio { of, over } => vec![of, over],
        Run::Crossover { rising, steady, .. } => vec![rising, steady],
        Run::Experts(e) => vec![&e.at],
        Run::Neurons(n) => vec![&n.at],
        Run::Gemm(_) | Run::GemmPower(_) | Run::Window(_) => Vec::new(),
    }
}

#[test]
fn every_figure_is_read_and_names_what_the_catalogue_has() {
    let literature = read(FILE, TEXT).unwrap_or_else(|fault| panic!("{fault}"));
    let catalogue = Catalogue::builtin();
    let mut ids = std::collections::BTreeSet::new();
    for figure in literature.systems.iter().flat_map(|s| &s.figures) {
        assert!(ids.insert(&figure.id), "{} is there twice", figure.id);
        assert!(figure.published.is_finite() && figure.published > 0.0, "{}", figure.id);
        assert!(figure.within.get() > 0.0 && figure.source.contains(' '), "{}: {}", figure.id, figure.source);
        for setting in settings(&figure.run) {
            let device =
                catalogue.device(&setting.device).unwrap_or_else(|| panic!("{}: no device {}", figure.id, setting.device));
            let processor = device.processors.iter().find(|p| p.id == setting.processor);
            let processor = processor.unwrap_or_else(|| panic!("{}: no processor {}", figure.id, setting.processor));
            assert!(processor.kernels.contains_key(&setting.weights), "{}: no kernel", figure.id);
            assert!(!setting.models.is_empty() && setting.prompt > 0 && setting.samples > 0, "{}", figure.id);
            for model in &setting.models {
                assert!(catalogue.model(model).is_some(), "{}: no model {model}", figure.id);
            }
        }
    }
    for table in &literature.tables {
        assert!(catalogue.device(&table.device).is_some());
        assert!(table.models.values().all(|m| catalogue.model(m).is_some()));
    }
}

#[test]
fn a_source_must_be_known() {
    let text = TEXT.replacen("\nsources:\n", "\nsources:\n  not-cited: a text\n", 1).replacen(
        "source: vitallm-v2",
        "source: vitallm-v3",
        1,
    );
    let fault = read(FILE, &text).expect_err("no such key");
    assert!(fault.to_string().contains("`vitallm-v3` is not a key of `sources`"), "{fault}");
}

#[test]
fn unknown_words_are_told_with_their_line() {
    let fault = read(FILE, &TEXT.replacen("standing: predicted", "standing: guessed", 1)).expect_err("no such standing");
    assert!(fault.line > 0 && fault.to_string().contains("guessed"), "{fault}");
}
