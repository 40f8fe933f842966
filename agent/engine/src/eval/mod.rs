//! Quality of a loaded model, by rules that others can repeat: perplexity, choices, word problems.

mod answer;
mod choices;
mod interval;
mod perplexity;
mod problems;

#[cfg(test)]
mod tests;

pub use answer::{final_number, normal_number};
pub use choices::{Choices, Picked, pick, question_prompt};
pub use interval::{Beta, Interval, beta_of_successes, wilson};
pub use perplexity::{Perplexity, perplexity};
pub use problems::{EXAMPLES_END, Problem, Prompting, Solved, problem_prompt, solve};
