//! The linter's own numbers against the table's, on random scenarios and random assignments.

use super::super::*;
use crate::physics::{self, Adapters, ExpertCache, Gate, Gated, Model};
use crate::table::{Assignment, Chain, Deployment, Evaluation, Stage, evaluate};
use crate::testing::{adapted_scenario, gated_scenario, mixture_scenario, rich_scenario, scenario_of, small_scenario};
use protocol::*;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// One random deployment a service: an option, and for each replica one to three places of one mode a device.
pub(super) fn random_assignment(model: &Model, rng: &mut impl Rng) -> Option<Assignment> {
    let t = &model.table;
    let mode_of: Vec<u32> = t.devices.iter().map(|d| rng.random_range(d.modes.clone())).collect();
    let mut services = Vec::new();
    for s in &t.services {
        if s.options.is_empty() {
            return None;
        }
        let o = rng.random_range(0..s.options.len());
        let option = &s.options[o];
        let mut free: Vec<u32> = (0..t.places.len() as u32)
            .filter(|&p| t.places[p as usize].mode == mode_of[t.places[p as usize].device as usize])
            .filter(|&p| option.at[p as usize].is_some())
            .collect();
        let mut chains = Vec::new();
        for _ in 0..option.replicas {
            let stages = rng.random_range(1..=option.max_stages.min(option.blocks).min(free.len().max(1) as u32));
            let mut cuts: Vec<u32> = (0..stages - 1).map(|_| rng.random_range(1..option.blocks)).collect();
            cuts.extend([0, option.blocks]);
            cuts.sort_unstable();
            cuts.dedup();
            let mut chain = Vec::new();
            let mut used = Vec::new();
            for w in cuts.windows(2) {
                if free.is_empty() {
                    return None;
                }
                let place = free.remove(rng.random_range(0..free.len()));
                used.push(t.places[place as usize].device);
                chain.push(Stage { place, start: w[0], end: w[1] });
            }
            free.retain(|p| !used.contains(&t.places[*p as usize].device));
            chains.push(Chain { stages: chain });
        }
        services.push(Some(Deployment { option: o as u32, chains }));
    }
    Some(Assignment { services })
}

/// The decisions of an assignment as a plan whose numbers are all zero.
fn bare(scenario: &Scenario, model: &Model, a: &Assignment, e: &Evaluation) -> Plan {
    let t = &model.table;
    let devices = scenario.devices.iter().enumerate().map(|(d, device)| {
        let mode = e.modes[d].map(|m| {
            let label = &model.modes[m as usize];
            let id = device.profile.modes[label.mode].id.clone();
            PlannedMode { id, clock: label.clock, throttled: label.clock < 1.0, booked_cap: label.level, naps: label.naps }
        });
        PlannedDevice {
            name: device.name.clone(),
            profile: device.profile.id.clone(),
            site: scenario.sites[device.site].name.clone(),
            awake: mode.is_some(),
            mode,
            expected: DeviceExpectation {
                power_w: 0.0,
                dynamic_w: 0.0,
                leakage_w: 0.0,
                temperature_c: 0.0,
                throttle_c: 0.0,
                phi: 0.0,
                pools: vec![],
                processors: vec![],
                wakes_hz: None,
            },
            fitted: None,
        }
    });
    let services = scenario.services.iter().zip(&a.services).zip(&t.services).map(|((s, d), row)| {
        let d = d.as_ref().unwrap();
        let label = &model.labels[row.options[d.option as usize].label as usize];
        let gated = Gated::of(s, label.gate, s.models[label.model].value.kind).unwrap();
        let stage = |st: &Stage| {
            let place = &t.places[st.place as usize];
            let device = &scenario.devices[place.device as usize];
            PlannedStage {
                device: device.name.clone(),
                processor: device.profile.processors[place.processor as usize].id.clone(),
                filters: st.start < gated.lead(),
                start: st.start.saturating_sub(gated.lead()),
                end: st.end - gated.lead(),
                reached: Some(gated.share(st.start)).filter(|share| *share < 1.0),
                weights: Some(label.precision_at(place.format).weights).filter(|w| *w != label.precision.weights),
                resident_share: label.resident_share,
                memory_bytes: 0.0,
                busy_s: 0.0,
                dynamic_j: 0.0,
                dasi: 0.0,
                memory_saturation: 0.0,
                partner: None,
            }
        };
        let replica = |c: &Chain| Replica {
            share: 1.0 / d.chains.len() as f64,
            stages: c.stages.iter().map(stage).collect(),
            ttft_s: 0.0,
            tpot_s: 0.0,
            total_s: 0.0,
        };
        let method = serde_json::to_value(label.method).unwrap().as_str().unwrap().to_owned();
        PlannedService {
            name: s.name.clone(),
            model: s.models[label.model].value.id.clone(),
            precision: label.precision,
            bits_per_weight: label.bits_per_weight,
            scaling: PlannedScaling { method, samples: label.samples, token_budget: label.budget, close: None },
            filter: gated.filter.as_ref().map(|f| PlannedFilter {
                model: f.profile.id.clone(),
                weights: f.precision.weights,
                passes: gated.passes,
                loses: gated.loses,
            }),
            experts: label.experts.and_then(|i| ExpertCache::of(s, i)).map(|c| PlannedExperts { holds: c.holds, hits: c.hits }),
            adapters: label.adapters.map(|kept| {
                let a = Adapters::of(s, kept, &s.models[label.model].value).unwrap();
                PlannedAdapters { count: a.count, bytes: a.bytes, kept, misses: a.misses }
            }),
            exit: matches!(label.gate, Gate::Exit(_)).then_some(PlannedExit {
                after_block: gated.from,
                passes: gated.passes,
                loses: gated.loses,
            }),
            rate_hz: s.rate.value.get(),
            replicas: d.chains.iter().map(replica).collect(),
            expected: ServiceExpectation {
                accuracy: label.accuracy,
                benchmark: label.benchmark.clone(),
                energy_j: 0.0,
                service_s: 0.0,
            },
            targets: vec![],
        }
    });
    Plan {
        schema: SCHEMA.into(),
        id: String::new(),
        parent: None,
        generation: 1,
        fleet: scenario.name.clone(),
        scenario: scenario.digest.clone(),
        planner: "test".into(),
        seed: 0,
        devices: devices.collect(),
        services: services.collect(),
        totals: Totals::default(),
        certificate: Certificate {
            objective: String::new(),
            unit: String::new(),
            value: 0.0,
            bound: 0.0,
            gap: 0.0,
            status: "gap".into(),
        },
        sources: Sources {
            worst: profiles::Quality::Assumed,
            measured: 0,
            fitted: 0,
            datasheet: 0,
            assumed: 0,
            assumptions: vec![],
        },
    }
}

