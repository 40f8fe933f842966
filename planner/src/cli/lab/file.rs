//! A lab as it is written: agents, and who computes which layers.

use crate::cli::exit::Failure;
use crate::cli::files;
use profiles::WeightFormat;
use profiles::units::{BytesPerSecond, Ratio, Seconds};
use protocol::{Name, PlannedScaling};
use serde::Deserialize;
use serde_yaml::Spanned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Processes of one machine.
const AGENTS: usize = 64;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lab {
    pub(crate) name: Name,
    pub(crate) agents: Vec<Name>,
    pub(crate) services: Vec<Service>,
    /// Model files by name, from the lab's folder; what `agent pull` has fetched needs no line.
    #[serde(default)]
    pub(crate) models: BTreeMap<String, PathBuf>,
    /// Folders below which `sys` and `proc` lie for the sensors of an agent, from the lab's folder: recorded boards.
    #[serde(default)]
    pub(crate) sensors: BTreeMap<Name, PathBuf>,
    /// What lies between any two agents; none: they share the loopback. A link needs root.
    pub(crate) link: Option<Link>,
    /// Threads of each agent.
    #[serde(default = "one")]
    pub(crate) threads: usize,
    /// As in the configuration of `agent run`, which checks them.
    #[serde(default)]
    pub(crate) limits: serde_json::Map<String, serde_json::Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    pub(crate) name: Name,
    pub(crate) model: String,
    /// Bits of a number between two stages: 16, 8, or 4, as few as a token needs.
    #[serde(default = "sixteen")]
    pub(crate) activations: u8,
    /// How answers are drawn, as a plan says it; none: one sample.
    pub(crate) scaling: Option<PlannedScaling>,
    pub(crate) stages: Vec<Stage>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stage {
    pub(crate) agent: Name,
    /// How many, after those of the stages before.
    pub(crate) layers: u32,
    pub(crate) weights: WeightFormat,
    /// Who computes a part of each of these layers; none: the agent alone.
    #[serde(default, deserialize_with = "with")]
    pub(crate) with: Option<With>,
}

/// The partner of a stage's agent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct With {
    pub(crate) agent: Name,
    /// Of each layer the last so many KV heads, with their query heads, and as large a part of the MLP's width.
    pub(crate) kv_heads: u32,
    /// Where it stands.
    pub(crate) line: u64,
}

/// [`With`] as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Partner {
    agent: Name,
    kv_heads: u32,
}

fn with<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<With>, D::Error> {
    let written = Option::<Spanned<Partner>>::deserialize(from)?;
    Ok(written.map(|w| With { line: w.referenced.line(), agent: w.value.agent, kv_heads: w.value.kv_heads }))
}

/// A network's link, as `netlab` makes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    /// What an agent can send.
    pub(crate) rate: BytesPerSecond,
    /// One way.
    pub(crate) delay: Seconds,
    #[serde(default)]
    pub(crate) loss: Ratio,
}

fn one() -> usize {
    1
}

fn sixteen() -> u8 {
    16
}

/// Reads a lab.
pub(crate) fn read(path: &Path) -> Result<Lab, Failure> {
    let shown = path.display().to_string();
    let text = String::from_utf8(files::read(path)?).map_err(|_| Failure::input(format!("error: {shown} is not UTF-8")))?;
    let lab: Lab = profiles::yaml::parse(&shown, &text, 0)
        .map_err(|e| Failure::input(format!("error: {e}\n  help: scenarios/lab.yaml shows the form")))?;
    let wrong = |why: String| Err(Failure::input(format!("error: {shown}: {why}\n  help: scenarios/lab.yaml shows the form")));
    if lab.agents.is_empty() || lab.agents.len() > AGENTS || lab.services.is_empty() || lab.threads == 0 {
        return wrong(format!("1 to {AGENTS} agents, a service and a thread are needed"));
    }
    for (i, agent) in lab.agents.iter().enumerate() {
        if lab.agents[..i].contains(agent) {
            return wrong(format!("agent `{agent}` stands twice in it"));
        }
    }
    if let Some(agent) = lab.sensors.keys().find(|a| !lab.agents.contains(a)) {
        return wrong(format!("`sensors:` of `{agent}`, which is not among `agents:`"));
    }
    if let Some(link) = &lab.link {
        let (rate, delay, loss) = (link.rate.get(), link.delay.get(), link.loss.get());
        if !(rate > 0.0 && (0.0..=10.0).contains(&delay) && (0.0..0.5).contains(&loss)) {
            return wrong(format!("a link of {rate} B/s, {delay} s, loss {loss}: rate above 0, delay 0 to 10 s, loss 0 to 50 %"));
        }
    }
    for service in &lab.services {
        if lab.services.iter().filter(|s| s.name == service.name).count() > 1 {
            return wrong(format!("service `{}` stands twice in it", service.name));
        }
        if !matches!(service.activations, 4 | 8 | 16) {
            return wrong(format!(
                "service `{}`: activations have 16 bits, 8, or 4 (as few as a token needs), not {}",
                service.name, service.activations
            ));
        }
        if service.stages.is_empty() || service.stages.iter().any(|s| s.layers == 0 || s.layers > 2_048) {
            return wrong(format!("service `{}`: it needs stages of 1 to 2048 layers", service.name));
        }
        if let Some(stage) = service.stages.iter().find(|s| !lab.agents.contains(&s.agent)) {
            return wrong(format!("service `{}`: `{}` is not among `agents:`", service.name, stage.agent));
        }
        for stage in &service.stages {
            if let Some(with) = &stage.with
                && let Some(why) = unfit(&lab, stage, with)
            {
                let help = "`with: { agent: NAME, kv_heads: N }`, as in scenarios/lab-pair.yaml";
                let (line, service) = (with.line, &service.name);
                return Err(Failure::input(format!("error: {shown}:{line}: service `{service}`: {why}\n  help: {help}")));
            }
        }
    }
    Ok(lab)
}

/// Why an agent cannot share a stage; `None`: it can, as far as the lab tells.
fn unfit(lab: &Lab, stage: &Stage, with: &With) -> Option<String> {
    let (agent, partner) = (&stage.agent, &with.agent);
    if partner == agent {
        return Some(format!("`{agent}` shares a stage with itself; name another agent"));
    }
    if !lab.agents.contains(partner) {
        let others: Vec<String> = lab.agents.iter().filter(|a| *a != agent).map(ToString::to_string).collect();
        return Some(format!("partner `{partner}` is not among `agents:`; there are {}", others.join(", ")));
    }
    (with.kv_heads == 0)
        .then(|| format!("`{partner}` with 0 KV heads has nothing to do: 1 or more, and fewer than the model has"))
}
