//! What can be typed, as far as several commands share it.

use clap::{Args, Parser, Subcommand, ValueEnum};
use engine::{Precision, Room, Sampling};
use kernels::{Format as Weights, Kernel, Wait};
use profiles::units::{Bytes, Ratio, UnitError};

const AFTER: &str = "\
Exit codes: 0 done · 1 slower than probe --assert allows · 2 bad input · 4 the network or a package failed · 70 a bug, with a report file to send · 130 interrupted";

/// Runs and measures models on this device.
#[derive(Debug, Parser)]
#[command(name = "agent", version, after_help = AFTER, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch a model into the cache and check its digest
    Pull(crate::pull::Pull),
    /// Write text: the text alone on stdout, its cost on stderr
    Generate(crate::generate::Generate),
    /// Talk with a model; Ctrl-C stops an answer
    Chat(crate::chat::Chat),
    /// Measure prompt and decoding speed beside what the machine allows
    Bench(crate::bench::Bench),
    /// Measure quality: perplexity and task accuracy
    Eval(crate::eval::Eval),
    /// Learn what to do in a small world from what a frozen model reads: grid, cartpole, governor
    Learn(Box<crate::learn::Learn>),
    /// Measure this device and write its profile, which the planner reads; or answer others' link probes
    Probe(Box<crate::probe::Probe>),
    /// Say what this machine has, which kernels run, and which command mends what is missing
    Doctor(crate::doctor::Doctor),
    /// Be a part of a fleet: carry out its plans, serve its users
    Run(crate::run::Run),
    /// Print a completion script for a shell
    Completions(crate::completions::Completions),
    /// Write the manual pages into a folder
    Man(crate::man::Man),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables for a terminal
    Human,
    /// One JSON document, stable
    Json,
}

/// On what a model runs.
#[derive(Clone, Debug, Args)]
pub(crate) struct Machine {
    /// Threads [default: all cores]
    #[arg(short, long, value_parser = threads)]
    pub(crate) threads: Option<usize>,
    /// What a thread without work does: less energy, or less delay
    #[arg(long, value_enum, default_value = "spin")]
    pub(crate) wait: Waiting,
    /// Kernel to force [default: the fastest here for each format, by measurement]
    #[arg(long, value_parser = kernel)]
    pub(crate) kernel: Option<Kernel>,
    /// Bits of the KV cache: 16, 8 or 4
    #[arg(long, value_name = "BITS", default_value = "16", value_parser = kv)]
    pub(crate) kv: u8,
    /// Plug at the wall whose power counts as this machine's, `shelly:HOST` or `tasmota:HOST`; may be repeated
    #[arg(long, value_name = "PLUG")]
    pub(crate) plug: Vec<sensors::Plug>,
}

/// How much of a model is in memory.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Memory {
    /// Most memory for weights, such as `40 MiB` or `25 %` of them; the others are read from the disk in every pass
    /// [default: all in memory]
    #[arg(long, value_name = "SIZE", value_parser = room)]
    pub(crate) memory: Option<Room>,
}

fn room(text: &str) -> Result<Room, String> {
    if text.trim_end().ends_with('%') {
        let share: Ratio = text.parse().map_err(|e: UnitError| e.to_string())?;
        return match share.get() {
            share if share > 0.0 && share <= 1.0 => Ok(Room::Share(share)),
            _ => Err("write more than 0 % and at most 100 %".into()),
        };
    }
    let bytes: Bytes = text.parse().map_err(|e: UnitError| e.to_string())?;
    match bytes.get() {
        bytes if (0.0..9e18).contains(&bytes) => Ok(Room::Bytes(bytes as u64)),
        _ => Err("write a size, such as 40 MiB".into()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Waiting {
    /// Sleep at once
    Park,
    /// Spin for some 50 µs, then sleep
    Spin,
    /// Never sleep
    Active,
}

impl From<Waiting> for Wait {
    fn from(waiting: Waiting) -> Self {
        match waiting {
            Waiting::Park => Self::Park,
            Waiting::Spin => Self::default(),
            Waiting::Active => Self::Active,
        }
    }
}

/// When a vote begins its samples. The winner is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pace {
    /// All at once: soonest done
    Together,
    /// Only when the vote cannot be decided without them: fewest tokens
    AsNeeded,
}

impl From<Pace> for engine::generate::Pace {
    fn from(pace: Pace) -> Self {
        match pace {
            Pace::Together => Self::Together,
            Pace::AsNeeded => Self::AsNeeded,
        }
    }
}

/// How tokens are drawn.
#[derive(Clone, Debug, Args)]
pub(crate) struct Draw {
    /// 0: always the likeliest token
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) temperature: f32,
    /// Only so many of the likeliest; 0: all
    #[arg(long, default_value_t = 0)]
    pub(crate) top_k: usize,
    /// Only the likeliest that together have this probability
    #[arg(long, default_value_t = 1.0)]
    pub(crate) top_p: f32,
    /// Only those with this share of the likeliest one's probability
    #[arg(long, default_value_t = 0.0)]
    pub(crate) min_p: f32,
    /// Logits of the last 64 tokens are divided by this
    #[arg(long, default_value_t = 1.0)]
    pub(crate) repeat_penalty: f32,
    /// Same seed, same text, with the same kernel and batch (their sums round differently)
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

impl Draw {
    pub(crate) fn sampling(&self) -> Sampling {
        Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repetition_penalty: self.repeat_penalty,
            seed: self.seed,
            ..Sampling::greedy()
        }
    }
}

/// One precision or several: `w4`, `w8,w4`, `all`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Precisions {
    All,
    These(Vec<Precision>),
}

