//! A page taken apart. All parts but files together are the page, byte for byte.

/// A piece of a page, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    Text(&'a str),
    /// A block that the reader saves. Its text is in the [`Part::Text`] that follows, too.
    File {
        name: &'a str,
        text: &'a str,
    },
    Command {
        line: &'a str,
        /// With the line ends.
        shown: &'a str,
    },
}

const SKIP: &str = "<!-- not run: ";
const FILE: &str = "<!-- file: ";

pub(crate) fn parts(page: &str) -> Result<Vec<Part<'_>>, String> {
    let mut found = Vec::new();
    // Where the text begins that is not in a part yet.
    let mut from = 0;
    for block in blocks(page) {
        let body = &page[block.start..block.end];
        if let Some(name) = block.mark.strip_prefix(FILE) {
            let name = reason(name, block.at)?;
            found.push(Part::Text(&page[from..block.start]));
            found.push(Part::File { name, text: body });
            from = block.start;
        }
        if block.info != "console" {
            continue;
        }
        if let Some(why) = block.mark.strip_prefix(SKIP) {
            reason(why, block.at)?;
            continue;
        }
        found.push(Part::Text(&page[from..block.start]));
        from = block.end;
        if !body.starts_with("$ ") {
            return Err(format!("line {}: a `console` block begins with `$ `", block.at));
        }
        let starts = starts(body);
        for (i, &start) in starts.iter().enumerate() {
            let command = &body[start..starts.get(i + 1).copied().unwrap_or(body.len())];
            let (line, shown) = command.split_once('\n').unwrap_or((command, ""));
            found.push(Part::Command { line: &line[2..], shown });
        }
    }
    found.push(Part::Text(&page[from..]));
    Ok(found)
}

/// Commands in `console` blocks, run or not.
pub(crate) fn commands(page: &str) -> usize {
    blocks(page).filter(|b| b.info == "console").map(|b| starts(&page[b.start..b.end]).len()).sum()
}

fn starts(body: &str) -> Vec<usize> {
    let mut at = 0;
    let mut found = Vec::new();
    for line in body.split_inclusive('\n') {
        if line.starts_with("$ ") {
            found.push(at);
        }
        at += line.len();
    }
    found
}

fn reason(text: &str, at: usize) -> Result<&str, String> {
    let text = text.strip_suffix("-->").unwrap_or_default().trim();
    if text.is_empty() { Err(format!("line {at}: the mark before the block says nothing, or is not closed")) } else { Ok(text) }
}

/// A fenced block.
struct Block<'a> {
    info: &'a str,
    /// The last line before it that is not empty.
    mark: &'a str,
    /// Bytes of its body.
    start: usize,
    end: usize,
    /// Line of the fence, from 1.
    at: usize,
}

fn blocks(page: &str) -> impl Iterator<Item = Block<'_>> {
    let mut lines = page.split_inclusive('\n').enumerate().scan(0, |at, (i, line)| {
        *at += line.len();
        Some((i, *at - line.len(), line.trim_end()))
    });
    std::iter::from_fn(move || {
        let mut mark = "";
        let (at, start, info) = loop {
            let (i, offset, line) = lines.next()?;
            if let Some(info) = line.strip_prefix("```") {
                break (i + 1, offset + line.len() + 1, info);
            }
            if !line.is_empty() {
                mark = line;
            }
        };
        let end = lines.find(|(_, _, line)| *line == "```").map_or(page.len(), |(_, offset, _)| offset);
        Some(Block { info, mark, start: start.min(end), end, at })
    })
}
