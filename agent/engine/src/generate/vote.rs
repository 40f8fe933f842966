//! One answer from many: the majority, or the one that the model finds likeliest.

use std::cell::RefCell;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::run::paced;
use super::{Answer, Event, Finish, Generation, Request};
use crate::error::EngineError;
use crate::model::Stage;
use crate::tokenizer::Tokenizer;

/// Votes so far, of a known number of voters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Answers with their votes, in the order in which each was first given.
    pub votes: Vec<(String, usize)>,
    /// Samples that gave no answer.
    pub blank: usize,
    /// Samples that have not been counted.
    pub outstanding: usize,
}

impl Tally {
    /// An election of so many samples.
    #[must_use]
    pub const fn new(samples: usize) -> Self {
        Self { votes: Vec::new(), blank: 0, outstanding: samples }
    }

    /// Counts a sample.
    pub fn count(&mut self, answer: Option<String>) {
        self.outstanding = self.outstanding.saturating_sub(1);
        match answer {
            None => self.blank += 1,
            Some(answer) => match self.votes.iter_mut().find(|(a, _)| *a == answer) {
                Some((_, n)) => *n += 1,
                None => self.votes.push((answer, 1)),
            },
        }
    }

    /// The answer with the most votes; of equal ones that which was given first.
    #[must_use]
    pub fn winner(&self) -> Option<&str> {
        let best = self.votes.iter().reduce(|best, v| if v.1 > best.1 { v } else { best });
        best.map(|(answer, _)| answer.as_str())
    }

    /// True when no outstanding vote can change the winner.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        let mut counts: Vec<usize> = self.votes.iter().map(|(_, n)| *n).collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let second = counts.get(1).copied().unwrap_or(0);
        counts.first().is_some_and(|first| *first > second + self.outstanding) || self.outstanding == 0
    }

    /// Fewest further samples that can decide the vote: all for the answer that leads. 0 when it is decided.
    #[must_use]
    pub fn needed(&self) -> usize {
        if self.is_decided() {
            return 0;
        }
        let mut counts: Vec<usize> = self.votes.iter().map(|(_, n)| *n).collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let place = |i: usize| counts.get(i).copied().unwrap_or(0);
        // The least m with first + m > second + outstanding - m.
        ((place(1) + self.outstanding - place(0)) / 2 + 1).min(self.outstanding)
    }
}

/// When a vote begins its samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// All at once, as many as may run together: the answer is there soonest, and most tokens are drawn by then.
    #[default]
    Together,
    /// One only when those that run cannot decide the vote without it: the fewest tokens, over more steps.
    AsNeeded,
}

impl Pace {
    /// How many samples may run at this state of the vote.
    pub(super) fn room(self, tally: &Tally) -> usize {
        match self {
            Self::Together => usize::MAX,
            Self::AsNeeded => tally.needed(),
        }
    }
}

/// A majority vote and what it took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Voted {
    /// Without one no sample gave an answer.
    pub winner: Option<String>,
    pub tally: Tally,
    pub generation: Generation,
    /// Samples that ran to their end; the others were not needed.
    pub counted: usize,
}

/// Draws samples until the majority is decided, and stops the rest there. The winner is that of all samples,
/// whatever the pace: a vote counts as decided only when no outstanding sample can change it, and of answers with
/// equal votes the one of the lowest sample wins.
///
/// `extract` finds the answer in a sample's text; `hear` hears all events and may break off.
///
/// # Errors
/// As [`generate`](super::generate).
pub fn vote(
    stage: &Stage,
    tokenizer: &Tokenizer,
    request: &Request<'_>,
    pace: Pace,
    extract: &dyn Fn(&str) -> Option<String>,
    hear: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<Voted, EngineError> {
    let running = RefCell::new(Tally::new(request.samples));
    let generation = paced(stage, tokenizer, request, &|| pace.room(&running.borrow()), &mut |event| {
        let flow = hear(event);
        match event {
            Event::Finished(answer) if answer.finish != Finish::Cancelled => {
                let mut tally = running.borrow_mut();
                tally.count(extract(&answer.text));
                if tally.is_decided() { ControlFlow::Break(()) } else { flow }
            }
            _ => flow,
        }
    })?;
    // Samples end in any order; equal votes are told apart by sample.
    let mut tally = Tally::new(request.samples);
    let whole = generation.answers.iter().filter(|a| a.finish != Finish::Cancelled);
    whole.for_each(|a| tally.count(extract(&a.text)));
    let counted = request.samples - tally.outstanding;
    Ok(Voted { winner: tally.winner().map(Into::into), tally, generation, counted })
}

/// What a vote over samples that are known would have taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effort {
    /// Tokens drawn, each sample's last included.
    pub tokens: usize,
    /// Passes through the weights after the prompt.
    pub steps: usize,
    /// Samples begun.
    pub samples: usize,
}

impl Effort {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { tokens: self.tokens + other.tokens, steps: self.steps + other.steps, samples: self.samples + other.samples }
    }
}

/// What [`vote`] would have drawn of these whole samples at a pace: running ones draw a token a step, and all stop
/// with the step that decides. `parallel` is the most that run together.
#[must_use]
pub fn replay(answers: &[Answer], parallel: usize, pace: Pace, extract: &dyn Fn(&str) -> Option<String>) -> Effort {
    let mut order: Vec<&Answer> = answers.iter().collect();
    order.sort_by_key(|a| a.sample);
    let mut waiting = order.into_iter();
    let mut tally = Tally::new(answers.len());
    // Each with the draws that are left to it.
    let mut running: Vec<(&Answer, usize)> = Vec::new();
    let mut effort = Effort::default();
    while !tally.is_decided() {
        let room = pace.room(&tally).clamp(1, parallel.max(1));
        while running.len() < room
            && let Some(answer) = waiting.next()
        {
            running.push((answer, answer.logprobs.len()));
            effort.samples += 1;
        }
        effort.steps += 1;
        effort.tokens += running.len();
        running.retain_mut(|(answer, left)| {
            *left = left.saturating_sub(1);
            if *left == 0 {
                tally.count(extract(&answer.text));
            }
            *left > 0
        });
    }
    effort
}

/// The whole answer with the highest mean log-probability; of equal ones the first. Cancelled ones do not count.
#[must_use]
pub fn best_of(answers: &[Answer]) -> Option<&Answer> {
    let whole = answers.iter().filter(|a| a.finish != Finish::Cancelled && !a.logprobs.is_empty());
    whole.reduce(|best, a| if a.mean_logprob() > best.mean_logprob() { a } else { best })
}
