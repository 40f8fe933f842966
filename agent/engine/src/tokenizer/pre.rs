//! Pre-tokenizers: a text falls into words that merges never cross.
//!
//! The patterns are those that llama.cpp lists for each name in `llama-vocab.cpp`. Their one
//! look-ahead, `\s+(?!\S)` (of a run of spaces before a word, the last belongs to the word), is done
//! by hand, so that an engine of linear time serves: no text can make it slow.

use regex::Regex;

use super::wrong;
use crate::error::EngineError;

/// One pass over the text; what it does not match stays in pieces between the matches.
#[derive(Debug)]
struct Pass {
    pattern: Regex,
    /// A match of spaces alone leaves its last to what follows, unless it ends in a newline and this is set.
    newlines_stay: bool,
}

/// Passes in order, each over the pieces of the one before.
#[derive(Debug)]
pub(super) struct Pre(Vec<Pass>);

const DIGIT: &str = r"\p{N}";
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+";
const QWEN2: &str = concat!(
    r"'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
);

impl Pre {
    /// The pre-tokenizer with this name in `tokenizer.ggml.pre`.
    pub(super) fn named(name: &str) -> Result<Self, EngineError> {
        let passes: &[(&str, bool)] = match name {
            "smollm" => &[(DIGIT, false), (GPT2, false)],
            "qwen2" => &[(QWEN2, true)],
            "gpt-2" | "default" => &[(GPT2, false)],
            _ => return Err(wrong(format!("pre-tokenizer `{name}` is not read; smollm, qwen2, gpt-2 and default are"))),
        };
        let pass = |&(pattern, newlines_stay): &(&str, bool)| {
            let pattern = Regex::new(pattern).map_err(|e| wrong(e.to_string()))?;
            Ok(Pass { pattern, newlines_stay })
        };
        passes.iter().map(pass).collect::<Result<_, _>>().map(Self)
    }

    /// Calls `word` with each piece of `text`, in order; together they are the text.
    pub(super) fn split<'t>(&self, text: &'t str, word: &mut impl FnMut(&'t str)) {
        run(&self.0, text, word);
    }
}

fn run<'t>(passes: &[Pass], text: &'t str, word: &mut impl FnMut(&'t str)) {
    let Some((pass, rest)) = passes.split_first() else { return word(text) };
    let mut at = 0;
    while at < text.len() {
        let Some(found) = pass.pattern.find_at(text, at).filter(|m| !m.is_empty()) else { break };
        let (start, mut end) = (found.start(), found.end());
        let spaces = found.as_str();
        if spaces.chars().all(char::is_whitespace)
            && end < text.len()
            && !(pass.newlines_stay && spaces.ends_with(['\r', '\n']))
            && let Some((last, _)) = spaces.char_indices().next_back()
            && last > 0
        {
            end = start + last;
        }
        if start > at {
            run(rest, &text[at..start], word);
        }
        run(rest, &text[start..end], word);
        at = end;
    }
    if at < text.len() {
        run(rest, &text[at..], word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(name: &str, text: &str) -> Vec<String> {
        let mut out = Vec::new();
        Pre::named(name).expect("known").split(text, &mut |w| out.push(w.to_owned()));
        out
    }

    #[test]
    fn the_last_space_belongs_to_the_word() {
        assert_eq!(words("gpt-2", "a  b\n\nc  "), ["a", " ", " b", "\n", "\n", "c", "  "]);
        assert_eq!(words("qwen2", "a  b\n\nc \n d  "), ["a", " ", " b", "\n\n", "c", " \n", " d", "  "]);
    }

    #[test]
    fn digits_stand_alone_where_the_model_wants_it() {
        assert_eq!(words("gpt-2", "in 2024,"), ["in", " 2024", ","]);
        assert_eq!(words("smollm", "in 2024,"), ["in", " ", "2", "0", "2", "4", ","]);
        assert_eq!(words("qwen2", "in 24,"), ["in", " ", "2", "4", ","]);
    }

    #[test]
    fn contractions() {
        assert_eq!(words("gpt-2", "I'll don't'S"), ["I", "'ll", " don", "'t", "'", "S"]);
        assert_eq!(words("qwen2", "I'LL don't"), ["I", "'LL", " don", "'t"]);
    }

    #[test]
    fn a_mebibyte_of_spaces_is_split_in_linear_time() {
        let text = " ".repeat(1 << 20) + "x";
        assert_eq!(words("qwen2", &text).len(), 2);
        assert_eq!(words("smollm", &text).concat(), text);
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        assert!(Pre::named("llama4").expect_err("not read").to_string().contains("`llama4`"));
    }
}
