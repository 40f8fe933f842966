use super::*;
use std::sync::mpsc::channel;

const SOON: Duration = Duration::from_millis(30);
const LONG: Duration = Duration::from_secs(20);

#[test]
fn work_in_time_comes_back_and_its_thread_is_used_again() {
    let pool = Deadline::default();
    let first = pool.run("a", LONG, || std::thread::current().id());
    let second = pool.run("b", LONG, || std::thread::current().id());
    assert!(first.is_ok());
    assert_eq!(first, second);
}

#[test]
fn what_hangs_is_refused_until_it_comes_back_and_nothing_else_waits_for_it() {
    let pool = Deadline::default();
    let (release, held) = channel::<()>();
    let hung = pool.run("bad", SOON, move || held.recv().is_ok());
    assert_eq!(hung, Err(Missing::TimedOut { what: "bad".into(), after_ms: 30 }));
    // Refused without a wait: with LONG this test would last.
    assert!(pool.run("bad", LONG, || 1).is_err());
    assert_eq!(pool.run("good", LONG, || 2), Ok(2));
    release.send(()).unwrap();
    while pool.run("bad", LONG, || 3).is_err() {
        std::thread::yield_now();
    }
}

#[test]
fn many_hung_things_do_not_eat_threads_without_end() {
    let pool = Deadline::default();
    let mut releases = Vec::new();
    for i in 0..40 {
        let (release, held) = channel::<()>();
        releases.push(release);
        assert!(pool.run(&format!("thing {i}"), Duration::from_millis(1), move || held.recv().is_ok()).is_err());
    }
    assert_eq!(locked(&pool.0).hung.len(), HUNG_MAX);
}
