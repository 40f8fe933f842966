//! What physics hands on: the table, and what its numbers mean.

use profiles::{Precision, WeightFormat};
use scenarios::Method;
use std::collections::BTreeMap;
use std::fmt;

use super::gate::Gate;
use crate::table::{PlaceId, Table};

/// What a scenario has to choose from.
#[derive(Clone, Debug, PartialEq)]
pub struct Offers {
    /// Options of each service, by index.
    pub options: Vec<usize>,
    /// As [`Model::dropped`].
    pub dropped: Vec<Dropped>,
}

/// A scenario in numbers, with the meaning of every index.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub table: Table,
    /// By [`crate::table::Choice::label`].
    pub labels: Vec<Label>,
    /// By index of [`Table::modes`].
    pub modes: Vec<ModeLabel>,
    /// Options that were not offered to the search, with the reason; by service, in the order of the file.
    pub dropped: Vec<Dropped>,
    /// Power modes that were not offered.
    pub unusable: Vec<Unusable>,
    /// By service: the table books its time so many times over, as room for what a lost replica served; 1: it does not.
    pub reserve: Vec<f64>,
    /// Pairs of devices that are one in this table.
    pub joined: Vec<Joined>,
    /// By label and place where two devices or two processors share: KV heads of the first.
    pub heads: BTreeMap<(u32, PlaceId), u32>,
}

impl Model {
    /// The joined device that a device is part of.
    #[must_use]
    pub fn joined_at(&self, device: usize) -> Option<&Joined> {
        self.joined.iter().find(|j| j.lead == device || j.partner == device)
    }

    /// Number in the table of the device that stands for a device of the scenario: itself, or its pair's first.
    #[must_use]
    pub fn stands_for(&self, device: usize) -> usize {
        self.joined_at(device).map_or(device, |j| j.lead)
    }

    /// KV heads of the first device, or of the first processor, where an option runs on a place of two.
    #[must_use]
    pub fn first_heads(&self, label: u32, place: PlaceId) -> Option<u32> {
        self.heads.get(&(label, place)).copied()
    }
}

/// Two devices that share all their stages: one device of the table, which stands where the first does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Indices of the scenario's devices; the first has the token table and the output matrix.
    pub lead: usize,
    pub partner: usize,
    /// Processors that work together, by index: the first's and the second's.
    pub processors: Vec<(usize, usize)>,
}

/// What an option stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Index of the service.
    pub service: usize,
    /// Index among the service's models.
    pub model: usize,
    pub precision: Precision,
    /// Weight formats of its stages by [`crate::table::Place::format`]: first the service's own, which answers worst,
    /// then those that stages may have instead.
    pub formats: Vec<WeightFormat>,
    /// True where its devices sleep between requests.
    pub naps: bool,
    /// What passes on a share of its requests.
    pub gate: Gate,
    /// Which of the service's expert caches it uses; `None`: all experts are in memory, or streamed with all other weights.
    pub experts: Option<usize>,
    /// Adapters that are kept in memory; `None`: requests name none.
    pub adapters: Option<u32>,
    pub method: Method,
    pub samples: u32,
    /// Answer tokens of a sample where the model is held to a budget; `None`: the service's own length.
    pub budget: Option<u32>,
    pub replicas: u32,
    /// Share of the weights kept in memory; below 1 the rest is streamed from storage each pass.
    pub resident_share: f64,
    /// Share of right answers; `None`: not measured and not asked for (the table then counts 1).
    pub accuracy: Option<f64>,
    pub benchmark: Option<String>,
    /// Mean over the model's weights, scales included.
    pub bits_per_weight: f64,
    /// Requests at one replica that memory is booked for, of those that the model's first block sees.
    pub concurrency: u32,
    /// True where the accuracy needs a verifier that recognises a right answer (best-of-n).
    pub needs_verifier: bool,
    /// True where the accuracy was measured at a 16-bit KV cache and is assumed to hold at fewer bits.
    pub kv_assumed: bool,
}

impl Label {
    /// Precision of a stage on a place of so-numbered format.
    #[must_use]
    pub fn precision_at(&self, format: u32) -> Precision {
        let weights = self.formats.get(format as usize).copied().unwrap_or(self.precision.weights);
        Precision { weights, ..self.precision }
    }

