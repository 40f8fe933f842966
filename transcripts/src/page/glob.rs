//! What a page shows against what came out.

/// `…` alone stands for any lines, in a line for any text. Spaces at the ends of lines do not count.
pub(crate) fn matches(shown: &str, now: &str) -> bool {
    let shown: Vec<&str> = shown.trim_end().lines().collect();
    let now: Vec<&str> = now.trim_end().lines().collect();
    lines(&shown, &now)
}

fn lines(shown: &[&str], now: &[&str]) -> bool {
    match shown.split_first() {
        None => now.is_empty(),
        Some((&"…", rest)) => (0..=now.len()).any(|skip| lines(rest, &now[skip..])),
        Some((first, rest)) => {
            now.split_first().is_some_and(|(n, more)| line(first.trim_end(), n.trim_end()) && lines(rest, more))
        }
    }
}

fn line(shown: &str, now: &str) -> bool {
    let mut pieces = shown.split('…');
    let Some(rest) = pieces.next().and_then(|first| now.strip_prefix(first)) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, between)) = pieces.split_last() else { return rest.is_empty() };
    let mut rest = rest;
    for piece in between {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}
