use super::*;
use crate::testing::{classifier, one_board, precision, tiny_llm};
use profiles::units::Ratio;
use scenarios::Scaling;

fn scaled(methods: Vec<Method>, samples: Vec<u32>, budgets: Vec<u32>) -> Scenario {
    let mut s = one_board();
    s.services[0].scaling = Scaling { methods, samples, budgets, close: None };
    s.services[0].accuracy.as_mut().unwrap().at_least.value = Ratio(0.0);
    s
}

fn of(s: &Scenario) -> (Vec<Way<'_>>, Vec<Dropped>) {
    let mut dropped = Vec::new();
    let ways = of_service(s, 0, &mut dropped);
    (ways, dropped)
}

#[test]
fn accuracy_of_samples_comes_from_what_was_measured() {
    let s = scaled(vec![Method::Single, Method::Majority, Method::BestOfN], vec![1, 5], vec![]);
    let (ways, dropped) = of(&s);
    assert!(dropped.is_empty(), "{dropped:?}");
    let accuracy: Vec<f64> = ways.iter().map(|w| w.accuracy.unwrap()).collect();
    // Beta(1.1, 0.9), ceiling 0.7, single 0.55.
    let majority = majority::accuracy(0.55, 0.7, Some((1.1, 0.9)), 5);
    let best = coverage::coverage(1.1, 0.9, 5);
    assert!(majority > 0.55 && majority < 0.7 && best > majority);
    assert_eq!(accuracy, [0.55, majority, best]);
    assert!((ways[1].request.samples - 5.0).abs() < 1e-12);
    assert_eq!(ways[2].what, "tiny w4, best of 5");
}

#[test]
fn what_was_not_measured_is_not_offered() {
    let mut s = scaled(vec![Method::Single, Method::Majority, Method::BestOfN], vec![1, 5], vec![48, 512]);
    s.services[0].precisions = vec![precision(WeightFormat::W8)];
    let (ways, dropped) = of(&s);
    assert_eq!(ways.len(), 1, "8 bits have single answers only");
    let reasons: Vec<&Reason> = dropped.iter().map(|d| &d.reason).collect();
    assert!(
        matches!(
            reasons[..],
            [
                Reason::NoCeiling,
                Reason::NoSamplesCounted,
                Reason::BudgetOutside { budget: 48 },
                Reason::SamplesWithBudget,
                Reason::SamplesWithBudget,
                Reason::BudgetOutside { budget: 512 },
                Reason::SamplesWithBudget,
                Reason::SamplesWithBudget,
            ]
        ),
        "{reasons:?}"
    );
}

#[test]
fn a_vote_under_a_budget_counts_where_it_was_measured() {
    let mut s = scaled(vec![Method::Single, Method::Majority], vec![1, 5, 9], vec![48]);
    s.services[0].precisions = vec![precision(WeightFormat::W8)];
    let accuracy = crate::testing::sourced(profiles::units::Ratio(0.7), profiles::Quality::Measured);
    let row = s.services[0].models[0].value.quality.iter_mut().find(|r| r.weights == WeightFormat::W8).unwrap();
    row.votes = vec![profiles::Vote { samples: 5, tokens: 48, accuracy }];
    let (ways, dropped) = of(&s);
    let votes: Vec<_> = ways.iter().filter(|w| w.budget == Some(48)).map(|w| (w.samples, w.accuracy)).collect();
    assert_eq!(votes, [(5, Some(0.7))], "nine were not counted");
    assert!(dropped.iter().any(|d| d.reason == Reason::SamplesWithBudget));
}

#[test]
fn budgets_shorten_the_answer() {
    let s = scaled(vec![Method::Single], vec![1], vec![48]);
    let (ways, _) = of(&s);
    assert_eq!(ways.len(), 2);
    assert!((ways[1].accuracy.unwrap() - 0.375).abs() < 1e-12);
    assert!((ways[1].request.passes - 47.0).abs() < 1e-12);
}

#[test]
fn floors_and_benchmarks() {
    let mut s = one_board();
    s.services[0].accuracy.as_mut().unwrap().at_least.value = Ratio(0.56);
    let (ways, dropped) = of(&s);
    assert!(ways.is_empty());
    assert_eq!(dropped[0].reason, Reason::BelowFloor { accuracy: 0.55, floor: 0.56 });
    s.services[0].accuracy.as_mut().unwrap().benchmark.value = "mmlu".into();
    s.services[0].scaling.budgets = vec![48, 64];
    let (_, dropped) = of(&s);
    assert_eq!(dropped.len(), 1, "said once, not for every budget");
    assert!(matches!(&dropped[0].reason, Reason::NotMeasured { benchmark, .. } if benchmark == "mmlu"));
    s.services[0].scaling.budgets.clear();
    // Without a floor: the first benchmark that all share; none where one candidate lacks it.
    s.services[0].accuracy = None;
    let (ways, _) = of(&s);
    assert_eq!((ways[0].accuracy, ways[0].benchmark.as_deref()), (Some(0.55), Some("gsm8k")));
    let mut other = tiny_llm("other", 2, 256);
    other.quality.clear();
    let at = s.services[0].at;
    s.services[0].models.push(scenarios::Said { value: other, at });
    let (ways, _) = of(&s);
    assert_eq!(ways.len(), 2);
    assert!(ways.iter().all(|w| w.accuracy.is_none() && w.benchmark.is_none()));
}

#[test]
fn context_kind_and_shape() {
    let mut s = one_board();
    s.services[0].prompt_tokens = 9000;
    let (_, dropped) = of(&s);
    assert_eq!(dropped[0].reason, Reason::ContextTooShort { needed: 9032, context: 8192 });
    let mut s = scaled(vec![Method::Single, Method::Majority], vec![1, 3], vec![]);
    s.services[0].models[0].value = classifier("c");
    let (ways, dropped) = of(&s);
    assert_eq!((ways.len(), &dropped[0].reason), (1, &Reason::NothingToSample));
    s.services[0].models[0].value.blocks.clear();
    let (_, dropped) = of(&s);
    assert_eq!(dropped[0].reason, Reason::Blocks { count: 0 });
}

#[test]
fn formats_of_a_model() {
    let mut m = tiny_llm("m", 2, 256);
    m.formats = vec![WeightFormat::Ternary];
    assert!(can_be_had(&m, WeightFormat::Ternary) && !can_be_had(&m, WeightFormat::W2) && !can_be_had(&m, WeightFormat::W16));
    m.formats = vec![WeightFormat::W4];
    assert!(can_be_had(&m, WeightFormat::W3) && !can_be_had(&m, WeightFormat::W8) && !can_be_had(&m, WeightFormat::Sherry));
}
