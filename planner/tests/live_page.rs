//! The pages in a real browser: the live page of real agents, and the report of a scenario.
//!
//! With `UPDATE_GOLDEN=1` the pictures in `docs` are taken anew.

use crate::lab::{Lab, agent, planner};
use browser::{Key, Look, Page};
use engine::testing::Tiny;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const LAB: &str = "\
name: bench
agents: [desk, orin-1, orin-2]
models: { smollm2-135m: tiny.gguf }
sensors: { orin-1: board, orin-2: board }
services:
  - { name: chat, model: smollm2-135m, stages: [{ agent: orin-1, layers: 30, weights: w8 }] }
";

const SCENARIO: &str = "\
name: bench
sites: [{ name: lab, ambient: 22 °C, link: gigabit-ethernet }]
devices:
  - { name: orin-1, profile: orin-nano-8gb-super }
  - { name: orin-2, profile: orin-nano-8gb-super }
  - { name: desk, profile: rpi5-8gb }
services:
  - name: chat
    models: [smollm2-135m]
    precisions: [w8]
    rate: 20 /h
    prompt: 20 tokens
    answer: 20 tokens
    forbid: [desk]
objective: power
";

/// Lays the files of a board, as the sensors' own tests read it.
fn board(folder: &Path, name: &str) {
    let listings = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("agent").join("sensors/boards");
    let listing = std::fs::read_to_string(listings.join(name)).unwrap();
    sensors::Listing::parse(&listing).unwrap().write_below(folder).unwrap();
}

/// A watch that tells its events, and ends with this.
pub(crate) struct Watch {
    child: Child,
    events: Receiver<Value>,
    told: Vec<Value>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Watch {
    pub(crate) fn start(scenario: &Path, lab: &Lab, more: &[&str]) -> Self {
        let mut child = planner()
            .args(["watch", &scenario.display().to_string(), "--agent", &lab.entry, "--fleet"])
            .arg(lab.fleet())
            .args(["--lost", "4s", "--settle", "5s", "--time", "100ms", "--format", "jsonl"])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let (tell, events) = channel();
        std::thread::spawn(move || lines.map(|l| serde_json::from_str(&l).unwrap()).try_for_each(|e: Value| tell.send(e)));
        Self { child, events, told: Vec::new() }
    }

    /// Waits for an event; it gives its text, or where the page is.
    fn until(&mut self, event: &str, subject: &str) -> String {
        let next = self.event(event, subject);
        next["text"].as_str().or(next["url"].as_str()).unwrap().to_owned()
    }

    /// The same, whole.
    pub(crate) fn event(&mut self, event: &str, subject: &str) -> Value {
        loop {
            let next = self.events.recv_timeout(Duration::from_secs(60));
            let next = next.unwrap_or_else(|_| panic!("no `{event}` after {:#?}", self.told));
            assert_eq!(next["schema"], "wattline.event/1");
            let found = next["event"] == event && (subject.is_empty() || next["subject"] == subject);
            self.told.push(next.clone());
            if found {
                return next;
            }
        }
    }
}

/// What every page of ours keeps, in light and dark.
fn is_for_everybody(page: &mut Page) {
    for dark in [false, true] {
        page.look(Look { dark, reduced_motion: true, ..Look::default() });
        assert_eq!(page.faint(), Vec::<String>::new(), "contrast, dark: {dark}");
        assert_eq!(page.moving(), Vec::<String>::new(), "reduced motion");
    }
    page.look(Look::default());
    let (usable, stops) = (page.usable(), page.tabs());
    let mut reached = stops.iter().map(|s| &s.what);
    for wanted in &usable {
        assert!(reached.any(|r| r == wanted), "Tab does not reach {wanted} in its turn: {stops:#?}");
    }
    let unseen: Vec<_> = stops.iter().filter(|s| !s.outlined).collect();
    assert!(unseen.is_empty(), "focus is not seen: {unseen:?}");
}

/// Takes the picture again where that is wanted; it must show something either way.
fn picture(page: &mut Page, name: &str) {
    let taken = page.picture();
    assert!(taken.len() > 50_000, "{name}: {} bytes", taken.len());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("docs").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, taken).unwrap();
    }
    assert!(path.is_file(), "{}: UPDATE_GOLDEN=1 takes it", path.display());
}

