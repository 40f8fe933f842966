//! Once a window: what the sensors read, how the services did, said to the core and to whoever listens.

use crate::clock;
use crate::metrics::{Window, at};
use crate::shared::Shared;
use crate::shell::Input;
use fleet::agent::{Event, Sample};
use profiles::Quality;
use protocol::bus::{Keep, Qos};
use protocol::telemetry::{Measured, ServiceSample, StageSample};
use protocol::{Key, Name, Telemetry, Topic, message, schema};
use sensors::{Config, Interface, Outcome, Pace, Quantity, Reading, Roots, Sensors, ThrottleWatch};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How often the end is looked for.
const STEP: Duration = Duration::from_millis(100);
/// Stages that a message tells of, where they fit beside the services.
const STAGES: usize = 16;
/// Fewest tokens after the first that say something about a rate.
const TOKENS: u64 = 20;

/// Runs until the node ends.
pub(crate) fn watch(shared: &Arc<Shared>) {
    let roots = shared.settings.sensors.as_deref().map_or_else(Roots::default, Roots::below);
    let mut sensors = Sensors::open(roots, Config::default());
    let least_s = f64::from(shared.limits.window_ms) / 1e3;
    let mut throttles = ThrottleWatch::default();
    let mut since = clock::seconds();
    while !shared.ended() {
        std::thread::sleep(STEP);
        for plan in shared.broken() {
            shared.metrics.note(format!("{plan:?}: weights on disk could not be read; loading it anew"));
            shared.tell(Input::Event(Event::Crashed { plan }));
        }
        let window_s = clock::seconds() - since;
        if window_s >= least_s {
            since = clock::seconds();
            let laps = shared.metrics.lap();
            // Once a window, so that the change of an energy counter is the whole window's.
            let readings = sensors.read(Pace::Rare);
            let throttled = throttled(&readings).then(|| !throttles.observe(&readings).active.is_empty());
            sample(shared, &laps, temperature(&readings));
            publish(shared, laps, window_s, throttled, &readings);
        }
    }
}

/// The hottest of what is measured, °C. Trip points are limits and no measurements.
fn temperature(readings: &[Reading]) -> Option<f64> {
    let trip = |name: &str| [" passive", " hot", " critical"].iter().any(|t| name.ends_with(t));
    let measured = readings.iter().filter(|r| r.quantity == Quantity::Temperature && !trip(&r.name));
    measured.filter_map(Reading::value).reduce(f64::max)
}

/// Whether anything here would say that the machine is slowed down.
fn throttled(readings: &[Reading]) -> bool {
    let says = |i| matches!(i, Interface::JetsonThrottle | Interface::CpuThrottle | Interface::PiThrottled | Interface::Nvml);
    readings.iter().any(|r| says(r.interface) && matches!(r.quantity, Quantity::Flag | Quantity::Events) && r.value().is_some())
}

/// Share of the last ten seconds in which something waited for memory, or why it is not known.
fn pressure(readings: &[Reading]) -> Result<f64, String> {
    let mut found = readings.iter().filter(|r| r.quantity == Quantity::Pressure && r.name == "memory some");
    match found.next().map(|r| &r.outcome) {
        Some(Outcome::Value { value, .. }) => Ok(value.clamp(0.0, 1.0)),
        Some(Outcome::Missing { missing }) => Err(missing.to_string()),
        None => Err("this kernel has no pressure stall information (PSI)".into()),
    }
}

type Laps = Vec<((Name, u32), Window)>;

/// Tells the core how the plan goes here.
fn sample(shared: &Shared, laps: &Laps, temperature_c: Option<f64>) {
    let Some(plan) = shared.peers.status(&shared.me).and_then(|s| s.active) else { return };
    let Some(loaded) = shared.loaded(plan.id) else { return };
    // The slowest service counts.
    let share = |((service, replica), window): &((Name, u32), Window)| {
        let planned_s = loaded.stage(service, *replica, 0)?.tpot_s;
        let counts = &window.counts;
        let enough = counts.decoded >= TOKENS && planned_s > 0.0 && counts.decode_s > 0.0;
        enough.then(|| planned_s * counts.decoded as f64 / counts.decode_s)
    };
    let rate_share = laps.iter().filter_map(share).reduce(f64::min);
    let memory_share = shared.settings.memory_bytes.map(|most| loaded.bytes() as f64 / most as f64);
    let sample = Sample { plan: plan.id, rate_share, temperature_c, memory_share };
    shared.tell(Input::Event(Event::Health(sample)));
}

