//! The fleet as a graph: devices, the links between them, and what each service sends over them.

use super::{Material, devices, quality};
use reports::{FleetMap, MapLink, MapNode, NodeState, Traffic};
use scenarios::{End, LinkRates};

pub(super) fn map(m: &Material<'_>) -> FleetMap {
    let mut nodes: Vec<MapNode> = m.plan.devices.iter().map(|d| device(m, d)).collect();
    let mut links = Vec::new();
    let busy = m.scenario.sites.iter().enumerate().filter(|&(i, _)| m.scenario.devices.iter().any(|d| d.site == i));
    for (i, site) in busy {
        let network = network_name(&site.name);
        nodes.push(MapNode {
            name: network.clone(),
            site: site.name.clone(),
            state: NodeState::Network,
            power_w: 0.0,
            stages: Vec::new(),
            quality: reports::Quality::Assumed,
        });
        for d in m.scenario.devices.iter().filter(|d| d.site == i) {
            links.push(link(m, &format!("{} ({})", site.name, site.link.kind), &d.name, &network, &site.link));
        }
    }
    for l in &m.scenario.links {
        let end = |e: End| match e {
            End::Device(d) => m.scenario.devices[d].name.clone(),
            End::Site(s) => network_name(&m.scenario.sites[s].name),
        };
        links.push(link(m, &l.rates.kind, &end(l.between.0), &end(l.between.1), &l.rates));
    }
    let known = |name: &String| nodes.iter().any(|n| &n.name == name);
    links.retain(|l| known(&l.from) && known(&l.to));
    FleetMap { traffic: traffic(m), nodes, links }
}

fn network_name(site: &str) -> String {
    format!("{site} network")
}

fn device(m: &Material<'_>, d: &protocol::PlannedDevice) -> MapNode {
    let stages = devices::does(m, &d.name);
    let state = match (&d.mode, stages.is_empty()) {
        (None, _) => NodeState::Asleep,
        (Some(mode), false) if mode.throttled => NodeState::Throttled,
        (Some(_), false) => NodeState::Active,
        (Some(_), true) => NodeState::Idle,
    };
    MapNode {
        name: d.name.clone(),
        site: d.site.clone(),
        state,
        power_w: d.expected.power_w,
        stages,
        quality: reports::Quality::Modelled,
    }
}

fn link(m: &Material<'_>, name: &str, from: &str, to: &str, rates: &LinkRates) -> MapLink {
    let rate = rates.bandwidth.get();
    // What crosses a pair of devices is booked on the link that joins either of them.
    let booked: f64 =
        traffic(m).iter().filter(|t| t.from == from || t.to == from || t.from == to || t.to == to).map(|t| t.bytes_per_s).sum();
    MapLink {
        name: name.into(),
        from: from.into(),
        to: to.into(),
        latency_s: rates.latency.get(),
        rate_bytes_per_s: rate,
        booked_bytes_per_s: booked,
        booked: if rate > 0.0 { booked / rate } else { 0.0 },
        quality: quality(rates.quality),
    }
}

/// Bytes a second between neighbouring stages of each replica.
fn traffic(m: &Material<'_>) -> Vec<Traffic> {
    let Some((assignment, _)) = &m.solution.best else { return Vec::new() };
    let table = &m.model.table;
    let mut all = Vec::new();
    for (s, (service, deployment)) in table.services.iter().zip(&assignment.services).enumerate() {
        let Some(deployment) = deployment else { continue };
        let option = &service.options[deployment.option as usize];
        let rate = service.rate_hz / f64::from(option.replicas);
        for chain in &deployment.chains {
            let device = |i: usize| &m.scenario.devices[table.places[chain.stages[i].place as usize].device as usize].name;
            for st in &chain.stages {
                if let Some(shared) = crate::pairs::shared(m.scenario, m.model, s, deployment.option, st) {
                    let name = |d: usize| m.scenario.devices[d].name.clone();
                    all.push(Traffic {
                        service: service.name.clone(),
                        from: name(shared.joined.lead),
                        to: name(shared.joined.partner),
                        bytes_per_s: rate * shared.stage.sent_bytes,
                    });
                }
            }
            let messages = option.messages(|i| chain.stages[i].start, chain.stages.len());
            for message in messages.filter(|message| message.from < message.to) {
                let (from, to) = (device(message.from), device(message.to));
                if from != to {
                    let bytes_per_s = rate * message.mean_bytes(option.passes);
                    all.push(Traffic { service: service.name.clone(), from: from.clone(), to: to.clone(), bytes_per_s });
                }
            }
        }
    }
    all
}
