//! The ways to serve: model, precision, test-time scaling, share kept in memory; everything but
//! replicas and places. Each with its accuracy, and each that is left out with its reason.

use profiles::{ModelKind, ModelProfile, Precision, QualityRow, WeightFormat};
use scenarios::{Method, Scenario, Service};

use super::adapters::Adapters;
use super::experts::{self, ExpertCache};
use super::gate::{Gate, Gated};
use super::model::{Dropped, Reason};
use super::request::Request;
use super::{budget, coverage, majority, pressure, work};

/// Shares of the weights that streaming keeps in memory.
const RESIDENT_SHARES: [f64; 2] = [0.5, 0.25];

/// Longest chain that is planned.
const BLOCKS_MAX: u64 = 10_000;

/// One way to serve.
#[derive(Clone, Debug)]
pub(super) struct Way<'a> {
    pub service: usize,
    pub model: usize,
    pub profile: &'a ModelProfile,
    pub precision: Precision,
    pub method: Method,
    pub samples: u32,
    pub budget: Option<u32>,
    pub resident_share: f64,
    pub accuracy: Option<f64>,
    pub benchmark: Option<String>,
    pub request: Request,
    /// What passes on a share of its requests.
    pub gated: Gated<'a>,
    /// How the service's adapters are held.
    pub adapters: Option<Adapters>,
    /// Which part of its experts is in memory, by the service's list.
    pub experts: Option<(usize, ExpertCache)>,
    /// In words, for reasons.
    pub what: String,
}

/// All ways of a service.
pub(super) fn of_service<'a>(scenario: &'a Scenario, index: usize, dropped: &mut Vec<Dropped>) -> Vec<Way<'a>> {
    let service = &scenario.services[index];
    let mut candidates = Vec::new();
    for (m, model) in service.models.iter().enumerate() {
        for &precision in &service.precisions {
            match runs(scenario, service, &model.value, precision) {
                Ok(()) => candidates.push((m, &model.value, precision)),
                Err(reason) => {
                    dropped.push(Dropped { service: index, what: format!("{} {precision}", model.value.id), reason });
                }
            }
        }
    }
    let benchmark = benchmark(service, &candidates);
    let mut ways = Vec::new();
    for (m, model, precision) in candidates {
        for (method, samples, budget) in scalings(service) {
            let what = describe(model, precision, method, samples, budget);
            match accuracy(service, model, precision, benchmark.as_deref(), method, samples, budget) {
                Ok(accuracy) => {
                    let answer = budget.unwrap_or(service.answer_tokens);
                    let Some(gated) = Gated::of(service, Gate::Open, model.kind) else { continue };
                    let way = Way {
                        service: index,
                        model: m,
                        profile: model,
                        precision,
                        method,
                        samples,
                        budget,
                        resident_share: 1.0,
                        accuracy,
                        benchmark: accuracy.and(benchmark.clone()),
                        request: Request::new(model.kind, service.prompt_tokens, answer, samples),
                        gated,
                        adapters: None,
                        experts: None,
                        what,
                    };
                    for way in gates(service, way, dropped).into_iter().flat_map(|w| adapted(service, w)) {
                        stream(scenario, service, &way, &mut ways);
                        cached(service, &way, &mut ways);
                        ways.push(way);
                    }
                }
                Err(reason @ Reason::NotMeasured { .. }) => {
                    // So is every other way of sampling it: said once.
                    let what = format!("{} {precision}", model.id);
                    dropped.push(Dropped { service: index, what, reason });
                    break;
                }
                Err(reason) => dropped.push(Dropped { service: index, what, reason }),
            }
        }
    }
    ways
}

/// A way as it is, behind each pre-filter, and with each exit of its model; those that keep the floor.
fn gates<'a>(service: &'a Service, way: Way<'a>, dropped: &mut Vec<Dropped>) -> Vec<Way<'a>> {
    let exits = (0..service.early_exits.len()).filter(|&e| service.early_exits[e].model == way.model).map(Gate::Exit);
    let mut all = Vec::new();
    for gate in (0..service.prefilters.len()).map(Gate::Filter).chain(exits) {
        let Some(gated) = Gated::of(service, gate, way.profile.kind) else { continue };
        let accuracy = way.accuracy.map(|a| (a - gated.loses).max(0.0));
        let what = format!("{}{}", way.what, gated.words());
        match (accuracy, service.accuracy.as_ref().map(|f| f.at_least.value.get())) {
            (Some(accuracy), Some(floor)) if accuracy < floor - 1e-12 => {
                dropped.push(Dropped { service: way.service, what, reason: Reason::BelowFloor { accuracy, floor } });
            }
            _ => all.push(Way { accuracy, gated, what, ..way.clone() }),
        }
    }
    all.insert(0, way);
    all
}

