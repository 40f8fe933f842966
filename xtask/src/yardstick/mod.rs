//! The planner's target table: the yardstick's fixed instances, twelve more of its generator's, the growth
//! and no-thrash rows, planned on one thread and scored by the yardstick's own scorer.
//!
//! Times are processor seconds of the planner's process, read from Linux's accounting of ended children.

mod folder;
mod targets;

use crate::run::{Done, cargo, root};
use folder::{Folder, Scored};
use std::path::{Path, PathBuf};
use std::process::Command;
use targets::{SEEDS, Target, times};

/// One run of the planner.
struct Run {
    summary: String,
    /// Processor seconds.
    seconds: f64,
    scored: Option<Scored>,
}

impl Run {
    fn number(&self, key: &str) -> f64 {
        field(&self.summary, key).parse().unwrap_or(f64::NAN)
    }
}

/// What was found wrong, over all rows.
#[derive(Default)]
struct Verdict {
    plans: usize,
    infeasible: usize,
    missed: Vec<String>,
}

impl Verdict {
    /// Notes a target; `true` when it is met.
    fn check(&mut self, met: bool, what: String) {
        if !met {
            self.missed.push(what);
        }
    }

    fn count(&mut self, run: &Run) {
        if let Some(s) = &run.scored {
            self.plans += s.plans;
            self.infeasible += s.plans - s.feasible;
        }
    }
}

/// `cargo xtask yardstick FOLDER`: plans every instance there and more of the generator's, prints the tables.
pub(crate) fn yardstick() -> Done {
    let usage = "name the yardstick's folder: `cargo xtask yardstick FOLDER`, or set WATTLINE_YARDSTICK. Its score.py and \
                 instance.py run under WATTLINE_YARDSTICK_PYTHON (default python3), which needs numpy";
    let named = std::env::args().nth(2).map(PathBuf::from).or_else(|| std::env::var_os("WATTLINE_YARDSTICK").map(PathBuf::from));
    let folder = Folder::open(&named.ok_or(usage)?)?;
    // The features of the whole workspace, so that the slow dependencies that tests have built already serve here too.
    cargo(&["build", "--locked", "--workspace", "--bin", "planner"])?;
    let mut verdict = Verdict::default();
    println!("\nFixed instances; processor seconds of one thread; in brackets what is to be reached.\n");
    head();
    for file in folder.instances()? {
        println!("{}", row(&folder, &file, &mut verdict)?);
    }
    if folder.generates() {
        println!("\nTwelve more of the yardstick's own generator, by devices and seed.\n");
        head();
        for (devices, seed) in SEEDS {
            let file = folder.generate(&format!("generate({devices}, {seed})"), &format!("n{devices} seed {seed}"))?;
            println!("{}", row(&folder, &file, &mut verdict)?);
        }
        growth(&folder, &mut verdict)?;
        no_thrash(&folder, &mut verdict)?;
    }
    match (folder.scores(), verdict.infeasible) {
        (false, _) => println!("\nscore.py is not in the folder: plans were not scored"),
        (true, n) => println!("\n{} of {} plans are feasible by score.py", verdict.plans - n, verdict.plans),
    }
    verdict.check(verdict.infeasible == 0, format!("{} plans are infeasible", verdict.infeasible));
    if verdict.missed.is_empty() { Ok(()) } else { Err(format!("missed: {}", verdict.missed.join("; "))) }
}

fn head() {
    println!("| instance | devices, services | power, W | bound, W | gap | s | hypervolume | plans | s | feasible |");
    println!("|---|---|---|---|---|---|---|---|---|---|");
}

/// Plans one instance for power and for a front.
fn row(folder: &Folder, file: &Path, verdict: &mut Verdict) -> Result<String, String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let devices = text.matches("\"cls\"").count();
    let (for_power, for_front) = times(devices);
    let power = plan(folder, file, "power", for_power, &[])?;
    let front = plan(folder, file, "front", for_front, &[])?;
    verdict.count(&power);
    verdict.count(&front);
    let name = field(&power.summary, "instance");
    let target = Target::of(&name);
    let (watts, gap) = (power.number("power_w"), power.number("gap"));
    // The scorer's own area where it ran.
    let area = front.scored.as_ref().map_or_else(|| front.number("hypervolume"), |s| s.hypervolume);
    if let Some(t) = target {
        verdict.check(t.power_met(watts), format!("{name}: {watts:.3} W for {:.3} W", t.power_w));
        verdict.check(area > t.hypervolume, format!("{name}: hypervolume {area:.5} for {:.5}", t.hypervolume));
        verdict.check(power.seconds < t.power_s, format!("{name}: {:.2} s for {} s", power.seconds, t.power_s));
        verdict.check(front.seconds < t.front_s, format!("{name}: front in {:.2} s for {} s", front.seconds, t.front_s));
    }
    if let Some(most) = targets::gap(devices) {
        verdict.check(gap < most, format!("{name}: gap {:.2} % for {:.0} %", 100.0 * gap, 100.0 * most));
    }
    let wanted = |text: Option<String>| text.map_or_else(String::new, |t| format!(" ({t})"));
    Ok(format!(
        "| {name} | {devices}, {} | {watts:.3}{} | {:.3} | {:.2} %{} | {:.2} | {area:.5}{} | {} | {:.2} | {} |",
        field(&power.summary, "services"),
        wanted(target.map(|t| t.power_text())),
        power.number("bound_w"),
        100.0 * gap,
        wanted(targets::gap(devices).map(|g| format!("< {:.0} %", 100.0 * g))),
        power.seconds,
        wanted(target.map(|t| format!("> {:.5}", t.hypervolume))),
        field(&front.summary, "plans"),
        front.seconds,
        match (&power.scored, &front.scored) {
            (Some(a), Some(b)) => format!("{} of {}", a.feasible + b.feasible, a.plans + b.plans),
            _ => "not scored".into(),
        },
    ))
}

