//! One point of the scaling curves: a generated fleet, planned for least power; a line of JSON on stdout.
//!
//! `cargo run -p planner --example curves -- DEVICES SITES SECONDS`: so many devices in all, at so many sites,
//! with nominal seconds of search a site. One thread. `cargo xtask curves` collects the points.

use planner::search::{Effort, Silent, sites};
use planner::testing::fleet_instance;
use planner::yardstick::problem;

/// Processor seconds of this process, from Linux's accounting in ticks of 10 ms.
fn processor_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = text.rsplit(')').next().unwrap_or_default();
    after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Largest resident memory so far, MiB.
fn peak_mib() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "prints a line")]
fn main() {
    let given: Vec<f64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let [devices, count, seconds] = given[..] else {
        eprintln!("write three numbers: devices in all, sites, nominal seconds a site, such as `1000 10 0.5`");
        std::process::exit(2);
    };
    let (devices, count) = (devices.max(1.0) as usize, count.max(1.0) as usize);
    let each = devices.div_ceil(count);
    let make = |site: usize| match problem(&fleet_instance(1 + site as u64, each)) {
        Ok(p) => p.table,
        Err(e) => {
            eprintln!("{each} devices at a site: {e}");
            std::process::exit(2);
        }
    };
    let effort = Effort { front: 0, ..Effort::for_seconds(seconds) };
    let pool = match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
        Ok(pool) => pool,
        Err(e) => {
            eprintln!("{e}");
            std::process::exit(70);
        }
    };
    let fleet = pool.install(|| sites::solve(count, &make, f64::INFINITY, &effort, &Silent));
    let planned = fleet.plans.is_some();
    let gap = (fleet.objective - fleet.bound) / fleet.objective;
    println!(
        r#"{{"devices":{},"services":{},"sites":{count},"planned":{planned},"power_w":{:.3},"bound_w":{:.3},"gap":{gap:.6},"processor_s":{:.2},"peak_mib":{:.1}}}"#,
        each * count,
        (each / 2).max(1) * count,
        fleet.power_w,
        fleet.bound,
        processor_s(),
        peak_mib(),
    );
}
