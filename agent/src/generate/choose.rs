//! One answer of several.

use clap::ValueEnum;
use engine::eval::final_number;
use engine::generate::{Answer, Event, Finish, Generation, Pace, Request, Tally, Voted, best_of, generate, vote};
use engine::{EngineError, Stage, Tokenizer};
use serde::Serialize;
use std::ops::ControlFlow;

/// How one of several answers is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    /// The answer whose tokens the model finds likeliest on average
    BestOfN,
    /// The last number that most answers end in, for problems; sampling stops once the vote is decided
    Majority,
}

/// All answers and which of them is given.
pub(crate) struct Choice {
    pub(crate) generation: Generation,
    /// Place in `generation.answers`; none where no answer was begun or none gives a number to vote on.
    pub(crate) chosen: Option<usize>,
    pub(crate) tally: Option<Tally>,
}

impl Choice {
    /// Draws and chooses; a vote at that pace. `heard` hears all events and may break off.
    pub(crate) fn make(
        stage: &Stage,
        tokenizer: &Tokenizer,
        request: &Request<'_>,
        method: Method,
        pace: Pace,
        heard: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Self, EngineError> {
        if request.samples == 1 || method == Method::BestOfN {
            let generation = generate(stage, tokenizer, request, heard)?;
            let best = best_of(&generation.answers).map(|a| a.sample);
            let chosen = generation.answers.iter().position(|a| Some(a.sample) == best);
            // A single answer that was stopped is still the answer.
            let chosen = chosen.or_else(|| (generation.answers.len() == 1).then_some(0));
            return Ok(Self { generation, chosen, tally: None });
        }
        let Voted { tally, generation, .. } = vote(stage, tokenizer, request, pace, &final_number, heard)?;
        let winner = tally.winner();
        let speaks = |a: &Answer| a.finish != Finish::Cancelled && final_number(&a.text).as_deref() == winner;
        let chosen = winner.and_then(|_| generation.answers.iter().position(speaks));
        // Answers without a number: the likeliest is better than none.
        let best = || best_of(&generation.answers).and_then(|b| generation.answers.iter().position(|a| a.sample == b.sample));
        let chosen = chosen.or_else(best);
        Ok(Self { generation, chosen, tally: Some(tally) })
    }

    pub(crate) fn answer(&self) -> Option<&Answer> {
        self.chosen.map(|i| &self.generation.answers[i])
    }

    pub(crate) fn text(&self) -> &str {
        self.answer().map_or("", |a| a.text.as_str())
    }
}
