//! `agent generate`: a text continued, or the best of several continuations.

mod choose;
mod report;

use crate::args::{Draw, Format, Machine, Memory, Pace, precision, some};
use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt::{self, Running};
use crate::load::Model;
use crate::power::Meter;
use choose::{Choice, Method};
use clap::Args;
use engine::chat::Message;
use engine::generate::{Budget, Close, Event, Request};
use engine::{Precision, Token};
use std::io::Read;
use std::ops::ControlFlow;

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// Model of `agent pull --list`, or a GGUF file
    #[arg(short, long)]
    pub(crate) model: String,
    /// Text to continue; `-` reads it from stdin
    #[arg(short, long)]
    pub(crate) prompt: String,
    /// Put the prompt as a user's turn in the model's chat template
    #[arg(long)]
    pub(crate) chat: bool,
    /// Most new tokens
    #[arg(short, value_name = "TOKENS", default_value = "128", value_parser = some)]
    pub(crate) n: usize,
    #[command(flatten)]
    pub(crate) draw: Draw,
    /// Bits of the weights: stored, w16 (f16) to w2, ternary, sherry …
    #[arg(long, default_value = "stored", value_parser = precision)]
    pub(crate) precision: Precision,
    #[command(flatten)]
    pub(crate) memory: Memory,
    #[command(flatten)]
    pub(crate) machine: Machine,
    /// Answers to draw from one prefill; the chosen one is printed
    #[arg(long, value_name = "K", default_value = "1", value_parser = some)]
    pub(crate) samples: usize,
    /// How one of several answers is chosen
    #[arg(long, value_enum, default_value = "best-of-n")]
    pub(crate) method: Method,
    /// When a vote begins its samples; the winner is the same
    #[arg(long, value_enum, default_value = "together")]
    pub(crate) pace: Pace,
    /// After so many tokens the model is made to close: it says --close and adds what -n leaves
    #[arg(long, value_name = "TOKENS", value_parser = some)]
    pub(crate) budget: Option<usize>,
    /// What the model is made to say when the budget is used up
    #[arg(long, value_name = "TEXT", default_value = "\nThe answer is", requires = "budget", hide_default_value = true)]
    pub(crate) close: String,
    /// Text that ends an answer; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub(crate) stop: Vec<String>,
    /// Each token of the chosen answer with its log-probability, on stderr or in the JSON
    #[arg(long)]
    pub(crate) logprobs: bool,
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Format,
}

pub(crate) fn run(args: &Generate) -> Outcome {
    if let Some(budget) = args.budget
        && budget >= args.n
    {
        return Err(Failure::help(
            format!("--budget {budget} leaves nothing of -n {}", args.n),
            format!("-n {} or more", budget + 16),
        ));
    }
    if args.samples > 1 && args.draw.temperature == 0.0 {
        return Err(Failure::help("several answers at temperature 0 are all the same", "--temperature 0.7, or --samples 1"));
    }
    args.draw.sampling().check()?;
    let model = Model::open(&args.model)?;
    let prompt = prompt(args, &model)?;
    let stage = model.stage_within(&args.machine, args.precision, args.memory)?;
    let request = Request {
        prompt: &prompt,
        samples: args.samples,
        parallel: args.samples,
        sampling: args.draw.sampling(),
        budget: budget(args, &model)?,
        kv_bits: args.machine.kv,
        stop: &args.stop,
        energy: None,
    };
    let live = args.samples == 1 && args.format == Format::Human;
    interrupt::catch();
    let meter = Meter::start(&args.machine);
    let running = Running::begin();
    let mut ends_line = true;
    let mut heard = |event: Event<'_>| {
        let mut read = true;
        if let Event::Text { text, .. } = event
            && live
        {
            read = crate::print::print(text);
            ends_line = text.ends_with('\n');
        }
        if read && !running.interrupted() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let choice = Choice::make(&stage, &model.tokenizer, &request, args.method, args.pace.into(), &mut heard)?;
    let joules = meter.lap();
    let interrupted = running.interrupted();
    if args.format == Format::Json {
        report::json(args, &model, &stage, &choice, &joules)?;
    } else {
        let text = choice.text();
        if live {
            crate::print::print(if ends_line { "" } else { "\n" });
        } else {
            crate::print::print(&format!("{text}{}", if text.ends_with('\n') { "" } else { "\n" }));
        }
        report::human(args, &model, &stage, &choice, &joules);
    }
    Ok(if interrupted { Exit::Interrupted } else { Exit::Done })
}

fn prompt(args: &Generate, model: &Model) -> Result<Vec<Token>, Failure> {
    let text = if args.prompt == "-" {
        let mut text = String::new();
        // One byte past what is encoded at once, so that an endless input ends in an error.
        let limit = engine::tokenizer::MAX_TEXT as u64 + 1;
        let read = std::io::stdin().lock().take(limit).read_to_string(&mut text);
        read.map_err(|e| Failure::help(format!("cannot read the prompt from stdin: {e}"), "a prompt is UTF-8 text"))?;
        text
    } else {
        args.prompt.clone()
    };
    let tokens = if args.chat {
        let text = model.template()?.render(&[Message::new("user", &text)], true)?;
        model.tokenizer.encode_control(&text)?
    } else {
        model.tokenizer.encode_prompt(&text)?
    };
    if tokens.is_empty() { Err(Failure::help("the prompt is empty", "-p 'some text'")) } else { Ok(tokens) }
}

fn budget(args: &Generate, model: &Model) -> Result<Budget, Failure> {
    let Some(tokens) = args.budget else { return Ok(Budget::of(args.n)) };
    let close = Close { text: model.tokenizer.encode(&args.close)?, tokens: args.n - tokens };
    Ok(Budget { tokens, close: Some(close) })
}
