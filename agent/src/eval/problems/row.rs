//! One precision's result, as it is printed. Names stay; new ones may be added.

use super::super::accuracy::Accuracy;
use super::{Problems, early};
use crate::args::Format;
use crate::exit::Failure;
use crate::load::Model;
use crate::power::Joules;
use crate::print::{percent, short};
use engine::Stage;
use engine::eval::{Beta, Problem, Solved, beta_of_successes, normal_number};
use engine::generate::Tally;
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
    /// Tokens that votes would have drawn that stop when decided.
    tokens_if_early: usize,
    /// Share of the tokens that this saves.
    early_saves: f64,
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
        let (all, fewer) = solved
            .iter()
            .map(|s| early::tokens(&s.voted.generation.answers))
            .fold((0, 0), |(all, fewer), (a, f)| (all + a, fewer + f));
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
            generated_tokens: all,
            tokens_if_early: fewer,
            early_saves: if all > 0 { 1.0 - fewer as f64 / all as f64 } else { 0.0 },
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
            text += &format!("  votes that stop when decided draw {} fewer tokens\n", percent(self.early_saves));
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
