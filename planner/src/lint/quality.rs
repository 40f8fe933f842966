//! Accuracy of a plan's services, from the measured rows.

use profiles::{ModelKind, ModelProfile, QualityRow};
use scenarios::{Method, Service};

use super::note::Notes;
use super::structure::Served;
use crate::physics::{budget, coverage, majority};

/// Checks scaling, accuracy and floor of a service.
pub(super) fn check(s: &Served<'_>, notes: &mut Notes) {
    let (w, p) = (s.wanted, s.planned);
    let name = p.name.as_str();
    let scaling = &p.scaling;
    let method = match scaling.method.as_str() {
        "single" => Some(Method::Single),
        "majority" => Some(Method::Majority),
        "best-of-n" => Some(Method::BestOfN),
        _ => None,
    };
    let Some(method) = method else {
        notes.fatal("method", name, format!("`{}` is no method of test-time scaling", scaling.method));
        return;
    };
    let single = method == Method::Single;
    let allowed = single || w.scaling.methods.contains(&method);
    notes.check(allowed, "method-allowed", name, || format!("`{}` is not among the methods allowed", scaling.method));
    let counted = if single { scaling.samples == 1 } else { scaling.samples > 1 && w.scaling.samples.contains(&scaling.samples) };
    notes.check(counted, "samples", name, || format!("{} samples are not among those allowed", scaling.samples));
    let budgeted = scaling.token_budget.is_none_or(|b| w.scaling.budgets.contains(&b));
    notes.check(budgeted, "budget", name, || format!("a budget of {:?} tokens is not among those allowed", scaling.token_budget));
    let close = scaling.close.as_ref().map(|c| (c.text.as_str(), c.tokens));
    let asked = w.scaling.close.as_ref().filter(|_| scaling.token_budget.is_some()).map(|c| (c.text.as_str(), c.tokens));
    notes.check(close == asked, "close", name, || format!("answers are closed by {close:?}, the scenario says {asked:?}"));
    notes.check(single || s.model.kind == ModelKind::Llm, "samples", name, || "the model gives one answer only".into());
    formats(s, notes);
    accuracy(s, method, notes);
}

/// Whether the model can be had at the precision, and holds the tokens asked for.
fn formats(s: &Served<'_>, notes: &mut Notes) {
    let (format, model) = (s.planned.precision.weights, s.model);
    let stages = s.replicas.iter().flatten().map(|c| c.precision.weights);
    let mut used: Vec<profiles::WeightFormat> = stages.chain([format]).collect();
    used.sort_unstable();
    used.dedup();
    for format in used {
        let quantised = |f: &profiles::WeightFormat| !f.needs_training() && f.bits_per_weight() >= format.bits_per_weight();
        let had = model.formats.contains(&format) || (!format.needs_training() && model.formats.iter().any(quantised));
        notes.check(had, "format", &s.planned.name, || format!("{} cannot be had in {format}", model.id));
    }
    let needed = u64::from(s.wanted.prompt_tokens) + u64::from(s.wanted.answer_tokens);
    let holds = model.kind != ModelKind::Llm || model.context == 0 || needed <= u64::from(model.context);
    notes.check(holds, "context", &s.planned.name, || format!("{needed} tokens do not fit the context of {}", model.context));
    let (weights, bits) = model.chain().fold((0.0, 0.0), |(n, bits), b| {
        (n + super::account::all_parameters(b), bits + 8.0 * super::account::resident_weights(b, s.planned.precision))
    });
    let mean = if weights > 0.0 { bits / weights } else { format.bits_per_weight() };
    notes.same("bits", &s.planned.name, "bits per weight", s.planned.bits_per_weight, mean);
}

