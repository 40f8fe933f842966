//! From a record to a device profile in the catalogue's form: every number measured, fitted, or taken over from a device
//! of the same kind and said to be.

use crate::error::ProbeError;
use crate::heat::Heat;
use crate::measure::overhead::{Overhead, WIDE, WIDTH};
use crate::measure::read::BySet;
use crate::prior;
use crate::record::Record;
use kernels::Format;
use profiles::units::{
    Bytes, BytesPerSecond, Celsius, JoulesPerByte, JoulesPerKelvin, JoulesPerOp, Kelvin, KelvinPerWatt, OpsPerSecond, Ratio,
    Seconds, Watts,
};
use profiles::{
    DeviceClass, DeviceProfile, Kernel, LinkProfile, Memory, PowerMode, Processor, ProcessorKind, Quality, SetRate, Sleep,
    Sourced, Storage, Thermal, WeightFormat,
};
use std::collections::BTreeMap;

/// Source texts by key, as a profile file has them.
pub type Sources = BTreeMap<String, String>;

/// What a user may say about the device.
#[derive(Clone, Debug, PartialEq)]
pub struct Naming {
    /// Id in kebab case.
    pub id: String,
    pub name: String,
    pub class: DeviceClass,
    /// Catalogue device whose numbers stand for what is not measured.
    pub like: String,
}

/// A profile with its sources.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    pub device: DeviceProfile,
    pub links: Vec<LinkProfile>,
    pub sources: Sources,
}

/// The catalogue's name of an execution format; none for those that have no name there.
#[must_use]
pub fn weights(format: &str) -> Option<WeightFormat> {
    Some(match Format::named(format)? {
        Format::F16 => WeightFormat::W16,
        Format::W8 => WeightFormat::W8,
        Format::W6 => WeightFormat::W6,
        Format::W5 => WeightFormat::W5,
        Format::W4 => WeightFormat::W4,
        Format::W3 => WeightFormat::W3,
        Format::W2 => WeightFormat::W2,
        Format::Ternary => WeightFormat::Ternary,
        Format::Sherry => WeightFormat::Sherry,
        Format::W8A8 | Format::Ternary167 => return None,
    })
}

/// Values with their sources, each source text once.
struct Cites<'r> {
    record: &'r Record,
    like: String,
    sources: Sources,
}

impl Cites<'_> {
    fn cite<T>(&mut self, value: T, quality: Quality, key: &str, text: String) -> Sourced<T> {
        self.sources.insert(key.into(), text);
        Sourced { value, quality, source: key.into() }
    }

    fn measured<T>(&mut self, value: T, key: &str, what: &str) -> Sourced<T> {
        let s = &self.record.surroundings;
        let text = format!("measured: {what}; `{}` on {} ({}), {}", s.command, s.processor, s.machine, s.date);
        self.cite(value, Quality::Measured, key, text)
    }

    fn fitted<T>(&mut self, value: T, key: &str, what: &str) -> Sourced<T> {
        let s = &self.record.surroundings;
        let text = format!("fitted: {what}; `{}` on {} ({}), {}", s.command, s.processor, s.machine, s.date);
        self.cite(value, Quality::Fitted, key, text)
    }

    /// A number of the catalogue's device of the same kind.
    fn taken<T>(&mut self, value: T, why: &str) -> Sourced<T> {
        let key = why.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect::<String>();
        let text = format!("assumed: {why}; taken over from `{}` of the catalogue", self.like);
        self.cite(value, Quality::Assumed, &format!("like-{}", key.trim_matches('-')), text)
    }
}

const NO_POWER: &str = sensors::NO_POWER_SENSOR;

