//! The page as text: what it must hold and what it must not.

use reports::testing::{sample, sample_with_front};
use reports::{Bar, Device, EnergyPart, FrontPoint, LatencyParts, MapLink, MapNode, Report, Roofline, Service, Target, html};

const LIMIT: usize = 500 * 1024;

/// The part of the page between two marks.
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let start = page.find(from).unwrap_or_else(|| panic!("{from} is missing"));
    let end = page[start..].find(to).unwrap_or_else(|| panic!("{to} is missing after {from}"));
    &page[start..start + end]
}

/// The page without its scripts.
fn without_scripts(page: &str) -> String {
    let mut out = String::new();
    let mut rest = page;
    while let Some(start) = rest.find("<script") {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        rest = &rest[rest.find("</script>").expect("scripts are closed")..];
    }
    out + rest
}

#[test]
fn head_of_the_page() {
    let page = html(&sample());
    insta::assert_snapshot!(between(&page, "<header", "<dl class=\"tiles\">").replace("><", ">\n<"));
}

#[test]
fn targets_table() {
    let page = html(&sample());
    insta::assert_snapshot!(between(&page, "<table id=\"targets-table\">", "<tr><th scope=\"row\">vision").replace("><", ">\n<"));
}

#[test]
fn sections_are_in_order_and_linked() {
    let page = html(&sample());
    let wanted = [
        "targets",
        "improve",
        "tradeoffs",
        "baselines",
        "services",
        "devices",
        "map",
        "energy",
        "latency",
        "pipeline",
        "rooflines",
        "notes",
    ];
    let mut last = 0;
    for id in wanted {
        let at = page.find(&format!("<section id=\"{id}\"")).unwrap_or_else(|| panic!("no section {id}"));
        assert!(at > last, "{id} is out of order");
        assert!(page.contains(&format!("<a href=\"#{id}\">")), "{id} is not linked");
        last = at;
    }
}

#[test]
fn policy_forbids_all_loading() {
    let page = html(&sample());
    let policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:";
    assert!(page.contains(&format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">")));
    // Before anything that it could govern.
    assert!(page.find("Content-Security-Policy").unwrap() < page.find("<style>").unwrap());
}

#[test]
fn nothing_is_loaded_from_anywhere() {
    let mut report = sample();
    report.notes[0].text = "as https://example.org/datasheet says".to_owned();
    let page = without_scripts(&html(&report));
    for attribute in ["src=", "srcset=", "@import", "<link", "<iframe", "<img", "<object", "<embed", "<base"] {
        assert!(!page.contains(attribute), "{attribute}");
    }
    for part in page.split("href=\"").skip(1) {
        assert!(part.starts_with('#'), "link to {}", &part[..20]);
    }
    for part in page.split("url(").skip(1) {
        assert!(part.starts_with('#'), "url({}", &part[..20]);
    }
    assert!(page.contains("as https://example.org/datasheet says"), "plain text keeps its address");
    for script in [include_str!("../assets/common.js"), include_str!("../assets/report.js"), include_str!("../assets/d3.min.js")]
    {
        for call in ["fetch(", "XMLHttpRequest", "WebSocket", "EventSource", "sendBeacon", "importScripts", "import("] {
            assert!(!script.contains(call), "{call}");
        }
    }
}

#[test]
fn hostile_words_stay_words() {
    let mut report = sample();
    let hostile = "</script><script>alert(1)</script><!-- \" ' & <b>";
    report.header.title = hostile.to_owned();
    report.front[0].description = hostile.to_owned();
    report.front[0].id = hostile.to_owned();
    report.services[0].name = hostile.to_owned();
    report.map.nodes[0].name = hostile.to_owned();
    report.map.traffic[0].service = hostile.to_owned();
    report.timeline[0].track = hostile.to_owned();
    let page = html(&report);
    assert!(!page.contains("alert(1)</script>"), "the words were not escaped");
    assert!(page.contains("&lt;/script&gt;&lt;script&gt;alert(1)"));
    let data = between(&page, "<script type=\"application/json\" id=\"report-data\">", "</script>");
    let json = &data[data.find('>').unwrap() + 1..];
    assert!(!json.contains('<'));
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(value["ids"][0], hostile);
    assert_eq!(page.matches("<script").count(), 3);
}

