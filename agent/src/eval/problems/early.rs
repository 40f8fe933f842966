//! What a vote that stops early saves, from whole samples.

use engine::eval::final_number;
use engine::generate::{Answer, Tally};

/// Tokens of all samples, and how many of them would have been drawn had the vote stopped when it was decided.
///
/// All samples decode in step, so a sample ends after as many steps as it has tokens, and a vote that is
/// decided then has drawn as many of each other sample.
pub(super) fn tokens(answers: &[Answer]) -> (usize, usize) {
    let mut order: Vec<&Answer> = answers.iter().collect();
    order.sort_by_key(|a| (a.logprobs.len(), a.sample));
    let all = answers.iter().map(|a| a.logprobs.len()).sum();
    let mut tally = Tally::new(answers.len());
    for answer in &order {
        tally.count(final_number(&answer.text));
        if tally.is_decided() {
            let steps = answer.logprobs.len();
            return (all, answers.iter().map(|a| a.logprobs.len().min(steps)).sum());
        }
    }
    (all, all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::generate::Finish;

    fn answer(sample: usize, text: &str, tokens: usize) -> Answer {
        Answer {
            sample,
            text: text.into(),
            tokens: vec![0; tokens],
            logprobs: vec![-1.0; tokens],
            finish: Finish::End,
            closed: false,
        }
    }

    #[test]
    fn a_decided_vote_leaves_the_long_samples_out() {
        // Two of three agree after 5 steps: of the third's 100 tokens 5 are drawn.
        let answers = [answer(0, "it is 4", 5), answer(1, "so 7", 100), answer(2, "4", 3)];
        assert_eq!(tokens(&answers), (108, 13));
        // No two agree: all run to their end.
        let answers = [answer(0, "1", 5), answer(1, "2", 9), answer(2, "3", 7)];
        assert_eq!(tokens(&answers), (21, 21));
        assert_eq!(tokens(&[]), (0, 0));
    }
}
