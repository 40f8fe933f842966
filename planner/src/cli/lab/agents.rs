//! The lab's agents: processes that end with this one, however it ends.

use super::file::{Lab, Link};
use crate::cli::exit::Failure;
use crate::cli::fleet::http::Agent;
use netlab::Network;
use profiles::DeviceProfile;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(crate) struct Agents {
    /// Each with its name. An agent ends when its stdin closes, even where this process is killed.
    running: Vec<(String, Child)>,
    /// HTTP address of the first.
    entry: String,
    /// Model files that agents of this machine find, by name.
    models: BTreeMap<String, PathBuf>,
    /// Ends after the agents in it.
    network: Option<Network>,
}

/// Ports of an agent in a network of its own.
const BUS: u16 = 7_447;
const HOP: u16 = 7_448;
const HTTP: u16 = 8_080;
/// Else a free port of the loopback.
const ANY: &str = "127.0.0.1:0";
/// Which frames are lost.
const SEED: u64 = 1;

/// What an agent says when it serves.
#[derive(Deserialize)]
struct Said {
    http: String,
    models: BTreeMap<String, PathBuf>,
}

impl Drop for Agents {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The program beside this one, or the one that the shell would find.
fn program() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|p| p.with_file_name("agent")).filter(|p| p.is_file());
    beside.unwrap_or_else(|| "agent".into())
}

/// A network of so many hosts.
fn network(link: &Link, hosts: usize) -> Result<Network, Failure> {
    let link = netlab::Link { rate_bytes_s: link.rate.get(), delay_s: link.delay.get(), loss: link.loss.get() };
    Network::start(hosts, link, SEED).map_err(|e| Failure::input(format!("error: the lab's network: {e}")))
}

fn failed(what: &str, e: &std::io::Error) -> Failure {
    Failure::remote(format!("error: {what}: {e}"))
}

impl Agents {
    /// Starts all; when it returns, each has said where it serves.
    pub(crate) fn start(lab: &Lab, base: &Path, folder: &Path, listen: Option<&str>) -> Result<Self, Failure> {
        let network = lab.link.as_ref().map(|link| network(link, lab.agents.len())).transpose()?;
        if network.is_some() && listen.is_some() {
            let message = "error: --listen: with a `link:` the agents have addresses of their own network\n  help: leave one out";
            return Err(Failure::input(message));
        }
        let at = |i: usize, port: u16| network.as_ref().map(|n| SocketAddr::from((n.hosts()[i].address(), port)).to_string());
        let bus = match at(0, BUS) {
            Some(bus) => bus,
            // Free at this moment; the first agent takes it at once.
            None => {
                TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(|e| failed("no free port", &e))?.to_string()
            }
        };
        let base = base.canonicalize().map_err(|e| failed("the lab's folder", &e))?;
        let models: Value =
            lab.models.iter().map(|(id, path)| (id.clone(), json!(base.join(path)))).collect::<serde_json::Map<_, _>>().into();
        let mut configs = Vec::new();
        for (i, agent) in lab.agents.iter().enumerate() {
            let config = json!({
                "agent": agent,
                "fleet": "fleet.json",
                "key": format!("{agent}.key"),
                "state": format!("state-{agent}"),
                "listen": if i == 0 { Some(bus.clone()) } else { at(i, BUS) },
                "connect": if i == 0 { vec![] } else { vec![bus.clone()] },
                "hop": at(i, HOP).unwrap_or_else(|| ANY.into()),
                "http": at(i, HTTP).unwrap_or_else(|| listen.filter(|_| i == 0).unwrap_or(ANY).into()),
                "models": models,
                "sensors": lab.sensors.get(agent).map(|folder| base.join(folder)),
                "threads": lab.threads,
                "limits": lab.limits,
            });
            // JSON is YAML.
            let file = folder.join(format!("{agent}.yaml"));
            std::fs::write(&file, config.to_string()).map_err(|e| failed("writing a configuration", &e))?;
            configs.push(file);
        }
        let mut all = Self { running: Vec::new(), entry: String::new(), models: BTreeMap::new(), network };
        for (i, (agent, file)) in lab.agents.iter().zip(&configs).enumerate() {
            let said = all.spawn(agent.as_str(), i, file)?;
            if i == 0 {
                (all.entry, all.models) = (said.http, said.models);
            }
        }
        Ok(all)
    }

    fn spawn(&mut self, name: &str, place: usize, config: &Path) -> Result<Said, Failure> {
        let program = program();
        let log = config.with_extension("log");
        let stderr = std::fs::File::create(&log).map_err(|e| failed("writing a log", &e))?;
        let mut command = Command::new(&program);
        command.args(["run", "--with-parent", "--config"]).arg(config);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = match &self.network {
            Some(network) => network.hosts()[place].spawn(&mut command).map_err(|e| Failure::remote(format!("error: {e}")))?,
            None => command.spawn().map_err(|e| failed(&format!("starting {}", program.display()), &e))?,
        };
        let stdout = child.stdout.take();
        self.running.push((name.into(), child));
        let mut line = String::new();
        if let Some(stdout) = stdout {
            BufReader::new(stdout).read_line(&mut line).map_err(|e| failed("hearing an agent", &e))?;
        }
        serde_json::from_str(&line).map_err(|_| {
            let why = std::fs::read_to_string(&log).unwrap_or_default();
            Failure::remote(format!("error: agent {name} did not start: {}", why.trim_end()))
        })
    }

    /// The file of each service's model.
    pub(crate) fn files(&self, lab: &Lab) -> Result<BTreeMap<String, PathBuf>, Failure> {
        let file = |service: &super::file::Service| {
            let id = &service.model;
            let found = self.models.get(id).map(|path| (id.clone(), path.clone()));
            found.ok_or_else(|| {
                let known = if profiles::Catalogue::builtin().model(id).is_some() {
                    format!("agent pull {id}")
                } else {
                    "name its file under `models:`".into()
                };
                Failure::input(format!("error: service `{}`: no file of model `{id}` is there\n  help: {known}", service.name))
            })
        };
        lab.services.iter().map(file).collect()
    }

    /// Where users ask.
    pub(crate) fn entry(&self) -> &str {
        &self.entry
    }

    /// Power of this machine over the last seconds, where a sensor measures it. Watts.
    pub(crate) fn power_w(&self) -> Option<f64> {
        let agent = Agent { address: self.entry.clone(), api_key: None };
        let text = agent.get("/metrics").ok()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        text.lines().find_map(|l| l.strip_prefix("wattline_power_watts "))?.trim().parse().ok()
    }

    /// An error where one has ended by itself.
    pub(crate) fn alive(&mut self) -> Result<(), Failure> {
        for (name, child) in &mut self.running {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(Failure::remote(format!("error: agent {name} has ended: {status}")));
            }
        }
        Ok(())
    }
}

/// Measures this machine by `agent probe`, for predictions: its rates with as many threads as each agent has.
pub(crate) fn probe(threads: usize, folder: &Path) -> Result<DeviceProfile, Failure> {
    let file = folder.join("this.yaml");
    let done = Command::new(program())
        .args(["probe", "--quick", "--only", "read,arithmetic,products,overhead", "--threads", &threads.to_string(), "-o"])
        .arg(&file)
        .output()
        .map_err(|e| failed("starting agent probe", &e))?;
    if !done.status.success() {
        let why = String::from_utf8_lossy(&done.stderr);
        return Err(Failure::remote(format!("error: agent probe failed: {}\n  help: --no-report does without", why.trim_end())));
    }
    crate::cli::device::find(&file.display().to_string())
}
