//! The nearest valid word, for "did you mean".

/// Closest of `words` to `wrong`, if close enough to be what was meant: same letters in another
/// case, else the only one that begins so, else one edit for each three letters, else a part.
#[must_use]
pub(crate) fn nearest<'a>(wrong: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best: Option<(usize, &str)> = None;
    let (mut parts, mut longer) = (Vec::new(), Vec::new());
    let folded = fold(wrong);
    // An edit distance costs length times length: nothing that long is a misspelt name.
    if folded.is_empty() || wrong.chars().count() > 80 {
        return None;
    }
    for word in words {
        let other = fold(word);
        if folded == other {
            return Some(word);
        }
        let distance = strsim::osa_distance(&folded, &other);
        if best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, word));
        }
        if other.starts_with(&folded) {
            longer.push(word);
        }
        if folded.len() >= 3 && (other.contains(&folded) || (other.len() >= 3 && folded.contains(&other))) {
            parts.push(word);
        }
    }
    let length = folded.chars().count();
    match (best, longer.as_slice()) {
        (_, [only]) => Some(only),
        // One letter of one is another word, not a misspelt one.
        (Some((distance, word)), _) if distance <= 1.max(length / 3) && distance < length => Some(word),
        _ => parts.into_iter().min_by_key(|w| w.len()),
    }
}

/// Lower case without separators, so that `RPi5_8GB` meets `rpi5-8gb`.
fn fold(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '-' | '_' | ' ' | '.')).flat_map(char::to_lowercase).collect()
}

/// "did you mean `x`?" and the valid words, the list cut at twelve.
#[must_use]
pub(crate) fn help<'a>(wrong: &str, noun: &str, words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.into_iter().collect();
    let near = nearest(wrong, words.iter().copied());
    let list = list(&words);
    match near {
        Some(word) if words.len() > 12 => format!("did you mean `{word}`?"),
        Some(word) => format!("did you mean `{word}`? {noun}: {list}"),
        None if words.is_empty() => format!("there are no {noun} here"),
        None => format!("{noun}: {list}"),
    }
}

/// Words in backticks, at most twelve.
#[must_use]
pub(crate) fn list(words: &[&str]) -> String {
    let mut text = words.iter().take(12).map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ");
    if words.len() > 12 {
        text.push_str(&format!(" and {} more", words.len() - 12));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let devices = ["rpi5-8gb", "rpi4-8gb", "agx-orin-64gb", "orin-nano-8gb-super"];
        assert_eq!(nearest("RPi5_8GB", devices), Some("rpi5-8gb"));
        assert_eq!(nearest("rpi5-8bg", devices), Some("rpi5-8gb"));
        assert_eq!(nearest("agx-orin", devices), Some("agx-orin-64gb"));
        assert_eq!(nearest("toaster", devices), None);
        assert_eq!(nearest("J", ["W", "kW"]), None);
        assert_eq!(nearest("8", ["16 bit", "8 bit"]), Some("8 bit"));
        assert_eq!(nearest("", devices), None);
        assert_eq!(nearest("sitess", ["sites", "services"]), Some("sites"));
    }

    #[test]
    fn long_lists_are_cut() {
        let words: Vec<String> = (0..20).map(|i| format!("w{i}")).collect();
        let text = list(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(text.ends_with("`w11` and 8 more"), "{text}");
    }
}
