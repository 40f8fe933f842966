//! `agent probe`: measures this device and writes its profile; with `--listen`, answers others' link probes.

mod compare;
mod listen;
mod output;

use crate::args::{Format, Waiting};
use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt::{self, Running};
use ::probe::session::{Part, Settings, run as session};
use ::probe::{Record, show};
use clap::Args;
use sensors::{Config, Roots};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug, Args)]
pub(crate) struct Probe {
    /// Under a minute: fewer rounds, no memory pressure, no heat
    #[arg(long)]
    quick: bool,
    /// Only these, with commas: read, arithmetic, products, overhead, storage, pressure, power, links
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = part)]
    only: Vec<Part>,
    /// Write the profile here, for `profile_file:` of a scenario
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long, requires = "output")]
    force: bool,
    /// Leave with 1 where this device reads or multiplies more slowly than this profile of it says
    #[arg(long = "assert", value_name = "FILE.yaml")]
    baseline: Option<PathBuf>,
    /// By how much it may be slower
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share, requires = "baseline")]
    tolerance: f64,
    /// Measure the link to an agent that listens at this HOST:PORT; may be repeated
    #[arg(long, value_name = "ADDR", value_parser = address)]
    peer: Vec<SocketAddr>,
    /// Instead of measuring, answer link probes at this ADDR:PORT
    #[arg(long, value_name = "ADDR", value_parser = address, conflicts_with_all = ["quick", "only", "output", "baseline", "peer", "format"])]
    listen: Option<SocketAddr>,
    /// How long to answer, seconds
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 600, requires = "listen", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Threads that the rates are of [default: all cores]
    #[arg(short, long, value_parser = crate::args::threads)]
    threads: Option<usize>,
    /// What a thread without work does
    #[arg(long, value_enum, default_value = "spin")]
    wait: Waiting,
    /// Plug at the wall whose power counts as this machine's, `shelly:HOST` or `tasmota:HOST`; may be repeated
    #[arg(long, value_name = "PLUG")]
    plug: Vec<sensors::Plug>,
    /// Folder on the storage to measure [default: the cache of models]
    #[arg(long, value_name = "DIR")]
    storage: Option<PathBuf>,
    /// Id of the profile [default: the machine's name]
    #[arg(long)]
    id: Option<String>,
    /// Catalogue device whose numbers stand for what is not measured [default: one of the same kind]
    #[arg(long, value_name = "ID")]
    like: Option<String>,
    /// Where sys, proc, etc and var of the machine are, in a container
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// `5%`: the sign is required.
fn share(text: &str) -> Result<f64, String> {
    let share: profiles::units::Ratio = text.parse().map_err(|e: profiles::units::UnitError| e.to_string())?;
    if (0.0..1.0).contains(&share.get()) { Ok(share.get()) } else { Err("write a share from 0% to below 100%".into()) }
}

fn part(text: &str) -> Result<Part, String> {
    let names = || Part::ALL.map(Part::name).join(", ");
    Part::named(text).ok_or_else(|| format!("nothing is called so; there are {}", names()))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    use std::net::ToSocketAddrs;
    let first = text.to_socket_addrs().map(|mut all| all.next());
    match first {
        Ok(Some(address)) => Ok(address),
        _ => Err("write HOST:PORT, for example 192.168.1.20:7447".into()),
    }
}

