//! A run that stopped is the run that did not.

use crate::{config, finish};
use learn::{Config, Features, LearnError, Learner, Source, Task};
use proptest::prelude::*;

fn features(task: Task) -> Features {
    Features::new(Source::Numbers, task).expect("numbers")
}

#[test]
fn a_resumed_run_is_the_uninterrupted_one_bit_for_bit() {
    for task in Task::ALL {
        let config = config(task, 3, 6000);
        let mut kept = features(task);
        let whole = finish(Learner::new(config.clone(), &kept).expect("a run"), &mut kept);
        let mut stopped = Learner::new(config.clone(), &kept).expect("a run");
        // Through a text and fresh features after every batch.
        loop {
            let mut fresh = features(task);
            stopped = Learner::resume(&stopped.save().expect("saved"), &config, &fresh).expect("its own checkpoint");
            if stopped.update(&mut fresh).expect("an update").is_none() {
                break;
            }
        }
        assert!(whole.curve().len() > 2 && whole.save().expect("saved") == stopped.save().expect("saved"), "{task:?}");
    }
}

#[test]
fn another_runs_checkpoint_is_refused() {
    let kept = features(Task::Grid);
    let mine = config(Task::Grid, 1, 2000);
    let text = Learner::new(mine.clone(), &kept).expect("a run").save().expect("saved");
    let other = Config { seed: 2, ..mine.clone() };
    let error = Learner::resume(&text, &other, &kept).expect_err("another seed");
    assert!(error.to_string().contains("seed: 1 there, 2 here"), "{error}");
    // The same words, but wider features.
    let wide = features(Task::Governor);
    assert!(matches!(Learner::resume(&text, &mine, &wide), Err(LearnError::OtherRun { what, .. }) if what == "head"));
    let poisoned = text.replacen("\"mean\":[0.0", "\"mean\":[1e39", 1);
    assert_ne!(poisoned, text);
    assert!(Learner::resume(&poisoned, &mine, &kept).is_err());
}

#[test]
fn what_cannot_be_a_run_is_refused() {
    let kept = features(Task::Grid);
    let good = config(Task::Grid, 1, 2000);
    for bad in [
        Config { hidden: 0, ..good.clone() },
        Config { batch: 0, ..good.clone() },
        Config { rate: f32::NAN, ..good.clone() },
        Config { gamma: 1.5, ..good.clone() },
    ] {
        assert!(matches!(Learner::new(bad, &kept), Err(LearnError::Input(_))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A damaged checkpoint is an error or a sound run, never a panic.
    #[test]
    fn damaged_checkpoints_are_errors(at in 0usize..4000, byte in 0u8..128) {
        let mut kept = features(Task::Grid);
        let config = config(Task::Grid, 1, 2000);
        let mut text = Learner::new(config.clone(), &kept).expect("a run").save().expect("saved").into_bytes();
        let at = at % text.len();
        text[at] = byte;
        let text = String::from_utf8(text).expect("ASCII");
        if let Ok(mut run) = Learner::resume(&text, &config, &kept) {
            let _ = run.update(&mut kept);
        }
    }
}
