//! What can be typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const AFTER: &str = "\
Exit codes: 0 done · 1 infeasible or a target missed (result still written) · 2 bad input · 3 changes found
(diff --exit-code, apply --dry-run, apply that was declined) · 4 an agent or the network failed · 70 a bug, with a
report file to send · 130 interrupted, best plan kept";

/// Plans AI models on a fleet of edge devices for the most right answers per joule.
#[derive(Debug, Parser)]
#[command(name = "planner", version, after_help = AFTER, max_term_width = 110)]
pub struct Cli {
    /// When to colour; words say the same without
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        help = "When to colour: auto, always or never; words say the same without"
    )]
    pub(crate) color: super::paint::When,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Solve a scenario: write plan.json and the report, print the plan with its targets
    Optimize(Optimize),
    /// Validate a scenario, or evaluate a plan against it with every violation
    Check(Check),
    /// Say why a plan is as it is, or why not otherwise
    Explain(Explain),
    /// Show what changed between two plans
    Diff(Diff),
    /// Solve a changed scenario and compare it with the unchanged one
    WhatIf(WhatIf),
    /// Solve scenarios and check what their `expect:` says of the plan
    Test(Test),
    /// Predict a table of measurements, and print how far the predictions are off
    Validate(Validate),
    /// Predict what papers published of their systems, and print how far the predictions are off
    Literature(Literature),
    /// Fit a device's profile to measurements of it, and write the profile to a new file
    Calibrate(Calibrate),
    /// Plan an instance of the planning yardstick: write plans for its scorer, print bound and gap
    Yardstick(Yardstick),
    /// Make a fleet: its owner's secret key and its roster
    Keygen(Keygen),
    /// Add a device to a fleet: its secret key, its line in the roster
    Enroll(Enroll),
    /// Replace a fleet's key: begin, and after the agents have the files, --finish
    Rotate(Rotate),
    /// Say which file a plan's name of a model means, or show what was said
    Model(Model),
    /// Sign a plan, hand it to a fleet, and wait until all its devices serve it
    Apply(Apply),
    /// Show what each agent of a fleet does
    Status(Status),
    /// Return a fleet to its last good plan
    Rollback(Rollback),
    /// Show the plans that were applied, and how they went
    History(History),
    /// Look at a fleet until Ctrl-C, and plan anew when a device is lost or is back
    Watch(Watch),
    /// Run a fleet of processes on this machine, until Ctrl-C
    Lab(Lab),
    /// Print the JSON Schema of a file that people or scripts write or read
    Schema(Schema),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Write the manual pages into a folder
    Man(Man),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables for a terminal
    Human,
    /// One JSON document, stable
    Json,
}

/// Formats of what takes its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stream {
    /// Tables for a terminal
    Human,
    /// One JSON document, stable
    Json,
    /// One JSON object a line, each as it happens; the result is the last
    Jsonl,
}

/// Formats of what has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Happening {
    /// Lines for a terminal
    Human,
    /// One JSON object a line, each as it happens
    Jsonl,
}

impl Optimize {
    pub(crate) fn show(&self) -> super::watch::Show {
        match (self.quiet, self.verbose, self.format) {
            (true, ..) => super::watch::Show::Nothing,
            (_, _, Stream::Jsonl) => super::watch::Show::Events,
            (_, true, _) => super::watch::Show::Lines,
            _ => super::watch::Show::Bar,
        }
    }
}

/// How hard and how reproducibly to search.
#[derive(Clone, Debug, Args)]
pub(crate) struct Search {
    /// Seed of every random choice; same seed, same bytes
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Threads; the result does not depend on it [default: all cores]
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// Nominal search time, `10s`: sets counted work, so the same value gives the same plan anywhere
    #[arg(long, default_value = "3s", value_parser = seconds)]
    pub(crate) time: f64,
    /// Relative gap to the proved bound at which to stop, `1%`
    #[arg(long, default_value = "0%", value_parser = share)]
    pub(crate) gap: f64,
}