#[test]
fn scripts_cannot_close_themselves() {
    let d3 = include_str!("../assets/d3.min.js");
    assert!(!d3.contains("</script") && d3.len() <= 120 * 1024, "{}", d3.len());
    for script in [include_str!("../assets/common.js"), include_str!("../assets/report.js"), include_str!("../assets/live.js")] {
        assert!(!script.contains("</script"));
    }
    for style in [include_str!("../assets/report.css"), include_str!("../assets/live.css")] {
        assert!(!style.contains("</style"));
    }
}

#[test]
fn charts_are_there_without_a_script() {
    let page = without_scripts(&html(&sample()));
    let sections: [(&str, usize); 6] =
        [("tradeoffs", 2), ("map", 1), ("energy", 1), ("latency", 1), ("pipeline", 3), ("rooflines", 3)];
    for (id, charts) in sections {
        let section = between(&page, &format!("<section id=\"{id}\""), "</section>");
        assert_eq!(
            section.matches("<svg viewBox").count()
                - section.matches("aria-hidden=\"true\"><rect").count()
                - section.matches("aria-hidden=\"true\"><path").count(),
            charts,
            "{id}"
        );
        assert!(section.contains("<table id="), "{id} has no table");
    }
    let front = between(&page, "<section id=\"tradeoffs\"", "</section>");
    assert_eq!(front.matches("h0").count(), 2 * 59, "a dot for each plan but the chosen");
    assert!(front.contains("this plan</text>"));
}

#[test]
fn tables_hold_the_exact_values() {
    let report = sample();
    let page = html(&report);
    let front = between(&page, "<table id=\"front-table\">", "</table>");
    for p in &report.front {
        assert!(front.contains(&format!("<td class=\"n\" data-v=\"{}\">", p.energy_per_request_j)), "{}", p.id);
        assert!(front.contains(&format!("data-v=\"{}\"", p.ipw.unwrap())), "{}", p.id);
    }
    let power = between(&page, "<table id=\"power-table\">", "</table>");
    for d in &report.devices {
        for value in [d.power_w, d.idle_w, d.dynamic_w, d.leakage_w] {
            assert!(power.contains(&format!("data-v=\"{value}\"")), "{}: {value}", d.name);
        }
    }
}

#[test]
fn every_table_is_accessible() {
    let page = without_scripts(&html(&sample()));
    let tables = page.matches("<table ").count();
    assert!(tables >= 17, "{tables}");
    assert_eq!(page.matches("<caption>").count(), tables);
    assert_eq!(page.matches("data-copy=").count(), tables);
    for table in page.split("<table ").skip(1) {
        let table = &table[..table.find("</table>").unwrap()];
        let (head, body) = table.split_once("<tbody>").unwrap();
        assert_eq!(head.matches("<th ").count(), head.matches("scope=\"col\"").count());
        assert_eq!(body.matches("<tr").count(), body.matches("scope=\"row\"").count());
    }
    // Ids are unique.
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).map(|p| &p[..p.find('"').unwrap()]).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    assert_eq!(page.matches("<h1>").count(), 1);
}

#[test]
fn standing_is_told_in_words() {
    let mut report = sample();
    report.targets[0].missed = true;
    report.targets[0].margin = -0.2;
    let page = html(&report);
    assert!(page.contains("✗ 1 of 10 targets missed"));
    for words in ["✗ missed", "! tight", "✓ ok"] {
        assert!(between(&page, "<table id=\"targets-table\">", "</table>").contains(words), "{words}");
    }
}

#[test]
fn a_thousand_plans_fit() {
    let page = html(&sample_with_front(1000));
    assert!(page.len() < LIMIT, "{} bytes", page.len());
    assert!(page.contains("The first 120 of 1,000 rows. All are in front.csv and front.parquet."));
}

