//! One precision's result, as it is printed. Names stay; new ones may be added.

use super::super::accuracy::Accuracy;
use super::Problems;
use crate::args::Format;
use crate::exit::Failure;
use crate::load::Model;
use crate::power::Joules;
use crate::print::{percent, short};
use engine::Stage;
use engine::eval::{Beta, Problem, Solved, beta_of_successes, final_number, normal_number};
use engine::generate::{Effort, Pace, Tally, replay};
use serde::Serialize;
use std::borrow::Cow;

/// What was found, with what it took.
pub(super) struct Outcomes<'s> {
    pub(super) solved: &'s [Solved],
    /// At least as many.
    pub(super) problems: &'s [Problem],
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) energy: Joules,
}

/// What drawing these very samples would have taken.
#[derive(Clone, Copy, Debug, Serialize)]
struct Efforts {
    /// Without a vote that stops.
    all: Effort,
    /// All begun at once, stopped when decided.
    together: Effort,
    /// Begun only when needed, stopped when decided.
    as_needed: Effort,
}

impl Efforts {
    fn of(solved: &[Solved]) -> Self {
        let sum = |of: &dyn Fn(&Solved) -> Effort| solved.iter().map(of).fold(Effort::default(), Effort::plus);
        let at = |pace| sum(&|s| replay(&s.voted.generation.answers, s.voted.generation.answers.len(), pace, &final_number));
        let all = sum(&|s| {
            let lengths = || s.voted.generation.answers.iter().map(|a| a.logprobs.len());
            Effort { tokens: lengths().sum(), steps: lengths().max().unwrap_or(0), samples: lengths().count() }
        });
        Self { all, together: at(Pace::Together), as_needed: at(Pace::AsNeeded) }
    }

    /// Share of all tokens that are not drawn.
    fn saved(&self, effort: Effort) -> f64 {
        if self.all.tokens > 0 { 1.0 - effort.tokens as f64 / self.all.tokens as f64 } else { 0.0 }
    }
}

/// The same problems with votes that stop.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Early {
    majority: Accuracy,
    tokens: usize,
    cpu_seconds: f64,
}

impl Early {
    pub(super) fn of(solved: &[Solved], cpu_seconds: f64) -> Self {
        let right = solved.iter().filter(|s| s.majority_right).count();
        let tokens = solved.iter().map(|s| s.voted.generation.usage.generated_tokens).sum();
        Self { majority: Accuracy::of(right, solved.len()), tokens, cpu_seconds }
    }
}

/// Majority of the first `k` samples.
#[derive(Clone, Debug, Serialize)]
struct Vote {
    k: usize,
    majority: Accuracy,
    /// Questions of which at least one of the `k` samples is right.
    any: Accuracy,
}

#[derive(Serialize)]
pub(super) struct Row {
    model: String,
    benchmark: &'static str,
    pub(super) precision: Cow<'static, str>,
    bits_per_weight: f64,
    kv_bits: u8,
    threads: usize,
    questions: usize,
    samples: usize,
    temperature: f32,
    top_p: f32,
    seed: u64,
    most_tokens: usize,
    /// Share of all samples that are right.
    pub(super) one_sample_mean: f64,
    votes: Vec<Vote>,
    /// Chance of success over questions, where samples were repeated.
    beta: Option<Beta>,
    generated_tokens: usize,
    /// Tokens that votes would have drawn that begin together and stop when decided.
    tokens_if_early: usize,
    /// Share of the tokens that this saves.
    early_saves: f64,
    /// Share that votes save whose samples begin only when needed.
    as_needed_saves: f64,
    efforts: Efforts,
    /// The same measured, with `--early`.
    early: Option<Early>,
    seconds: f64,
    cpu_seconds: f64,
    cpu_seconds_per_question: f64,
    energy: Joules,
    data: String,
    /// The first question's whole prompt.
    prompt: String,
    rule: &'static str,
}

const RULE: &str = "the number after the last `####`, else the last number of the answer; compared without commas, signs of currency and trailing zeros";

