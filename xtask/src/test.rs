//! Everything that CI checks, cheapest first.

use crate::packages::install;
use crate::run::{Done, cargo, cargo_with};
use crate::tidy::tidy;
use std::time::Instant;

pub(crate) fn test() -> Done {
    // Five and a half minutes of processor time on the test machine.
    let seeds = || {
        let seeds = [("SEEDS", "20000".to_owned())];
        cargo_with(&seeds, &["test", "--workspace", "--locked", "--test", "main", "twenty_agents", "--", "--nocapture"])
    };
    let clippy = || cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]);
    let stages: [(&str, &dyn Fn() -> Done); 12] = [
        ("set-up", &install),
        ("model", &crate::model::fetch),
        ("tidy", &tidy),
        ("supply", &crate::supply::supply),
        ("book", &crate::book::book),
        ("fmt", &|| cargo(&["fmt", "--all", "--check"])),
        ("clippy", &clippy),
        ("test", &|| cargo(&["test", "--workspace", "--locked"])),
        ("seeds", &seeds),
        ("asan", &crate::asan::asan),
        ("aarch64", &crate::aarch64::aarch64),
        // The tests have built the binary.
        ("same bytes", &crate::demo::same_bytes),
    ];
    let mut times = Vec::new();
    for (name, stage) in stages {
        #[expect(clippy::disallowed_methods, reason = "how long a stage took")]
        let start = Instant::now();
        stage()?;
        times.push(format!("{name} {} s", start.elapsed().as_secs()));
    }
    println!("test: {}", times.join(", "));
    Ok(())
}
