//! The live page: what it must hold, whatever it is given; and that it is for everybody, in every state.

use browser::{Look, Page};
use reports::{
    Compared, LIVE_POLICY, LIVE_SCHEMA, Live, LiveDevice, LiveEvent, LivePlan, LiveService, LiveStage, Moment, Quality, Seen,
    Standing, live, live_main,
};

fn seen(value: f64, quality: Quality) -> Seen {
    Seen { value: Some(value), quality, ..Seen::default() }
}

fn missing(why: &str) -> Seen {
    Seen { why: why.into(), ..Seen::default() }
}

/// A fleet in every state at once.
fn sample() -> Live {
    let device = |name: &str, standing, state: &str, power| LiveDevice {
        name: name.into(),
        standing,
        state: state.into(),
        phase: Some("serving".into()),
        generation: Some(7),
        share: Some(0.75),
        planned_power_w: Some(4.5),
        power,
        planned_temperature_c: Some(51.0),
        throttle_c: Some(97.0),
        temperature: seen(48.6, Quality::Measured),
        pressure: seen(0.021, Quality::Measured),
        memory: seen(1.5e9, Quality::Measured),
        throttled: "no".into(),
        heard_s: Some(0.2),
        note: "strike 1: too slow".into(),
        time_factor: seen(1.21, Quality::Fitted),
        power_factor: missing("its power was not measured"),
        history: vec![Moment { ago_s: 20.0, value: 4.0 }, Moment { ago_s: 10.0, value: 5.0 }, Moment { ago_s: 0.0, value: 4.4 }],
    };
    let devices = vec![
        device("orin", Standing::Fine, "serves the plan", seen(4.4, Quality::Measured)),
        device("pi", Standing::Odd, "on its way to the plan", Seen { old_s: Some(34.0), ..seen(3.1, Quality::Assumed) }),
        device("nano", Standing::Bad, "lost", missing("it is not heard")),
        LiveDevice {
            name: "spare".into(),
            state: "not heard".into(),
            power: missing("no sensor"),
            throttled: "not known".into(),
            ..LiveDevice::default()
        },
    ];
    let compared = |seen: Seen, off| Compared { predicted: Some(0.12), of: "p90".into(), seen, median: Some(0.1), off };
    let service = LiveService {
        name: "chat".into(),
        model: "smollm2-135m".into(),
        precision: "w4".into(),
        devices: "orin → pi".into(),
        window_s: Some(10.0),
        requests: Some(12),
        failed: Some(1),
        ttft: compared(seen(0.15, Quality::Measured), Some(0.25)),
        tpot: compared(missing("nobody asked"), None),
        ..LiveService::default()
    };
    let event = |what: &str, standing| LiveEvent {
        at: "2026-11-27 03:04:05".into(),
        standing,
        what: what.into(),
        subject: "nano".into(),
        text: "it has said nothing for 5 s".into(),
    };
    Live {
        schema: LIVE_SCHEMA.into(),
        fleet: "home".into(),
        scenario_file: "home.yaml".into(),
        tool: "planner 0.1.0".into(),
        through: "orin".into(),
        at: "2026-11-27 03:04:06".into(),
        standing: Standing::Bad,
        summary: "nano of its plan is lost".into(),
        doing: "planning without nano".into(),
        plan: Some(LivePlan {
            id: "a".repeat(64),
            generation: 7,
            objective: "fleet power".into(),
            unit: "W".into(),
            value: 9.5,
            bound: 9.4,
            gap: 0.01,
            status: "gap".into(),
            stages: vec![LiveStage {
                service: "chat".into(),
                device: "orin".into(),
                weights: "w4".into(),
                end: 16,
                ..LiveStage::default()
            }],
            ..LivePlan::default()
        }),
        planned_power_w: Some(9.5),
        power: missing("no power is known of nano"),
        devices,
        services: vec![service],
        events: vec![
            event("lost", Standing::Bad),
            event("rolled back", Standing::Odd),
            event("back", Standing::Fine),
            event("planning", Standing::Neutral),
        ],
        notes: vec!["refused a status".into()],
    }
}

