//! Texts and questions. None is part of this program: they are named, or lie in `$WATTLINE_EVAL`.

use crate::args::{Machine, Precisions, precisions};
use crate::exit::Failure;
use clap::Args;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Largest file that is read.
const LARGEST: u64 = 256 << 20;

/// What every evaluation takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Common {
    /// Model of `agent pull --list`, or a GGUF file
    #[arg(short, long)]
    pub(super) model: String,
    /// Bits of the weights, several with commas, or `all`
    #[arg(long, default_value = "stored", value_parser = precisions)]
    pub(super) precision: Precisions,
    #[command(flatten)]
    pub(super) machine: Machine,
    #[arg(long, value_enum, default_value = "human")]
    pub(super) format: crate::args::Format,
}

/// The named file, or that of this name in `$WATTLINE_EVAL`.
fn path(named: Option<&Path>, file: &str, option: &str) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return Ok(path.into());
    }
    let folder = std::env::var_os("WATTLINE_EVAL").filter(|v| !v.is_empty());
    folder.map(|f| PathBuf::from(f).join(file)).ok_or_else(|| {
        Failure::help(
            format!("no {option}, and WATTLINE_EVAL is not set"),
            format!("{option} FILE, or WATTLINE_EVAL=FOLDER with {file} in it"),
        )
    })
}

/// A whole text.
pub(super) fn text(named: Option<&Path>, file: &str, option: &str) -> Result<(PathBuf, String), Failure> {
    let path = path(named, file, option)?;
    let wrong = |e: std::io::Error| {
        Failure::help(format!("cannot read {}: {e}", path.display()), format!("name a UTF-8 text with {option}"))
    };
    let length = std::fs::metadata(&path).map_err(wrong)?.len();
    if length > LARGEST {
        return Err(Failure::help(format!("{} has {length} bytes, at most {LARGEST} are read", path.display()), "cut it"));
    }
    let text = std::fs::read_to_string(&path).map_err(wrong)?;
    Ok((path, text))
}

/// One JSON object a line; the first `n` of them.
pub(super) fn lines<T: DeserializeOwned>(
    named: Option<&Path>,
    file: &str,
    n: Option<usize>,
    form: &str,
) -> Result<(PathBuf, Vec<T>), Failure> {
    let (path, text) = text(named, file, "--data")?;
    let wanted = text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()).take(n.unwrap_or(usize::MAX));
    let read = |(i, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|e| {
            let what = e.to_string();
            let what = what.split(" at line ").next().unwrap_or_default().to_owned();
            Failure::help(format!("{}:{}:{}: {what}", path.display(), i + 1, e.column()), format!("each line is {form}"))
        })
    };
    let items: Vec<T> = wanted.map(read).collect::<Result<_, _>>()?;
    if items.is_empty() {
        return Err(Failure::help(format!("{} has no questions", path.display()), format!("each line is {form}")));
    }
    Ok((path, items))
}

/// Name of a file without its folders: what is printed and kept does not tell where it lay.
pub(super) fn short_name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}
