//! What the script needs, as JSON inside the page.

use crate::report::{FrontPoint, FrontService, Report};
use crate::svg::Axis;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Most rows of services of plans on the front that the page carries.
const MOST_DETAILS: usize = 2_000;

/// True when the page says what each plan of the front does with each service.
pub(crate) fn with_details(r: &Report) -> bool {
    r.front.iter().map(|p| p.services.len()).sum::<usize>() <= MOST_DETAILS
}

/// JSON that is safe inside a script element: `<` is written as an escape, so nothing can close the element.
pub(crate) fn embed(r: &Report) -> String {
    escape(&front(r).to_string())
}

fn escape(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// The front by columns, six significant digits; the exact values are in report.json.
fn front(r: &Report) -> Value {
    let column = |of: &dyn Fn(&FrontPoint) -> Option<f64>| -> Vec<Value> { r.front.iter().map(|p| six(of(p))).collect() };
    let mut columns = serde_json::Map::new();
    for axis in Axis::ALL {
        columns.insert(axis.key().to_owned(), column(&|p| axis.of(p)).into());
    }
    columns.insert("underuse".to_owned(), column(&|p| Some(p.underuse)).into());
    let mut words = Words::default();
    let descriptions: Vec<usize> = r.front.iter().map(|p| words.number(&p.description)).collect();
    let qualities: Vec<usize> = r.front.iter().map(|p| words.number(p.quality.word())).collect();
    let services: Vec<Vec<Value>> = if with_details(r) {
        r.front.iter().map(|p| p.services.iter().map(|s| service(s, &mut words)).collect()).collect()
    } else {
        Vec::new()
    };
    json!({
        "axes": Axis::ALL.map(|a| json!({"key": a.key(), "label": a.label(), "better": a.better()})),
        "ids": r.front.iter().map(|p| &p.id).collect::<Vec<_>>(),
        "chosen": r.front.iter().position(|p| p.chosen),
        "columns": columns,
        "descriptions": descriptions,
        "qualities": qualities,
        "services": services,
        "words": words.list,
    })
}

/// Service, model, precision, scaling and placement as numbers of words, then three figures.
fn service(s: &FrontService, words: &mut Words) -> Value {
    let mut row: Vec<Value> =
        [&s.service, &s.model, &s.precision, &s.scaling, &s.placement].map(|w| Value::from(words.number(w))).into();
    row.extend([six(Some(s.total_s)), six(Some(s.energy_per_request_j)), six(s.accuracy)]);
    Value::from(row)
}

/// Words that appear many times, each once.
#[derive(Default)]
struct Words {
    list: Vec<String>,
    numbers: BTreeMap<String, usize>,
}

impl Words {
    fn number(&mut self, word: &str) -> usize {
        if let Some(n) = self.numbers.get(word) {
            return *n;
        }
        let n = self.list.len();
        self.list.push(word.to_owned());
        self.numbers.insert(word.to_owned(), n);
        n
    }
}

fn six(x: Option<f64>) -> Value {
    x.filter(|x| x.is_finite()).and_then(|x| format!("{x:.5e}").parse::<f64>().ok()).map_or(Value::Null, Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_closes_the_script() {
        let text = escape(&json!({"a": "</script><!--\u{2028}&"}).to_string());
        assert_eq!(text, r#"{"a":"\u003c/script\u003e\u003c!--\u2028\u0026"}"#);
        let back: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back["a"], "</script><!--\u{2028}&");
    }

    #[test]
    fn six_digits() {
        assert_eq!(six(Some(1.234_567_89)).to_string(), "1.23457");
        assert_eq!(six(Some(f64::NAN)), Value::Null);
    }
}