fn close(own: f64, table: f64, what: &str, seed: u64) {
    let fine = (own - table).abs() <= 1e-6 * own.abs().max(table.abs()) + 1e-12 || (own.is_infinite() && table.is_infinite());
    assert!(fine, "seed {seed}: {what}: linter {own}, table {table}");
}

#[test]
fn the_linter_and_the_table_agree_on_every_number() {
    let mut compared = 0;
    for seed in 0..1500u64 {
        let scenario = match seed % 10 {
            0 => scenario_of(seed, 7, 4),
            8 => mixture_scenario(seed),
            1..=3 => rich_scenario(seed),
            4..=5 => gated_scenario(seed),
            6..=7 => adapted_scenario(seed),
            _ => small_scenario(seed),
        };
        let model = physics::build(&scenario);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let Some(a) = random_assignment(&model, &mut rng) else { continue };
        let e = evaluate(&model.table, &a);
        let plan = bare(&scenario, &model, &a, &e);
        let mut notes = Notes::default();
        let Some(r) = structure::resolve(&scenario, &plan, &mut notes) else {
            panic!("seed {seed}: {:?}", notes.0);
        };
        let Some(load) = numbers::load(&scenario, &r, &mut notes) else {
            assert!(e.chains.iter().flatten().any(|c| c.total_s.is_infinite()), "seed {seed}: {:?}", notes.0);
            continue;
        };
        for d in 0..scenario.devices.len() {
            close(load.dynamic_w[d], e.dynamic_w[d], "dynamic power", seed);
            let own: f64 = load.resident[d].iter().sum();
            let table: f64 =
                model.table.pools.iter().zip(&e.pool_bytes).filter(|(p, _)| p.device as usize == d).map(|(_, b)| b).sum();
            close(own, table, "memory", seed);
        }
        for (p, place) in model.table.places.iter().enumerate() {
            if place.slot as usize == p && e.modes[place.device as usize] == Some(place.mode) {
                close(load.booked[place.device as usize][place.processor as usize], e.booked[p], "booked", seed);
            }
        }
        close(load.network_w, e.network_w, "network power", seed);
        close(load.links.iter().map(|l| l.1).sum(), e.segment_bytes_s.iter().sum(), "link bytes", seed);
        for (s, chains) in e.chains.iter().enumerate() {
            for (c, cost) in chains.iter().enumerate() {
                close(load.served[s].total_s[c], cost.total_s, "total", seed);
            }
        }
        let devices_w = fleet::check(&scenario, &r, &load, &mut notes);
        let power = devices_w + load.network_w;
        // The table's lines lie below the true curve by at most their error.
        let runaway = notes.0.iter().any(|n| n.code == "runaway" || n.code == "throttle");
        assert!(
            runaway || (power - e.power_w) / power < 2e-3 && power >= e.power_w * (1.0 - 1e-6),
            "seed {seed}: {power} {}",
            e.power_w
        );
        compared += 1;
    }
    assert!(compared > 700, "only {compared} scenarios had an assignment");
}
