//! Once a window: what the sensors read, how the services did, said to the core and to whoever listens.

use crate::clock;
use crate::metrics::{Window, at};
use crate::shared::Shared;
use crate::shell::Input;
use fleet::agent::{Event, Sample};
use profiles::Quality;
use protocol::bus::{Keep, Qos};
use protocol::telemetry::{Measured, ServiceSample};
use protocol::{Key, Name, Telemetry, Topic, message, schema};
use sensors::{Config, Pace, Quantity, Roots, Sensors};
use std::sync::Arc;
use std::time::Duration;

/// How often the end is looked for.
const STEP: Duration = Duration::from_millis(100);
/// Fewest tokens after the first that say something about a rate.
const TOKENS: u64 = 20;

/// Runs until the node ends.
pub(crate) fn watch(shared: &Arc<Shared>) {
    let roots = shared.settings.sensors.as_deref().map_or_else(Roots::default, Roots::below);
    let mut sensors = Sensors::open(roots, Config::default());
    let least_s = f64::from(shared.limits.window_ms) / 1e3;
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
            let temperature_c = temperature(&mut sensors);
            sample(shared, &laps, temperature_c);
            publish(shared, laps, window_s, temperature_c, &mut sensors);
        }
    }
}

/// The hottest of what is measured, °C. Trip points are limits and no measurements.
fn temperature(sensors: &mut Sensors) -> Option<f64> {
    let readings = sensors.read(Pace::Slow);
    let trip = |name: &str| [" passive", " hot", " critical"].iter().any(|t| name.ends_with(t));
    let measured = readings.iter().filter(|r| r.quantity == Quantity::Temperature && !trip(&r.name));
    measured.filter_map(sensors::Reading::value).reduce(f64::max)
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

fn publish(shared: &Shared, laps: Laps, window_s: f64, temperature_c: Option<f64>, sensors: &mut Sensors) {
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
    let power = sensors.power();
    // Volts times amperes, or a counter's change, are measured values too: all that a Jetson or RAPL gives.
    let quality = power.quality().map_or(Quality::Assumed, |q| match q {
        sensors::Quality::Measured | sensors::Quality::Derived => Quality::Measured,
        _ => Quality::Fitted,
    });
    shared.metrics.set_power(power.value().filter(|_| quality == Quality::Measured));
    let telemetry = Telemetry {
        schema: schema::TELEMETRY.into(),
        agent: shared.me.clone(),
        window_s,
        power_w: power.value().map(|value| Measured { value, quality }),
        energy_j: None,
        temperature_c,
        memory_bytes: plan.and_then(|p| shared.loaded(p.id)).map(|l| l.bytes() as f64),
        memory_pressure: None,
        throttled: None,
        services: laps.into_iter().filter_map(service).take(protocol::limits::ENTRIES).collect(),
        links: Vec::new(),
    };
    let key = Key::new(&shared.fleet, Topic::Telemetry, &shared.me);
    let Ok(body) = serde_json::to_vec(&telemetry) else { return };
    // A sample may be lost.
    if let Ok(sealed) = message::seal(&shared.head(&key), &body, &shared.signer) {
        let _ = shared.bus.publish(&key, &sealed, Qos::Sample, Keep::Pass);
    }
}
