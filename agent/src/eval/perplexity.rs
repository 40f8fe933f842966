//! `agent eval perplexity`.

use super::accuracy::Accuracy;
use super::data::{Common, short_name, text};
use super::profile::{Scored, add_perplexity};
use crate::args::{Format, some};
use crate::clock::Watch;
use crate::exit::{Exit, Outcome};
use crate::interrupt::Running;
use crate::load::Model;
use crate::power::Meter;
use crate::print::{percent, print, short};
use clap::Args;
use engine::eval::perplexity;
use serde::Serialize;
use std::borrow::Cow;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Perplexity {
    #[command(flatten)]
    common: Common,
    /// Text to score [default: wikitext-2-raw-test.txt in $WATTLINE_EVAL]
    #[arg(long)]
    text: Option<PathBuf>,
    /// Windows to score, from the beginning [default: all]
    #[arg(long, value_parser = some)]
    windows: Option<usize>,
    /// Tokens of a window; its second half is scored
    #[arg(long, default_value_t = 512)]
    window: usize,
    /// Profile to add the perplexities to, and the share of tokens that were held for the likeliest; made from the model file when it is not there
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
}

/// One precision's result. Names stay; new ones may be added.
#[derive(Serialize)]
struct Row {
    model: String,
    precision: Cow<'static, str>,
    perplexity: f64,
    /// One standard error.
    stderr: f64,
    mean_nll: f64,
    /// Tokens scored, and how many of them the model held for the likeliest.
    tokens: usize,
    next_token: Accuracy,
    windows: usize,
    window: usize,
    /// Running perplexity after each window.
    after_window: Vec<f64>,
    bits_per_weight: f64,
    kv_bits: u8,
    threads: usize,
    text: String,
    rule: &'static str,
    seconds: f64,
    cpu_seconds: f64,
    energy: crate::power::Joules,
}

const RULE: &str = "llama.cpp's: windows that do not overlap, each computed alone, first token replaced by the one that begins a text where the model wants it, tokens after the middle scored";

#[derive(Serialize)]
struct Results<'r> {
    results: &'r [Row],
}

pub(super) fn run(args: &Perplexity) -> Outcome {
    let c = &args.common;
    let (path, text) = text(args.text.as_deref(), "wikitext-2-raw-test.txt", "--text")?;
    let model = Model::open(&c.model)?;
    let running = Running::begin();
    let mut rows = Vec::new();
    for precision in c.precision.list(true) {
        // What was scored before Ctrl-C is kept.
        if running.interrupted() {
            break;
        }
        let stage = model.stage(&c.machine, precision)?;
        let meter = Meter::start(&c.machine);
        let watch = Watch::start();
        let found = perplexity(&stage, &model.tokenizer, &text, args.window, args.windows, c.machine.kv)?;
        let row = Row {
            model: model.name.clone(),
            precision: precision.name(),
            perplexity: found.perplexity,
            stderr: found.error,
            mean_nll: found.mean_nll,
            tokens: found.scored,
            next_token: Accuracy::of(found.right, found.scored),
            windows: found.windows,
            window: found.context,
            after_window: found.after_window,
            bits_per_weight: stage.size().bits_per_weight,
            kv_bits: c.machine.kv,
            threads: stage.pool().threads(),
            text: short_name(&path),
            rule: RULE,
            seconds: watch.wall(),
            cpu_seconds: watch.cpu(),
            energy: meter.lap(),
        };
        if c.format == Format::Human {
            print(&human(&row, rows.is_empty()));
        }
        if let Some(file) = &args.profile {
            let source = format!(
                "agent eval perplexity -m {} --precision {} --text {} --windows {} --window {} --kv {}, {}",
                c.model,
                row.precision,
                row.text,
                row.windows,
                row.window,
                row.kv_bits,
                crate::clock::today()
            );
            let scored = Scored {
                text: &row.text,
                windows: row.windows,
                window: row.window,
                perplexity: row.perplexity,
                stderr: row.stderr,
                bits_per_weight: row.bits_per_weight,
                right: row.next_token.share,
            };
            add_perplexity(file, &model, precision, &source, &scored)?;
        }
        rows.push(row);
    }
    match (c.format, &rows[..]) {
        (Format::Human, _) => {}
        (Format::Json, [one]) => crate::print::json(one)?,
        (Format::Json, several) => crate::print::json(&Results { results: several })?,
    }
    Ok(if running.interrupted() { Exit::Interrupted } else { Exit::Done })
}

fn human(row: &Row, first: bool) -> String {
    let mut text = String::new();
    if first {
        text += &format!(
            "{}: {} tokens scored in {} windows of {} of {}, KV cache {} bits\n{:<15} {:>6}  {:>22}  {:>8}  {:>8}\n",
            row.model,
            row.tokens,
            row.windows,
            row.window,
            row.text,
            row.kv_bits,
            "precision",
            "bits",
            "perplexity",
            "right",
            "CPU-s"
        );
    }
    // A model that a precision destroys is shown as what it is.
    let shown = if row.perplexity < 1e4 {
        format!("{:.3} ± {:.3}", row.perplexity, row.stderr)
    } else {
        format!("{:.3e} ± {:.1e}", row.perplexity, row.stderr)
    };
    text + &format!(
        "{:<15} {:>6.2}  {shown:>22}  {:>8}  {:>8}\n",
        row.precision,
        row.bits_per_weight,
        percent(row.next_token.share),
        short(row.cpu_seconds)
    )
}
