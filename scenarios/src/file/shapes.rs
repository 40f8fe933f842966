//! The maps of a scenario file. The texts here are what editors show.

use profiles::units::{
    Bytes, BytesPerSecond, Celsius, GramsPerDay, GramsPerKilowattHour, KelvinPerWatt, PerSecond, Ratio, Seconds, Watts,
};

use super::choices::{Arriving, Bits, Objective, SleepRule, Technique, Tiered, Weights};
use super::lengths::{Length, Replicas};
use super::lists::{Ends, Pair, Precisions, SiteLink};
use super::money::{DayPrice, EnergyPrice, HourPrice};
use super::shape::{Entries, Key, Marked, Read, Shape, shape};
use super::words::{Flag, Name, Text};
use crate::diagnostic::Sink;
use crate::yaml::Node;

shape! {
    /// A scenario: a fleet, what it must serve, and what counts as best.
    File, "a scenario" {
        /// Name of the scenario; the report's folder bears it.
        required "name" name: Name,
        /// What it is about, for readers.
        optional "description" description: Text,
        /// Places with devices. Devices of one site share its link.
        required "sites" sites: Vec<Marked<Site>>,
        /// The fleet.
        required "devices" devices: Vec<Marked<Device>>,
        /// Links between sites, and direct links between devices, which win over sites' links.
        optional "links" links: Vec<Marked<Link>>,
        /// Devices that may compute layers together, two and two: at most three pairs, no device in two. The plan says which do.
        optional "pairs" pairs: Vec<Marked<Pair>>,
        /// Profiles of your own models, as `agent eval perplexity --profile` writes them: paths relative to this file.
        optional "model_files" model_files: Vec<Marked<Text>>,
        /// Streams of requests.
        required "services" services: Vec<Marked<Service>>,
        /// Limits of the whole fleet.
        optional "limits" limits: Limits,
        /// What is minimised; the mean power of the fleet unless said.
        optional "objective" objective: Objective,
        /// What is expected of the plan, for `planner test`: `chat.energy < 8 J`, `laptop is asleep`, `gap < 2 %`.
        optional "expect" expect: Vec<Marked<Text>>,
    }
}

shape! {
    /// A place: devices near each other on one network.
    Site, "a site" {
        /// Unique among sites and devices.
        required "name" name: Name,
        /// Air temperature; 25 °C unless said.
        optional "ambient" ambient: Celsius,
        /// Link among its devices: a kind of the catalogue such as `gigabit-ethernet`, or a map with changes to it.
        required "link" link: SiteLink,
        /// Price of electricity there; nothing unless said.
        optional "electricity" electricity: EnergyPrice,
        /// Carbon dioxide (equivalent) of a kilowatt hour there; none unless said.
        optional "carbon" carbon: GramsPerKilowattHour,
    }
}

shape! {
    /// A kind of link with changes.
    LinkDetail, "a link" {
        /// Kind of the catalogue.
        required "kind" kind: Name,
        /// One-way latency of a small message instead of the kind's.
        optional "latency" latency: Seconds,
        /// Bandwidth instead of the kind's.
        optional "bandwidth" bandwidth: BytesPerSecond,
        /// Share of packets lost instead of the kind's; at most 90 %.
        optional "loss" loss: Ratio,
    }
}

shape! {
    /// A link between two sites or two devices.
    Link, "a link" {
        /// Two names of sites or devices.
        required "between" between: Ends,
        /// Kind of the catalogue.
        required "kind" kind: Name,
        /// One-way latency of a small message instead of the kind's.
        optional "latency" latency: Seconds,
        /// Bandwidth instead of the kind's.
        optional "bandwidth" bandwidth: BytesPerSecond,
        /// Share of packets lost instead of the kind's; at most 90 %.
        optional "loss" loss: Ratio,
    }
}

shape! {
    /// A device, or several equal ones.
    Device, "a device" {
        /// Unique among sites and devices. With `count: 3` the devices are called `name-1`, `name-2`, `name-3`.
        required "name" name: Name,
        /// Profile of the catalogue. Either this or `profile_file`.
        optional "profile" profile: Name,
        /// Profile of your own, measured with `agent probe`: a path relative to this file.
        optional "profile_file" profile_file: Text,
        /// How many; 1 unless said.
        optional "count" count: u32,
        /// Where it stands; the only site unless said.
        optional "site" site: Name,
        /// Air temperature around it; the site's unless said.
        optional "ambient" ambient: Celsius,
        /// Whether it may sleep when it has no work; allowed unless said.
        optional "sleep" sleep: SleepRule,
        /// How near it is to who asks; `edge` unless said.
        optional "tier" tier: Tiered,
        /// What it costs for every hour in which it is awake, beside electricity; nothing unless said.
        optional "rent" rent: HourPrice,
        /// Power modes of the profile that the planner may choose, `15W` or `15w`; all unless said.
        optional "modes" modes: Vec<Marked<Text>>,
        /// Cap on its mean power.
        optional "power_cap" power_cap: Watts,
        /// Share of its usable memory that stays free; 10 % unless said.
        optional "memory_margin" memory_margin: Ratio,
        /// Device that must be awake for this one to be: a card's computer.
        optional "host" host: Name,
        /// Whether weights that do not fit may be streamed from its storage; false unless said.
        optional "stream" stream: Flag,
        /// Two of its processors that may compute layers together; none unless said. The plan says where they do.
        optional "together" together: Together,
        /// Changes to the profile's numbers.
        optional "override" overrides: Override,
    }
}