/// A way with each number of the service's adapters that may be kept in memory; as it is where requests name none.
fn adapted<'a>(service: &Service, way: Way<'a>) -> Vec<Way<'a>> {
    if service.adapters.is_none() {
        return vec![way];
    }
    let with = |kept: u32| {
        let adapters = Adapters::of(service, kept, way.profile)?;
        let what = format!("{}{}", way.what, adapters.words());
        Some(Way { adapters: Some(adapters), what, ..way.clone() })
    };
    Adapters::choices(service).filter_map(with).collect()
}

/// Whether a model at a precision can run at all.
fn runs(scenario: &Scenario, service: &Service, model: &ModelProfile, precision: Precision) -> Result<(), Reason> {
    let count: u64 = model.blocks.iter().map(|g| u64::from(g.count)).sum();
    if count == 0 || count > BLOCKS_MAX {
        return Err(Reason::Blocks { count });
    }
    let format = precision.weights;
    if !can_be_had(model, format) {
        return Err(Reason::NotQuantisable { format });
    }
    let mut processors = allowed(scenario, service).flat_map(|d| &scenario.devices[d].profile.processors);
    if !processors.any(|p| p.kernels.contains_key(&format)) {
        return Err(Reason::NoKernel { format });
    }
    let needed = u64::from(service.prompt_tokens) + u64::from(service.answer_tokens);
    if model.kind == ModelKind::Llm && model.context > 0 && needed > u64::from(model.context) {
        return Err(Reason::ContextTooShort { needed, context: model.context });
    }
    Ok(())
}

/// A released format, or one that a released format with at least as many bits can be quantised to without training.
fn can_be_had(model: &ModelProfile, format: WeightFormat) -> bool {
    let plain = |f: WeightFormat| !f.needs_training();
    model.formats.contains(&format)
        || plain(format) && model.formats.iter().any(|&f| plain(f) && f.bits_per_weight() >= format.bits_per_weight())
}

/// Devices that may hold a stage of the service.
pub(super) fn allowed<'a>(scenario: &'a Scenario, service: &'a Service) -> impl Iterator<Item = usize> + 'a {
    (0..scenario.devices.len()).filter(|&d| service.forbidden.iter().all(|f| f.value != d))
}

/// The floor's benchmark; without a floor the first that every candidate was measured on.
fn benchmark(service: &Service, candidates: &[(usize, &ModelProfile, Precision)]) -> Option<String> {
    if let Some(floor) = &service.accuracy {
        return Some(floor.benchmark.value.clone());
    }
    let (_, first, _) = candidates.first()?;
    let measured = |b: &str| candidates.iter().all(|(_, m, p)| row(m, b, p.weights).is_some());
    first.quality.iter().map(|r| r.benchmark.as_str()).find(|b| measured(b)).map(str::to_owned)
}

/// The measured row of a model on a benchmark at a format.
#[must_use]
pub fn row<'a>(model: &'a ModelProfile, benchmark: &str, format: WeightFormat) -> Option<&'a QualityRow> {
    model.quality.iter().find(|r| r.benchmark == benchmark && r.weights == format)
}

/// Method, samples and budget: one sample always, several by each method that samples; each at the
/// service's own answer length and at each budget.
fn scalings(service: &Service) -> Vec<(Method, u32, Option<u32>)> {
    let s = &service.scaling;
    let mut all = Vec::new();
    let budgets = std::iter::once(None).chain(s.budgets.iter().copied().map(Some));
    for budget in budgets {
        all.push((Method::Single, 1, budget));
        for &method in s.methods.iter().filter(|&&m| m != Method::Single) {
            all.extend(s.samples.iter().filter(|&&k| k > 1).map(|&k| (method, k, budget)));
        }
    }
    all.dedup();
    all
}

/// Expected share of right answers, or why there is none; `Ok(None)`: not measured and not asked for.
fn accuracy(
    service: &Service,
    model: &ModelProfile,
    precision: Precision,
    benchmark: Option<&str>,
    method: Method,
    samples: u32,
    budget: Option<u32>,
) -> Result<Option<f64>, Reason> {
    let sampled = method != Method::Single;
    if sampled && model.kind != ModelKind::Llm {
        return Err(Reason::NothingToSample);
    }
    let missing = match method {
        Method::BestOfN => Reason::NoSamplesCounted,
        _ => Reason::NoCeiling,
    };
    let Some(benchmark) = benchmark else {
        return match budget {
            _ if sampled => Err(missing),
            Some(budget) => Err(Reason::BudgetOutside { budget }),
            None => Ok(None),
        };
    };
    let Some(row) = row(model, benchmark, precision.weights) else {
        return Err(Reason::NotMeasured { benchmark: benchmark.into(), format: precision.weights });
    };
    let value = of_row(row, method, samples, budget).ok_or(match budget {
        Some(_) if sampled => Reason::SamplesWithBudget,
        Some(budget) => Reason::BudgetOutside { budget },
        None => missing,
    })?;
    match &service.accuracy {
        Some(floor) if value < floor.at_least.value.get() - 1e-12 => {
            Err(Reason::BelowFloor { accuracy: value, floor: floor.at_least.value.get() })
        }
        _ => Ok(Some(value)),
    }
}