/// Makes a profile and checks it.
///
/// # Errors
/// What a profile needs was not measured, the catalogue does not have the device to take numbers over from, or the
/// numbers make no valid profile.
pub fn of(record: &Record, naming: &Naming) -> Result<Profile, ProbeError> {
    let lacks = |what: &str| ProbeError::Profile(format!("{what} was not measured"));
    let (prior, cpu) = prior::device(&naming.like)
        .ok_or_else(|| ProbeError::Profile(format!("the catalogue has no device `{}` with a CPU", naming.like)))?;
    let mut c = Cites { record, like: naming.like.clone(), sources: Sources::new() };
    let size = c.measured(
        Bytes(record.memory_total_bytes as f64),
        "probe-memory",
        "MemTotal of the kernel, the firmware's share excluded",
    );
    let usable = usable(record, &mut c);
    let processor = processor(record, cpu, &mut c).map_err(|what| lacks(&what))?;
    let storage = storage(record, prior, &mut c);
    let (mode, thermal) = standing(record, prior, &mut c);
    let sleep = Sleep {
        power: c.taken(prior.sleep.power.value, "sleep was not tried"),
        wake_time: c.taken(prior.sleep.wake_time.value, "sleep was not tried"),
        wake_energy: c.taken(prior.sleep.wake_energy.value, "sleep was not tried"),
    };
    let links = links(record, &mut c);
    let device = DeviceProfile {
        id: naming.id.clone(),
        name: naming.name.clone(),
        class: naming.class,
        memories: BTreeMap::from([("dram".into(), Memory { size, usable })]),
        processors: vec![processor],
        storage,
        modes: vec![mode],
        thermal,
        sleep,
        notes: notes(record),
    };
    let problems = profiles::check::device(&device);
    if let Some(problem) = problems.first() {
        return Err(ProbeError::Profile(format!("{}: {}", problem.at, problem.message)));
    }
    Ok(Profile { device, links, sources: c.sources })
}

fn notes(record: &Record) -> String {
    let mut text =
        format!("Probed with {} thread{}: the rates are of these.", record.threads, if record.threads == 1 { "" } else { "s" });
    if record.heat.is_none() {
        text += &format!(" {NO_POWER}.");
    }
    for warning in &record.surroundings.warnings {
        text += &format!(" Warning: {warning}.");
    }
    text
}

fn usable(record: &Record, c: &mut Cites<'_>) -> Sourced<Ratio> {
    let total = (record.memory_total_bytes as f64).max(1.0);
    match &record.pressure {
        Some(p) if p.good_bytes > 0 => {
            let share = (p.good_bytes as f64 / total).clamp(0.01, 1.0);
            c.measured(
                Ratio(share),
                "probe-pressure",
                "the largest working set that was read again and again without pressure, of MemTotal",
            )
        }
        _ => {
            let share = (record.memory_available_bytes as f64 / total).clamp(0.01, 1.0);
            c.measured(
                Ratio(share),
                "probe-available",
                "MemAvailable at the start of MemTotal; the knee of memory pressure was not looked for",
            )
        }
    }
}

