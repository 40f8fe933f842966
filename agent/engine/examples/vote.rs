//! `cargo run --release -p engine --example vote -- MODEL.gguf gsm8k-test.jsonl FIRST COUNT SAMPLES [TOKENS]`:
//! word problems by majority vote, each line a problem.
#![expect(clippy::print_stdout, reason = "it is what the example is for")]

use std::path::Path;
use std::sync::Arc;

use engine::chat::Template;
use engine::eval::{EXAMPLES_END, Problem, Prompting, problem_prompt, solve, wilson};
use engine::{EngineError, File, Options, Request, Sampling, Stage, Tokenizer};
use kernels::{Pool, Wait};

fn main() -> Result<(), EngineError> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let wrong = || EngineError::Input("MODEL.gguf gsm8k-test.jsonl FIRST COUNT SAMPLES [TOKENS]".into());
    let number = |i: usize| args.get(i).and_then(|n| n.parse::<usize>().ok()).ok_or_else(wrong);
    let (model, data) = (args.first().ok_or_else(wrong)?, args.get(1).ok_or_else(wrong)?);
    let (first, count, samples) = (number(2)?, number(3)?, number(4)?);
    let tokens = number(5).unwrap_or(200);
    let text = std::fs::read_to_string(data).map_err(|source| EngineError::File { path: data.into(), source })?;
    let file = File::open(Path::new(model))?;
    let tokenizer = Tokenizer::new(&file)?;
    let template = Template::new(&file, &tokenizer)?;
    let stage = Stage::load(&file, &Options::default(), Arc::new(Pool::new(1, Wait::default())))?;
    let prompting = if template.is_some() { Prompting::Chat } else { Prompting::Examples };
    let stop = [EXAMPLES_END.to_owned()];
    let (mut right, mut asked, mut counted) = (0, 0, 0);
    for line in text.lines().skip(first).take(count) {
        let problem: Problem = serde_json::from_str(line).map_err(|e| EngineError::Input(e.to_string()))?;
        let (_, prompt) = problem_prompt(&tokenizer, template.as_ref(), prompting, &problem.question)?;
        let sampling = Sampling::at(0.7, 1);
        let request = Request { samples, parallel: samples, sampling, stop: &stop, ..Request::greedy(&prompt, tokens) };
        let solved = solve(&stage, &tokenizer, &request, &problem, Some(engine::generate::Pace::Together))?;
        let usage = solved.voted.generation.usage;
        println!(
            "wanted {}, majority {:?} of {:?}, {} of {samples} counted, {} tokens, {:.1} cpu-s",
            problem.answer, solved.majority, solved.answers, solved.voted.counted, usage.generated_tokens, usage.cpu_seconds
        );
        right += usize::from(solved.majority_right);
        asked += 1;
        counted += solved.voted.counted;
    }
    println!(
        "majority of {samples}: {:?} of {asked}; {counted} samples of {} ran to their end",
        wilson(right, asked),
        samples * asked
    );
    Ok(())
}
