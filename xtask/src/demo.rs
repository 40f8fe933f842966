//! The main job, from nothing to a report; and the same on every example.

use crate::packages::install;
use crate::run::{Done, cargo, root, run};

/// Plans the robotics site and says where the page is.
pub(crate) fn demo() -> Done {
    install()?;
    build()?;
    run(&planner(), &["optimize", "scenarios/fleet.yaml"])
}

/// The whole workspace at once: building one package alone would choose other features of the heavy
/// dependencies and build them a second time.
fn build() -> Done {
    cargo(&["build", "--workspace", "--bins", "--locked"])
}

fn planner() -> String {
    target_dir().join("debug/planner").to_string_lossy().into_owned()
}

/// The examples that ship with the project.
const EXAMPLES: &[&str] = &["fleet", "home", "qeil", "paretopipe", "edgereasoning", "low-bit"];

/// Plans each example three times: the bytes must not depend on the run or on the number of threads.
pub(crate) fn examples() -> Done {
    install()?;
    build()?;
    same_bytes()
}

/// With the binary that is there.
pub(crate) fn same_bytes() -> Done {
    let planner = planner();
    let out = root().join("reports");
    for name in EXAMPLES {
        let scenario = format!("scenarios/{name}.yaml");
        let mut plans = Vec::new();
        for (run_id, threads) in [("a", "1"), ("b", "1"), ("c", "2")] {
            let dir = out.join(format!("check-{name}-{run_id}"));
            let dir_text = dir.to_string_lossy().into_owned();
            run(&planner, &["optimize", &scenario, "--seed", "7", "--threads", threads, "--out", &dir_text])?;
            plans.push(std::fs::read(dir.join("plan.json")).map_err(|e| format!("{dir_text}/plan.json: {e}"))?);
            let _ = std::fs::remove_dir_all(&dir);
        }
        if plans.iter().any(|p| p != &plans[0]) {
            return Err(format!("{scenario}: plan.json differs between runs with the same seed"));
        }
        println!("{scenario}: same bytes three times, on 1 and 2 threads");
    }
    Ok(())
}

fn target_dir() -> std::path::PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into)
}