fn processor(record: &Record, cpu: &Processor, c: &mut Cites<'_>) -> Result<Processor, String> {
    let bandwidth = record.bandwidth().ok_or("read bandwidth")?;
    let reading = record.reading.as_ref().ok_or("read bandwidth")?;
    let overhead = record.overhead.ok_or("a pass's overhead")?;
    let mib = |b: f64| b / 1_048_576.0;
    let largest = reading.by_set.last().map_or(0.0, |s| s.bytes as f64);
    let spread = reading.memory().map_or(0.0, |r| r.spread());
    let what = format!(
        "reads of {:.0} MiB by {} threads, the rate that nine of ten runs do not exceed, median's interval {:.0} % wide",
        mib(largest),
        record.threads,
        spread * 100.0
    );
    let bandwidth = c.measured(BytesPerSecond(bandwidth), "probe-read", &what);
    let (share, exponent) = match &record.overlap {
        Some(f) => {
            let what = format!(
                "share of the read rate and exponent of the roofline to {} products of one token with weights in several working sets, median error {:.1} %",
                f.points,
                f.residual * 100.0
            );
            let share = c.fitted(Ratio(f.share.min(1.0)), "probe-overlap", &what);
            (share, c.fitted(f.exponent, "probe-overlap", &what))
        }
        None => (
            c.taken(cpu.bandwidth_efficiency.value, "no product was measured with its weights in memory"),
            c.taken(cpu.overlap.value, "no product was measured with its weights in memory"),
        ),
    };
    let cache = record.cache_seen().map(|bytes| {
        c.measured(Bytes(bytes), "probe-cache", "the largest working set that is read a quarter faster than memory")
    });
    let joules_per_byte = match &record.heat {
        Some(h) => c.measured(JoulesPerByte(h.joules_per_byte), "probe-power", &power_text(h)),
        None => c.taken(cpu.joules_per_byte.value, NO_POWER),
    };
    let kernels = kernels(record, cpu, c);
    if kernels.is_empty() {
        return Err("a product".into());
    }
    let launch_s = overhead.layer_s + overhead.calls_per_layer as f64 * record.call_s();
    let launch = c.measured(
        Seconds(launch_s),
        "probe-layer",
        &format!(
            "one layer of a model of {} elements less its products: norms, rotations, cache, attention, activation, and {} calls of products at {:.1} us",
            crate::measure::overhead::WIDTH,
            overhead.calls_per_layer,
            record.call_s() * 1e6
        ),
    );
    let pass = "a pass of a model without its layers and products, and one call";
    let pass_overhead = c.measured(Seconds(overhead.pass_s + record.call_s()), "probe-pass", pass);
    Ok(Processor {
        id: "cpu".into(),
        kind: ProcessorKind::Cpu,
        memory: "dram".into(),
        bandwidth,
        bandwidth_efficiency: share,
        cache,
        joules_per_byte,
        clocked_share: None,
        kernels,
        launch,
        pass_overhead,
        overlap: exponent,
        attention: Some(attention(&overhead, c)),
        element: Some(element(&overhead, record.threads, c)),
        reading: sets(record, c),
    })
}

/// Attention of heads 64 elements wide, the exponentials counted as time of its products.
fn attention(o: &Overhead, c: &mut Cites<'_>) -> Sourced<OpsPerSecond> {
    let rate = 4.0 / (4.0 / o.attention + o.position_s / 64.0);
    let what = format!("attention of a prompt, heads of 64 elements; its products alone reach {:.1} Gop/s", o.attention * 1e-9);
    c.measured(OpsPerSecond(rate), "probe-attention", &what)
}

/// An element of a layer of a prompt, its share of the nonlinearity included.
fn element(o: &Overhead, threads: usize, c: &mut Cites<'_>) -> Sourced<Seconds> {
    let wide = WIDE as f64 / WIDTH as f64;
    let seconds = o.element_s + wide * o.gate_s / threads.max(1) as f64;
    let what = format!("norms, rotations, cache, residuals of a prompt's token, and {wide:.0} gated elements for each");
    c.measured(Seconds(seconds), "probe-element", &what)
}

/// The curve of reading over working sets, and the memory's rate behind it.
fn sets(record: &Record, c: &mut Cites<'_>) -> Vec<SetRate> {
    let Some(reading) = &record.reading else { return Vec::new() };
    let what = "a working set read round and round, medians";
    let set =
        |s: &BySet| SetRate { set: Bytes(s.bytes as f64), rate: c.measured(BytesPerSecond(s.rate.median), "probe-sets", what) };
    reading.by_set.iter().map(set).collect()
}