shape! {
    /// Two processors of one device that may compute layers together.
    Together, "`together`" {
        /// Two of the profile's processors that share a memory, `[gpu, npu]`. The first has the token table and the output matrix.
        required "processors" processors: Vec<Marked<Name>>,
        /// How long they need to meet: twice a layer, and once when a pass begins; 400 µs unless said.
        optional "handshake" handshake: Seconds,
        /// What both together read from their memory; what the faster reads alone unless said.
        optional "memory_rate" memory_rate: BytesPerSecond,
    }
}

shape! {
    /// Changes to a profile's numbers. A number set here counts as assumed.
    Override, "an override" {
        /// Size of its memory; for a profile with one memory pool.
        optional "memory" memory: Bytes,
        /// Share of its memory that models may use; for a profile with one memory pool.
        optional "usable_memory" usable_memory: Ratio,
        /// Power with nothing to do, in the default mode; other modes move by the same difference.
        optional "idle" idle: Watts,
        /// Power asleep.
        optional "asleep" asleep: Watts,
        /// Time to wake.
        optional "wake_time" wake_time: Seconds,
        /// Temperature at which the firmware lowers clocks.
        optional "throttle" throttle: Celsius,
        /// Thermal resistance from die to air: case and fan decide it.
        optional "thermal_resistance" thermal_resistance: KelvinPerWatt,
        /// Read rate of its storage; for a profile with storage.
        optional "storage" storage: BytesPerSecond,
    }
}

shape! {
    /// A stream of requests, and what it demands.
    Service, "a service" {
        /// Unique among services.
        required "name" name: Name,
        /// Candidate models of the catalogue, or of `model_files`; the planner picks one.
        required "models" models: Vec<Marked<Name>>,
        /// Precisions that may be used: a list, or `all`. Unless said: w16, w8 and w4.
        optional "precisions" precisions: Precisions,
        /// Whether stages of one copy may differ in weight format; false unless said. Its accuracy is then taken as that of
        /// the worst of its formats.
        optional "mixed_precisions" mixed_precisions: Flag,
        /// Small models that may look at every request first and pass on a share. The planner takes one or none.
        optional "prefilters" prefilters: Vec<Marked<Prefilter>>,
        /// Places inside the candidates where requests may leave with their answer. The planner takes one or none.
        optional "early_exits" early_exits: Vec<Marked<EarlyExit>>,
        /// Adapters (LoRA) beside the candidates' weights, of which each request names one.
        optional "adapters" adapters: Adapters,
        /// Parts of a mixture's experts that may be kept in memory; the others are read from the storage of devices with
        /// `stream: true` when a token is routed to them. The planner takes one or none.
        optional "expert_caches" expert_caches: Vec<Marked<ExpertCache>>,
        /// Mean request rate.
        required "rate" rate: PerSecond,
        /// How requests arrive; `poisson` unless said.
        optional "arrivals" arrivals: Arriving,
        /// Length of one prompt: `512 tokens`, `1 item`, `30 s of audio`.
        required "prompt" prompt: Length,
        /// Length of one answer in tokens. Models that answer in one pass have none.
        optional "answer" answer: Length,
        /// Bytes of one request on the wire. Unless said: 4 B a token, 100 kB an item, 640 B a frame.
        optional "request_size" request_size: Bytes,
        /// Bytes of one answer on the wire. Unless said: 4 B a token, 1 kB for models without tokens.
        optional "answer_size" answer_size: Bytes,
        /// Device where requests arise. Unless said they arise where the first stage runs.
        optional "origin" origin: Name,
        /// How fast answers must be.
        optional "deadline" deadline: Deadline,
        /// How right answers must be.
        optional "accuracy" accuracy: Accuracy,
        /// Test-time scaling that the planner may use; one sample unless said.
        optional "scaling" scaling: Scaling,
        /// Copies to consider; `1..1` unless said.
        optional "replicas" replicas: Replicas,
        /// Serve on when any one device is lost: two copies that share no device, each with room for all requests.
        optional "survives_loss" survives_loss: Flag,
        /// Most devices and processors that one copy is split over; 3 unless said.
        optional "max_stages" max_stages: u32,
        /// Devices that must each hold a part of it.
        optional "pin" pin: Vec<Marked<Name>>,
        /// Devices that may hold no part of it.
        optional "forbid" forbid: Vec<Marked<Name>>,
        /// Tiers that may hold parts of it; all unless said.
        optional "tiers" tiers: Vec<Marked<Tiered>>,
        /// Privacy: the block that sees the raw prompt runs on one of these devices.
        optional "first_block_on" first_block_on: Vec<Marked<Name>>,
        /// Services that must not share a device with this one.
        optional "apart_from" apart_from: Vec<Marked<Name>>,
    }
}

