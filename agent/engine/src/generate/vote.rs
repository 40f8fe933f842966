//! One answer from many: the majority, or the one that the model finds likeliest.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::{Answer, Event, Finish, Generation, Request, generate};
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

/// Draws samples until the majority is decided, and stops the rest there.
///
/// `extract` finds the answer in a sample's text.
///
/// # Errors
/// As [`generate`].
pub fn vote(
    stage: &Stage,
    tokenizer: &Tokenizer,
    request: &Request<'_>,
    extract: &dyn Fn(&str) -> Option<String>,
) -> Result<Voted, EngineError> {
    let mut tally = Tally::new(request.samples);
    let generation = generate(stage, tokenizer, request, &mut |event| match event {
        Event::Finished(answer) if answer.finish != Finish::Cancelled => {
            tally.count(extract(&answer.text));
            if tally.is_decided() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
        _ => ControlFlow::Continue(()),
    })?;
    let counted = request.samples - tally.outstanding;
    Ok(Voted { winner: tally.winner().map(Into::into), tally, generation, counted })
}

/// The whole answer with the highest mean log-probability; of equal ones the first. Cancelled ones do not count.
#[must_use]
pub fn best_of(answers: &[Answer]) -> Option<&Answer> {
    let whole = answers.iter().filter(|a| a.finish != Finish::Cancelled && !a.logprobs.is_empty());
    whole.reduce(|best, a| if a.mean_logprob() > best.mean_logprob() { a } else { best })
}