fn kernels(record: &Record, cpu: &Processor, c: &mut Cites<'_>) -> BTreeMap<WeightFormat, Kernel> {
    let mut out = BTreeMap::new();
    for p in &record.products {
        let Some(format) = weights(&p.format) else { continue };
        let peak = record.peaks.iter().find(|k| k.kernel == p.kernel).map(|k| k.rate.fast);
        let rate = p.matrix.fast;
        let tokens = crate::measure::products::TOKENS;
        let (peak, efficiency) = match peak {
            // Floats have a peak of their own, which is not measured.
            Some(peak) if format != WeightFormat::W16 && peak >= rate => {
                let what = format!("8-bit dot products of the kernel {} from registers, {} threads", p.kernel, record.threads);
                let peak_cite = c.measured(OpsPerSecond(peak), &format!("probe-peak-{}", p.kernel), &what);
                let what = format!("products of {tokens} tokens with each format's weights, as a share of the kernel's peak");
                (peak_cite, c.measured(Ratio(rate / peak), "probe-products", &what))
            }
            _ => {
                let what =
                    format!("products of {tokens} tokens with {} weights; no peak from registers above it is measured", p.format);
                let key = format!("probe-product-{}", p.format);
                (c.measured(OpsPerSecond(rate), &key, &what), c.measured(Ratio(1.0), &key, &what))
            }
        };
        let joules_per_op = match (&record.heat, cpu.kernels.get(&format)) {
            (Some(h), _) => {
                let what = format!("{}; of 8-bit weights, for every format alike", power_text(h));
                c.measured(JoulesPerOp(h.joules_per_op), "probe-power-op", &what)
            }
            (None, Some(k)) => c.taken(k.joules_per_op.value, NO_POWER),
            (None, None) => {
                let most = cpu.kernels.values().map(|k| k.joules_per_op.value).fold(JoulesPerOp(0.0), JoulesPerOp::max);
                c.taken(most, NO_POWER)
            }
        };
        let what = "products of one token, weights in a core's own cache, by format";
        let vector = Some(c.measured(OpsPerSecond(p.vector.fast), "probe-vector", what));
        out.insert(format, Kernel { peak, efficiency, vector, sample: None, joules_per_op });
    }
    out
}

fn power_text(h: &Heat) -> String {
    format!(
        "{:.2} W of {} ({}) while reading {:.1} GB/s and {:.2} W while multiplying {:.0} Gop/s, less {:.2} W idle{}",
        h.reading_w,
        h.scope,
        h.quality,
        h.read_rate * 1e-9,
        h.multiplying_w,
        h.multiply_rate * 1e-9,
        h.idle_w,
        if h.leakage.is_ok() { " and leakage" } else { "" }
    )
}

fn storage(record: &Record, prior: &DeviceProfile, c: &mut Cites<'_>) -> Option<Storage> {
    let s = record.storage.as_ref()?;
    let way = match s.way {
        crate::measure::storage::Way::Direct => "O_DIRECT, nothing cached",
        crate::measure::storage::Way::Dropped => "dropped from the page cache before each run, which the kernel may disregard",
    };
    let what = format!("one reader, 4 MiB at a time, in order, {way}");
    let joules = prior.storage.as_ref().map_or(JoulesPerByte(5e-9), |s| s.joules_per_byte.value);
    Some(Storage {
        bandwidth: c.measured(BytesPerSecond(s.rate.fast), "probe-storage", &what),
        joules_per_byte: c.taken(joules, "a drive's energy has no sensor of its own"),
    })
}