shape! {
    /// A small model that looks at every request first: those that it holds back are answered by it.
    Prefilter, "a pre-filter" {
        /// Model of the catalogue, or of `model_files`.
        required "model" model: Name,
        /// Format of its weights; w16 unless said.
        optional "weights" weights: Weights,
        /// Share of the requests that go on to the service's model, as you measured it.
        required "passes" passes: Ratio,
        /// Share of all requests that are answered wrongly because of it, as you measured it.
        required "loses" loses: Ratio,
    }
}

shape! {
    /// A place inside a model at which a request may leave with its answer. For models that answer in one pass.
    EarlyExit, "an early exit" {
        /// The candidate that has it; may be left out where there is one.
        optional "model" model: Name,
        /// Blocks that every request goes through, counted from the first.
        required "after_block" after_block: u32,
        /// Share of the requests that go on through the other blocks, as you measured it.
        required "passes" passes: Ratio,
        /// Share of all requests that are answered wrongly because of it, as you measured it.
        required "loses" loses: Ratio,
    }
}

shape! {
    /// Adapters of low rank for one model. The planner keeps all of them in memory, or as many as `kept` says.
    Adapters, "adapters" {
        /// How many there are.
        required "count" count: u32,
        /// Size of one, for the whole model.
        required "size" size: Bytes,
        /// How many may be kept in memory instead of all; the others are read from the storage of devices with `stream: true`.
        optional "kept" kept: u32,
        /// Share of the requests that find theirs missing then, as you measured it; unless said, requests are spread evenly.
        optional "misses" misses: Ratio,
    }
}

shape! {
    /// A part of the experts of every layer in memory.
    ExpertCache, "an expert cache" {
        /// Share of each layer's experts that is kept.
        required "holds" holds: Ratio,
        /// Share of look-ups that find their expert there, as you measured it; unless said, as many as are kept: even routing.
        optional "hits" hits: Ratio,
    }
}

shape! {
    /// Longest times, met by a share of the requests. At least one of the times.
    Deadline, "a deadline" {
        /// Share of the requests that must meet it; 90 % unless said.
        optional "percentile" percentile: Ratio,
        /// Time to first token, waiting and links included.
        optional "ttft" ttft: Seconds,
        /// Time per output token after the first.
        optional "tpot" tpot: Seconds,
        /// Time from request to whole answer.
        optional "total" total: Seconds,
    }
}

shape! {
    /// Least accuracy on a benchmark.
    Accuracy, "an accuracy floor" {
        /// Benchmark on which the candidates were measured.
        required "benchmark" benchmark: Name,
        /// Least share of right answers.
        required "at_least" at_least: Ratio,
    }
}

shape! {
    /// Test-time scaling: more samples or longer thinking for better answers.
    Scaling, "scaling" {
        /// How samples become one answer; `single` and `majority` unless said.
        optional "methods" methods: Vec<Marked<Technique>>,
        /// Numbers of samples to consider; 1 is always considered.
        optional "samples" samples: Vec<Marked<u32>>,
        /// Answer lengths to consider, for models that think until stopped.
        optional "budgets" budgets: Vec<Marked<Length>>,
        /// What an answer is made to say before its budget is used up, such as `"\nThe answer is"`; without it the answer is cut off.
        optional "close" close: Text,
        /// Tokens of a budget for what follows `close`; 16 unless said.
        optional "closing_tokens" closing_tokens: Length,
    }
}

shape! {
    /// A precision in full.
    PrecisionDetail, "a precision" {
        /// Format of weights.
        required "weights" weights: Weights,
        /// Width of the KV cache; 16 bit unless said.
        optional "kv" kv: Bits,
        /// Width of activations that cross a link: 16 bit (unless said), 8 bit, or 4 bit: as few as each token needs.
        optional "activations" activations: Bits,
    }
}

shape! {
    /// Limits of the whole fleet.
    Limits, "limits" {
        /// Cap on the mean power of the fleet.
        optional "power" power: Watts,
        /// Highest booked share of any processor's time; 70 % unless said.
        optional "booked_time" booked_time: Ratio,
        /// Highest booked share of any link; 50 % unless said.
        optional "booked_link" booked_link: Ratio,
        /// Highest mean of latency over deadline.
        optional "latency" latency: Ratio,
        /// Highest mean share of awake processors' time that is not used.
        optional "underutilisation" underutilisation: Ratio,
        /// Least mean accuracy over services.
        optional "mean_accuracy" mean_accuracy: Ratio,
        /// Highest cost of a day: electricity and rent.
        optional "cost" cost: DayPrice,
        /// Most carbon dioxide (equivalent) of a day.
        optional "carbon" carbon: GramsPerDay,
    }
}
