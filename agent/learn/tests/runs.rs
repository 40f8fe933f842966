//! What is learned, and that it is the same everywhere.

use crate::{backbone, config, finish, ternary};
use engine::Precision;
use kernels::Format;
use learn::{Features, LearnError, Learner, Source, Task, random_policy};

/// Short: half of the way from chance to the best within a seventh of a published run.
#[test]
fn the_grid_is_learned_on_the_ternary_backbone() {
    let mut features = Features::new(ternary(1, false), Task::Grid).expect("features");
    let start = Learner::new(config(Task::Grid, 1, 30_000), &features).expect("a run");
    let before = start.evaluate(&mut features, 100).expect("scored");
    let done = finish(start, &mut features);
    let after = done.evaluate(&mut features, 100).expect("scored");
    let (chance, best) = (random_policy(Task::Grid, 200).expect("scored").mean, Task::Grid.optimum());
    println!("chance {chance:.3}, before {:.3}, after {:.3}, best {best:.3}", before.mean, after.mean);
    assert!(before.mean < chance + 0.3 * (best - chance), "nothing is known before");
    assert!(after.mean > chance + 0.5 * (best - chance), "{after:?}");
    let memory = done.memory();
    assert_eq!(memory.optimiser, 2 * memory.head);
    // The backbone is asked once a state: the free cells and the ends.
    let counts = features.counts();
    assert!(counts.states < 64 && counts.tokens > counts.states, "{counts:?}");
    let (bytes, table) = features.source().bytes().expect("a backbone");
    assert!(bytes > 700_000 && bytes < 1_000_000 && table < bytes / 10, "{bytes} {table}");
}

#[test]
fn threads_and_what_was_kept_before_change_no_bit() {
    let run = |threads, first: Option<u64>| {
        let mut features = Features::new(ternary(threads, false), Task::Governor).expect("features");
        if let Some(seed) = first {
            finish(Learner::new(config(Task::Governor, seed, 3000), &features).expect("a run"), &mut features);
        }
        let learner = Learner::new(config(Task::Governor, 4, 3000), &features).expect("a run");
        finish(learner, &mut features).save().expect("saved")
    };
    let one = run(1, None);
    assert!(one == run(2, None), "two threads");
    assert!(one == run(1, Some(9)), "a cache that another seed filled");
}

#[test]
fn seeds_are_different_runs() {
    let mut features = Features::new(Source::Numbers, Task::CartPole).expect("features");
    let mut save = |seed| {
        let learner = Learner::new(config(Task::CartPole, seed, 2000), &features).expect("a run");
        finish(learner, &mut features).curve().to_vec()
    };
    assert!(save(1) != save(2) && save(1) == save(1));
}

#[test]
fn a_stage_with_a_head_is_no_backbone() {
    let wrong = Features::new(ternary(1, true), Task::Grid);
    assert!(matches!(wrong, Err(LearnError::Input(why)) if why.contains("hidden states")));
}

/// Five weights in a byte hold the same codes and the same scales a row as four do: the same run, in less memory.
#[test]
fn ternary_in_fewer_bytes_is_the_same_run() {
    let run = |format| {
        let source = backbone("ternary", Precision::Format(format), 1, false);
        let (bits, (bytes, _)) = (source.bits(), source.bytes().expect("a backbone"));
        let mut features = Features::new(source, Task::Grid).expect("features");
        let learner = Learner::new(config(Task::Grid, 2, 3000), &features).expect("a run");
        (finish(learner, &mut features).save().expect("saved"), bits, bytes)
    };
    let (two, dense) = (run(Format::Ternary), run(Format::Ternary167));
    assert!(two.0 == dense.0 && (two.1 - dense.1).abs() < 1e-12);
    assert!(dense.2 * 10 < two.2 * 9, "{} {}", dense.2, two.2);
}

#[test]
fn bits_are_those_of_the_layers() {
    for (name, precision, bits) in [
        ("full", Precision::Stored, 16.0),
        ("ternary", Precision::Stored, 3f64.log2()),
        ("sherry", Precision::Stored, 1.25),
        ("nested", Precision::Format(Format::W4), 4.0),
    ] {
        let found = backbone(name, precision, 1, false).bits();
        assert!((found - bits).abs() < 1e-12, "{name}: {found}");
    }
}