/// The sample 170 times over: 1,026 devices and 513 services.
fn large() -> Report {
    let mut report = sample_with_front(1000);
    let one = sample();
    for i in 0..170 {
        let name = |n: &str| format!("{n}-{i}");
        report.services.extend(one.services.iter().map(|s| Service { name: name(&s.name), ..s.clone() }));
        report.targets.extend(one.targets.iter().map(|t| Target { subject: name(&t.subject), ..t.clone() }));
        report.devices.extend(one.devices.iter().map(|d| Device { name: name(&d.name), ..d.clone() }));
        report.map.nodes.extend(one.map.nodes.iter().map(|n| MapNode { name: name(&n.name), ..n.clone() }));
        report.map.links.extend(one.map.links.iter().map(|l| MapLink { name: name(&l.name), ..l.clone() }));
        report.energy.extend(one.energy.iter().map(|e| EnergyPart { device: name(&e.device), ..e.clone() }));
        report.latency.extend(one.latency.iter().map(|l| LatencyParts { service: name(&l.service), ..l.clone() }));
        report.timeline.extend(one.timeline.iter().map(|b| Bar { service: name(&b.service), ..b.clone() }));
        report.rooflines.extend(one.rooflines.iter().map(|f| Roofline { device: name(&f.device), ..f.clone() }));
        report.notes.extend(one.notes.iter().cloned());
    }
    report
}

#[test]
fn a_thousand_devices_fit() {
    let page = html(&large());
    assert!(page.len() < LIMIT, "{} bytes", page.len());
    assert!(page.contains("too many to draw"));
    assert!(page.contains(" of 1,026 rows. All are in devices.csv."));
}

#[test]
fn an_empty_report_is_a_page() {
    let page = html(&Report::default());
    assert!(page.contains("✗ no plan"));
    assert!(page.contains("<section id=\"notes\""));
    let nan = Report {
        front: vec![FrontPoint { power_w: f64::NAN, energy_per_request_j: f64::INFINITY, ..FrontPoint::default() }],
        ..Report::default()
    };
    assert!(html(&nan).contains("<section id=\"tradeoffs\""));
}

/// The sample with every fractional number replaced.
fn with_numbers(to: f64) -> Report {
    fn replace(value: &mut serde_json::Value, to: f64) {
        match value {
            serde_json::Value::Number(n) if n.is_f64() => *value = serde_json::json!(to),
            serde_json::Value::Array(all) => all.iter_mut().for_each(|v| replace(v, to)),
            serde_json::Value::Object(all) => all.iter_mut().for_each(|(_, v)| replace(v, to)),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(sample()).expect("a report is JSON");
    replace(&mut value, to);
    serde_json::from_value(value).expect("only numbers changed")
}

#[test]
fn odd_numbers_draw_nothing_odd() {
    for to in [0.0, -1.0, 1e-300, 1e300, -1e300, f64::MIN_POSITIVE, f64::MAX] {
        let report = with_numbers(to);
        let page = without_scripts(&html(&report));
        for word in ["NaN", "inf<", "\"inf", " inf"] {
            assert!(!page.replace("information", "").contains(word), "{to}: {word}");
        }
        assert!(page.len() < LIMIT);
        assert!(!reports::markdown(&report).contains("NaN"));
        assert!(reports::plan_table(&report, 80).lines().all(|l| l.chars().count() <= 80), "{to}");
        assert!(reports::csv(&report).is_ok());
    }
}

#[test]
fn same_report_same_page() {
    assert_eq!(html(&sample()), html(&sample()));
}

#[test]
fn licences_travel_with_the_page() {
    let page = html(&sample());
    assert!(page.contains("Permission to use, copy, modify, and/or distribute"));
    assert!(page.contains("Copyright 2010-2026 Mike Bostock"));
    assert!(page.contains("Copyright 2001 Robert Penner"));
}
