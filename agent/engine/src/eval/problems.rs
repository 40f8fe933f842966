//! Word problems (GSM8K): the model works out an answer, its last number counts.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::answer::{final_number, normal_number};
use crate::chat::{Message, Template};
use crate::error::EngineError;
use crate::generate::{Event, Pace, Request, Voted, generate, vote};
use crate::model::Stage;
use crate::tokenizer::{Token, Tokenizer};

/// A question with the number that is right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub question: String,
    #[serde(rename = "final")]
    pub answer: String,
}

/// How a problem is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompting {
    /// Three worked examples before it, for any model.
    Examples,
    /// One turn of a chat, for tuned models.
    Chat,
}

/// Worked examples, written for this project.
const EXAMPLES: [(&str, &str); 3] = [
    (
        "A baker makes 12 loaves in the morning and twice as many in the afternoon. He sells 30 of them. How many loaves are left?",
        "In the afternoon he makes 2 * 12 = 24 loaves. Together he makes 12 + 24 = 36 loaves. After selling 30 there are 36 - 30 = 6 left.\n#### 6",
    ),
    (
        "Mia reads 15 pages a day. Her book has 240 pages, of which she has read 60. How many more days does she need?",
        "There are 240 - 60 = 180 pages left. At 15 pages a day she needs 180 / 15 = 12 days.\n#### 12",
    ),
    (
        "A ticket costs $8 for adults and half as much for children. What do 2 adults and 3 children pay?",
        "A child pays 8 / 2 = $4. The adults pay 2 * 8 = $16. The children pay 3 * 4 = $12. Together they pay 16 + 12 = $28.\n#### 28",
    ),
];

/// What a chat is told.
const INSTRUCTION: &str = "Solve the problem step by step. End with a line that has #### and then the final number alone.";

/// Text that ends an answer to [`Prompting::Examples`].
pub const EXAMPLES_END: &str = "\nQuestion:";

/// Tokens of a problem's prompt, and the exact text of it.
///
/// # Errors
/// A chat needs the model's template.
pub fn problem_prompt(
    tokenizer: &Tokenizer,
    template: Option<&Template>,
    prompting: Prompting,
    question: &str,
) -> Result<(String, Vec<Token>), EngineError> {
    match prompting {
        Prompting::Examples => {
            let examples: String = EXAMPLES.iter().map(|(q, a)| format!("Question: {q}\nAnswer: {a}\n\n")).collect();
            let text = format!("{examples}Question: {question}\nAnswer:");
            let tokens = tokenizer.encode_prompt(&text)?;
            Ok((text, tokens))
        }
        Prompting::Chat => {
            let template = template.ok_or_else(|| EngineError::Unsupported("the model has no chat template".into()))?;
            let text = template.render(&[Message::new("user", &format!("{question}\n\n{INSTRUCTION}"))], true)?;
            let tokens = tokenizer.encode_control(&text)?;
            Ok((text, tokens))
        }
    }
}

/// One problem's outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Solved {
    /// Answer of each sample that ran to its end, in one spelling.
    pub answers: Vec<Option<String>>,
    /// How many of them are right.
    pub right: usize,
    pub majority: Option<String>,
    pub majority_right: bool,
    pub voted: Voted,
}

/// Samples answers and votes. With `early` the vote is drawn at that pace and stops when it is decided.
///
/// # Errors
/// As [`generate`].
pub fn solve(
    stage: &Stage,
    tokenizer: &Tokenizer,
    request: &Request<'_>,
    problem: &Problem,
    early: Option<Pace>,
) -> Result<Solved, EngineError> {
    let listen = &mut |_: Event<'_>| ControlFlow::Continue(());
    let voted = if let Some(pace) = early {
        vote(stage, tokenizer, request, pace, &final_number, listen)?
    } else {
        let generation = generate(stage, tokenizer, request, listen)?;
        let mut tally = crate::generate::Tally::new(request.samples);
        generation.answers.iter().for_each(|a| tally.count(final_number(&a.text)));
        Voted { winner: tally.winner().map(Into::into), tally, counted: generation.answers.len(), generation }
    };
    let whole = voted.generation.answers.iter().filter(|a| a.finish != crate::generate::Finish::Cancelled);
    let answers: Vec<Option<String>> = whole.map(|a| final_number(&a.text)).collect();
    let wanted = normal_number(&problem.answer);
    let is_right = |a: &Option<String>| a.is_some() && *a == wanted;
    Ok(Solved {
        right: answers.iter().filter(|a| is_right(a)).count(),
        majority: voted.winner.clone(),
        majority_right: is_right(&voted.winner),
        answers,
        voted,
    })
}
