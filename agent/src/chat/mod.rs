//! `agent chat`: a conversation on a terminal, or a script of turns through a pipe.

mod session;

use crate::args::{Draw, Machine, Memory, precision, some};
use crate::exit::{Exit, Outcome};
use crate::interrupt::{self, Running};
use crate::load::Model;
use crate::power::Meter;
use crate::print::{print, short};
use clap::Args;
use engine::chat::{Message, Template};
use engine::{EngineError, Precision, Token, Tokenizer};
use session::Session;
use std::io::{BufRead, IsTerminal};

#[derive(Debug, Args)]
pub(crate) struct Chat {
    /// Model of `agent pull --list`, or a GGUF file
    #[arg(short, long)]
    model: String,
    /// What the model is told before the first turn
    #[arg(long)]
    system: Option<String>,
    /// Most tokens of an answer
    #[arg(short, value_name = "TOKENS", default_value = "512", value_parser = some)]
    n: usize,
    #[command(flatten)]
    draw: Draw,
    /// Bits of the weights: stored, w16 (f16) to w2, ternary, sherry …
    #[arg(long, default_value = "stored", value_parser = precision)]
    precision: Precision,
    #[command(flatten)]
    memory: Memory,
    #[command(flatten)]
    machine: Machine,
}

pub(crate) fn run(args: &Chat) -> Outcome {
    args.draw.sampling().check()?;
    let model = Model::open(&args.model)?;
    let template = model.template()?;
    let stage = model.stage_within(&args.machine, args.precision, args.memory)?;
    let mut session = Session::new(&stage, &model.tokenizer, args.machine.kv)?;
    interrupt::catch();
    let meter = Meter::start(&args.machine);
    let terminal = std::io::stdin().is_terminal();
    if terminal {
        eprintln!("a line is a turn; Ctrl-C stops an answer, /new begins anew, Ctrl-D ends");
    }
    let mut turns: Vec<Message> = args.system.iter().map(|s| Message::new("system", s)).collect();
    let first = turns.len();
    let mut lines = std::io::stdin().lock().lines();
    loop {
        if terminal {
            eprint!("> ");
        }
        let Some(Ok(line)) = lines.next() else { break };
        match line.trim() {
            "" => continue,
            "/new" => {
                turns.truncate(first);
                continue;
            }
            said => turns.push(Message::new("user", said)),
        }
        let room = stage.config().context.saturating_sub(args.n).max(stage.config().context / 2);
        let prompt = fit(&mut turns, first, &template, &model.tokenizer, room)?;
        meter.lap();
        let watch = crate::clock::Watch::start();
        let running = Running::begin();
        let mut read = true;
        let reply = session.answer(&prompt, &args.draw.sampling(), args.n, &mut |text| {
            read = read && print(text);
            read && !running.interrupted()
        })?;
        print("\n");
        if !read {
            break;
        }
        let how = if running.interrupted() {
            ", stopped"
        } else if reply.whole {
            ""
        } else {
            ", -n or the context was used up"
        };
        eprintln!(
            "[{} tokens, {} tok/s with the prompt's {} new tokens{how}; {} CPU-s; energy {}]",
            reply.tokens,
            short(reply.tokens as f64 / watch.wall().max(1e-9)),
            reply.computed,
            short(watch.cpu()),
            meter.lap().line(reply.tokens)
        );
        turns.push(Message::new("assistant", &reply.text));
    }
    Ok(Exit::Done)
}

/// Tokens of the conversation; the oldest turns are dropped until it fits, the last stays.
fn fit(
    turns: &mut Vec<Message>,
    first: usize,
    template: &Template,
    tokenizer: &Tokenizer,
    room: usize,
) -> Result<Vec<Token>, EngineError> {
    let mut dropped = 0;
    loop {
        let tokens = tokenizer.encode_control(&template.render(turns, true)?)?;
        if tokens.len() <= room || turns.len() <= first + 2 {
            if dropped > 0 {
                eprintln!("[the context is full: the {dropped} oldest turns were forgotten]");
            }
            return Ok(tokens);
        }
        // A question goes with its answer, so that the roles still alternate.
        turns.drain(first..first + 2);
        dropped += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::testing::Tiny;

    #[test]
    fn old_turns_are_forgotten_in_pairs() {
        let file = Tiny::new("llama").file().expect("fits");
        let tokenizer = Tokenizer::new(&file).expect("sound");
        let template =
            Template::parse("{% for m in messages %}{{ m.role[0] }}{{ m.content }}{% endfor %}", "", "").expect("Jinja");
        let all: Vec<Message> = ["s", "u", "a", "u", "a", "u"]
            .iter()
            .zip(["system", "user", "assistant", "user", "assistant", "user"])
            .map(|(text, role)| Message::new(role, &text.repeat(8)))
            .collect();
        let kept = |room| {
            let mut turns = all.clone();
            let tokens = fit(&mut turns, 1, &template, &tokenizer, room).expect("renders").len();
            (turns, tokens)
        };
        let (turns, whole) = kept(usize::MAX);
        assert_eq!(turns.len(), 6);
        let (turns, fewer) = kept(whole - 1);
        assert_eq!((turns.len(), turns[0].role.as_str(), turns[1].role.as_str()), (4, "system", "user"));
        assert!(fewer < whole);
        // What was just said stays, whatever its length.
        assert_eq!(kept(1).0.last().map(|m| m.role.as_str()), Some("user"));
        assert_eq!(kept(1).0.len(), 2);
    }
}