/// Accuracy that a measured row gives a way of sampling, 0..1; `None` where it does not say.
///
/// Samples under a token budget are said only where they were measured together.
#[must_use]
pub fn of_row(row: &QualityRow, method: Method, samples: u32, budget: Option<u32>) -> Option<f64> {
    let single = row.accuracy.value.get();
    let beta = row.beta.as_ref().map(|b| b.value).filter(|b| b.0 > 0.0 && b.1 > 0.0);
    match (method, budget) {
        (Method::Single, None) => Some(single),
        (Method::Single, Some(tokens)) => {
            let points: Vec<(u32, f64)> = row.budgets.iter().map(|(t, a)| (*t, a.value.get())).collect();
            budget::accuracy(&points, tokens)
        }
        (Method::Majority, None) => {
            let ceiling = row.majority_ceiling.as_ref()?.value.get();
            Some(majority::accuracy(single, ceiling, beta, samples))
        }
        (Method::BestOfN, None) => beta.map(|(a, b)| coverage::coverage(a, b, samples).max(single)),
        (Method::Majority, Some(tokens)) => {
            row.votes.iter().find(|v| (v.samples, v.tokens) == (samples, tokens)).map(|v| v.accuracy.value.get())
        }
        (Method::BestOfN, Some(_)) => None,
    }
}

/// Ways that stream weights from storage, only for models that do not fit the smallest device that may stream.
fn stream<'a>(scenario: &Scenario, service: &Service, way: &Way<'a>, ways: &mut Vec<Way<'a>>) {
    let smallest = allowed(scenario, service)
        .map(|d| &scenario.devices[d])
        .filter(|d| d.may_stream && d.profile.storage.is_some())
        .flat_map(|d| {
            let margin = d.memory_margin.value.get();
            d.profile.memories.values().map(move |m| pressure::capacity_bytes(m.size.value.get() * m.usable.value.get(), margin))
        })
        .fold(f64::INFINITY, f64::min);
    if weight_bytes(way.profile, way.precision) > smallest {
        for share in RESIDENT_SHARES {
            let what = format!("{}, {:.0} % in memory", way.what, 100.0 * share);
            ways.push(Way { resident_share: share, what, ..way.clone() });
        }
    }
}

/// Ways that keep a part of a mixture's experts in memory.
fn cached<'a>(service: &Service, way: &Way<'a>, ways: &mut Vec<Way<'a>>) {
    if !experts::is_mixture(way.profile) {
        return;
    }
    for (i, cache) in (0..service.expert_caches.len()).filter_map(|i| Some((i, ExpertCache::of(service, i)?))) {
        let what = format!("{}{}", way.what, cache.words());
        ways.push(Way { experts: Some((i, cache)), what, ..way.clone() });
    }
}

impl Way<'_> {
    /// Resident weights of one block, bytes.
    pub(super) fn resident(&self, block: &profiles::Block) -> f64 {
        match &self.experts {
            Some((_, cache)) => cache.resident(block, self.precision),
            None => work::weight_bytes(block, self.precision) * self.resident_share,
        }
    }

    /// Which of the service's expert caches it uses.
    pub(super) fn cache(&self) -> Option<usize> {
        self.experts.map(|(i, _)| i)
    }
}

/// Resident weights of all blocks, bytes.
pub(super) fn weight_bytes(model: &ModelProfile, precision: Precision) -> f64 {
    model.blocks.iter().map(|g| f64::from(g.count) * work::weight_bytes(&g.block, precision)).sum()
}

/// Mean bits per weight of the whole model.
pub(super) fn mean_bits(model: &ModelProfile, precision: Precision) -> f64 {
    let weights: f64 = model.blocks.iter().map(|g| f64::from(g.count) * g.block.total_parameters() as f64).sum();
    if weights > 0.0 { 8.0 * weight_bytes(model, precision) / weights } else { precision.weights.bits_per_weight() }
}

fn describe(model: &ModelProfile, precision: Precision, method: Method, samples: u32, budget: Option<u32>) -> String {
    let mut what = format!("{} {precision}", model.id);
    match method {
        Method::Single => {}
        Method::Majority => what.push_str(&format!(", majority of {samples}")),
        Method::BestOfN => what.push_str(&format!(", best of {samples}")),
    }
    if let Some(budget) = budget {
        what.push_str(&format!(", {budget} tokens"));
    }
    what
}

#[cfg(test)]
mod tests;