/// A thousand devices and 500 services.
fn growth(folder: &Folder, verdict: &mut Verdict) -> Done {
    let file = folder.generate("generate(1000, 77)", "n1000 seed 77")?;
    let run = plan(folder, &file, "power", targets::GROWTH_TIME, &[])?;
    verdict.count(&run);
    let gap = run.number("gap");
    println!(
        "\nGrowth: 1,000 devices and 500 services (seed 77): {:.1} W, bound {:.1} W, gap {:.2} % (<= 5 %) in {:.1} s (< 10 s)",
        run.number("power_w"),
        run.number("bound_w"),
        100.0 * gap,
        run.seconds
    );
    verdict.check(gap <= 0.05, format!("1,000 devices: gap {:.2} %", 100.0 * gap));
    verdict.check(run.seconds < targets::GROWTH_S, format!("1,000 devices: {:.1} s for {} s", run.seconds, targets::GROWTH_S));
    Ok(())
}

/// A device more, and devices in another order.
fn no_thrash(folder: &Folder, verdict: &mut Verdict) -> Done {
    let text = "fewer(generate(64, 1064))";
    let (small, large) = (folder.generate(text, "n64 less one")?, folder.generate("generate(64, 1064)", "n64")?);
    let kept = std::env::temp_dir().join(format!("wattline-yardstick-{}-start.json", std::process::id()));
    let before = plan_to(folder, &small, "power", "2", &[], &kept)?;
    let after = plan(folder, &large, "power", "2", &["--start", &kept.display().to_string()])?;
    let _ = std::fs::remove_file(&kept);
    let standby: f64 = folder.python("print(generate(64, 1064)['devices'][-1]['standby_w'])")?.parse().unwrap_or(f64::NAN);
    let shuffled = plan(folder, &folder.generate("shuffled(generate(64, 1064))", "n64 shuffled")?, "power", "2", &[])?;
    let plain = plan(folder, &large, "power", "2", &[])?;
    for run in [&before, &after, &shuffled, &plain] {
        verdict.count(run);
    }
    let (without, with) = (before.number("power_w"), after.number("power_w") - standby);
    println!(
        "\nNo-thrash: 63 devices {without:.3} W; with the 64th, its standby power taken off, {with:.3} W; \
              64 devices in another order {:.6} W for {:.6} W",
        shuffled.number("power_w"),
        plain.number("power_w")
    );
    verdict.check(with <= without + 1e-6, format!("a device more: {with:.3} W for {without:.3} W"));
    let same = (shuffled.number("power_w") - plain.number("power_w")).abs() <= 1e-6;
    verdict.check(same, "devices in another order: another objective".into());
    Ok(())
}

/// Plans one instance on one thread; the plans are scored and removed.
fn plan(folder: &Folder, file: &Path, objective: &str, seconds: &str, more: &[&str]) -> Result<Run, String> {
    let plans = std::env::temp_dir().join(format!("wattline-yardstick-{}.json", std::process::id()));
    let run = plan_to(folder, file, objective, seconds, more, &plans);
    let _ = std::fs::remove_file(&plans);
    run
}

fn plan_to(folder: &Folder, file: &Path, objective: &str, seconds: &str, more: &[&str], out: &Path) -> Result<Run, String> {
    let planner = root().join("target/debug/planner");
    let planner = std::env::var_os("CARGO_TARGET_DIR").map_or(planner, |t| PathBuf::from(t).join("debug/planner"));
    let (file_text, plans_text) = (file.display().to_string(), out.display().to_string());
    let before = children_s();
    let done = Command::new(&planner)
        .args(["yardstick", "--instance", &file_text, "--out", &plans_text, "--objective", objective])
        .args(["--time", seconds, "--threads", "1"])
        .args(more)
        .output()
        .map_err(|e| format!("{}: {e}", planner.display()))?;
    let spent = children_s() - before;
    let summary = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    if !done.status.success() {
        return Err(format!("{file_text}: {}\n{summary}", done.status));
    }
    Ok(Run { summary, seconds: spent, scored: folder.score(file, out)? })
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
