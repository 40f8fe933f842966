//! Services as the plan runs them.

use super::{Material, number};
use protocol::PlannedService;

pub(super) fn all(m: &Material<'_>) -> Vec<reports::Service> {
    m.plan.services.iter().enumerate().map(|(i, s)| one(m, i, s)).collect()
}

/// `w4`, `ternary` …
pub(crate) fn weights(format: profiles::WeightFormat) -> String {
    serde_json::to_value(format).ok().and_then(|v| v.as_str().map(String::from)).unwrap_or_default()
}

/// `w4`; `w4 and w8` where stages differ.
fn precisions(s: &PlannedService) -> String {
    let mut all = vec![weights(s.precision.weights)];
    for w in s.replicas.iter().flat_map(|r| &r.stages).filter_map(|st| st.weights).map(weights) {
        if !all.contains(&w) {
            all.push(w);
        }
    }
    all.join(" and ")
}

/// `single`, `majority of 8`, `best of 4, 512 tokens`.
pub(crate) fn scaling(s: &protocol::PlannedScaling) -> String {
    let method = match (s.method.as_str(), s.samples) {
        (_, 1) => "single".to_owned(),
        ("majority", k) => format!("majority of {k}"),
        ("best-of-n", k) => format!("best of {k}"),
        (other, k) => format!("{other} of {k}"),
    };
    s.token_budget.map_or_else(|| method.clone(), |b| format!("{method}, {b} tokens"))
}

/// `orin-a/gpu 0-14 > orin-b/gpu 14-28`, replicas after `+`.
pub(crate) fn placement(s: &PlannedService) -> String {
    let chain = |r: &protocol::Replica| {
        let stages: Vec<String> = r
            .stages
            .iter()
            .map(|st| {
                let own = st.weights.map_or_else(String::new, |w| format!(" {}", weights(w)));
                if r.stages.len() == 1 {
                    format!("{}/{}", st.device, st.processor)
                } else {
                    format!("{}/{} {}-{}{own}", st.device, st.processor, st.start, st.end)
                }
            })
            .collect();
        stages.join(" > ")
    };
    s.replicas.iter().map(chain).collect::<Vec<_>>().join(" + ")
}

fn one(m: &Material<'_>, index: usize, s: &PlannedService) -> reports::Service {
    let wanted = &m.scenario.services[index];
    // The page shows the slowest replica: that is what a deadline is held against.
    let worst = |get: fn(&protocol::Replica) -> f64| s.replicas.iter().map(get).fold(0.0, f64::max);
    let tokens = f64::from(s.scaling.token_budget.unwrap_or(wanted.answer_tokens)) * f64::from(s.scaling.samples);
    let counts_tokens = worst(|r| r.tpot_s) > 0.0;
    reports::Service {
        name: s.name.clone(),
        model: s.model.clone(),
        precision: precisions(s),
        bits_per_weight: s.bits_per_weight,
        kv_bits: u32::from(s.precision.kv_bits),
        activation_bits: u32::from(s.precision.activation_bits),
        scaling: scaling(&s.scaling),
        rate_hz: s.rate_hz,
        replicas: s.replicas.len() as u32,
        stages: stages(s),
        accuracy: s.expected.accuracy,
        benchmark: s.expected.benchmark.clone(),
        accuracy_quality: None,
        percentile: format!("p{}", number(100.0 * wanted.deadline.percentile.get())),
        ttft_s: worst(|r| r.ttft_s),
        tpot_s: counts_tokens.then(|| worst(|r| r.tpot_s)),
        total_s: worst(|r| r.total_s),
        energy_per_request_j: s.expected.energy_j,
        energy_per_token_j: (counts_tokens && tokens > 0.0).then(|| s.expected.energy_j / tokens),
        why: m.why.service_line(&s.name),
        quality: reports::Quality::Modelled,
    }
}

fn stages(s: &PlannedService) -> Vec<reports::Stage> {
    let of = |(i, r): (usize, &protocol::Replica)| -> Vec<reports::Stage> {
        let stage = |st: &protocol::PlannedStage| reports::Stage {
            replica: i as u32,
            share: r.share,
            device: st.device.clone(),
            processor: st.processor.clone(),
            start: st.start,
            end: st.end,
            memory_bytes: st.memory_bytes,
            resident_share: st.resident_share,
            busy_s: st.busy_s,
            dynamic_j: st.dynamic_j,
            dasi: st.dasi,
            memory_saturation: st.memory_saturation,
        };
        r.stages.iter().map(stage).collect()
    };
    s.replicas.iter().enumerate().flat_map(of).collect()
}
