//! Scaling curves and ablation, measured and written into `docs/`: one command for all figures.
//!
//! The pages are `docs/scaling.md` and `docs/ablation.md`, the plots `docs/scaling-*.svg`. Seconds are processor
//! seconds of one thread on this machine; gaps and the ablation are counted work, the same anywhere.
//! `cargo xtask curves POINTS` draws points measured before, lines as the example `curves` prints them, and
//! measures nothing.

mod plot;

use crate::run::{Done, cargo, output, root};
use plot::{Plot, Series};
use std::fmt::Write as _;

/// Devices in all, sites, nominal seconds a site.
const SITES: [(u32, u32, f64); 4] = [(300, 3, 0.35), (1_000, 10, 0.35), (3_000, 30, 0.35), (10_000, 100, 0.35)];
const WHOLE: [(u32, u32, f64); 5] = [(50, 1, 0.3), (100, 1, 0.6), (250, 1, 1.5), (500, 1, 3.0), (1_000, 1, 6.0)];

/// A measured point.
struct Point {
    devices: f64,
    services: f64,
    sites: f64,
    seconds: f64,
    mib: f64,
    gap: f64,
    power_w: f64,
    bound_w: f64,
}

/// `cargo xtask curves [POINTS]`.
pub(crate) fn curves() -> Done {
    let given = std::env::args().nth(2);
    let points = match &given {
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?;
            text.lines().filter(|l| !l.trim().is_empty()).map(point).collect::<Result<Vec<Point>, String>>()?
        }
        None => {
            cargo(&["build", "--locked", "--workspace", "--example", "curves", "--example", "ablation"])?;
            SITES.iter().chain(&WHOLE).map(measure).collect::<Result<Vec<Point>, String>>()?
        }
    };
    let (sites, whole): (Vec<Point>, Vec<Point>) = points.into_iter().partition(|p| p.wanted(&SITES));
    draw(&sites, &whole)?;
    if given.is_some() {
        return Ok(());
    }
    println!("ablation: some minutes");
    let ablation = output(&[], &example("ablation"), &[])?;
    let head = "# What the parts of the search bring\n\nWritten by `cargo xtask curves`; do not edit. Each ingredient left out in \
                turn; medians over 20 seeds. Counted work: the same on any machine.";
    write("ablation.md", &format!("{head} {}\n\n{ablation}\n", machine()?))
}

/// Where and when.
fn machine() -> Result<String, String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name =
        text.lines().find_map(|l| l.strip_prefix("model name")).map_or("unknown", |l| l.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(format!("{}, {name}, {cores} cores, profile dev.", output(&[], "date", &["-u", "+%F"])?))
}

/// The page and its plots.
fn draw(sites: &[Point], whole: &[Point]) -> Done {
    let plots = [
        ("scaling-time.svg", "Processor seconds against devices", "s", (|p: &Point| p.seconds) as fn(&Point) -> f64),
        ("scaling-memory.svg", "Peak memory against devices", "MiB", |p: &Point| p.mib),
        ("scaling-gap.svg", "Proved gap against devices", "%", |p: &Point| 100.0 * p.gap),
    ];
    for (name, title, unit, value) in plots {
        let series = |label: &'static str, points: &[Point]| Series {
            label,
            points: points.iter().map(|p| (p.devices, value(p))).collect(),
        };
        let plot = Plot { title, x: "devices", y: unit, series: vec![series("sites of 100", sites), series("one site", whole)] };
        write(name, &plot.svg())?;
    }
    write("scaling.md", &page(sites, whole, &machine()?))
}

fn write(name: &str, text: &str) -> Done {
    println!("wrote docs/{name}");
    std::fs::write(root().join("docs").join(name), text).map_err(|e| format!("docs/{name}: {e}"))
}

fn example(name: &str) -> String {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), std::path::PathBuf::from);
    target.join("debug/examples").join(name).display().to_string()
}

fn measure(&(devices, sites, seconds): &(u32, u32, f64)) -> Result<Point, String> {
    let line = output(&[], &example("curves"), &[&devices.to_string(), &sites.to_string(), &seconds.to_string()])?;
    println!("{line}");
    point(&line)
}

/// A line of the example's.
fn point(line: &str) -> Result<Point, String> {
    let number = |key: &str| -> Result<f64, String> {
        let after = line.split(&format!("\"{key}\":")).nth(1).unwrap_or_default();
        let text = after.split([',', '}']).next().unwrap_or_default();
        text.parse().map_err(|_| format!("no number `{key}` in {line}"))
    };
    Ok(Point {
        devices: number("devices")?,
        services: number("services")?,
        sites: number("sites")?,
        seconds: number("processor_s")?,
        mib: number("peak_mib")?,
        gap: number("gap")?,
        power_w: number("power_w")?,
        bound_w: number("bound_w")?,
    })
}

impl Point {
    /// Whether it belongs to the curve of many sites: a hundred devices at each, and the first point of one site.
    fn wanted(&self, list: &[(u32, u32, f64)]) -> bool {
        let (devices, sites, _) = list[list.len() - 1];
        self.sites > 1.0 && (self.devices / self.sites - f64::from(devices) / f64::from(sites)).abs() < 0.5
    }
}

fn page(sites: &[Point], whole: &[Point], machine: &str) -> String {
    let mut text = String::from(
        "# How the search grows\n\n\
         Written by `cargo xtask curves`; do not edit. Fleets of `testing::fleet_instance`, least power. Seconds are processor \
         seconds of one thread, memory is the process's peak; gaps are counted work, the same on \
         any machine. A gap is to the proved bound of the same run.\n\n",
    );
    let _ = writeln!(text, "{machine}");
    let table = |text: &mut String, title: &str, points: &[Point]| {
        let _ = write!(
            text,
            "\n## {title}\n\n| devices | services | sites | power, W | bound, W | gap | s | MiB |\n|---|---|---|---|---|---|---|---|\n"
        );
        for p in points {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {:.1} | {:.1} | {:.2} % | {:.1} | {:.0} |",
                p.devices,
                p.services,
                p.sites,
                p.power_w,
                p.bound_w,
                100.0 * p.gap,
                p.seconds,
                p.mib
            );
        }
    };
    table(&mut text, "Sites of 100 devices, solved apart", sites);
    table(&mut text, "One site", whole);
    text.push_str("\n![time](scaling-time.svg)\n\n![memory](scaling-memory.svg)\n\n![gap](scaling-gap.svg)\n");
    text
}
