//! Which number a worked answer ends in.

/// The number after the last `####` as GSM8K's own solutions write it, else the last number of the text.
/// Thousands' commas, a currency sign before and a point after do not count.
#[must_use]
pub fn final_number(text: &str) -> Option<String> {
    let marked = text.rsplit_once("####").and_then(|(_, after)| numbers(after).into_iter().next());
    marked.or_else(|| numbers(text).pop())
}

/// A number in one spelling: without commas, plus sign, leading and trailing zeros; `None` where it is none.
#[must_use]
pub fn normal_number(text: &str) -> Option<String> {
    let plain = text.replace(',', "");
    let plain = plain.trim().trim_start_matches(['$', '+']);
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain), |d| ("-", d));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if (whole.is_empty() && fraction.is_empty()) || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    let zero = whole == "0" && fraction.is_empty();
    let sign = if zero { "" } else { sign };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

/// All numbers of a text, in order.
fn numbers(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        // A sign belongs to the number unless something stands right before it: 3-1 is two numbers.
        let signed = at > 0 && bytes[at - 1] == b'-' && (at < 2 || !bytes[at - 2].is_ascii_alphanumeric());
        let start = at - usize::from(signed);
        while at < bytes.len() {
            let inner = matches!(bytes[at], b',' | b'.') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
            if !bytes[at].is_ascii_digit() && !inner {
                break;
            }
            at += 1;
        }
        found.extend(normal_number(&text[start..at]));
    }
    found
}