pub(crate) fn run(args: &Probe) -> Outcome {
    if let Some(address) = args.listen {
        return listen::run(address, args.seconds);
    }
    let parts: BTreeSet<Part> = if args.only.is_empty() {
        // Without a peer there is no link to measure, which nobody misses.
        Part::ALL.into_iter().filter(|p| *p != Part::Links || !args.peer.is_empty()).collect()
    } else {
        args.only.iter().copied().chain((!args.peer.is_empty()).then_some(Part::Links)).collect()
    };
    if args.only.contains(&Part::Links) && args.peer.is_empty() {
        return Err(Failure::help("no link to measure", "name the other side with --peer HOST:PORT"));
    }
    let read = |path: &PathBuf| {
        profiles::read_device_file(path)
            .map_err(|e| Failure::help(e, "--assert takes a profile that `agent probe -o` wrote here before"))
    };
    let baseline = args.baseline.as_ref().map(read).transpose()?;
    let makes_profile = args.output.is_some() || args.baseline.is_some();
    if let Some(lacking) = Part::NEEDED.iter().find(|p| makes_profile && !parts.contains(p)) {
        let needed = Part::NEEDED.map(Part::name).join(",");
        return Err(Failure::help(
            format!("a profile needs `{}`, which --only leaves out", lacking.name()),
            format!("--only {needed} at least, or neither -o nor --assert"),
        ));
    }
    if let Some(path) = &args.output {
        output::check(path, args.force)?;
    }
    if let Some(id) = args.like.as_ref().filter(|id| ::probe::prior::device(id).is_none()) {
        return Err(Failure::help(
            format!("the catalogue has no device `{id}` with a CPU"),
            "name one of profiles/catalogue/devices that has a CPU, or leave --like out",
        ));
    }
    interrupt::catch();
    let running = Running::begin();
    let record = measure(args, parts, &running)?;
    // What was broken off is no measurement to hold against anything.
    let rates = match baseline.filter(|_| !running.interrupted()) {
        Some(was) => Some(compare::rates(&was, &output::made(args, &record, &roots(args))?.device, args.tolerance)),
        None => None,
    };
    match args.format {
        Format::Human => {
            crate::print::print(&show(&record));
            if let (Some(rates), Some(file)) = (&rates, &args.baseline) {
                crate::print::print(&compare::text(rates, &file.display().to_string(), args.tolerance));
            }
        }
        Format::Json if rates.is_none() => crate::print::json(&record)?,
        Format::Json => {
            let mut value =
                serde_json::to_value(&record).map_err(|e| Failure::input(format!("error: cannot write JSON: {e}")))?;
            value["assert"] = serde_json::json!(rates);
            crate::print::json(&value)?;
        }
    }
    if running.interrupted() {
        return Ok(Exit::Interrupted);
    }
    if rates.as_ref().is_some_and(Vec::is_empty) {
        return Err(Failure::help("--assert: the profile has no rate that was measured here", "name a profile of this device"));
    }
    if let Some(path) = &args.output {
        let roots = roots(args);
        output::write(path, args, &record, &roots)?;
        eprintln!("wrote {}; in a scenario: `profile_file: {}`", path.display(), path.display());
    }
    Ok(if rates.is_some_and(|rates| rates.iter().any(|r| !r.passed)) { Exit::Missed } else { Exit::Done })
}

fn roots(args: &Probe) -> Roots {
    args.root.as_ref().map_or_else(Roots::default, |root| Roots::below(root))
}

fn measure(args: &Probe, parts: BTreeSet<Part>, running: &Running) -> Result<Record, Failure> {
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    let pool = Arc::new(kernels::Pool::new(args.threads.unwrap_or_else(all), args.wait.into()));
    let folder = args.storage.clone().unwrap_or_else(|| {
        let cache = crate::cache::models();
        // The disk that a first model would come to.
        cache.ancestors().find(|p| p.is_dir()).map_or_else(|| PathBuf::from("."), PathBuf::from)
    });
    let settings = Settings {
        parts,
        quick: args.quick,
        pool,
        roots: roots(args),
        sensors: Config { plugs: args.plug.clone(), ..Config::default() },
        folder,
        peers: args.peer.clone(),
        date: crate::clock::today(),
        command: command(),
        version: env!("CARGO_PKG_VERSION").into(),
    };
    let tell = |what: &str| eprintln!("{what}");
    session(&settings, &tell, &|| running.interrupted()).map_err(|e| {
        let text = format!("error: {}", crate::exit::causes(&e));
        match e {
            ::probe::ProbeError::Link { .. } => Failure::remote(text),
            _ => Failure::input(text),
        }
    })
}

/// The command as it was typed, without the program's folder.
fn command() -> String {
    let words: Vec<String> = std::env::args().skip(1).collect();
    format!("agent {}", words.join(" "))
}
