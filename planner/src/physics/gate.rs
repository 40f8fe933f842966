//! Requests of which a share goes on: a small model in front of a service's model, or an exit inside it.
//!
//! With a share `p` of the requests that go on (the scenario says it), blocks behind the gate are worked for `p` of them:
//!
//! ```text
//! busy = t_before + p t_behind        E = E_before + p E_behind        bytes of a hop behind it: p bytes
//! latency of a request that goes on = t_before + t_behind              accuracy = accuracy without it - loses
//! ```
//!
//! Memory is that of all blocks; cache is kept for the requests that get there. A filter is one block in front of the
//! model's: it is not split, and a stage may hold it alone, or it and blocks of the model, each with what its own
//! beginning costs. It looks at the whole request, which is what crosses the cut behind it; what it holds back it answers
//! itself, from where it runs. An answer that leaves a model early is counted as sent from the model's last stage, as all
//! answers are: a few bytes, in the wrong place at worst. Shares, and that they are the same at any time of day and at
//! any precision, are the scenario's word.

use profiles::{ModelKind, ModelProfile, Precision};
use scenarios::Service;

use super::pass::{self, Rates, Spent};
use super::request::Request;
use super::{pressure, work};

/// Which of a service's gates an option uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    #[default]
    Open,
    /// Index among the service's pre-filters.
    Filter(usize),
    /// Index among its early exits.
    Exit(usize),
}

/// What a gate means for one service.
#[derive(Clone, Debug, PartialEq)]
pub struct Gated<'a> {
    pub gate: Gate,
    pub filter: Option<Filter<'a>>,
    /// First block of the chain behind the gate; the filter is block 0.
    pub from: u32,
    /// Share of the requests that go on, (0, 1].
    pub passes: f64,
    /// Share of all requests that are answered wrongly because of it.
    pub loses: f64,
}

/// A model in front of another.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter<'a> {
    pub profile: &'a ModelProfile,
    pub precision: Precision,
    pub request: Request,
}

impl<'a> Gated<'a> {
    /// The gate of a service; `None` where it has no such one. `kind` is that of the service's models.
    #[must_use]
    pub fn of(service: &'a Service, gate: Gate, kind: ModelKind) -> Option<Self> {
        match gate {
            Gate::Open => Some(Self { gate, filter: None, from: u32::MAX, passes: 1.0, loses: 0.0 }),
            Gate::Filter(i) => {
                let f = service.prefilters.get(i)?;
                let filter = Filter {
                    profile: &f.model,
                    precision: Precision { weights: f.weights, kv_bits: 16, activation_bits: 16 },
                    request: looks(f.model.kind, kind, service.prompt_tokens),
                };
                Some(Self { gate, filter: Some(filter), from: 1, passes: f.passes.get(), loses: f.loses.get() })
            }
            Gate::Exit(i) => {
                let e = service.early_exits.get(i)?;
                Some(Self { gate, filter: None, from: e.after_block, passes: e.passes.get(), loses: e.loses.get() })
            }
        }
    }

    /// Blocks of the chain in front of the model's first.
    #[must_use]
    pub fn lead(&self) -> u32 {
        u32::from(self.filter.is_some())
    }

    /// Share of the requests that get to a block of the chain.
    #[must_use]
    pub fn share(&self, block: u32) -> f64 {
        if block >= self.from { self.passes } else { 1.0 }
    }

    /// Share of the requests that the model's first block sees.
    #[must_use]
    pub fn admitted(&self) -> f64 {
        self.share(self.lead())
    }

    /// Blocks of the chain in words: `0..5`, `the filter`, `the filter and 0..5`.
    #[must_use]
    pub fn span(&self, start: u32, end: u32) -> String {
        let lead = self.lead();
        let own = format!("{}..{}", start.saturating_sub(lead), end.saturating_sub(lead));
        match (start < lead, end <= lead) {
            (true, true) => "the filter".to_owned(),
            (true, false) => format!("the filter and {own}"),
            _ => own,
        }
    }

    /// In words, beginning with a comma; empty without a gate.
    #[must_use]
    pub fn words(&self) -> String {
        let share = percent(self.passes);
        match (&self.filter, self.gate) {
            (Some(f), _) => format!(", behind {} {} ({share} pass)", f.profile.id, f.precision.weights),
            (None, Gate::Exit(_)) => format!(", exit after block {} ({share} go on)", self.from),
            _ => String::new(),
        }
    }
}

/// A share of requests in words: `12.5 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    let text = format!("{:.2}", 100.0 * share);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// What a filter reads of a request: its items, one item of a request in tokens, or its tokens, without an answer.
fn looks(filter: ModelKind, main: ModelKind, prompt: u32) -> Request {
    let items = if filter == ModelKind::Feedforward && main != ModelKind::Feedforward { 1 } else { prompt };
    Request::new(filter, items, 1, 1)
}

