//! `agent eval gsm8k`: word problems, one sample and votes of several.

mod row;

use super::data::{Common, lines, short_name};
use super::profile;
use crate::args::{Draw, Format, Pace, some};
use crate::clock::Watch;
use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt::Running;
use crate::load::Model;
use crate::power::Meter;
use clap::{Args, ValueEnum};
use engine::chat::Template;
use engine::eval::{EXAMPLES_END, Problem, Prompting, Solved, beta_of_successes, problem_prompt, solve};
use engine::generate::{Budget, Request};
use engine::{Precision, Stage};
use row::{Outcomes, Row};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Problems {
    #[command(flatten)]
    common: Common,
    /// Problems, a JSON object a line [default: gsm8k-test.jsonl in $WATTLINE_EVAL]
    #[arg(long)]
    data: Option<PathBuf>,
    /// How many, from the beginning [default: all]
    #[arg(long, value_parser = some)]
    questions: Option<usize>,
    /// Answers drawn for each, from one prefill
    #[arg(long, value_name = "K", default_value = "1", value_parser = some)]
    samples: usize,
    /// Most tokens of an answer
    #[arg(short, value_name = "TOKENS", default_value = "256", value_parser = some)]
    n: usize,
    /// How a problem is put
    #[arg(long, value_enum, default_value = "examples")]
    prompting: Put,
    #[command(flatten)]
    draw: Draw,
    /// Solve everything again with votes that stop when they are decided, and compare the processor time
    #[arg(long)]
    early: bool,
    /// When those votes begin their samples
    #[arg(long, value_enum, default_value = "as-needed", requires = "early")]
    pace: Pace,
    /// Profile to add the accuracies to, made from the model file when it is not there
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Put {
    /// After three worked examples
    Examples,
    /// As a turn of a chat
    Chat,
}

impl From<Put> for Prompting {
    fn from(put: Put) -> Self {
        match put {
            Put::Examples => Self::Examples,
            Put::Chat => Self::Chat,
        }
    }
}

const FORM: &str = r#"{"question": "…", "final": "42"}"#;

pub(super) fn run(args: &Problems) -> Outcome {
    let c = &args.common;
    if args.samples > 1 && args.draw.temperature == 0.0 {
        return Err(Failure::help(
            "several answers at temperature 0 are all the same",
            "--temperature 0.7 --top-p 0.95, or --samples 1",
        ));
    }
    let (path, problems) = lines::<Problem>(args.data.as_deref(), "gsm8k-test.jsonl", args.questions, FORM)?;
    let model = Model::open(&c.model)?;
    let template = if args.prompting == Put::Chat { Some(model.template()?) } else { None };
    let (example, _) = problem_prompt(&model.tokenizer, template.as_ref(), args.prompting.into(), &problems[0].question)?;
    let mut rows: Vec<Row> = Vec::new();
    let mut interrupted = false;
    for precision in c.precision.list(true) {
        let stage = model.stage(&c.machine, precision)?;
        let meter = Meter::start(&c.machine);
        let asked = Asked { args, model: &model, template: template.as_ref(), stage: &stage };
        let watch = Watch::start();
        let all = asked.solve(&problems, None)?;
        let energy = meter.lap();
        // A run that was broken off is shown for the questions that it got to.
        interrupted = all.len() < problems.len();
        if all.is_empty() {
            break;
        }
        let outcomes = Outcomes { solved: &all, problems: &problems, seconds: watch.wall(), cpu_seconds: watch.cpu(), energy };
        let again = if args.early && args.samples > 1 && !interrupted {
            let watch = Watch::start();
            let solved = asked.solve(&problems, Some(args.pace.into()))?;
            (solved.len() == problems.len()).then(|| row::Early::of(&solved, watch.cpu()))
        } else {
            None
        };
        let row = Row::new(args, &model, &stage, outcomes, again, short_name(&path), example.clone());
        if c.format == Format::Human {
            crate::print::print(&row.human(rows.is_empty()));
        }
        if let Some(path) = &args.profile {
            add(args, path, &model, precision, &row, &all)?;
        }
        rows.push(row);
        if interrupted {
            break;
        }
    }
    row::print(c.format, &rows)?;
    Ok(if interrupted { Exit::Interrupted } else { Exit::Done })
}

/// Adds accuracy and, where samples were repeated, the spread over questions to a profile.
fn add(
    args: &Problems,
    path: &std::path::Path,
    model: &Model,
    precision: Precision,
    row: &Row,
    all: &[Solved],
) -> Result<(), Failure> {
    let put = if args.prompting == Put::Chat { "chat, zero-shot" } else { "3 examples" };
    let source = format!(
        "agent eval gsm8k -m {} --precision {} --questions {} --samples {} --temperature {} --top-p {} -n {} --seed {}, {put}, {}",
        args.common.model,
        row.precision,
        all.len(),
        args.samples,
        args.draw.temperature,
        args.draw.top_p,
        args.n,
        args.draw.seed,
        crate::clock::today()
    );
    let successes: Vec<usize> = all.iter().map(|s| s.right).collect();
    let beta = beta_of_successes(&successes, args.samples).map(|b| (b.a, b.b));
    profile::add(path, model, precision, "gsm8k", &source, row.one_sample_mean, beta)
}

/// One precision's problems.
struct Asked<'a> {
    args: &'a Problems,
    model: &'a Model,
    template: Option<&'a Template>,
    stage: &'a Stage,
}

impl Asked<'_> {
    /// All problems, or those until Ctrl-C.
    fn solve(&self, problems: &[Problem], early: Option<engine::generate::Pace>) -> Result<Vec<Solved>, Failure> {
        let (args, running) = (self.args, Running::begin());
        let stop: Vec<String> = if args.prompting == Put::Chat { Vec::new() } else { vec![EXAMPLES_END.into()] };
        let mut solved = Vec::new();
        for (i, problem) in problems.iter().enumerate() {
            if running.interrupted() {
                break;
            }
            let (_, prompt) = problem_prompt(&self.model.tokenizer, self.template, args.prompting.into(), &problem.question)?;
            // Another stream of random numbers for each problem.
            let sampling = engine::Sampling { seed: args.draw.seed.wrapping_add((i as u64) << 32), ..args.draw.sampling() };
            let request = Request {
                prompt: &prompt,
                samples: args.samples,
                parallel: args.samples,
                sampling,
                budget: Budget::of(args.n),
                kv_bits: args.common.machine.kv,
                stop: &stop,
                energy: None,
            };
            solved.push(solve(self.stage, &self.model.tokenizer, &request, problem, early)?);
        }
        Ok(solved)
    }
}
