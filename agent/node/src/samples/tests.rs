use super::*;

fn sample(number: usize, text: &str, logprob: f64) -> Sample {
    Sample { number, text: text.into(), finish: Finish::End, tokens: 3, logprob }
}

fn given(method: Method, samples: Vec<Sample>) -> (String, Count) {
    let scaling = Scaling { method, samples: 5, budget: None };
    let chosen = pick(samples, scaling, None, 1.0).expect("one is given");
    (chosen.text, chosen.count)
}

#[test]
fn a_majority_gives_its_first_voter_and_counts_what_agrees() {
    let all = vec![sample(3, "so 8", -1.0), sample(0, "it is 7", -9.0), sample(2, "8", -2.0), sample(1, "no idea", -0.1)];
    assert_eq!(given(Method::Majority, all), ("8".into(), Count { samples: 5, counted: 4, agree: Some(2) }));
}

#[test]
fn equal_votes_are_told_apart_by_number_and_no_number_by_likelihood() {
    let all = vec![sample(4, "9", -1.0), sample(1, "7", -5.0)];
    assert_eq!(given(Method::Majority, all).0, "7");
    let all = vec![sample(4, "yes", -1.0), sample(1, "no", -0.5), sample(2, "perhaps", -0.5)];
    assert_eq!(given(Method::Majority, all), ("no".into(), Count { samples: 5, counted: 3, agree: None }));
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
    let of = |method: &str, samples, token_budget| Scaling::of(&PlannedScaling { method: method.into(), samples, token_budget });
    assert_eq!(of("majority", 3, Some(64)), Ok(Scaling { method: Method::Majority, samples: 3, budget: Some(64) }));
    for (method, samples, says) in
        [("beam", 2, "beam"), ("single", 2, "2 samples"), ("majority", 0, "0 samples"), ("majority", 65, "65")]
    {
        let why = of(method, samples, None).expect_err(method);
        assert!(why.contains(says), "{why}");
    }
}