/// Users, until the agents' next windows have told of them.
fn used(lab: &Lab, page: &mut Page) {
    let body = json!({ "model": "chat", "prompt": "the hell and", "temperature": 0, "max_tokens": 24 });
    for _ in 0..300 {
        let answer: Value = serde_json::from_str(&lab.ask(&body)).unwrap();
        assert!(answer["choices"][0]["text"].is_string(), "{answer}");
        std::thread::sleep(Duration::from_millis(100));
        if page.eval("document.querySelector('#services-live tbody td:nth-child(6)').dataset.v > 0") == true {
            return;
        }
    }
    panic!("no window tells of users: {}", page.eval("document.getElementById('services').innerText"));
}

#[test]
fn the_live_page_shows_a_running_fleet() {
    if !agent() {
        return;
    }
    let Some(mut page) = Page::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    // As many layers as the model of the catalogue whose place it takes.
    let tiny = Tiny { layers: 30, context: 512, ..Tiny::new("llama") };
    tiny.writer().unwrap().save(&folder.path().join("tiny.gguf")).unwrap();
    board(&folder.path().join("board"), "orin-nano-jp6.txt");
    let (file, scenario) = (folder.path().join("lab.yaml"), folder.path().join("bench.yaml"));
    std::fs::write(&file, LAB).unwrap();
    std::fs::write(&scenario, SCENARIO).unwrap();
    let lab = Lab::of(&file, folder, &["--no-report"]);
    // A tiny model in another's place is no drift of the device.
    let mut watch = Watch::start(&scenario, &lab, &["--serve", "127.0.0.1:0", "--no-fit"]);
    let url = watch.until("serving", "");
    watch.until("served", "");

    page.go(&url);
    page.until("document.querySelector('.summary').textContent.includes('serve generation 2')");
    used(&lab, &mut page);
    let state = || -> Value {
        serde_json::from_str(&crate::lab::http(url.trim_start_matches("http://").trim_end_matches('/'), "GET", "/state.json", ""))
            .unwrap()
    };
    let now = state();
    assert_eq!(now["schema"], "wattline.live/1");
    let device = |name: &str| now["devices"].as_array().unwrap().iter().find(|d| d["name"] == name).unwrap().clone();
    let orin = device("orin-1");
    assert!(orin["power"]["value"].as_f64().is_some_and(|w| w > 1.0), "{orin:#}");
    assert_eq!(orin["power"]["quality"], "measured");
    assert_eq!((&orin["pressure"]["value"], &orin["phase"]), (&json!(0.0), &json!("serving")), "{orin:#}");
    assert!(orin["temperature"]["value"].as_f64().is_some_and(|t| t > 20.0), "{orin:#}");
    // What a device has no sensor for says so on the page.
    for (name, field, cell) in [("orin-1", "power", 3), ("desk", "power", 3), ("desk", "temperature", 5), ("desk", "pressure", 7)]
    {
        let row = now["devices"].as_array().unwrap().iter().position(|d| d["name"] == name).unwrap() + 1;
        let shown = page.eval(&format!(
            "document.querySelector('#measured-table tbody tr:nth-child({row}) > :nth-child({cell}) .under').textContent"
        ));
        let value = &device(name)[field];
        let expected = if value["value"].is_null() {
            format!("missing: {}", value["why"].as_str().unwrap())
        } else {
            value["quality"].as_str().unwrap().to_owned()
        };
        assert!(shown.as_str().unwrap().starts_with(&expected), "{name} {field}: {shown} instead of {expected}");
        assert!(expected.len() > "missing: ".len() || !value["value"].is_null(), "a reason");
    }
    let chat = &now["services"][0];
    for what in ["ttft", "tpot"] {
        assert!(chat[what]["predicted"].as_f64().is_some_and(|s| s > 0.0) && chat[what]["off"].is_number(), "{what}: {chat:#}");
    }
    assert!(chat["energy"]["seen"]["value"].as_f64().is_some_and(|j| j > 0.0), "{chat:#}");
    is_for_everybody(&mut page);

    // By keys alone: pause, and the page stays as it is while the state goes on.
    let pause = "document.getElementById('pause')";
    page.eval(&format!("{pause}.focus()"));
    page.press(Key::Space);
    assert_eq!(page.eval(&format!("{pause}.getAttribute('aria-pressed')")), "true");
    let (time, looks) = (page.eval("document.querySelector('time').textContent"), "window.looks");
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(page.eval("document.querySelector('time').textContent"), time, "it is paused");
    page.press(Key::Enter);
    let before = page.eval(looks).as_u64().unwrap();
    page.until(&format!("{looks} > {}", before + 1));
    assert_ne!(page.eval("document.querySelector('time').textContent"), time, "it goes on");
    assert_eq!(page.eval("document.activeElement.id"), "pause", "the focus stays where it was");

    // The device that serves hangs.
    let served = now["plan"]["stages"][0]["device"].as_str().unwrap().to_owned();
    let order = ["desk", "orin-1", "orin-2"];
    let process = &lab.processes()[order.iter().position(|n| *n == served).unwrap()];
    let signal = |what: &str| assert!(Command::new("kill").args([what, process]).status().unwrap().success());
    signal("-STOP");
    assert!(watch.until("lost", &served).contains("nothing for 4 s"));
    let repaired = watch.until("served", "");
    assert!(repaired.contains(&format!("without {served}")), "{repaired}");
    page.until("document.querySelector('#events-table tbody').rows.length >= 4");
    page.until("document.querySelector('.summary').textContent.includes('serve generation 3')");
    assert!(page.eval("document.querySelector('.summary').textContent").as_str().unwrap().contains(&format!("without {served}")));
    used(&lab, &mut page);
    let words = page.eval("document.getElementById('events').innerText").as_str().unwrap().to_owned();
    assert!(words.contains("lost") && words.contains(&format!("without {served}")), "{words}");
    page.look(Look { height: 1560, ..Look::default() });
    page.eval("document.activeElement.blur(), window.scrollTo(0, 0)");
    picture(&mut page, "live.png");
    signal("-CONT");
    watch.until("back", &served);

    assert_eq!(page.troubles(), Vec::<String>::new());
    let requests = page.requests();
    assert!(requests.iter().filter(|r| **r == format!("{url}main")).count() > 5, "it keeps itself fresh: {requests:?}");
    let elsewhere: Vec<&String> = requests.iter().filter(|r| !r.starts_with(&url) && *r != "data:,").collect();
    assert!(elsewhere.is_empty(), "requests left for {elsewhere:?}");
    drop(watch);
    page.until("!document.getElementById('stale').hidden");
}

#[test]
fn the_report_is_for_everybody() {
    let Some(mut page) = Page::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let done = planner().args(["optimize", "scenarios/fleet.yaml", "--quiet", "--out"]).arg(folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let url = format!("file://{}/index.html", folder.path().display());
    page.go(&url);
    is_for_everybody(&mut page);
    // By keys alone: other colours.
    page.eval("document.getElementById('theme').focus()");
    page.press(Key::Enter);
    assert_eq!(page.eval("document.documentElement.dataset.theme"), "light");
    page.press(Key::Space);
    page.press(Key::Space);
    page.look(Look { height: 1500, ..Look::default() });
    page.eval("document.activeElement.blur(), window.scrollTo(0, 0)");
    picture(&mut page, "report.png");
    assert_eq!(page.troubles(), Vec::<String>::new());
    assert_eq!(page.requests(), [url]);
}
