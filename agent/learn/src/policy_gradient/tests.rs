use super::*;
use crate::env::Task;
use crate::features::Source;
use crate::random::{Purpose, Random};

/// A batch on the grid's numbers with off-policy ratios, some of them clipped.
fn batch(features: &Features, head: &Head) -> Vec<Visit> {
    let mut random = Random::stream(7, Purpose::Training, 0);
    (0..40)
        .map(|i| {
            let state = i % 5;
            let mut pass = Pass::default();
            head.forward(features.row(state), &mut pass);
            let action = random.below(head.actions());
            let log_p = head.policy(&pass)[action].ln() + random.between(-0.5, 0.5) as f32;
            let (advantage, target) = (random.between(-2.0, 2.0) as f32, random.between(-1.0, 1.0) as f32);
            Visit { state, action, log_p, advantage, target }
        })
        .collect()
}

#[test]
fn the_gradient_is_the_slope_of_the_loss() {
    let features = Features::new(Source::Numbers, Task::Grid).expect("numbers");
    let mut head = Head::new(features.width(), 6, 4, 3);
    // Away from the start, where the outputs' weights are almost zero.
    let mut random = Random::stream(3, Purpose::Training, 1);
    head.weights.iter_mut().for_each(|w| *w += random.between(-0.7, 0.7) as f32);
    let visits = batch(&features, &head);
    let batch = Batch::new(&visits);
    assert_eq!(batch.states(), 5);
    let terms = Terms { clip: 0.2, value: 0.7, entropy: 0.05 };
    let mut gradient = vec![0.0; head.weights.len()];
    batch.gradient(&head, &features, terms, &mut gradient);
    let longest = gradient.iter().fold(0.0f32, |m, g| m.max(g.abs()));
    let mut idle = vec![0.0; head.weights.len()];
    let step = 2e-3;
    for (i, found) in gradient.iter().enumerate() {
        let mut loss = |by: f32| {
            let mut moved = head.clone();
            moved.weights[i] += by;
            batch.gradient(&moved, &features, terms, &mut idle).0
        };
        let slope = (loss(step) - loss(-step)) / (2.0 * step);
        assert!((slope - found).abs() < 0.01 * longest, "weight {i}: {slope}, {found}");
    }
    assert!(longest > 0.05, "{longest}");
}

#[test]
fn what_left_the_clip_in_its_favour_moves_nothing() {
    let features = Features::new(Source::Numbers, Task::Grid).expect("numbers");
    let head = Head::new(features.width(), 6, 4, 3);
    // Four times as likely as it was, and good: enough.
    let visit = Visit { state: 0, action: 1, log_p: (0.25f32 / 4.0).ln(), advantage: 1.0, target: 0.0 };
    let terms = Terms { clip: 0.2, value: 0.0, entropy: 0.0 };
    let mut gradient = vec![1.0; head.weights.len()];
    Batch::new(&[visit]).gradient(&head, &features, terms, &mut gradient);
    assert!(gradient.iter().all(|g| *g == 0.0));
    Batch::new(&[Visit { advantage: -1.0, ..visit }]).gradient(&head, &features, terms, &mut gradient);
    assert!(gradient.iter().any(|g| *g != 0.0), "bad: there is still a way back");
}

#[test]
fn states_stand_in_the_order_of_visits() {
    let visit = |state| Visit { state, action: 0, log_p: 0.0, advantage: 0.0, target: 0.0 };
    let visits = [9, 2, 9, 5, 2].map(visit);
    let batch = Batch::new(&visits);
    assert_eq!((batch.states, batch.places), (vec![9, 2, 5], vec![0, 1, 0, 2, 1]));
}
