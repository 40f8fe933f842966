//! Ten thousand seeds: whatever fails, no promise is broken, the fleet converges within 30 s of the last fault, and comes
//! to rest.
//!
//! `SEEDS=200000 cargo test -p fleet --test main many_seeds -- --nocapture` runs more,
//! `SEED=17 cargo test -p fleet --test main replay -- --nocapture` prints what happened in one.

use fleet::sim::{Counts, Options, Outcome, run};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|v| v.parse().ok())
}

/// How long seeds took to come to rest and to converge, ms.
#[derive(Default)]
pub(crate) struct Times {
    rest: Vec<u64>,
    converged: Vec<u64>,
}

/// The least seed that failed, what happened in all, how long each took to come to rest.
type Swept = (Option<(u64, Outcome)>, Counts, Times);

/// Runs seeds on all processors until one fails.
pub(crate) fn sweep(seeds: std::ops::Range<u64>, options: &Options) -> Swept {
    let next = AtomicU64::new(seeds.start);
    let found: Mutex<Swept> = Mutex::new((None, Counts::default(), Times::default()));
    let workers = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || found.lock().unwrap().0.is_some() {
                        return;
                    }
                    let outcome = run(seed, options);
                    let mut found = found.lock().unwrap();
                    found.1.add(&outcome.counts);
                    if outcome.violation.is_none() {
                        found.2.rest.push(outcome.rest_ms);
                        found.2.converged.push(outcome.converge_ms);
                    } else if found.0.as_ref().is_none_or(|(s, _)| seed < *s) {
                        found.0 = Some((seed, outcome));
                    }
                }
            });
        }
    });
    found.into_inner().unwrap()
}

/// Prints the end of a failing run and how to see all of it.
fn report(seed: u64, options: &Options) -> String {
    let again = run(seed, &Options { trace: true, ..options.clone() });
    let last = again.trace.len().saturating_sub(60);
    let why = again.violation.map_or_else(|| "NOT REPRODUCED".to_owned(), |v| v.to_string());
    format!(
        "{}\n\nseed {seed}: {why}\nall of it: LOCKS={} PARTNERS={} AGENTS={} SEED={seed} cargo test -p fleet --test main replay -- --nocapture",
        again.trace[last..].join("\n"),
        u8::from(options.locks),
        u8::from(options.partners),
        options.agents,
    )
}

#[test]
fn many_seeds() {
    let (c, count) = swept(&Options::default(), 10_000);
    happened(&c, count);
}

/// A large fleet: twenty agents, a minute of faults, and half a minute to come to rest.
#[test]
fn twenty_agents() {
    let (c, count) = swept(&twenty(), 200);
    happened(&c, count);
}

/// Plans wait for locks in the middle of all that.
#[test]
fn with_locks() {
    let (c, count) = swept(&locks(), 3_000);
    happened(&c, count);
    assert!(c.withheld > 0, "{} plans waited in {count} seeds", c.withheld);
}

#[test]
fn with_partners() {
    let (c, count) = swept(&partners(), 5_000);
    happened(&c, count);
}

fn partners() -> Options {
    Options { partners: true, ..Options::default() }
}

fn locks() -> Options {
    Options { locks: true, ..Options::default() }
}

fn twenty() -> Options {
    Options { agents: 20, fewest: 20, storm_ms: 60_000, ..Options::default() }
}

/// Runs `SEEDS` seeds, or so many, and prints what came of them.
fn swept(options: &Options, usual: u64) -> (Counts, u64) {
    let from = number("FROM").unwrap_or(0);
    let count = number("SEEDS").unwrap_or(usual);
    #[expect(clippy::disallowed_methods, reason = "how long a test took")]
    let start = std::time::Instant::now();
    let (failed, c, times) = sweep(from..from + count, options);
    if let Some((seed, _)) = failed {
        panic!("{}", report(seed, options));
    }
    println!("{count} seeds in {:.1} s: {c:?}", start.elapsed().as_secs_f64());
    for (what, mut times) in [("converged after the last fault", times.converged), ("rest after the storm", times.rest)] {
        times.sort_unstable();
        let [median, p99, longest] = [0.5, 0.99, 1.0].map(|share| at(&times, share));
        println!("{what}: median {median} ms, p99 {p99} ms, longest {longest} ms");
    }
    (c, count)
}

/// It happened, or nothing was tested.
fn happened(c: &Counts, count: u64) {
    let per_seed =
        |n: u64, least: f64, what: &str| assert!(n as f64 / count as f64 >= least, "{what}: only {n} in {count} seeds");
    per_seed(c.crashes, 1.0, "crashes");
    per_seed(c.torn, 0.3, "crashes between two storage steps");
    per_seed(c.lost, 20.0, "lost messages");
    per_seed(c.plans, 1.5, "plans");
    per_seed(c.forks, 0.05, "forks");
    per_seed(c.forgeries, 1.0, "forgeries");
    per_seed(c.switches, 5.0, "switches");
    per_seed(c.rollbacks, 0.1, "rollbacks");
    per_seed(c.commits, 3.0, "commits");
    per_seed(c.hops, 20.0, "stages of requests");
    per_seed(c.disk_faults, 0.2, "failing storage steps");
    per_seed(c.lies, 0.05, "lies of disks");
}

fn at(sorted: &[u64], share: f64) -> u64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in [3, 18, 4_242] {
        let options = Options { trace: true, ..Options::default() };
        let (a, b) = (run(seed, &options), run(seed, &options));
        assert_eq!(a.trace, b.trace);
        assert_eq!((a.fingerprint, a.counts), (b.fingerprint, b.counts));
        assert_eq!(run(seed, &Options::default()).fingerprint, a.fingerprint, "a trace changes nothing");
        assert!(a.trace.len() > 100, "{} lines", a.trace.len());
    }
}

/// Power cut after every single storage step of some runs, three ways each.
#[test]
fn a_crash_after_every_storage_step() {
    let options = Options { crash_everywhere: true, ..Options::default() };
    let (failed, c, _) = sweep(0..300, &options);
    if let Some((seed, outcome)) = failed {
        panic!("seed {seed}: {:?}", outcome.violation);
    }
    println!("{} starts from a crash", c.starts);
    assert!(c.starts > 50_000, "{} starts", c.starts);
}

#[test]
fn replay() {
    let Some(seed) = number("SEED") else { return };
    let options = if number("AGENTS") == Some(20) { twenty() } else { Options::default() };
    let options = Options { locks: number("LOCKS") == Some(1), partners: number("PARTNERS") == Some(1), ..options };
    let outcome = run(seed, &Options { trace: true, ..options });
    println!("{}\n{:?} {:?} rest {} ms", outcome.trace.join("\n"), outcome.violation, outcome.counts, outcome.rest_ms);
}
