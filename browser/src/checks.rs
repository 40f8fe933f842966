//! What every page of ours must keep: contrast, keys, stillness.

use crate::{Key, Page};
use serde_json::Value;

const CONTRAST: &str = include_str!("contrast.js");
const FOCUS: &str = include_str!("focus.js");
const STILL: &str = include_str!("still.js");

/// Most presses of Tab before a page counts as endless.
const PRESSES: usize = 600;

/// Where Tab stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// `button#pause "Pause"`.
    pub what: String,
    /// Whether it is seen to have the focus.
    pub outlined: bool,
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().expect("a list").iter().map(|v| v.as_str().unwrap_or_default().to_owned()).collect()
}

impl Page {
    /// Texts that stand out too little from what lies under them: below 4.5 to 1, or 3 to 1 where they are large
    /// (WCAG 2.2, success criterion 1.4.3).
    pub fn faint(&mut self) -> Vec<String> {
        let found = self.eval(CONTRAST);
        assert!(found["looked"].as_u64().is_some_and(|n| n > 0), "the page has no text");
        texts(&found["faint"])
    }

    /// Everything that Tab reaches, in its order, from the page's start to its end.
    pub fn tabs(&mut self) -> Vec<Stop> {
        self.eval("document.activeElement.blur(), getSelection().removeAllRanges(), window.scrollTo(0, 0)");
        let mut stops: Vec<Stop> = Vec::new();
        for _ in 0..PRESSES {
            self.press(Key::Tab);
            let at = self.eval(&format!("({FOCUS}).now()"));
            let Some(what) = at["what"].as_str() else { return stops };
            if at["again"] == true {
                self.eval(&format!("({FOCUS}).clear()"));
                return stops;
            }
            stops.push(Stop { what: what.to_owned(), outlined: at["outlined"] == true });
        }
        panic!("Tab does not come to an end: {stops:?}");
    }

    /// Everything that is seen and can be used, in the order of the page.
    pub fn usable(&mut self) -> Vec<String> {
        let found = self.eval(&format!("({FOCUS}).all()"));
        texts(&found)
    }

    /// Elements that move: with a transition, an animation or smooth scrolling.
    pub fn moving(&mut self) -> Vec<String> {
        let found = self.eval(STILL);
        texts(&found)
    }
}
