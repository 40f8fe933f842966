//! The checks find what is wrong, and only that.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use browser::{Key, Look, Page};

/// A page in a folder that goes with it.
fn page(body: &str) -> Option<(Page, tempfile::TempDir)> {
    let mut page = Page::start()?;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    std::fs::write(&file, format!("<!DOCTYPE html><meta charset=utf-8><body>{body}")).unwrap();
    page.go(&format!("file://{}", file.display()));
    Some((page, folder))
}

#[test]
fn faint_texts_are_found() {
    let svg = "<svg viewBox='0 0 90 30' width=90 height=30><rect width=90 height=30 fill=#123></rect><text x=5 y=20 fill=";
    let body = format!(
        "<p>fine</p><p style='color:#999'>too grey</p><p style='color:#888;font-size:30px'>large</p>\
         <div style='background:#000'><p style='background:#fff8;color:#777'>mixed</p></div>\
         <p style='color:#999;display:none'>unseen</p>{svg}#fff>light</text></svg>{svg}#234>dark</text></svg>"
    );
    let Some((mut page, _folder)) = page(&body) else { return };
    let faint = page.faint();
    assert_eq!(faint.len(), 3, "{faint:#?}");
    for (found, words) in faint.iter().zip(["too grey", "mixed", "dark"]) {
        assert!(found.contains(words), "{found}");
    }
    assert!(faint[0].starts_with("2.85 to 1, 4.5 wanted"), "#999 on white is 2.85: {}", faint[0]);
}

#[test]
fn keys_reach_what_can_be_used() {
    let body = "<a href=#x>one</a><button onclick='window.hit=(window.hit||0)+1' style='outline:0'>two</button>\
        <details><summary>three</summary><a href=#y>four</a></details><button disabled>five</button>\
        <div onclick='1' tabindex=-1>six</div>";
    let Some((mut page, _folder)) = page(body) else { return };
    let stops = page.tabs();
    let names: Vec<&str> = stops.iter().map(|s| s.what.as_str()).collect();
    assert_eq!(names, ["a “one”", "button “two”", "summary “three”"]);
    assert_eq!(page.usable(), names);
    assert_eq!(stops.iter().map(|s| s.outlined).collect::<Vec<_>>(), [true, false, true]);
    page.press(Key::Tab);
    page.press(Key::Tab);
    page.press(Key::Enter);
    page.press(Key::Space);
    assert_eq!(page.eval("window.hit"), 2);
}

#[test]
fn troubles_and_requests_are_heard() {
    let body = "<script>console.error('bad'); setTimeout(() => { throw new Error('worse') }, 0)</script>\
        <img src='http://loud.invalid/a.png'>";
    let Some((mut page, _folder)) = page(body) else { return };
    page.until("document.readyState === 'complete'");
    let troubles = page.troubles().join("\n");
    assert!(troubles.contains("bad") && troubles.contains("worse"), "{troubles}");
    let requests = page.requests();
    assert!(requests.len() == 2 && requests[1] == "http://loud.invalid/a.png", "{requests:?}");
}

#[test]
fn looks_and_pictures() {
    let body = "<style>p { transition: color 1s } @media (prefers-reduced-motion: reduce) { p { transition: none } }\
        body { background: #fff } @media (prefers-color-scheme: dark) { body { background: #000 } }</style><p>text";
    let Some((mut page, _folder)) = page(body) else { return };
    assert_eq!(page.moving(), ["p."]);
    let light = page.picture();
    page.look(Look { dark: true, reduced_motion: true, width: 400, height: 300 });
    assert_eq!(page.moving(), Vec::<String>::new());
    assert_eq!(page.eval("innerWidth"), 400);
    let dark = page.picture();
    assert!(light.starts_with(b"\x89PNG") && light != dark);
}