#[derive(Debug, Args)]
pub(crate) struct Optimize {
    /// Scenario file
    pub(crate) scenario: PathBuf,
    #[command(flatten)]
    pub(crate) search: Search,
    /// Folder for plan.json and index.html [default: reports/<scenario>]
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Show the report in this machine's browser
    #[arg(long)]
    pub(crate) open: bool,
    /// File for one request of each service over its devices and links, as predicted: Chrome's JSON, for Perfetto
    #[arg(long, value_name = "FILE.json")]
    pub(crate) trace: Option<PathBuf>,
    /// The running plan that this one replaces: what moves is priced in bytes, seconds and joules
    #[arg(long)]
    pub(crate) parent: Option<PathBuf>,
    /// Time over which a saving must pay for the joules of its moves, with --parent
    #[arg(long, default_value = "24h", value_parser = horizon)]
    pub(crate) horizon: f64,
    /// Least gain for which anything moves, with --parent
    #[arg(long, default_value = "0.5%", value_parser = share)]
    pub(crate) hysteresis: f64,
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Stream,
    /// No progress
    #[arg(long, short, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Each step of the search as a line on stderr
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Scenario file
    pub(crate) scenario: PathBuf,
    /// Plan to evaluate against it
    #[arg(long)]
    pub(crate) plan: Option<PathBuf>,
    /// Folder with the fleet's roster and keys, to be looked at as well [default: fleet, where it is there]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) fleet: Option<PathBuf>,
    /// Agent through which to ask whether every device of the scenario is there [default: nobody is asked]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) agent: Option<String>,
    /// One of that agent's API keys, if it has some
    #[arg(long, value_name = "KEY")]
    pub(crate) api_key: Option<String>,
    /// Look at the scenario alone, not at what the next commands will need here
    #[arg(long, conflicts_with_all = ["fleet", "agent", "api_key"])]
    pub(crate) no_environment: bool,
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// An error code (`EDGE-0007`), or a scenario file
    pub(crate) what: String,
    /// Plan to explain [default: solve the scenario]
    #[arg(long)]
    pub(crate) plan: Option<PathBuf>,
    /// `device:model[:precision]` that the plan did not choose
    #[arg(long, value_name = "DEVICE:MODEL[:PRECISION]")]
    pub(crate) why_not: Option<String>,
    #[command(flatten)]
    pub(crate) search: Search,
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// Old plan
    pub(crate) old: PathBuf,
    /// New plan
    pub(crate) new: PathBuf,
    /// Leave with 3 when they differ
    #[arg(long)]
    pub(crate) exit_code: bool,
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct WhatIf {
    /// Scenario file
    pub(crate) scenario: PathBuf,
    /// `orin-a.power_cap=25W`, `chat.deadline.ttft=1200ms`; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    pub(crate) set: Vec<String>,
    /// Device to take away; may be repeated
    #[arg(long, value_name = "DEVICE")]
    pub(crate) drop: Vec<String>,
    /// Catalogue device to add, `orin-nano-8gb-super[:name]`; may be repeated
    #[arg(long, value_name = "PROFILE[:NAME]")]
    pub(crate) add: Vec<String>,
    /// Solve at each of several values: `chat.rate=1/h..10/h:4`, or `pi.power_cap=5W,8W`; repeated, all combinations
    #[arg(long, value_name = "PATH=FROM..TO:POINTS")]
    pub(crate) sweep: Vec<String>,
    /// New file for the table of --sweep
    #[arg(long, value_name = "FILE.csv", requires = "sweep")]
    pub(crate) csv: Option<PathBuf>,
    /// New file for a chart of --sweep: the last one along the panels, a line for each setting of the others
    #[arg(long, value_name = "FILE.svg", requires = "sweep")]
    pub(crate) svg: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) search: Search,
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Scenario files with `expect:`
    #[arg(required = true)]
    pub(crate) scenarios: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) search: Search,
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// CSV with a row a measurement; columns as `docs/physics.md` lists them
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) measurements: PathBuf,
    /// Compare the rows of one device with its profile alone, such as one from `agent probe`
    #[arg(long, value_name = "NAME|FILE.yaml", visible_alias = "device-profile")]
    pub(crate) profile: Option<String>,
    /// Fit to the file's own rows only, without the published measurements that the program knows
    #[arg(long, conflicts_with = "profile")]
    pub(crate) alone: bool,
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Calibrate {
    /// Device of the catalogue, or a profile file
    #[arg(long, value_name = "NAME|FILE.yaml")]
    pub(crate) device: String,
    /// CSV with a row a measurement; columns as `docs/physics.md` lists them
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) measurements: PathBuf,
    /// New file for the fitted profile [default: none is written]
    #[arg(short, long, value_name = "OUT.yaml")]
    pub(crate) out: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Literature {
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Page,
}

