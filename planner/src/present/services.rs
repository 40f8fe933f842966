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

/// `, behind mobilenet-v2 w8 (20 % pass)`, `, exit after block 12 (40 % go on)`; empty where all requests go all the way.
pub(crate) fn gate(s: &PlannedService) -> String {
    let share = crate::physics::gate::percent;
    match (&s.filter, &s.exit) {
        (Some(f), _) => format!(", behind {} {} ({} pass)", f.model, weights(f.weights), share(f.passes)),
        (None, Some(e)) => format!(", exit after block {} ({} go on)", e.after_block, share(e.passes)),
        (None, None) => String::new(),
    }
}

/// `, 24 adapters in memory`, `, 4 of 24 adapters in memory`; empty where requests name none.
pub(crate) fn adapters(s: &PlannedService) -> String {
    match &s.adapters {
        None => String::new(),
        Some(a) if a.kept == a.count => format!(", {} adapters in memory", a.count),
        Some(a) => format!(", {} of {} adapters in memory", a.kept, a.count),
    }
}

/// `, 25 % of the experts in memory`; empty where all are, or none by itself.
pub(crate) fn experts(s: &PlannedService) -> String {
    s.experts.map_or_else(String::new, |e| format!(", {} of the experts in memory", crate::physics::gate::percent(e.holds)))
}

/// Blocks of a stage: `0-14`, `filter`, `filter, 0-14`.
pub(super) fn blocks(st: &protocol::PlannedStage) -> String {
    match (st.filters, st.end) {
        (true, 0) => "filter".to_owned(),
        (true, end) => format!("filter, {}-{end}", st.start),
        (false, end) => format!("{}-{end}", st.start),
    }
}

/// `orin-a/gpu 0-14 > orin-b/gpu 14-28`, replicas after `+`.
pub(crate) fn placement(s: &PlannedService) -> String {
    let chain = |r: &protocol::Replica| {
        let stages: Vec<String> = r
            .stages
            .iter()
            .map(|st| {
                let own = st.weights.map_or_else(String::new, |w| format!(" {}", weights(w)));
                let at = format!("{}/{}", st.device, st.processor);
                let at = st.partner.as_ref().map_or(at.clone(), |p| format!("{at} with {}/{}", p.device, p.processor));
                if r.stages.len() == 1 { at } else { format!("{at} {}{own}", blocks(st)) }
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
        scaling: format!("{}{}{}{}", scaling(&s.scaling), gate(s), adapters(s), experts(s)),
        rate_hz: s.rate_hz,
        replicas: s.replicas.len() as u32,
        stages: stages(s, wanted.models.iter().find(|m| m.value.id == s.model).and_then(|m| m.value.divisible())),
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

/// Rows of a service's stages; `all`: KV heads of its model's layers.
fn stages(s: &PlannedService, all: Option<u32>) -> Vec<reports::Stage> {
    let of = |(i, r): (usize, &protocol::Replica)| -> Vec<reports::Stage> {
        let stage = |st: &protocol::PlannedStage| {
            let own = reports::Stage {
                replica: i as u32,
                share: r.share,
                device: st.device.clone(),
                processor: match (st.filters, st.end) {
                    (true, 0) => format!("{} (filter)", st.processor),
                    (true, _) => format!("{} (filter and model)", st.processor),
                    (false, _) => st.processor.clone(),
                },
                start: st.start,
                end: st.end,
                memory_bytes: st.memory_bytes,
                resident_share: st.resident_share,
                busy_s: st.busy_s,
                dynamic_j: st.dynamic_j,
                dasi: st.dasi,
                memory_saturation: st.memory_saturation,
            };
            let Some(p) = &st.partner else { return vec![own] };
            // A shared stage is a row for each device, which says its part.
            let part = |processor: &str, heads: Option<u32>| match (heads, all) {
                (Some(heads), Some(all)) => format!("{processor} ({heads} of {all} heads)"),
                _ => processor.to_owned(),
            };
            let other = reports::Stage {
                device: p.device.clone(),
                processor: part(&p.processor, Some(p.kv_heads)),
                memory_bytes: p.memory_bytes,
                busy_s: p.busy_s,
                dynamic_j: p.dynamic_j,
                dasi: p.dasi,
                memory_saturation: p.memory_saturation,
                ..own.clone()
            };
            vec![reports::Stage { processor: part(&st.processor, all.map(|a| a.saturating_sub(p.kv_heads))), ..own }, other]
        };
        r.stages.iter().flat_map(stage).collect()
    };
    s.replicas.iter().enumerate().flat_map(of).collect()
}
