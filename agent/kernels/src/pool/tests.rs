use super::*;
use std::sync::atomic::AtomicU64;

fn pools() -> Vec<Pool> {
    let mut pools = Vec::new();
    for threads in [1, 2, 3, 8] {
        for wait in [Wait::Park, Wait::Spin(50), Wait::default()] {
            pools.push(Pool::new(threads, wait));
        }
    }
    pools
}

#[test]
fn every_index_once_whatever_the_policy() {
    for pool in pools() {
        for _ in 0..300 {
            let seen: Vec<AtomicU64> = (0..pool.threads()).map(|_| AtomicU64::new(0)).collect();
            pool.run(&|i| {
                seen[i].fetch_add(1, Ordering::Relaxed);
            });
            assert!(seen.iter().all(|n| n.load(Ordering::Relaxed) == 1), "{pool:?}");
        }
    }
}

#[test]
fn ranges_cover_all_items_once() {
    for pool in pools() {
        for (items, chunk) in [(0, 1), (1, 1), (7, 3), (1000, 1), (1000, 17), (5, 100), (64, 0)] {
            let seen: Vec<AtomicU64> = (0..items).map(|_| AtomicU64::new(0)).collect();
            pool.split(items, chunk, &|_, range| {
                for i in range {
                    seen[i].fetch_add(1, Ordering::Relaxed);
                }
            });
            assert!(seen.iter().all(|n| n.load(Ordering::Relaxed) == 1), "{pool:?} {items} {chunk}");
        }
    }
}

#[test]
fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
    for pool in pools() {
        let last = pool.threads() - 1;
        let failed = catch_unwind(AssertUnwindSafe(|| pool.run(&|i| assert!(i != last, "on purpose"))));
        assert!(failed.is_err());
        let sum = AtomicU64::new(0);
        pool.run(&|i| {
            sum.fetch_add(i as u64 + 1, Ordering::Relaxed);
        });
        assert_eq!(sum.load(Ordering::Relaxed) as usize, pool.threads() * (pool.threads() + 1) / 2);
    }
}

#[test]
fn callers_on_several_threads_take_turns() {
    let pool = Pool::new(3, Wait::default());
    let sum = AtomicU64::new(0);
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                for _ in 0..200 {
                    pool.split(10, 1, &|_, r| {
                        sum.fetch_add(r.len() as u64, Ordering::Relaxed);
                    });
                }
            });
        }
    });
    assert_eq!(sum.load(Ordering::Relaxed), 4 * 200 * 10);
}