/// Formats of a page that is part of the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Page {
    /// Tables for a terminal
    Human,
    /// One JSON document, stable
    Json,
    /// The page docs/literature.md
    Md,
}

#[derive(Debug, Args)]
pub(crate) struct Yardstick {
    /// Instance file
    #[arg(long, value_name = "FILE.json")]
    pub(crate) instance: PathBuf,
    /// Nominal processor seconds, `6` or `6s`: sets counted work, so the same value gives the same plans anywhere
    #[arg(long, default_value = "6s", value_parser = plain_seconds)]
    pub(crate) time: f64,
    /// Threads; the result does not depend on it [default: all cores]
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// File for the plans
    #[arg(long, value_name = "PLANS.json")]
    pub(crate) out: PathBuf,
    /// Plans to start from, as `--out` writes them: the result is never worse than the best of them
    #[arg(long, value_name = "PLANS.json")]
    pub(crate) start: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "power")]
    pub(crate) objective: Target,
    /// Seed of every random choice; same seed, same bytes
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Each step of the search as a line on stderr
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// One plan of least fleet power
    Power,
    /// Plans from least power to least latency
    Front,
}

/// A fleet, and the way to it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Fleet {
    /// Folder with the fleet's roster and keys, as `planner keygen` makes it
    #[arg(long, value_name = "FOLDER", default_value = "fleet")]
    pub(crate) fleet: PathBuf,
    /// Any of its agents: the address at which it serves
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) agent: String,
    /// One of that agent's API keys, if it has some
    #[arg(long, value_name = "KEY")]
    pub(crate) api_key: Option<String>,
}

impl Fleet {
    /// As it is typed after another command of the same fleet; what is the default is left out. Keys are not repeated.
    pub(crate) fn typed(&self) -> String {
        let mut text = String::new();
        if self.fleet != std::path::Path::new("fleet") {
            text += &format!(" --fleet {}", self.fleet.display());
        }
        if self.agent != "127.0.0.1:8080" {
            text += &format!(" --agent {}", self.agent);
        }
        text
    }
}

