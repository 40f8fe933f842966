//! The long form of each code. The texts are Markdown files beside: one section a code, with a wrong and a right snippet.

use crate::code::Code;

/// In order of code: the file itself, the form of values, names, what makes no sense, warnings.
const PAGES: [&str; 5] = [
    include_str!("explain/file.md"),
    include_str!("explain/form.md"),
    include_str!("explain/names.md"),
    include_str!("explain/sense.md"),
    include_str!("explain/warnings.md"),
];

/// The page of a code such as `EDGE-0007`, from its title on; `None` if there is no such code.
#[must_use]
pub fn explain(code: &str) -> Option<&'static str> {
    let code = code.trim();
    let known = Code::ALL.iter().any(|c| c.to_string().eq_ignore_ascii_case(code));
    pages().find(|page| known && page.get(..code.len()).is_some_and(|start| start.eq_ignore_ascii_case(code)))
}

fn pages() -> impl Iterator<Item = &'static str> {
    PAGES.into_iter().flat_map(|text| text.split("## ")).filter(|page| page.starts_with("EDGE-"))
}

#[cfg(test)]
mod tests;
