use super::close as close_of;
use super::*;

fn sample(number: usize, text: &str, logprob: f64) -> Sample {
    Sample { number, text: text.into(), finish: Finish::End, tokens: 3, logprob, closed: number == 0 }
}

fn given(method: Method, samples: Vec<Sample>) -> (String, Count) {
    let scaling = Scaling { method, samples: 5, budget: None };
    let chosen = pick(samples, scaling, None, 1.0).expect("one is given");
    (chosen.text, chosen.count)
}

#[test]
fn a_majority_gives_its_first_voter_and_counts_what_agrees() {
    let all = vec![sample(3, "so 8", -1.0), sample(0, "it is 7", -9.0), sample(2, "8", -2.0), sample(1, "no idea", -0.1)];
    assert_eq!(given(Method::Majority, all), ("8".into(), Count { samples: 5, counted: 4, agree: Some(2), closed: 1 }));
}

#[test]
fn equal_votes_are_told_apart_by_number_and_no_number_by_likelihood() {
    let all = vec![sample(4, "9", -1.0), sample(1, "7", -5.0)];
    assert_eq!(given(Method::Majority, all).0, "7");
    let all = vec![sample(4, "yes", -1.0), sample(1, "no", -0.5), sample(2, "perhaps", -0.5)];
    assert_eq!(given(Method::Majority, all), ("no".into(), Count { samples: 5, counted: 3, agree: None, closed: 0 }));
}

#[test]
fn the_likeliest_counts_and_what_was_cancelled_does_not() {
    let mut cut = sample(0, "cut", 0.0);
    cut.finish = Finish::Cancelled;
    let scaling = Scaling { method: Method::BestOfN, samples: 2, budget: None };
    let chosen = pick(vec![cut, sample(1, "whole", -3.0)], scaling, None, 1.0).expect("one is given");
    assert_eq!((chosen.text.as_str(), chosen.count.counted, chosen.answer.tokens), ("whole", 1, 6));
    assert!(pick(Vec::new(), scaling, None, 1.0).is_none());
}

#[test]
fn what_a_plan_says_is_read() {
    let of = |method: &str, samples, token_budget| {
        Scaling::of(&PlannedScaling { method: method.into(), samples, token_budget, close: None })
    };
    assert_eq!(of("majority", 3, Some(64)), Ok(Scaling { method: Method::Majority, samples: 3, budget: Some(64) }));
    for (method, samples, says) in
        [("beam", 2, "beam"), ("single", 2, "2 samples"), ("majority", 0, "0 samples"), ("majority", 65, "65")]
    {
        let why = of(method, samples, None).expect_err(method);
        assert!(why.contains(says), "{why}");
    }
}

#[test]
fn a_close_that_leaves_nothing_to_think_is_refused() {
    let file = engine::testing::Tiny::new("llama").file().expect("fits");
    let tokenizer = Tokenizer::new(&file).expect("reads");
    let of = |text: &str, tokens, token_budget| {
        let close = Some(protocol::PlannedClose { text: text.into(), tokens });
        close_of(&PlannedScaling { method: "single".into(), samples: 1, token_budget, close }, &tokenizer)
    };
    let text = tokenizer.encode("the hell").expect("encodes");
    let kept = u32::try_from(text.len()).expect("few") + 4;
    assert_eq!(of("the hell", 4, Some(kept + 1)), Ok(Some(Close { text: text.clone(), tokens: 4 })));
    assert!(of("the hell", 4, Some(kept)).expect_err("no room").contains("none is left to think"));
    assert_eq!(of("the hell", 4, None), Ok(Some(Close { text, tokens: 4 })), "a request's own length is a budget as well");
    assert!(of("", 4, Some(99)).is_err() && of("the hell", 0, Some(99)).is_err());
}