#[derive(Debug, Args)]
pub(crate) struct Keygen {
    /// The fleet's name: the `name:` of its scenario
    pub(crate) name: String,
    /// New folder for roster and keys
    #[arg(long, value_name = "FOLDER", default_value = "fleet")]
    pub(crate) fleet: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Enroll {
    /// The device's name in the scenario
    pub(crate) name: String,
    /// Folder with the fleet's roster
    #[arg(long, value_name = "FOLDER", default_value = "fleet")]
    pub(crate) fleet: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// Leave the old key out: every agent has the files of the beginning
    #[arg(long)]
    pub(crate) finish: bool,
    /// Folder with the fleet's roster and keys
    #[arg(long, value_name = "FOLDER", default_value = "fleet")]
    pub(crate) fleet: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Model {
    /// The model's name in plans; left out: show all
    pub(crate) name: Option<String>,
    /// Its GGUF file; devices that lack it fetch what they need from those that have it
    pub(crate) file: Option<PathBuf>,
    /// Forget its file: each device uses the one of its configuration
    #[arg(long, conflicts_with = "file", requires = "name")]
    pub(crate) remove: bool,
    /// Folder with the fleet's roster
    #[arg(long, value_name = "FOLDER", default_value = "fleet")]
    pub(crate) fleet: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The plan, as `planner optimize` writes it
    pub(crate) plan: PathBuf,
    #[command(flatten)]
    pub(crate) fleet: Fleet,
    /// How long to wait until the fleet serves it
    #[arg(long, default_value = "2min", value_parser = seconds)]
    pub(crate) wait: f64,
    /// Say what each device would do, and send nothing; leave with 3 where something would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Act without asking; without a terminal it must be given
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
    #[arg(long, value_enum, default_value = "human", conflicts_with = "dry_run")]
    pub(crate) format: Happening,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) fleet: Fleet,
    /// New file for the fleet's newest plan, to plan on from it with `optimize --parent`
    #[arg(long, value_name = "PLAN.json")]
    pub(crate) save: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(crate) fleet: Fleet,
    /// How long to wait until the fleet serves it
    #[arg(long, default_value = "2min", value_parser = seconds)]
    pub(crate) wait: f64,
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Happening,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    /// Folder with the fleet's roster
    #[arg(long, value_name = "FOLDER", default_value = "fleet")]
    pub(crate) fleet: PathBuf,
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Stream,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The fleet's scenario
    pub(crate) scenario: PathBuf,
    #[command(flatten)]
    pub(crate) fleet: Fleet,
    #[command(flatten)]
    pub(crate) search: Search,
    /// A device that says nothing for so long is lost: a neighbour's word counts for 5 s
    #[arg(long, default_value = "5s", value_parser = seconds)]
    pub(crate) lost: f64,
    /// A device that is back must have been heard for so long
    #[arg(long, default_value = "30s", value_parser = seconds)]
    pub(crate) settle: f64,
    /// Least improvement of the objective for which models move to a device that is back, or because of what telemetry
    /// says of one
    #[arg(long, default_value = "5%", value_parser = share)]
    pub(crate) gain: f64,
    /// Plan from the profiles as they are, whatever telemetry says of how fast devices are and what they draw
    #[arg(long)]
    pub(crate) no_fit: bool,
    /// How long to wait until the fleet serves a new plan
    #[arg(long, default_value = "2min", value_parser = seconds)]
    pub(crate) wait: f64,
    /// End after this long [default: Ctrl-C]
    #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
    pub(crate) until: Option<f64>,
    /// Show the fleet as a page in a browser, on this address of the loopback
    #[arg(long, value_name = "HOST:PORT", value_parser = serve_at)]
    pub(crate) serve: Option<std::net::SocketAddr>,
    /// Let --serve listen on an address that other machines reach: whoever reaches it sees the fleet
    #[arg(long, requires = "serve")]
    pub(crate) public: bool,
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Happening,
}

#[derive(Debug, Args)]
pub(crate) struct Lab {
    /// Lab file: agents, and who computes which layers
    pub(crate) lab: PathBuf,
    /// Address of the OpenAI endpoint [default: a free port of the loopback]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Option<String>,
    /// How long to wait until the fleet serves
    #[arg(long, default_value = "2min", value_parser = seconds)]
    pub(crate) wait: f64,
    /// After this long, print what was predicted beside what was measured
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = seconds)]
    pub(crate) report: f64,
    /// Print no report: the machine is not measured, and nobody asks but you
    #[arg(long, conflicts_with_all = ["report", "profile", "trace"])]
    pub(crate) no_report: bool,
    /// File for the requests of the report, measured, and one of each service as predicted: Chrome's JSON, for Perfetto
    #[arg(long, value_name = "FILE.json")]
    pub(crate) trace: Option<PathBuf>,
    /// Device of the catalogue, or profile, to predict from [default: this machine, measured by `agent probe`]
    #[arg(long, value_name = "DEVICE")]
    pub(crate) profile: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Schema {
    #[arg(value_enum, default_value = "scenario")]
    pub(crate) of: Document,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Document {
    Scenario,
    Plan,
    Device,
    Model,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
    /// Offer the names of this scenario's devices, services and models as well
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Folder that exists
    pub(crate) folder: PathBuf,
}

/// `127.0.0.1:8090`, `[::1]:8090`, `localhost:8090`.
fn serve_at(text: &str) -> Result<std::net::SocketAddr, String> {
    let text = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse().map_err(|_| "write an address and a port, 127.0.0.1:8090".to_owned())
}

/// `10s`, `500ms`, `2min`: a unit is required.
fn seconds(text: &str) -> Result<f64, String> {
    let time: profiles::units::Seconds = text.parse().map_err(|e: profiles::units::UnitError| e.to_string())?;
    if time.get() > 0.0 && time.get() <= 3600.0 { Ok(time.get()) } else { Err("write a time between 1 ms and 1 h".into()) }
}

/// Seconds with or without their unit, as the yardstick's own programs take them.
fn plain_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(_) => seconds(&format!("{text}s")),
        Err(_) => seconds(text),
    }
}

/// `1h`, `30min`: any time from a second on.
fn horizon(text: &str) -> Result<f64, String> {
    let time: profiles::units::Seconds = text.parse().map_err(|e: profiles::units::UnitError| e.to_string())?;
    if time.get() >= 1.0 && time.get().is_finite() { Ok(time.get()) } else { Err("write a time of at least 1 s".into()) }
}

/// `1%`: the sign is required.
fn share(text: &str) -> Result<f64, String> {
    let share: profiles::units::Ratio = text.parse().map_err(|e: profiles::units::UnitError| e.to_string())?;
    if (0.0..1.0).contains(&share.get()) { Ok(share.get()) } else { Err("write a gap from 0% to below 100%".into()) }
}
