//! `agent eval`: how good a model is at each precision, by rules that others can repeat.

mod accuracy;
mod choices;
mod data;
mod perplexity;
mod problems;
mod profile;

use crate::exit::Outcome;
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct Eval {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Perplexity of a text, by the windows and the scoring rule of llama.cpp's tool
    Perplexity(perplexity::Perplexity),
    /// GSM8K word problems: one sample, and votes of several
    Gsm8k(problems::Problems),
    /// ARC-Challenge, multiple choice by likelihood
    ArcChallenge(choices::Questions),
    /// ARC-Easy, multiple choice by likelihood
    ArcEasy(choices::Questions),
}

pub(crate) fn run(args: &Eval) -> Outcome {
    crate::interrupt::catch();
    match &args.what {
        What::Perplexity(a) => perplexity::run(a),
        What::Gsm8k(a) => problems::run(a),
        What::ArcChallenge(a) => choices::run(a, "arc-challenge"),
        What::ArcEasy(a) => choices::run(a, "arc-easy"),
    }
}
