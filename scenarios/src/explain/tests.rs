//! Every page is there, and every snippet does what its page says.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::testing::Shelf;
use crate::{Diagnostic, read_with};

/// A sound file; a snippet replaces the sections that it has.
const BASE: [(&str, &str); 4] = [
    ("name:", "name: base\n"),
    ("sites:", "sites:\n  - { name: home, link: gigabit-ethernet }\n"),
    ("devices:", "devices:\n  - { name: pi, profile: rpi5-8gb }\n  - { name: laptop, profile: laptop }\n"),
    (
        "services:",
        "services:\n  - { name: chat, models: [llama-3.2-1b], rate: 1 /min, prompt: 64 tokens, answer: 64 tokens, deadline: { percentile: 90 %, total: 9 s } }\n",
    ),
];

fn findings(snippet: &str) -> Vec<Diagnostic> {
    let rest: String =
        BASE.iter().filter(|(key, _)| !snippet.lines().any(|l| l.starts_with(key))).map(|(_, text)| *text).collect();
    let text = format!("{rest}{snippet}");
    match read_with(Path::new("page.yaml"), text.as_bytes(), &Shelf::default(), &|_| Err("no such file".into())) {
        Ok(reading) => reading.warnings,
        Err(findings) => findings,
    }
}

fn snippet<'p>(page: &'p str, head: &str) -> Option<&'p str> {
    let from = page.split_once(&format!("{head}:\n\n```yaml\n"))?.1;
    Some(from.split_once("```")?.0)
}

#[test]
fn every_code_has_a_page_in_order_and_no_page_is_left_over() {
    let codes: Vec<String> = Code::ALL.iter().map(ToString::to_string).collect();
    let titles: Vec<&str> = pages().filter_map(|p| p.split_whitespace().next()).collect();
    assert_eq!(codes, titles);
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
}

#[test]
fn every_snippet_does_what_its_page_says() {
    let mut without = Vec::new();
    for &code in Code::ALL {
        let page = explain(&code.to_string()).unwrap();
        let (Some(wrong), Some(right)) = (snippet(page, "Wrong"), snippet(page, "Right")) else {
            without.push(code);
            continue;
        };
        let found = findings(wrong);
        assert!(found.iter().any(|d| d.code == code), "{code}: the wrong snippet yields {found:#?}");
        let found = findings(right);
        assert!(
            found.iter().all(|d| d.code != code && d.code >= Code::UnusedSite),
            "{code}: the right snippet yields {found:#?}"
        );
    }
    // What cannot be shown in a snippet of text.
    assert_eq!(without, [Code::NotUtf8, Code::TooLong, Code::Empty, Code::Tab, Code::ControlCharacter]);
}

#[test]
fn only_codes_have_pages() {
    assert!(explain("edge-0023").unwrap().starts_with("EDGE-0023 a number without a unit"));
    for word in ["", "EDGE-", "EDGE-0000", "EDGE-00231", "scenarios/fleet.yaml", "EDGE-é"] {
        assert_eq!(explain(word), None, "{word}");
    }
}
