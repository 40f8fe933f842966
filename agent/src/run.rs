//! `agent run`: this device as a part of a fleet, until interrupted.

use crate::exit::{Exit, Failure, Outcome, causes};
use crate::registry::Registry;
use bus_zenoh::{Endpoint, Place, Role, Tls, Zenoh};
use clap::Args;
use fleet::certificate::{Credentials, pem};
use node::{Node, NodeError, Settings};
use protocol::bus::BusError;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest configuration.
const BYTES_MAX: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Configuration: name, keys, addresses, models (docs/fleet.md lists every key)
    #[arg(long, value_name = "FILE.yaml")]
    config: PathBuf,
    /// End when stdin is closed, as it is when whoever started this has ended
    #[arg(long)]
    with_parent: bool,
}

pub(crate) fn run(args: &Run) -> Outcome {
    let settings = read(&args.config)?;
    let credentials = settings.read_credentials().map_err(|e| Failure::input(format!("error: {}", causes(&e))))?;
    for line in settings.exposed(credentials.is_some()) {
        eprintln!("warning: {line}");
    }
    let endpoint =
        |text: &String| text.parse::<Endpoint>().map_err(|e| Failure::help(e, "write `listen:` and `connect:` as HOST:PORT"));
    let listen = settings.listen.as_ref().map(endpoint).transpose()?;
    let connect = settings.connect.iter().map(endpoint).collect::<Result<_, _>>()?;
    let lost = |e: BusError| Failure::remote(format!("error: {e}\n  help: another process may hold the address of `listen:`"));
    let role = match settings.role {
        node::Role::Peer => Role::Peer,
        node::Role::Hub => Role::Hub,
        node::Role::Leaf => Role::Leaf,
    };
    let bus =
        Zenoh::open(&Place { role, listen, connect, tls: credentials.as_ref().map(tls), lease_ms: settings.limits.lease_ms })
            .map_err(lost)?;
    let (told, ended) = std::sync::mpsc::channel();
    // Fails only when a handler is there already, and there is none.
    let interrupted = told.clone();
    let _ = ctrlc::set_handler(move || {
        let _ = interrupted.send(());
    });
    if args.with_parent {
        let told = told.clone();
        std::thread::spawn(move || {
            // Whatever is written there means nothing.
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            let _ = told.send(());
        });
    }
    let name = settings.agent.to_string();
    let models: std::collections::BTreeMap<_, _> = settings.models.iter().filter(|(_, p)| p.is_file()).collect();
    let models = json!(models);
    let node = Node::start(settings, Arc::new(bus)).map_err(failure)?;
    let http = node.http().to_string();
    crate::print::print(&format!("{}\n", json!({ "agent": name, "http": http, "models": models })));
    eprintln!("agent {name} serves on http://{http}/v1; Ctrl-C ends it, and it goes on from its ledger when it starts again");
    // Nobody else can say that it is over.
    let _ = ended.recv();
    drop(node);
    Ok(Exit::Interrupted)
}

fn tls(credentials: &Credentials) -> Tls {
    let certificates = |all: &[Vec<u8>]| all.iter().map(|der| pem("CERTIFICATE", der)).collect::<String>();
    let key = pem("PRIVATE KEY", &credentials.key);
    Tls { authorities: certificates(&credentials.authorities), certificate: certificates(&credentials.chain), key }
}

fn failure(error: NodeError) -> Failure {
    let text = format!("error: {}", causes(&error));
    match error {
        NodeError::Bus(_) | NodeError::Start { .. } => Failure::remote(text),
        NodeError::Listen { .. } => Failure::input(format!("{text}\n  help: port 0 takes a free one")),
        _ => Failure::input(text),
    }
}

/// Reads a configuration; paths in it start at its own folder.
fn read(path: &Path) -> Result<Settings, Failure> {
    let shown = path.display();
    let unreadable = |e: std::io::Error| Failure::input(format!("error: {shown}: {e}"));
    let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    if bytes > BYTES_MAX {
        return Err(Failure::input(format!("error: {shown} has {bytes} bytes, at most {BYTES_MAX} are read")));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let mut settings: Settings = profiles::yaml::parse(&shown.to_string(), &text, 0).map_err(|e| {
        let keys = "agent, fleet, key, certificate, tls, state, role, listen, connect, hop, http, models, digests, origins, sensors, hold, otlp, api_keys, threads, memory_bytes, limits";
        Failure::help(e, format!("there are {keys}"))
    })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let own = [&mut settings.fleet, &mut settings.key, &mut settings.state];
    for p in own
        .into_iter()
        .chain(settings.models.values_mut())
        .chain(settings.sensors.as_mut())
        .chain(settings.certificate.as_mut())
        .chain(settings.hold.as_mut())
    {
        *p = folder.join(&*p);
    }
    // What `agent pull` has fetched needs no line.
    for known in Registry::read(None)?.models.iter().filter(|m| m.path().is_file()) {
        let path = settings.models.entry(known.id.clone()).or_insert_with(|| known.path());
        if let (true, Ok(digest)) = (*path == known.path(), known.sha256.parse()) {
            settings.digests.entry(known.id.clone()).or_insert(digest);
        }
    }
    Ok(settings)
}
