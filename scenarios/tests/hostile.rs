//! Files that attack: bombs, depth, size, bytes that are no text. Refused with a place, fast.

use scenarios::testing::Shelf;
use scenarios::{Code, Diagnostic, read_with, render};
use std::fmt::Write;
use std::path::Path;

fn errors(bytes: &[u8]) -> Vec<Diagnostic> {
    read_with(Path::new("hostile.yaml"), bytes, &Shelf::default(), &|_| Err("no such file".into())).unwrap_err()
}

/// The only finding's code and line.
fn only(bytes: &[u8]) -> (Code, u32) {
    let found = errors(bytes);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(!render(&found, "hostile.yaml", bytes).is_empty());
    (found[0].code, found[0].at.line)
}

#[test]
fn not_text() {
    assert_eq!(only(b"name: a\nx: \xff\n"), (Code::NotUtf8, 2));
    assert_eq!(only(b"\xff\xfen\0a\0"), (Code::NotUtf8, 1));
    assert_eq!(only(b"name: a\0b\n"), (Code::ControlCharacter, 1));
    assert_eq!(only(b""), (Code::Empty, 1));
    assert_eq!(only(b"# nothing\n\n"), (Code::Empty, 1));
    assert_eq!(only("\u{feff}".as_bytes()), (Code::Empty, 1));
}

#[test]
fn too_long() {
    let long = format!("name: a\n# {}\n", "x".repeat(1 << 20));
    assert_eq!(only(long.as_bytes()), (Code::TooLong, 1));
}

#[test]
fn too_deep() {
    assert_eq!(only("[".repeat(100_000).as_bytes()).0, Code::TooDeep);
    assert_eq!(only("{a: ".repeat(50_000).as_bytes()).0, Code::TooDeep);
    let steps: String = (0..200).fold(String::new(), |mut text, i| {
        let _ = writeln!(text, "{}a:", " ".repeat(i));
        text
    });
    assert_eq!(only(steps.as_bytes()).0, Code::TooDeep);
    assert_eq!(only("- ".repeat(100).as_bytes()).0, Code::TooDeep);
}

#[test]
fn bombs() {
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (from, to) in "abcdefgh".chars().zip("bcdefghi".chars()) {
        let refs = vec![format!("*{from}"); 9].join(", ");
        let _ = writeln!(bomb, "{to}: &{to} [{refs}]");
    }
    assert_eq!(only(bomb.as_bytes()), (Code::Alias, 1));
    assert_eq!(only(b"a: *nobody\n"), (Code::Alias, 1));
    let many = format!("name: a\ndevices: [{}]\n", "x, ".repeat(100_000));
    assert_eq!(only(many.as_bytes()).0, Code::TooDeep);
}

/// Tens of thousands of errors: the first are told, the rest is counted, and it is quick.
#[test]
fn floods_of_errors() {
    let devices: String = (0..5_000).fold(String::new(), |mut text, i| {
        let _ = writeln!(text, "  - {{ name: d{i}, profile: nonsense-{i}, wrong: 1 }}");
        text
    });
    let text = format!("name: flood\nsites: [{{ name: s, link: wifi-5 }}]\ndevices:\n{devices}services: []\n");
    let found = errors(text.as_bytes());
    assert!((20..=1000).contains(&found.len()), "{}", found.len());
    let shown = render(&found, "flood.yaml", &text);
    assert_eq!(shown.matches(" --> ").count(), 20);
    assert!(shown.contains(&format!("and {} more\n", found.len() - 20)), "{shown}");
}

/// A message cannot move the terminal: what a file says is cut and cleaned.
#[test]
fn messages_are_clean() {
    let text = format!("name: \"a\\u001b[31m{}\"\n\"k\\u001bey\": 1\n", "b".repeat(10_000));
    let shown = render(&errors(text.as_bytes()), "clean.yaml", &text);
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
    assert!(shown.lines().all(|l| l.chars().count() < 300), "{shown}");
}
