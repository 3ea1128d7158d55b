//! Articles for a terminal: Markdown as lines, without its marks.

use std::io::{self, Write, stdout};

use crossterm::style::Stylize;
use sockdiag::analysis::explain::{Article, Articles, ExplainReport, Kind, Live, LiveValue};

use super::{Colour, size, terminal_can_move, text};

/// Lines are no longer than this, on a wider terminal too.
const COLUMNS: usize = 88;
/// The width of a bar that is a full queue.
const BAR: u64 = 20;

/// How articles are written to stdout.
pub struct Page {
    bold: bool,
    columns: usize,
    is_terminal: bool,
}

impl Page {
    pub fn new(colour: Colour) -> Self {
        let bold = colour.is_on(terminal_can_move());
        crossterm::style::force_color_output(bold);
        let terminal = size();
        Page {
            bold,
            columns: terminal.map_or(COLUMNS, |(columns, _)| columns.min(COLUMNS)),
            is_terminal: terminal.is_some(),
        }
    }

    pub fn article(&self, report: &ExplainReport) -> io::Result<()> {
        write(&self.lines(report))
    }

    /// Terms and titles. Only a terminal has them cut.
    pub fn list(&self, articles: &[&Article]) -> io::Result<()> {
        let terms = articles.iter().map(|article| text::width(&article.term));
        let widest = terms.max().unwrap_or(0);
        let room = match self.is_terminal {
            true => self.columns.saturating_sub(widest + 2).max(20),
            false => usize::MAX,
        };
        let line = |article: &&Article| {
            let said = text::shorten(&brief(article), room);
            format!("{:<widest$}  {said}", article.term)
        };
        write(&articles.iter().map(line).collect::<Vec<_>>())
    }

    /// The number of articles of each kind, with some of their terms.
    pub fn index(&self, articles: &Articles) -> io::Result<()> {
        let mut lines = Vec::new();
        for kind in Kind::ALL {
            let of_kind = articles.all().iter().filter(|article| article.kind == kind);
            let terms: Vec<&str> = of_kind.map(|article| article.term.as_str()).collect();
            lines.push(self.bold(&format!("{} ({})", kind.plural(), terms.len())));
            let listed = match kind {
                Kind::Counter | Kind::Column => {
                    format!("sockdiag explain --list {}", kind.plural())
                }
                _ => terms.join(", "),
            };
            let listed = format!("  {listed}");
            lines.extend(text::wrap_indented(&listed, self.columns, "  "));
        }
        lines.push(String::new());
        let way = "`sockdiag explain TERM` prints an article, `--search WORDS` finds one.";
        lines.push(plain(way));
        write(&lines)
    }

    fn lines(&self, report: &ExplainReport) -> Vec<String> {
        let article = &report.article;
        let mut lines = vec![self.bold(&article.heading()), String::new()];
        lines.extend(self.markdown(&article.text));
        if !article.see_also.is_empty() {
            lines.push(String::new());
            let all = format!("See also: {}.", article.see_also.join(", "));
            lines.extend(text::wrap_indented(&all, self.columns, "  "));
        }
        lines.extend(self.live(report));
        lines
    }

    fn markdown(&self, markdown: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut is_drawing = false;
        for line in markdown.lines() {
            match line {
                "```" => is_drawing = !is_drawing,
                _ if is_drawing => lines.push(format!("  {line}")),
                _ => lines.extend(self.paragraph(line)),
            }
        }
        lines
    }

    fn paragraph(&self, line: &str) -> Vec<String> {
        if let Some(heading) = line.strip_prefix("## ") {
            return vec![self.bold(&plain(heading))];
        }
        let indent = if line.starts_with("- ") { "  " } else { "" };
        text::wrap_indented(&plain(line), self.columns, indent)
    }

    fn live(&self, report: &ExplainReport) -> Vec<String> {
        let names = report.live.iter().map(|live| text::width(&live.name));
        let widest = names.max().unwrap_or(0);
        let values = report.live.iter().map(|live| value(live, widest));
        let unread = report.incomplete.iter().map(|missing| {
            let line = format!("  not read: {}: {}", missing.what, missing.why);
            text::escape(&line)
        });
        let lines: Vec<String> = values.chain(unread).collect();
        match lines.is_empty() {
            true => lines,
            false => [vec![String::new(), self.bold("On this host now")], lines].concat(),
        }
    }

    fn bold(&self, heading: &str) -> String {
        match self.bold {
            true => heading.bold().to_string(),
            false => heading.to_owned(),
        }
    }
}

/// Its title or, where that is the term again, the first line of its text.
fn brief(article: &Article) -> String {
    let has_title = article.title != article.term && article.kind != Kind::Column;
    let first = article.summary().lines().next().unwrap_or_default();
    match has_title {
        true => article.title.clone(),
        false => plain(first.trim_start_matches("- ")),
    }
}

fn value(live: &Live, widest: usize) -> String {
    let shown = match &live.value {
        None => "not present here".to_owned(),
        Some(LiveValue::Text(text)) => text.clone(),
        Some(LiveValue::Number(number)) => text::grouped(*number),
    };
    let of = live.limit.map_or(String::new(), |limit| {
        let bar = live
            .value
            .as_ref()
            .map_or(String::new(), |value| bar(value, limit));
        format!(" of {}  {bar}", text::grouped(limit))
    });
    text::escape(&format!("  {:<widest$}  {shown}{of}", live.name))
}

/// A queue takes one more than its limit: full is a bar without a gap.
fn bar(length: &LiveValue, limit: u64) -> String {
    let LiveValue::Number(length) = length else {
        return String::new();
    };
    let length = u64::try_from(*length).unwrap_or(0).min(limit + 1);
    let filled = match length {
        0 => 0,
        _ => (length * BAR / (limit + 1)).max(1),
    };
    let (filled, free) = (filled as usize, (BAR - filled) as usize);
    format!("[{}{}]", "#".repeat(filled), ".".repeat(free))
}

/// Text without the marks of code and emphasis.
fn plain(markdown: &str) -> String {
    markdown.replace("**", "").replace('`', "")
}

fn write(lines: &[String]) -> io::Result<()> {
    let mut out = stdout().lock();
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NARROW: Page = Page {
        bold: false,
        columns: 20,
        is_terminal: true,
    };

    #[test]
    fn markdown_becomes_lines_without_marks() {
        let markdown = "One `two` **three** four five.\n\n## It does not mean\n- an item of the list that is long\n```\nas it  `is`\n```";
        let expected = [
            "One two three four",
            "five.",
            "",
            "It does not mean",
            "- an item of the",
            "  list that is long",
            "  as it  `is`",
        ];
        assert_eq!(NARROW.markdown(markdown), expected);
    }

    #[test]
    fn only_a_full_queue_has_a_full_bar() {
        let bar = |length| bar(&LiveValue::Number(length), 128);
        assert_eq!(bar(129), format!("[{}]", "#".repeat(20)));
        assert_eq!(bar(128), format!("[{}.]", "#".repeat(19)));
        assert_eq!(bar(1), format!("[#{}]", ".".repeat(19)));
        assert_eq!(bar(0), format!("[{}]", ".".repeat(20)));
        assert_eq!(bar(-1), bar(0));
    }
}