impl Row {
    pub(super) fn new(
        args: &Problems,
        model: &Model,
        stage: &Stage,
        outcomes: Outcomes<'_>,
        early: Option<Early>,
        data: String,
        prompt: String,
    ) -> Self {
        let Outcomes { solved, problems, seconds, cpu_seconds, energy } = outcomes;
        let n = solved.len();
        let successes: Vec<usize> = solved.iter().map(|s| s.right).collect();
        let efforts = Efforts::of(solved);
        Self {
            model: model.name.clone(),
            benchmark: "gsm8k",
            precision: stage.precision().name(),
            bits_per_weight: stage.size().bits_per_weight,
            kv_bits: args.common.machine.kv,
            threads: stage.pool().threads(),
            questions: n,
            samples: args.samples,
            temperature: args.draw.temperature,
            top_p: args.draw.top_p,
            seed: args.draw.seed,
            most_tokens: args.n,
            one_sample_mean: successes.iter().sum::<usize>() as f64 / (n * args.samples) as f64,
            votes: ks(args.samples).map(|k| vote(solved, problems, k)).collect(),
            beta: beta_of_successes(&successes, args.samples),
            generated_tokens: efforts.all.tokens,
            tokens_if_early: efforts.together.tokens,
            early_saves: efforts.saved(efforts.together),
            as_needed_saves: efforts.saved(efforts.as_needed),
            efforts,
            early,
            seconds,
            cpu_seconds,
            cpu_seconds_per_question: cpu_seconds / n as f64,
            energy,
            data,
            prompt,
            rule: RULE,
        }
    }

    pub(super) fn human(&self, first: bool) -> String {
        let mut text = String::new();
        if first {
            text += &format!(
                "{} on gsm8k, {} questions of {}, {} sample{} at temperature {}, seed {}\n",
                self.model,
                self.questions,
                self.data,
                self.samples,
                if self.samples == 1 { "" } else { "s" },
                self.temperature,
                self.seed
            );
        }
        text += &format!(
            "{} ({:.2} bits): one sample {} of the time, {} CPU-s a question, {} tokens\n",
            self.precision,
            self.bits_per_weight,
            percent(self.one_sample_mean),
            short(self.cpu_seconds_per_question),
            self.generated_tokens
        );
        for v in &self.votes {
            text += &format!("  k={:<3} majority {}, any right {}\n", v.k, v.majority, v.any);
        }
        if self.samples > 1 {
            let Efforts { all, together, as_needed } = self.efforts;
            let times = |e: Effort| short(e.steps as f64 / all.steps.max(1) as f64);
            text += &format!(
                "  votes that stop when decided draw {} fewer tokens in {} times the steps, with samples begun as needed {} in {}\n",
                percent(self.early_saves),
                times(together),
                percent(self.as_needed_saves),
                times(as_needed)
            );
        }
        if let Some(e) = &self.early {
            text += &format!(
                "  measured: majority {}, {} CPU-s instead of {}\n",
                e.majority,
                short(e.cpu_seconds),
                short(self.cpu_seconds)
            );
        }
        text
    }
}

/// 1, the odd numbers up to 7, and all.
fn ks(samples: usize) -> impl Iterator<Item = usize> {
    [1, 3, 5, 7].into_iter().filter(move |k| *k < samples).chain(std::iter::once(samples))
}

fn vote(solved: &[Solved], problems: &[Problem], k: usize) -> Vote {
    let (mut majority, mut any) = (0, 0);
    for (s, problem) in solved.iter().zip(problems) {
        let wanted = normal_number(&problem.answer);
        let is_right = |answer: Option<&str>| answer.is_some() && answer == wanted.as_deref();
        let first = &s.answers[..k.min(s.answers.len())];
        let mut tally = Tally::new(first.len());
        first.iter().for_each(|a| tally.count(a.clone()));
        majority += usize::from(is_right(tally.winner()));
        any += usize::from(first.iter().any(|a| is_right(a.as_deref())));
    }
    Vote { k, majority: Accuracy::of(majority, solved.len()), any: Accuracy::of(any, solved.len()) }
}

#[derive(Serialize)]
struct Results<'r> {
    results: &'r [Row],
}

/// All precisions as JSON; people have read each as it came.
pub(super) fn print(format: Format, rows: &[Row]) -> Result<(), Failure> {
    match (format, rows) {
        (Format::Human, _) => Ok(()),
        (Format::Json, [one]) => crate::print::json(one),
        (Format::Json, several) => crate::print::json(&Results { results: several }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_numbers_of_votes_are_shown() {
        let list = |samples| ks(samples).collect::<Vec<_>>();
        assert_eq!((list(1), list(3), list(8)), (vec![1], vec![1, 3], vec![1, 3, 5, 7, 8]));
    }
}