    /// Number of a stage's weight format among the option's.
    #[must_use]
    pub fn format_of(&self, weights: WeightFormat) -> Option<u32> {
        self.formats.iter().position(|&f| f == weights).map(|f| f as u32)
    }
}

/// What a mode of the table stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModeLabel {
    pub device: usize,
    /// Index among the profile's modes.
    pub mode: usize,
    /// Clock factor on top of the mode's own.
    pub clock: f64,
    /// Booked share that its latencies assume.
    pub level: f64,
    /// The device sleeps between requests.
    pub naps: bool,
    /// Two of its processors may share stages there, and keep one queue.
    pub together: bool,
    /// Of a joined device: what the second of the two is set to.
    pub partner: Option<PartnerMode>,
}

/// What the second of two joined devices is set to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PartnerMode {
    /// Index among its profile's modes.
    pub mode: usize,
    pub clock: f64,
}

/// An option that was not offered.
#[derive(Clone, Debug, PartialEq)]
pub struct Dropped {
    /// Index of the service.
    pub service: usize,
    /// The option in words: `llama-3.2-1b w2`, `… majority of 5`.
    pub what: String,
    pub reason: Reason,
}

/// Why an option was not offered.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// No processor of an allowed device has a kernel for the format.
    NoKernel {
        format: WeightFormat,
    },
    /// The model cannot be had in the format.
    NotQuantisable {
        format: WeightFormat,
    },
    /// Accuracy was not measured at this format.
    NotMeasured {
        benchmark: String,
        format: WeightFormat,
    },
    BelowFloor {
        accuracy: f64,
        floor: f64,
    },
    /// Majority voting without a measured ceiling.
    NoCeiling,
    /// Best-of-n without counted samples.
    NoSamplesCounted,
    /// A budget outside the measured ones, which are never extrapolated.
    BudgetOutside {
        budget: u32,
    },
    /// Samples under a budget were not measured together.
    SamplesWithBudget,
    /// Sampling for a model that gives one answer.
    NothingToSample,
    ContextTooShort {
        needed: u64,
        context: u32,
    },
    /// No allowed device can run it: no streaming there, or caps that idling uses up.
    NoPlace,
    /// More memory than all allowed devices have together.
    TooLarge {
        bytes: f64,
        available: f64,
    },
    /// More replicas than allowed devices.
    TooFewDevices {
        replicas: u32,
    },
    /// A model without blocks, or with more than can be planned.
    Blocks {
        count: u64,
    },
    /// Another option costs no more anywhere and answers no worse.
    Dominated {
        by: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKernel { format } => write!(f, "no allowed device has a {format} kernel"),
            Self::NotQuantisable { format } => write!(f, "the model cannot be had in {format}"),
            Self::NotMeasured { benchmark, format } => write!(f, "{benchmark} was not measured at {format}"),
            Self::BelowFloor { accuracy, floor } => {
                write!(f, "accuracy {:.1} % is below the floor of {:.1} %", 100.0 * accuracy, 100.0 * floor)
            }
            Self::NoCeiling => write!(f, "majority voting was not measured for it"),
            Self::NoSamplesCounted => write!(f, "repeated samples were not counted for it"),
            Self::BudgetOutside { budget } => write!(f, "a budget of {budget} tokens lies outside the measured ones"),
            Self::SamplesWithBudget => write!(f, "samples under a token budget were not measured"),
            Self::NothingToSample => write!(f, "the model gives one answer, there is nothing to sample"),
            Self::ContextTooShort { needed, context } => write!(f, "{needed} tokens do not fit a context of {context}"),
            Self::NoPlace => write!(f, "no allowed device can run it"),
            Self::TooLarge { bytes, available } => {
                write!(f, "{:.2} GB of weights, but allowed devices hold {:.2} GB together", bytes / 1e9, available / 1e9)
            }
            Self::TooFewDevices { replicas } => write!(f, "fewer allowed devices than {replicas} replicas"),
            Self::Blocks { count } => write!(f, "a chain of {count} blocks cannot be planned"),
            Self::Dominated { by } => write!(f, "{by} costs no more anywhere and answers no worse"),
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.reason)
    }
}

/// A power mode that was not offered.
#[derive(Clone, Debug, PartialEq)]
pub struct Unusable {
    pub device: usize,
    /// Id in the profile.
    pub mode: String,
    pub reason: &'static str,
}
