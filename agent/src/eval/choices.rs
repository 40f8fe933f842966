//! `agent eval arc-challenge` and `arc-easy`.

use super::accuracy::Accuracy;
use super::data::{Common, lines, short_name};
use super::profile;
use crate::args::{Format, some};
use crate::clock::Watch;
use crate::exit::{Exit, Failure, Outcome};
use crate::load::Model;
use crate::power::Meter;
use crate::print::{print, short};
use clap::Args;
use engine::eval::{Choices, pick, question_prompt};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Questions {
    #[command(flatten)]
    common: Common,
    /// Questions, a JSON object a line [default: the set's file in $WATTLINE_EVAL]
    #[arg(long)]
    data: Option<PathBuf>,
    /// How many, from the beginning [default: all]
    #[arg(long, value_parser = some)]
    questions: Option<usize>,
    /// Profile to add the accuracies to, made from the model file when it is not there
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Question {
    question: String,
    choices: Vec<String>,
    /// Letter of the right one.
    answer: String,
}

const FORM: &str = r#"{"question": "…", "choices": ["…", "…"], "answer": "A"}"#;

impl Question {
    fn right(&self) -> Option<usize> {
        let letter = self.answer.bytes().next().filter(|_| self.answer.len() == 1)?;
        let place = usize::from(letter.checked_sub(b'A')?);
        (place < self.choices.len()).then_some(place)
    }
}

#[derive(Serialize)]
struct Row {
    model: String,
    benchmark: &'static str,
    precision: Cow<'static, str>,
    /// Highest log-likelihood of the choice's text.
    accuracy: Accuracy,
    /// Highest log-likelihood per byte of it.
    accuracy_per_byte: Accuracy,
    bits_per_weight: f64,
    kv_bits: u8,
    data: String,
    questions: usize,
    prompt: String,
    rule: &'static str,
    seconds: f64,
    cpu_seconds: f64,
    cpu_seconds_per_question: f64,
    energy: crate::power::Joules,
}

const RULE: &str = "zero-shot; each choice follows `Question: …\\nAnswer:` after a space, the likeliest wins (acc and acc_norm of lm-evaluation-harness)";

#[derive(Serialize)]
struct Results<'r> {
    results: &'r [Row],
}

pub(super) fn run(args: &Questions, benchmark: &'static str) -> Outcome {
    let c = &args.common;
    let file = if benchmark == "arc-easy" { "arc-easy-test-500.jsonl" } else { "arc-challenge-test.jsonl" };
    let (path, questions) = lines::<Question>(args.data.as_deref(), file, args.questions, FORM)?;
    for (i, q) in questions.iter().enumerate() {
        if q.right().is_none() {
            let what = format!(
                "{}: question {}: answer `{}` names none of its {} choices",
                path.display(),
                i + 1,
                q.answer,
                q.choices.len()
            );
            return Err(Failure::help(what, format!("each line is {FORM}")));
        }
    }
    let model = Model::open(&c.model)?;
    let mut rows: Vec<Row> = Vec::new();
    for precision in c.precision.list(true) {
        let stage = model.stage(&c.machine, precision)?;
        let meter = Meter::start(&c.machine);
        let watch = Watch::start();
        let (mut plain, mut per_byte) = (0, 0);
        for q in &questions {
            let choices: Vec<String> = q.choices.iter().map(|c| format!(" {c}")).collect();
            let picked = pick(
                &stage,
                &model.tokenizer,
                &Choices { prompt: &question_prompt(&q.question), choices: &choices },
                c.machine.kv,
            )?;
            plain += usize::from(Some(picked.likeliest) == q.right());
            per_byte += usize::from(Some(picked.likeliest_per_byte) == q.right());
        }
        let n = questions.len();
        let row = Row {
            model: model.name.clone(),
            benchmark,
            precision: precision.name(),
            accuracy: Accuracy::of(plain, n),
            accuracy_per_byte: Accuracy::of(per_byte, n),
            bits_per_weight: stage.size().bits_per_weight,
            kv_bits: c.machine.kv,
            data: short_name(&path),
            questions: n,
            prompt: question_prompt(&questions[0].question),
            rule: RULE,
            seconds: watch.wall(),
            cpu_seconds: watch.cpu(),
            cpu_seconds_per_question: watch.cpu() / n as f64,
            energy: meter.lap(),
        };
        if c.format == Format::Human {
            print(&human(&row, rows.is_empty()));
        }
        if let Some(path) = &args.profile {
            let source = format!(
                "agent eval {benchmark} -m {} --precision {} --questions {n}, zero-shot likelihood per byte, {}",
                c.model,
                row.precision,
                crate::clock::today()
            );
            profile::add(path, &model, precision, benchmark, &source, row.accuracy_per_byte.share, None)?;
        }
        rows.push(row);
    }
    match (c.format, &rows[..]) {
        (Format::Human, _) => {}
        (Format::Json, [one]) => crate::print::json(one)?,
        (Format::Json, several) => crate::print::json(&Results { results: several })?,
    }
    Ok(Exit::Done)
}

fn human(row: &Row, first: bool) -> String {
    let mut text = String::new();
    if first {
        text += &format!("{} on {}, {} questions of {}\n", row.model, row.benchmark, row.questions, row.data);
        text += &format!(
            "{:<15} {:>6}  {:<32} {:<32} {}\n",
            "precision", "bits", "right (95 % interval)", "right, likelihood per byte", "CPU-s a question"
        );
    }
    let (a, b) = (row.accuracy.to_string(), row.accuracy_per_byte.to_string());
    text + &format!(
        "{:<15} {:>6.2}  {a:<32} {b:<32} {}\n",
        row.precision,
        row.bits_per_weight,
        short(row.cpu_seconds_per_question)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_name_a_choice() {
        let right =
            |answer: &str| Question { question: String::new(), choices: vec![String::new(); 3], answer: answer.into() }.right();
        assert_eq!((right("A"), right("C")), (Some(0), Some(2)));
        assert_eq!((right("D"), right(""), right("AB"), right("1")), (None, None, None, None));
    }
}
