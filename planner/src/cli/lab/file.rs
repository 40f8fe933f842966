//! A lab as it is written: agents, and who computes which layers.

use crate::cli::exit::Failure;
use crate::cli::files;
use profiles::WeightFormat;
use profiles::units::{BytesPerSecond, Ratio, Seconds};
use protocol::{Name, PlannedScaling};
use serde::Deserialize;
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
    }
    Ok(lab)
}