/// Power mode as probed, and heat.
fn standing(record: &Record, prior: &DeviceProfile, c: &mut Cites<'_>) -> (PowerMode, Thermal) {
    let conditions = &record.surroundings.conditions;
    let id = conditions.get("power mode").map_or_else(|| "as-probed".to_owned(), |m| slug(m));
    let t = &prior.thermal;
    let heat = record.heat.as_ref();
    let idle = match heat {
        Some(h) => {
            let less = if h.leakage.is_ok() { "leakage taken off" } else { "leakage not told apart" };
            c.measured(Watts(h.idle_w), "probe-idle", &format!("{} of {}, {}", h.sensor, h.scope, less))
        }
        None => c.taken(prior.modes[0].idle.value, NO_POWER),
    };
    let mode = PowerMode { id, idle, cap: None, clocks: BTreeMap::new() };
    let step = heat.and_then(|h| h.thermal.as_ref().ok());
    let (resistance, capacitance) = match step {
        Some(s) => {
            let what = format!(
                "step response over {:.0} K, {} moments, left over {:.2} K, ambient {:.1} °C",
                s.rise_k, s.moments, s.residual_k, s.ambient_c
            );
            (
                c.fitted(KelvinPerWatt(s.resistance), "probe-heat", &what),
                c.fitted(JoulesPerKelvin(s.capacitance), "probe-heat", &what),
            )
        }
        None => {
            let why = match heat {
                None => NO_POWER.to_owned(),
                Some(h) => h.thermal.as_ref().err().map_or_else(String::new, |e| format!("no step response: {e}")),
            };
            (c.taken(t.resistance.value, &why), c.taken(t.capacitance.value, &why))
        }
    };
    let leak = heat.and_then(|h| h.leakage.as_ref().ok());
    let (leakage, reference, slope) = match leak {
        Some(l) => {
            let what = format!("the same load at temperatures {:.0} K apart, left over {:.2} W", l.rise_k, l.residual_w);
            let slope = if l.slope_fitted {
                c.fitted(Kelvin(l.slope_k), "probe-leakage", &what)
            } else {
                c.taken(Kelvin(l.slope_k), "the temperatures of one load lie too close together for a slope of leakage")
            };
            let reference = Celsius(crate::fit::leakage::REFERENCE_C);
            (c.fitted(Watts(l.reference_w), "probe-leakage", &what), c.fitted(reference, "probe-leakage", &what), slope)
        }
        // Measured idle power holds the leakage already: it is not to count twice.
        None if heat.is_some() => {
            let why = "leakage was not told apart from idle power, which holds it";
            (c.taken(Watts(0.0), why), c.taken(t.reference.value, why), c.taken(t.leakage_slope.value, why))
        }
        None => {
            (c.taken(t.leakage.value, NO_POWER), c.taken(t.reference.value, NO_POWER), c.taken(t.leakage_slope.value, NO_POWER))
        }
    };
    let throttle = match heat.and_then(|h| h.throttle_c) {
        Some(celsius) if celsius > reference.value.get() => {
            c.measured(Celsius(celsius), "probe-throttle", "the lowest passive trip point of the thermal zones")
        }
        _ => c.taken(t.throttle.value.max(Celsius(reference.value.get() + 1.0)), "no passive trip point is known"),
    };
    (mode, Thermal { resistance, capacitance, throttle, leakage, reference, leakage_slope: slope })
}

/// Links as the catalogue has them.
fn links(record: &Record, c: &mut Cites<'_>) -> Vec<LinkProfile> {
    let mut out = Vec::new();
    for (i, l) in record.links.iter().enumerate() {
        let what = format!(
            "{} round trips of {} bytes over TCP to {}: median {:.3} ms, 99th percentile {:.3} ms; latency is half the median",
            l.round_trips,
            crate::link::PAYLOAD,
            l.peer,
            l.round_trip_p50_s * 1e3,
            l.round_trip_p99_s * 1e3
        );
        let key = |what: &str| format!("probe-link-{}-{what}", i + 1);
        let rate = format!("one TCP stream, the slower direction; up {:.1}, down {:.1} MB/s", l.up * 1e-6, l.down * 1e-6);
        let loss = format!("{} datagrams there and back, half of what was lost", l.datagrams);
        let energy = "a link's energy has no sensor of its own";
        out.push(LinkProfile {
            id: format!("to-{}", slug(&l.peer)),
            name: format!("Link to {}", l.peer),
            latency: c.measured(Seconds(l.round_trip_p50_s / 2.0), &key("trips"), &what),
            bandwidth: c.measured(BytesPerSecond(l.up.min(l.down)), &key("rate"), &rate),
            loss: c.measured(Ratio((l.loss / 2.0).min(0.99)), &key("loss"), &loss),
            joules_per_byte: {
                let gigabit = profiles::Catalogue::builtin().link("gigabit-ethernet");
                let value = gigabit.map_or(JoulesPerByte(12.7e-9), |g| g.joules_per_byte.value);
                let text = format!("assumed: {energy}; that of gigabit Ethernet in the catalogue");
                c.cite(value, Quality::Assumed, "like-link-energy", text)
            },
            shared: false,
        });
    }
    out
}

/// A name as an id: lower case, digits, hyphens.
#[must_use]
pub fn slug(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let words: Vec<&str> = plain.split('-').filter(|w| !w.is_empty()).collect();
    words.join("-")
}