impl Precisions {
    /// `all` of a model file begins with what it stores; random weights store nothing.
    pub(crate) fn list(&self, stored: bool) -> Vec<Precision> {
        match self {
            Self::These(list) => list.clone(),
            Self::All => {
                let first = stored.then_some(Precision::Stored);
                first.into_iter().chain(Weights::ALL.into_iter().map(Precision::Format)).collect()
            }
        }
    }
}

pub(crate) fn precisions(text: &str) -> Result<Precisions, String> {
    if text == "all" {
        return Ok(Precisions::All);
    }
    text.split(',').map(precision).collect::<Result<_, _>>().map(Precisions::These)
}

pub(crate) fn precision(text: &str) -> Result<Precision, String> {
    Precision::named(text).ok_or_else(|| {
        let all = names(Weights::ALL.map(Weights::name));
        format!("no such precision; there are stored, {all}, and below 8 bits a correction of any rank: ternary+lr16")
    })
}

pub(crate) fn kernel(text: &str) -> Result<Kernel, String> {
    let kernel =
        Kernel::named(text).ok_or_else(|| format!("no such kernel; there are {}", names(Kernel::ALL.map(Kernel::name))))?;
    let can = || names(Kernel::available().iter().map(|k| k.name()));
    if kernel.is_available() { Ok(kernel) } else { Err(format!("this machine cannot run it; it can run {}", can())) }
}

fn names(list: impl IntoIterator<Item = &'static str>) -> String {
    list.into_iter().collect::<Vec<_>>().join(", ")
}

fn kv(text: &str) -> Result<u8, String> {
    match text {
        "16" => Ok(16),
        "8" => Ok(8),
        "4" => Ok(4),
        _ => Err("a KV cache has 16, 8 or 4 bits".into()),
    }
}

pub(crate) fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n @ 1..=1024) => Ok(n),
        _ => Err("write 1 to 1024, or leave it out for all cores".into()),
    }
}

/// A count of at least one.
pub(crate) fn some(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err("write a whole number, at least 1".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn precisions_are_read() {
        let w4 = Precision::Format(Weights::W4);
        assert_eq!(precisions("w4"), Ok(Precisions::These(vec![w4])));
        assert_eq!(precisions("stored,w4").map(|p| p.list(true)), Ok(vec![Precision::Stored, w4]));
        assert!(precisions("w4,").unwrap_err().contains("sherry"));
        assert_eq!(precision("sherry+lr8"), Ok(Precision::Corrected(Weights::Sherry, 8)));
        assert!(precision("w8+lr8").unwrap_err().contains("ternary+lr16"));
        assert_eq!(Precisions::All.list(true).len(), Weights::ALL.len() + 1);
        assert_eq!(Precisions::All.list(false).len(), Weights::ALL.len());
    }

    #[test]
    fn memory_is_a_size_or_a_share() {
        assert_eq!(room("40MiB"), Ok(Room::Bytes(40 << 20)));
        assert_eq!(room("1.5 GB"), Ok(Room::Bytes(1_500_000_000)));
        assert_eq!(room("25 %"), Ok(Room::Share(0.25)));
        assert!(room("40").unwrap_err().contains("8 GiB") && room("40 W").unwrap_err().contains("unit of size"));
        assert!(room("0 %").is_err() && room("101 %").is_err() && room("-1 MiB").is_err() && room("x").is_err());
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert!(kv("7").is_err() && kv("8") == Ok(8));
        assert!(threads("0").is_err() && threads("x").is_err() && threads("4") == Ok(4));
        assert!(some("0").is_err() && some("-1").is_err() && some("3") == Ok(3));
        assert!(kernel("mmx").unwrap_err().contains("scalar"));
        assert_eq!(kernel("scalar"), Ok(Kernel::Scalar));
    }
}
