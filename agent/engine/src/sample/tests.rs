use super::*;
use proptest::prelude::*;

fn draws(sampling: &Sampling, logits: &[f32], n: usize) -> Vec<Token> {
    let mut s = Sampler::new(sampling).expect("in range");
    (0..n).map(|_| s.sample(logits, &[]).expect("finite").token).collect()
}

#[test]
fn greedy_takes_the_first_of_the_likeliest() {
    let mut s = Sampler::new(&Sampling::greedy()).expect("in range");
    let c = s.sample(&[0.0, 2.0, f32::NAN, 2.0], &[]).expect("finite");
    assert_eq!(c.token, 1);
    let c = s.sample(&[1.0, 1.0, 1.0, 1.0], &[]).expect("finite");
    assert!((c.logprob + 4f32.ln()).abs() < 1e-6);
}

#[test]
fn shares_are_those_of_the_softmax() {
    // Probabilities 0.1, 0.2, 0.7; 20,000 draws have a standard error below 0.0036.
    let logits = [0.1f32.ln(), 0.2f32.ln(), 0.7f32.ln()];
    let sampling = Sampling { temperature: 1.0, seed: 3, ..Sampling::greedy() };
    let tokens = draws(&sampling, &logits, 20_000);
    for (token, p) in [(0, 0.1), (1, 0.2), (2, 0.7)] {
        let share = tokens.iter().filter(|t| **t == token).count() as f64 / 20_000.0;
        assert!((share - p).abs() < 0.015, "{token}: {share}");
    }
    // At temperature 2 they go as the roots.
    let tokens = draws(&Sampling { temperature: 2.0, ..sampling }, &logits, 20_000);
    let total: f64 = [0.1f64, 0.2, 0.7].iter().map(|p| p.sqrt()).sum();
    let share = tokens.iter().filter(|t| **t == 2).count() as f64 / 20_000.0;
    assert!((share - 0.7f64.sqrt() / total).abs() < 0.015, "{share}");
}

#[test]
fn cuts_leave_what_they_say() {
    let logits = [0.5f32.ln(), 0.3f32.ln(), 0.15f32.ln(), 0.05f32.ln()];
    let hot = Sampling { temperature: 5.0, seed: 1, ..Sampling::greedy() };
    let kept = |s: &Sampling| {
        let mut tokens = draws(s, &logits, 500);
        tokens.sort_unstable();
        tokens.dedup();
        tokens.len()
    };
    assert_eq!(kept(&hot), 4);
    assert_eq!(kept(&Sampling { top_k: 2, ..hot.clone() }), 2);
    // 0.5 + 0.3 reach 0.79, and 0.9 needs the third.
    assert_eq!(kept(&Sampling { top_p: 0.79, ..hot.clone() }), 2);
    assert_eq!(kept(&Sampling { top_p: 0.9, ..hot.clone() }), 3);
    assert_eq!(kept(&Sampling { top_p: 0.0, ..hot.clone() }), 1);
    // 0.15 is 0.3 of 0.5.
    assert_eq!(kept(&Sampling { min_p: 0.29, ..hot.clone() }), 3);
    assert_eq!(kept(&Sampling { min_p: 1.0, ..hot }), 1);
}

#[test]
fn repeated_tokens_are_held_back() {
    let sampling = Sampling { repetition_penalty: 2.0, repetition_window: 2, ..Sampling::greedy() };
    let mut s = Sampler::new(&sampling).expect("in range");
    assert_eq!(s.sample(&[3.0, 2.0, -1.0], &[0]).expect("finite").token, 1);
    // Out of the window.
    assert_eq!(s.sample(&[3.0, 2.0, -1.0], &[0, 2, 2]).expect("finite").token, 0);
    // The log-probability is the model's own.
    let c = s.sample(&[3.0, 2.0, -1.0], &[0]).expect("finite");
    assert!((f64::from(c.logprob) - (2.0 - log_sum_exp(&[3.0, 2.0, -1.0]))).abs() < 1e-6);
}

#[test]
fn a_seed_is_a_stream_and_samples_have_their_own() {
    let logits: Vec<f32> = (0..50).map(|i| (i % 7) as f32 / 3.0).collect();
    let a = Sampling::at(1.0, 7);
    assert_eq!(draws(&a, &logits, 40), draws(&a, &logits, 40));
    assert_ne!(draws(&a, &logits, 40), draws(&a.for_sample(1), &logits, 40));
    assert_eq!(a.for_sample(0), a);
}

#[test]
fn numbers_out_of_range_and_broken_logits_are_errors() {
    for s in [
        Sampling { temperature: -1.0, ..Sampling::greedy() },
        Sampling { temperature: f32::NAN, ..Sampling::greedy() },
        Sampling { top_p: 1.1, ..Sampling::greedy() },
        Sampling { min_p: -0.1, ..Sampling::greedy() },
        Sampling { repetition_penalty: 0.0, ..Sampling::greedy() },
    ] {
        assert!(Sampler::new(&s).is_err(), "{s:?}");
    }
    let mut s = Sampler::new(&Sampling::greedy()).expect("in range");
    assert!(s.sample(&[f32::NAN; 3], &[]).is_err());
    assert!(s.sample(&[], &[]).is_err());
}

proptest! {
    #[test]
    fn what_is_drawn_is_a_token_with_its_probability(
        logits in proptest::collection::vec(prop_oneof![9 => -50f32..50.0, 1 => Just(f32::NEG_INFINITY)], 1..200),
        temperature in 0f32..3.0, top_k in 0usize..20, top_p in 0f32..=1.0, min_p in 0f32..=1.0, seed: u64,
    ) {
        prop_assume!(logits.iter().any(|x| x.is_finite()));
        let mut s = Sampler::new(&Sampling { temperature, top_k, top_p, min_p, seed, ..Sampling::greedy() }).expect("in range");
        let c = s.sample(&logits, &[]).expect("finite");
        prop_assert!(logits[c.token as usize].is_finite());
        prop_assert!(c.logprob <= 1e-6 && c.logprob.is_finite());
    }

    #[test]
    fn probabilities_sum_to_one(logits in proptest::collection::vec(-80f32..80.0, 1..300)) {
        let sum: f64 = (0..logits.len()).map(|t| f64::from(log_softmax_at(&logits, t as Token)).exp()).sum();
        prop_assert!((sum - 1.0).abs() < 1e-4, "{}", sum);
    }
}
