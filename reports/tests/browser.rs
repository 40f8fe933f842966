//! The page in a real browser: Chromium without a window.

use reports::testing::sample_with_front;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian and others put it.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The browser, or `None` with a word about it.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).flat_map(|p| NAMES.map(|n| p.join(n))).find(|p| p.is_file());
    if found.is_none() {
        println!("SKIPPED: chromium is not installed (apt-get install chromium)");
    }
    found
}

/// Runs the browser on a page in `folder` and gives its standard output.
fn browse(browser: &Path, folder: &Path, page: &str, extra: &[&str]) -> String {
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-extensions",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--virtual-time-budget=4000",
            "--window-size=1280,2400",
        ])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .args(extra)
        .arg(format!("file://{}/{page}", folder.display()))
        .output()
        .expect("the browser starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A folder with the page of sixty plans as `index.html`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("index.html"), reports::html(&sample_with_front(60))).expect("written");
    folder
}

#[test]
fn the_page_passes_its_own_test() {
    let Some(browser) = chromium() else { return };
    let folder = folder();
    let dom = browse(&browser, folder.path(), "index.html#selftest", &["--dump-dom"]);
    // The last one: the script that writes it is part of the page and names it too.
    let start = dom.rfind("<pre id=\"selftest\">").expect("the self-test ran to its end") + 19;
    let text = dom[start..start + dom[start..].find("</pre>").expect("closed")]
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    let out: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(out["errors"], serde_json::json!([]), "errors on the console");
    assert_eq!(out["formats"], 360, "six figures of sixty plans, written alike by Rust and by the script");
    assert_eq!(out["all"], 60);
    assert_eq!(out["reset"], 60);
    for slider in ["deadline", "budget", "floor"] {
        let moved = &out[slider];
        let rows = moved["rows"].as_u64().expect("a count");
        assert!(rows > 0 && rows < 60, "{slider}: {moved}");
        assert_eq!(moved["rows"], moved["expected"], "{slider}");
        assert_eq!(moved["kept"], true, "{slider}: every row shown keeps the limit");
        assert_eq!(moved["best"], 1, "{slider}: one best plan");
        assert!(moved["rings"].as_u64().expect("a count") >= 60 - rows - 1, "{slider}: {moved}");
    }
    // The slider's half way is half way between least and most, and Rust counts the same plans.
    let front = sample_with_front(60).front;
    let limit = out["deadline"]["limit"].as_f64().expect("a number");
    let within = front.iter().filter(|p| p.mean_latency_s <= limit).count() as u64;
    assert_eq!(out["deadline"]["rows"], within);
    assert_eq!(out["axis"], "Intelligence per watt (higher is better)");
    assert_eq!(out["detail"], 3);
    assert_eq!(out["theme"], "light");
    assert_eq!(out["charts"], 11);
    assert!(out["tables"].as_object().expect("tables").values().all(|n| n.as_u64().is_some_and(|n| n > 0)), "{}", out["tables"]);
}

#[test]
fn no_request_leaves_the_page() {
    let Some(browser) = chromium() else { return };
    let folder = folder();
    let log = folder.path().join("net.json");
    browse(&browser, folder.path(), "index.html", &["--dump-dom", &format!("--log-net-log={}", log.display())]);
    let quiet = requests(&std::fs::read_to_string(&log).expect("a net log"));
    // A page that does ask for something, so that a log which shows nothing cannot pass for silence.
    std::fs::write(folder.path().join("loud.html"), "<img src='http://loud.invalid/a.png'>").expect("written");
    let loud = folder.path().join("loud.json");
    browse(&browser, folder.path(), "loud.html", &["--dump-dom", &format!("--log-net-log={}", loud.display())]);
    let loud = requests(&std::fs::read_to_string(&loud).expect("a net log"));
    assert_eq!(loud, ["http://loud.invalid/a.png"]);
    assert_eq!(quiet, Vec::<String>::new(), "requests left the page");
}

/// What a page asked for, by its net log (one event a line). The browser's own requests have no origin.
fn requests(log: &str) -> Vec<String> {
    let events = log.lines().filter_map(|l| serde_json::from_str::<Value>(l.trim().trim_end_matches(',')).ok());
    let from_a_page = |e: &Value| e["params"]["initiator"].as_str().is_some_and(|i| i != "not an origin");
    events
        .filter(from_a_page)
        .filter_map(|e| e["params"]["url"].as_str().map(str::to_owned))
        .filter(|u| !u.starts_with("file:"))
        .collect()
}

#[test]
fn it_draws_in_light_and_dark() {
    let Some(browser) = chromium() else { return };
    let folder = folder();
    let mut pictures = Vec::new();
    for (name, flag) in
        [("light.png", "--blink-settings=preferredColorScheme=1"), ("dark.png", "--blink-settings=preferredColorScheme=0")]
    {
        let path = folder.path().join(name);
        browse(&browser, folder.path(), "index.html", &[flag, "--hide-scrollbars", &format!("--screenshot={}", path.display())]);
        let picture = std::fs::read(&path).expect("a screenshot");
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 100_000, "{name}: {} bytes", picture.len());
        pictures.push(picture);
    }
    assert_ne!(pictures[0], pictures[1], "light and dark look the same");
}