/// What a step of each stage of the plan that is served took.
fn stages(shared: &Shared) -> Vec<StageSample> {
    let Some(plan) = shared.peers.status(&shared.me).and_then(|s| s.active) else { return Vec::new() };
    let Some(loaded) = shared.loaded(plan.id) else { return Vec::new() };
    let said = loaded.stages.iter().filter_map(|s| {
        let took = s.batch.lap()?;
        Some(StageSample {
            service: s.service.clone(),
            replica: s.replica,
            stage: u32::try_from(s.index).ok()?,
            plan: plan.id,
            rows: took.rows,
            steps: took.steps,
            step_p50_s: took.step_s,
        })
    });
    said.take(STAGES).collect()
}

fn publish(shared: &Shared, laps: Laps, window_s: f64, throttled: Option<bool>, readings: &[Reading]) {
    let plan = shared.traffic.plan();
    let service = |((service, replica), mut w): ((Name, u32), Window)| {
        Some(ServiceSample {
            service,
            replica,
            plan: plan?.id,
            requests: w.counts.requests,
            failed: w.counts.failed,
            tokens: w.counts.tokens,
            ttft_p50_s: at(&mut w.ttft_s, 0.5),
            ttft_p90_s: at(&mut w.ttft_s, 0.9),
            tpot_p50_s: at(&mut w.tpot_s, 0.5),
            tpot_p90_s: at(&mut w.tpot_s, 0.9),
        })
    };
    let power = sensors::power(readings);
    // Volts times amperes, or a counter's change, are measured values too: all that a Jetson or RAPL gives.
    let quality = power.quality().map_or(Quality::Assumed, |q| match q {
        sensors::Quality::Measured | sensors::Quality::Derived => Quality::Measured,
        _ => Quality::Fitted,
    });
    shared.metrics.set_power(power.value().filter(|_| quality == Quality::Measured));
    let (temperature_c, pressure) = (temperature(readings), pressure(readings));
    let mut missing = BTreeMap::new();
    let mut lacks = |field: &str, why: Option<String>| missing.extend(why.map(|why| (field.to_owned(), why)));
    lacks(
        "power_w",
        match &power.outcome {
            Outcome::Missing { missing } => Some(missing.to_string()),
            Outcome::Value { .. } => None,
        },
    );
    lacks("temperature_c", temperature_c.is_none().then(|| "no sensor here gives a temperature".into()));
    lacks("memory_pressure", pressure.as_ref().err().cloned());
    lacks("throttled", throttled.is_none().then(|| "nothing here says whether the clock is held back".into()));
    let mut telemetry = Telemetry {
        schema: schema::TELEMETRY.into(),
        agent: shared.me.clone(),
        window_s,
        power_w: power.value().map(|value| Measured { value, quality }),
        energy_j: None,
        temperature_c,
        memory_bytes: plan.and_then(|p| shared.loaded(p.id)).map(|l| l.bytes() as f64),
        memory_pressure: pressure.ok(),
        throttled,
        missing,
        services: laps.into_iter().filter_map(service).take(protocol::limits::ENTRIES).collect(),
        links: Vec::new(),
        stages: stages(shared),
    };
    let key = Key::new(&shared.fleet, Topic::Telemetry, &shared.me);
    let Ok(mut body) = serde_json::to_vec(&telemetry) else { return };
    while body.len() > protocol::limits::TELEMETRY_BYTES && telemetry.stages.pop().is_some() {
        let Ok(shorter) = serde_json::to_vec(&telemetry) else { return };
        body = shorter;
    }
    // A sample may be lost.
    if let Ok(sealed) = message::seal(&shared.head(&key), &body, &shared.signer) {
        let _ = shared.bus.publish(&key, &sealed, Qos::Sample, Keep::Pass);
    }
}
