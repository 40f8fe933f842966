//! A table before it is written: the same rows become HTML, Markdown or terminal text.

use maud::{Markup, html};

/// A table with its caption.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grid {
    /// Unique on the page.
    pub(crate) id: &'static str,
    pub(crate) caption: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
}

/// A column: its key in the copied JSON, its title, and whether it holds numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) numeric: bool,
}

/// Text columns hold words, number columns figures.
#[must_use]
pub(crate) fn text(key: &'static str, title: &'static str) -> Column {
    Column { key, title, numeric: false }
}

#[must_use]
pub(crate) fn figure(key: &'static str, title: &'static str) -> Column {
    Column { key, title, numeric: true }
}

/// A row; its class tells how it stands (`missed`, `tight`, `chosen` or nothing).
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    pub(crate) class: &'static str,
    pub(crate) cells: Vec<Cell>,
}

/// A cell: what people read, and the exact value that the copied JSON holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) exact: Option<f64>,
    /// Class of a badge around the text.
    pub(crate) badge: Option<&'static str>,
    /// Share of a small bar beside the text and where its limit stands, both 0..1.
    pub(crate) bar: Option<(f64, f64)>,
    /// What stands under the text, in small type: how it is known.
    pub(crate) note: Option<String>,
}

impl Cell {
    #[must_use]
    pub(crate) fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// An exact number and its words.
    #[must_use]
    pub(crate) fn number(exact: f64, text: impl Into<String>) -> Self {
        Self { text: text.into(), exact: exact.is_finite().then_some(exact), ..Self::default() }
    }

    /// A number that may be absent.
    #[must_use]
    pub(crate) fn maybe(exact: Option<f64>, words: impl Fn(f64) -> String) -> Self {
        exact.map_or_else(|| Self::words(crate::format::NONE), |x| Self::number(x, words(x)))
    }

    #[must_use]
    pub(crate) fn badge(class: &'static str, text: impl Into<String>) -> Self {
        Self { text: text.into(), badge: Some(class), ..Self::default() }
    }

    #[must_use]
    pub(crate) fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into()).filter(|n| !n.is_empty());
        self
    }

    #[must_use]
    pub(crate) fn with_bar(mut self, share: f64, limit: f64) -> Self {
        self.bar = Some((share, limit));
        self
    }
}

impl Grid {
    /// At most `most` rows, with a sentence where some are left out. `more` says where the rest is.
    #[must_use]
    pub(crate) fn html(&self, most: usize, more: &str) -> Markup {
        let left_out = self.rows.len().saturating_sub(most);
        html! {
            div.table {
                button.copy type="button" data-copy=(self.id) hidden aria-label=(format!("Copy as JSON: {}", self.caption)) { "Copy JSON" }
                div.scroll role="region" tabindex="0" aria-label=(self.caption) {
                    table id=(self.id) {
                        caption { (self.caption) }
                        thead { tr { @for c in &self.columns {
                            th scope="col" data-k=(c.key) class=[c.numeric.then_some("n")] { (c.title) }
                        } } }
                        tbody { @for row in self.rows.iter().take(most) {
                            tr class=[(!row.class.is_empty()).then_some(row.class)] {
                                @for (i, cell) in row.cells.iter().enumerate() {
                                    (self.cell(i, cell))
                                }
                            }
                        } }
                    }
                }
                @if left_out > 0 {
                    p.more { "The first " (crate::format::count(most as u64)) " of " (crate::format::count(self.rows.len() as u64)) " rows. " (more) }
                }
            }
        }
    }

    fn cell(&self, i: usize, cell: &Cell) -> Markup {
        let numeric = self.columns.get(i).is_some_and(|c| c.numeric).then_some("n");
        let exact = cell.exact.map(|x| x.to_string());
        let inner = html! {
            @if let Some(badge) = cell.badge { span class=(format!("badge {badge}")) { (cell.text) } } @else { (cell.text) }
            @if let Some((share, limit)) = cell.bar {
                span.gauge aria-hidden="true" {
                    span.fill style=(format!("width:{:.0}%", 100.0 * share.clamp(0.0, 1.0))) {}
                    span.limit style=(format!("left:{:.0}%", 100.0 * limit.clamp(0.0, 1.0))) {}
                }
            }
            @if let Some(note) = &cell.note { span.under { (note) } }
        };
        if i == 0 {
            html! { th scope="row" class=[numeric] data-v=[exact] { (inner) } }
        } else {
            html! { td class=[numeric] data-v=[exact] { (inner) } }
        }
    }

    /// A pipe table, caption left out.
    #[must_use]
    pub(crate) fn markdown(&self, most: usize) -> String {
        let escape = |s: &str| s.replace('\\', "\\\\").replace('|', "\\|").replace(['\n', '\r'], " ").replace('<', "&lt;");
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut out = line(self.columns.iter().map(|c| escape(c.title)).collect());
        out += &line(self.columns.iter().map(|c| if c.numeric { "---:" } else { "---" }.to_owned()).collect());
        for row in self.rows.iter().take(most) {
            out += &line(row.cells.iter().map(|c| escape(&c.text)).collect());
        }
        if self.rows.len() > most {
            out += &format!("\n{} more rows are in the report.\n", self.rows.len() - most);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let row = |name: &str, w: f64| Row { class: "", cells: vec![Cell::words(name), Cell::number(w, format!("{w} W"))] };
        Grid {
            id: "g",
            caption: "Power".to_owned(),
            columns: vec![text("name", "Name"), figure("power_w", "Power")],
            rows: vec![row("a|b<c>", 1.5), row("d", 2.0)],
        }
    }

    #[test]
    fn markdown_escapes_pipes_and_tags() {
        assert_eq!(
            grid().markdown(1),
            "| Name | Power |\n| --- | ---: |\n| a\\|b&lt;c> | 1.5 W |\n\n1 more rows are in the report.\n"
        );
    }

    #[test]
    fn html_holds_exact_values_and_says_what_is_left_out() {
        let page = grid().html(1, "The rest is in a.csv.").into_string();
        assert!(page.contains(r#"<td class="n" data-v="1.5">1.5 W</td>"#), "{page}");
        assert!(page.contains("<th scope=\"row\">a|b&lt;c&gt;</th>"), "{page}");
        assert!(page.contains("The first 1 of 2 rows. The rest is in a.csv."), "{page}");
        assert!(!page.contains("2 W"));
    }
}
