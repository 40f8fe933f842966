//! The planner's target table: every instance of the yardstick in a folder, planned on one thread.
//!
//! Times are processor seconds of the planner's process, read from Linux's accounting of ended children.

use crate::run::{Done, cargo, output, root};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the fixed instances are to reach, by name: watts, hypervolume, and the seconds for either.
///
/// The best that exact programs, annealing, genetic search and fix-and-optimise recorded there; up to 16
/// devices the power is the proved optimum.
const TARGETS: &[(&str, f64, f64)] =
    &[("n4", 51.8663, 0.2064), ("n16", 78.0642, 0.4146), ("n64", 341.41, 0.4361), ("n256", 1487.79, 0.3942)];

/// Nominal times asked for, by devices: for power and for a front. The table shows what was used.
fn seconds(devices: f64) -> (&'static str, &'static str) {
    match devices {
        n if n <= 16.0 => ("1", "1"),
        n if n <= 64.0 => ("1.5", "1"),
        _ => ("4", "4"),
    }
}

/// One run of the planner.
struct Run {
    summary: String,
    seconds: f64,
    feasible: Option<(usize, usize)>,
}

/// `cargo xtask yardstick FOLDER`: plans every instance there, prints the table.
pub(crate) fn yardstick() -> Done {
    let usage = "name the folder with the instances: `cargo xtask yardstick FOLDER`, or set WATTLINE_YARDSTICK; with \
                 WATTLINE_YARDSTICK_PYTHON and score.py beside the folder, plans are scored too";
    let folder = std::env::args().nth(2).map(PathBuf::from).or_else(|| std::env::var_os("WATTLINE_YARDSTICK").map(PathBuf::from));
    let folder = folder.ok_or(usage)?;
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map_err(|e| format!("{}: {e}", folder.display()))?
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "json"))
        .collect();
    files.sort_by_key(|p| (p.metadata().map_or(0, |m| m.len()), p.clone()));
    if files.is_empty() {
        return Err(format!("{}: no instances; {usage}", folder.display()));
    }
    // The profile of development optimises our code, and its slow dependencies are built already.
    cargo(&["build", "--locked", "-p", "planner", "--bin", "planner"])?;
    println!(
        "\n| instance | devices, services | power, W (target) | bound, W | gap | s | hypervolume (target) | plans | s | scorer |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for file in &files {
        println!("{}", row(file)?);
    }
    Ok(())
}

fn row(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let (for_power, for_front) = seconds(text.matches("\"cls\"").count() as f64);
    let power = plan(file, "power", for_power)?;
    let front = plan(file, "front", for_front)?;
    let name = field(&power.summary, "instance");
    let target = TARGETS.iter().find(|t| t.0 == name);
    let wanted = |value: f64, digits: usize| target.map_or(String::new(), |_| format!(" ({value:.digits$})"));
    let number = |run: &Run, key: &str| field(&run.summary, key).parse::<f64>().unwrap_or(f64::NAN);
    let (watts, area) = target.map_or((0.0, 0.0), |t| (t.1, t.2));
    let scored = match (power.feasible, front.feasible) {
        (Some(a), Some(b)) => format!("{}/{} feasible", a.0 + b.0, a.1 + b.1),
        _ => "not asked".into(),
    };
    Ok(format!(
        "| {name} | {}, {} | {:.3}{} | {:.3} | {:.2} % | {:.2} | {:.4}{} | {} | {:.2} | {scored} |",
        field(&power.summary, "devices"),
        field(&power.summary, "services"),
        number(&power, "power_w"),
        wanted(watts, 3),
        number(&power, "bound_w"),
        100.0 * number(&power, "gap"),
        power.seconds,
        number(&front, "hypervolume"),
        wanted(area, 4),
        field(&front.summary, "plans"),
        front.seconds,
    ))
}

/// Plans one instance on one thread.
fn plan(file: &Path, objective: &str, seconds: &str) -> Result<Run, String> {
    let planner = root().join("target/debug/planner");
    let planner = std::env::var_os("CARGO_TARGET_DIR").map_or(planner, |t| PathBuf::from(t).join("debug/planner"));
    let plans = std::env::temp_dir().join(format!("wattline-yardstick-{}.json", std::process::id()));
    let (file_text, plans_text) = (file.display().to_string(), plans.display().to_string());
    let before = children_s();
    let out = Command::new(&planner)
        .args(["yardstick", "--instance", &file_text, "--out", &plans_text, "--objective", objective])
        .args(["--time", seconds, "--threads", "1"])
        .output()
        .map_err(|e| format!("{}: {e}", planner.display()))?;
    let spent = children_s() - before;
    let summary = String::from_utf8_lossy(&out.stderr).trim().to_owned();
    if !out.status.success() {
        return Err(format!("{file_text}: {}\n{summary}", out.status));
    }
    let scorer = file.parent().and_then(Path::parent).map(|p| p.join("score.py").display().to_string());
    let feasible = match (std::env::var("WATTLINE_YARDSTICK_PYTHON"), scorer) {
        (Ok(python), Some(scorer)) => {
            let scored = output(&[], &python, &[&scorer, &file_text, &plans_text])?;
            let lines: Vec<&str> = scored.lines().filter(|l| l.starts_with("plan ")).collect();
            Some((lines.iter().filter(|l| l.contains(": feasible ")).count(), lines.len()))
        }
        _ => None,
    };
    let _ = std::fs::remove_file(&plans);
    Ok(Run { summary, seconds: spent, feasible })
}

/// Processor seconds of all ended children, from the 16th and 17th field of `/proc/self/stat`, in ticks of 10 ms.
fn children_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after_name.split_whitespace().skip(13).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// A field of a flat line of JSON, as text.
fn field(json: &str, key: &str) -> String {
    let after = json.split(&format!("\"{key}\":")).nth(1).unwrap_or_default();
    after.split([',', '}']).next().unwrap_or_default().trim().trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn reads_fields_of_a_line() {
        let json = r#"{"bound_w":51.5,"gap":0.0,"instance":"n4","plans":3}"#;
        assert_eq!(
            (field(json, "bound_w"), field(json, "instance"), field(json, "plans")),
            ("51.5".into(), "n4".into(), "3".into())
        );
        assert_eq!(field(json, "nothing"), "");
    }
}