#[test]
fn every_value_says_how_it_is_known_or_why_it_is_not() {
    let page = live(&sample());
    for words in [
        "<h1>home</h1>",
        "✗ broken",
        "assumed, 34.0 s ago",
        "missing: it is not heard",
        "measured, median 100 ms",
        "missing: nobody asked, median 100 ms",
        "missing: no power is known of nano; predicted 9.50 W",
        "+25 %",
        "in the last 10.0 s",
        "planning without nano",
        "refused a status",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(page.contains(&live_main(&sample())), "the part that changes is the page's own");
    assert!(page.len() < 100 * 1024, "{} bytes a look", page.len());
    let json = serde_json::to_string(&sample()).unwrap();
    assert_eq!(serde_json::from_str::<Live>(&json).unwrap(), sample());
}

#[test]
fn it_asks_only_where_it_came_from() {
    let page = live(&sample());
    assert!(
        LIVE_POLICY.contains("default-src 'none'")
            && LIVE_POLICY.contains("connect-src 'self'")
            && LIVE_POLICY.contains("frame-ancestors 'none'")
    );
    let body = &page[page.find("<body>").unwrap()..page.rfind("<script>").unwrap()];
    for attribute in ["src=", "srcset=", "@import", "<link", "<iframe", "<img", "<form"] {
        assert!(!body.contains(attribute), "{attribute}");
    }
    for part in body.split("href=\"").skip(1) {
        assert!(part.starts_with('#') || part.starts_with("state.json\""), "link to {}", &part[..20]);
    }
    let script = include_str!("../assets/live.js");
    assert_eq!(script.matches("fetch(").count(), 1);
    assert!(script.contains("fetch(\"main\"") && !script.contains("innerHTML"));
}

#[test]
fn hostile_words_stay_words() {
    let hostile = "</script><script>alert(1)</script>\"' onload=x & <b>";
    let mut state = sample();
    state.fleet = hostile.into();
    state.devices[0].name = hostile.into();
    state.devices[1].note = hostile.into();
    state.devices[2].power = missing(hostile);
    state.services[0].name = hostile.into();
    state.events[0].text = hostile.into();
    state.notes = vec![hostile.into()];
    let page = live(&state);
    assert!(!page.contains("<script>alert(1)") && !page.contains("<b>"), "the words were not escaped");
    assert_eq!(page.matches("<script").count(), 1);
}

#[test]
fn nothing_is_a_page_too() {
    let page = live(&Live::default());
    for words in ["no plan", "Nothing has happened", "The fleet has no plan yet", "No device has measured its power twice"] {
        assert!(page.contains(words), "{words}");
    }
    let mut odd = sample();
    odd.devices[0].power = seen(f64::NAN, Quality::Measured);
    odd.devices[0].history = vec![Moment { ago_s: f64::INFINITY, value: f64::NAN }, Moment::default()];
    assert!(!live(&odd).contains("NaN") && !live(&odd).contains("inf"), "what is no number is not drawn");
}

#[test]
fn tables_are_accessible() {
    let page = live(&sample());
    let tables = page.matches("<table ").count();
    assert!(tables >= 6, "{tables}");
    assert_eq!((page.matches("<caption>").count(), page.matches("data-copy=").count()), (tables, tables));
    for table in page.split("<table ").skip(1) {
        let (head, body) = table[..table.find("</table>").unwrap()].split_once("<tbody>").unwrap();
        assert_eq!(head.matches("<th ").count(), head.matches("scope=\"col\"").count());
        assert_eq!(body.matches("<tr").count(), body.matches("scope=\"row\"").count());
    }
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).map(|p| &p[..p.find('"').unwrap()]).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), page.matches("<h1>").count()), (all, 1));
}

/// Every state in light and dark, with the word that the planner does not answer: there is none here.
#[test]
fn every_state_is_for_everybody() {
    let Some(mut page) = Page::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("live.html");
    std::fs::write(&file, live(&sample())).unwrap();
    page.go(&format!("file://{}", file.display()));
    page.until("!document.getElementById('stale').hidden");
    page.eval("document.querySelectorAll('details').forEach((d) => { d.open = true })");
    for dark in [false, true] {
        page.look(Look { dark, reduced_motion: true, ..Look::default() });
        assert_eq!(page.faint(), Vec::<String>::new(), "contrast, dark: {dark}");
        assert_eq!(page.moving(), Vec::<String>::new());
    }
    let (usable, stops) = (page.usable(), page.tabs());
    let mut reached = stops.iter().map(|s| &s.what);
    assert!(usable.len() > 10 && usable.iter().all(|wanted| reached.any(|r| r == wanted)), "{usable:#?}\n{stops:#?}");
    assert!(stops.iter().all(|s| s.outlined), "{stops:#?}");
    // A narrow window needs no scrolling sideways but inside tables.
    page.look(Look { width: 380, ..Look::default() });
    assert_eq!(page.eval("document.documentElement.scrollWidth <= innerWidth"), true);
}