/// Recomputes the accuracy and holds it against the floor.
fn accuracy(s: &Served<'_>, method: Method, notes: &mut Notes) {
    let (w, p) = (s.wanted, s.planned);
    let name = p.name.as_str();
    let given = &p.expected;
    notes.check(given.accuracy.is_some() == given.benchmark.is_some(), "accuracy", name, || {
        "an accuracy and its benchmark come together".into()
    });
    if let Some(floor) = &w.accuracy {
        let asked = &floor.benchmark.value;
        notes.check(given.benchmark.as_ref() == Some(asked), "benchmark", name, || {
            format!("the floor is on {asked}, the plan speaks of {}", given.benchmark.as_deref().unwrap_or("none"))
        });
    }
    let Some(benchmark) = &given.benchmark else {
        let measured_everywhere = common_benchmark(w);
        notes.check(w.accuracy.is_none() && measured_everywhere.is_none(), "accuracy", name, || "it gives no accuracy".into());
        return;
    };
    let format = p.precision.weights;
    let row = s.model.quality.iter().find(|r| r.benchmark == *benchmark && r.weights == format);
    let own = row.and_then(|r| expected(r, method, p.scaling.samples, p.scaling.token_budget));
    let Some(own) = own else {
        notes.fatal("accuracy", name, format!("{} in {format} was not measured on {benchmark} in this way", s.model.id));
        return;
    };
    // What a filter or an exit answers wrongly counts for all requests, as the scenario says.
    let kept = (own - s.gate.loses).max(0.0);
    notes.same("accuracy", name, "accuracy", given.accuracy.unwrap_or(0.0), kept);
    // A copy in several formats is taken to answer as its worst one: no stage may be in a worse one, or one not measured.
    for placed in s.replicas.iter().flatten().filter(|c| c.precision.weights != format) {
        let weights = placed.precision.weights;
        let row = s.model.quality.iter().find(|r| r.benchmark == *benchmark && r.weights == weights);
        let there = row.and_then(|r| expected(r, method, p.scaling.samples, p.scaling.token_budget));
        notes.check(there.is_some_and(|a| a >= own - 1e-9), "mixed-accuracy", name, || {
            format!("a stage at {weights} is not known to answer as well as all of it at {format}")
        });
    }
    if let Some(floor) = &w.accuracy {
        let least = floor.at_least.value.get();
        notes.check(kept >= least - 1e-9, "floor", name, || format!("accuracy {kept} is below the floor of {least}"));
    }
}

/// A benchmark that every candidate at every allowed precision was measured on, if there is one.
fn common_benchmark(w: &Service) -> Option<&str> {
    let first: &ModelProfile = &w.models.first()?.value;
    let on = |m: &ModelProfile, b: &str| {
        w.precisions.iter().all(|p| m.quality.iter().any(|r| r.benchmark == b && r.weights == p.weights))
    };
    first.quality.iter().map(|r| r.benchmark.as_str()).find(|b| w.models.iter().all(|m| on(&m.value, b)))
}

/// Accuracy of a measured row under a way of sampling; `None`: the row does not say.
fn expected(row: &QualityRow, method: Method, samples: u32, tokens: Option<u32>) -> Option<f64> {
    let single = row.accuracy.value.get();
    let beta = row.beta.as_ref().map(|b| b.value).filter(|b| b.0 > 0.0 && b.1 > 0.0);
    if let Some(tokens) = tokens {
        let points: Vec<(u32, f64)> = row.budgets.iter().map(|(t, a)| (*t, a.value.get())).collect();
        let counted = |v: &&profiles::Vote| v.samples == samples && v.tokens == tokens;
        return match method {
            Method::Single => budget::accuracy(&points, tokens),
            Method::Majority => row.votes.iter().find(counted).map(|v| v.accuracy.value.get()),
            Method::BestOfN => None,
        };
    }
    match method {
        Method::Single => Some(single),
        Method::Majority => row.majority_ceiling.as_ref().map(|c| majority::accuracy(single, c.value.get(), beta, samples)),
        Method::BestOfN => beta.map(|(a, b)| coverage::coverage(a, b, samples).max(single)),
    }
}