impl Filter<'_> {
    /// All of its passes for one request, overheads of passes not included, and whether a cap lowered a clock; `None`
    /// where it cannot run.
    #[must_use]
    pub fn run(&self, rates: &Rates) -> Option<(Spent, bool)> {
        let (mut sum, mut capped) = (Spent::default(), false);
        for g in self.profile.blocks.iter().filter(|g| work::in_prefill(&g.block)) {
            let work = work::of_block(&g.block, self.precision, self.request.prefill, rates.cache_bytes);
            let (spent, clock) = pass::run(&work, rates, 0.0)?;
            capped |= clock < 1.0;
            sum = sum + spent.times(f64::from(g.count));
        }
        Some((sum.times(self.request.items), capped))
    }

    /// Resident bytes of its blocks, with the cache of so many requests.
    #[must_use]
    pub fn bytes(&self, concurrency: u32) -> f64 {
        let of = |g: &profiles::BlockGroup| {
            let state = work::state_resident_bytes(&g.block, self.precision, f64::from(concurrency), self.request.held_tokens);
            f64::from(g.count) * (work::weight_bytes(&g.block, self.precision) + state)
        };
        self.profile.blocks.iter().map(of).sum()
    }

    /// Resident bytes beside its blocks: runtime and activations.
    #[must_use]
    pub fn stage_bytes(&self) -> f64 {
        let widest = self.profile.blocks.iter().map(|g| work::activations(&g.block)).fold(0.0, f64::max);
        let held = profiles::activation_bits_held(self.precision.activation_bits) / 8.0;
        pressure::RUNTIME_BYTES + widest * self.request.rows() * held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{board, classifier, one_board, tiny_llm};
    use profiles::WeightFormat;
    use profiles::units::Ratio;

    fn filtered(model: ModelProfile) -> Service {
        let mut v = one_board().services.remove(0);
        let (passes, loses) = (Ratio(0.2), Ratio(0.01));
        v.prefilters =
            vec![scenarios::Prefilter { model, weights: WeightFormat::W8, passes, loses, at: scenarios::At::default() }];
        v
    }

    #[test]
    fn a_filter_is_the_first_block() {
        let v = filtered(classifier("small"));
        let g = Gated::of(&v, Gate::Filter(0), ModelKind::Llm).unwrap();
        assert_eq!((g.lead(), g.from), (1, 1));
        assert!((g.share(0) - 1.0).abs() < 1e-15 && (g.share(1) - 0.2).abs() < 1e-15 && (g.admitted() - 0.2).abs() < 1e-15);
        assert_eq!(g.words(), ", behind small w8 (20 % pass)");
        // A picture for a model that reads 64 tokens is one item.
        assert!((g.filter.as_ref().unwrap().request.items - 1.0).abs() < 1e-15);
        let g = Gated::of(&v, Gate::Filter(0), ModelKind::Feedforward).unwrap();
        assert!((g.filter.as_ref().unwrap().request.items - 64.0).abs() < 1e-15);
        assert_eq!([0.2, 0.125, 1.0, 0.00049].map(percent), ["20 %", "12.5 %", "100 %", "0.05 %"]);
        assert_eq!(Gated::of(&v, Gate::Filter(1), ModelKind::Llm), None);
        assert_eq!([g.span(0, 1), g.span(0, 4), g.span(1, 4)], ["the filter", "the filter and 0..3", "0..3"]);
        let open = Gated::of(&v, Gate::Open, ModelKind::Llm).unwrap();
        assert!((open.share(10_000) - 1.0).abs() < 1e-15 && open.words().is_empty() && open.lead() == 0);
    }

    #[test]
    fn a_filter_reads_a_prompt_and_answers_nothing() {
        let v = filtered(tiny_llm("router", 2, 256));
        let filter = Gated::of(&v, Gate::Filter(0), ModelKind::Llm).unwrap().filter.unwrap();
        assert!((filter.request.prefill.tokens - 64.0).abs() < 1e-15 && filter.request.passes.abs() < 1e-15);
        let d = board();
        let rates = Rates::of(&d, &d.modes[0], &d.processors[0], WeightFormat::W8, 1.0).unwrap();
        let whole = super::super::whole::run(filter.profile, filter.precision, &filter.request, &rates).unwrap();
        let (own, capped) = filter.run(&rates).unwrap();
        assert!((own.time_s + rates.pass_overhead_s - whole.prefill.time_s).abs() < 1e-12 && !capped);
        assert!((own.energy_j - whole.prefill.energy_j).abs() < 1e-12);
    }
}
