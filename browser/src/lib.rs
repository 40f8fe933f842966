//! For tests: a page in a real Chromium without a window, driven as DevTools does (Chrome DevTools Protocol over the
//! pipe of `--remote-debugging-pipe`: JSON messages that end with a zero byte, read from descriptor 3, written to 4).
//!
//! Keys are real key events, requests are those of the network stack, colours are the computed ones. What fails is a
//! panic that says what: a test wants nothing else.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "for tests, which may panic")]

mod checks;
mod pipe;

use base64::Engine as _;
use pipe::Pipe;
use serde_json::{Value, json};
use std::path::PathBuf;

pub use checks::Stop;

/// Where Debian and others put it.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The program, or `None` with a word about it.
#[must_use]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
pub fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).flat_map(|p| NAMES.map(|n| p.join(n))).find(|p| p.is_file());
    if found.is_none() {
        println!("SKIPPED: chromium is not installed (apt-get install chromium)");
    }
    found
}

/// One page of a browser of its own; both end with this.
#[derive(Debug)]
pub struct Page {
    pipe: Pipe,
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub dark: bool,
    pub reduced_motion: bool,
    /// CSS pixels.
    pub width: u32,
    pub height: u32,
}

impl Default for Look {
    fn default() -> Self {
        Self { dark: false, reduced_motion: false, width: 1280, height: 1600 }
    }
}

/// A key that can be pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Tab,
    Enter,
    Space,
}

impl Page {
    /// Starts the browser; `None`: there is none.
    #[must_use]
    pub fn start() -> Option<Self> {
        let mut page = Self { pipe: Pipe::start(&chromium()?) };
        page.look(Look::default());
        Some(page)
    }

    /// One command of the protocol.
    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.pipe.call(method, parameters)
    }

    pub fn look(&mut self, look: Look) {
        let scheme = if look.dark { "dark" } else { "light" };
        let motion = if look.reduced_motion { "reduce" } else { "no-preference" };
        let features =
            json!([{ "name": "prefers-color-scheme", "value": scheme }, { "name": "prefers-reduced-motion", "value": motion }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
        let size = json!({ "width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// Goes to an address and waits until the page has loaded.
    pub fn go(&mut self, url: &str) {
        self.pipe.forget("Page.loadEventFired");
        let went = self.call("Page.navigate", json!({ "url": url }));
        assert!(went["errorText"].is_null(), "{url}: {went}");
        self.pipe.event("Page.loadEventFired");
    }

    /// The value of an expression, awaited.
    pub fn eval(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let done = self.call("Runtime.evaluate", asked);
        assert!(done["exceptionDetails"].is_null(), "{expression}: {}", done["exceptionDetails"]);
        done["result"]["value"].clone()
    }

    /// Evaluates until it is true.
    pub fn until(&mut self, expression: &str) {
        for _ in 0..600 {
            if self.eval(expression) == true {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("not within a minute: {expression}\n{}", self.eval("document.body.innerText"));
    }

    pub fn press(&mut self, key: Key) {
        let (name, code, number, text) = match key {
            Key::Tab => ("Tab", "Tab", 9, ""),
            Key::Enter => ("Enter", "Enter", 13, "\r"),
            Key::Space => (" ", "Space", 32, " "),
        };
        let mut event = json!({ "type": if text.is_empty() { "rawKeyDown" } else { "keyDown" }, "key": name, "code": code, "windowsVirtualKeyCode": number });
        if !text.is_empty() {
            event["text"] = text.into();
        }
        self.call("Input.dispatchKeyEvent", event.clone());
        event["type"] = "keyUp".into();
        self.call("Input.dispatchKeyEvent", event);
    }

    /// A picture of the part that is seen, as PNG.
    pub fn picture(&mut self) -> Vec<u8> {
        let taken = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        base64::engine::general_purpose::STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()
    }

    /// What went to the console as an error or a warning, was thrown, or was blocked, since the start.
    pub fn troubles(&mut self) -> Vec<String> {
        // Whatever was said before this is answered has come.
        self.eval("1");
        let said = |(method, p): &(String, Value)| match method.as_str() {
            "Runtime.exceptionThrown" => Some(p["exceptionDetails"].to_string()),
            "Runtime.consoleAPICalled" if matches!(p["type"].as_str(), Some("error" | "warning" | "assert")) => {
                Some(p["args"].to_string())
            }
            "Log.entryAdded" if matches!(p["entry"]["level"].as_str(), Some("error" | "warning")) => Some(p["entry"].to_string()),
            _ => None,
        };
        self.pipe.events().iter().filter_map(said).collect()
    }

    /// Every address that was asked since the start, the pages themselves included.
    pub fn requests(&mut self) -> Vec<String> {
        self.eval("1");
        let asked = self.pipe.events().iter().filter(|(method, _)| method == "Network.requestWillBeSent");
        asked.filter_map(|(_, p)| p["request"]["url"].as_str().map(str::to_owned)).collect()
    }
}
