//! The page: the verdict, one block for each problem, one line for all that is fine, and what was
//! not looked at.

use std::collections::BTreeMap;

use crossterm::style::Stylize;
use sockdiag::analysis::{
    Finding, Severity,
    doctor::{DoctorReport, Verdict},
};

use super::{
    PageSettings,
    words::{id, owners, place, severity, unseen, verdict},
};
use crate::render::{findings::seen, terminal::Tone, text};

/// Of a page that is not for a terminal.
pub const USUAL_WIDTH: usize = 100;
const INDENT: usize = 8;
/// Blocks of one id, the rest being counted.
const LISTED: usize = 3;

pub fn lines(
    report: &DoctorReport,
    settings: &PageSettings,
    host: &str,
    (width, colours): (usize, bool),
) -> Vec<String> {
    let page = Page {
        settings,
        width,
        colours,
    };
    let is_problem = |finding: &&Finding| finding.severity > Severity::Info;
    let (problems, notes): (Vec<&Finding>, Vec<&Finding>) =
        report.findings.iter().partition(is_problem);
    let mut lines = page.wrapped("", &verdict(report, host));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for problem in &problems {
        let count = counts.entry(problem.id).or_default();
        *count += 1;
        if *count <= LISTED || settings.verbose {
            lines.push(String::new());
            lines.extend(page.block(problem));
        }
    }
    counts.retain(|_, count| *count > LISTED && !settings.verbose);
    for (id, count) in counts {
        let more = count - LISTED;
        let text = format!("{more} of {id} (-v and -o json list all)");
        lines.push(String::new());
        lines.extend(page.wrapped("more", &text));
    }
    if settings.quiet > 1 {
        return lines;
    }
    lines.push(String::new());
    for note in notes {
        lines.extend(match settings.verbose {
            true => page.block(note),
            false => page.wrapped("info", &brief(note)),
        });
    }
    lines.extend(page.wrapped("fine", &fine(report)));
    if settings.quiet == 0 {
        for missing in &report.incomplete {
            lines.extend(page.wrapped("unseen", &unseen(missing)));
        }
    }
    lines
}

struct Page<'a> {
    settings: &'a PageSettings,
    width: usize,
    colours: bool,
}

impl Page<'_> {
    fn block(&self, finding: &Finding) -> Vec<String> {
        let mut lines = self.head(finding);
        lines.extend(self.wrapped("", &finding.message));
        let cause = if finding.inferred { "likely" } else { "why" };
        let causes = finding.cause.iter().map(|text| (cause, text));
        let parts = causes.chain(finding.remedy.iter().map(|text| ("do", text)));
        for (label, text) in parts {
            lines.extend(self.wrapped(label, text));
        }
        if self.settings.verbose {
            let evidence: Vec<String> = finding.evidence.iter().map(seen).collect();
            lines.extend(self.wrapped("seen", &evidence.join(", ")));
        }
        lines.extend(self.commands(&finding.next));
        lines
    }

    /// As many on a line as fit: a command that is broken cannot be copied.
    fn commands(&self, commands: &[String]) -> Vec<String> {
        const GAP: &str = "    ";
        let mut rows: Vec<String> = Vec::new();
        for command in commands.iter().map(|command| text::escape(command)) {
            match rows.last_mut() {
                Some(row)
                    if text::width(row) + GAP.len() + text::width(&command) <= self.room() =>
                {
                    *row += GAP;
                    *row += &command;
                }
                _ => rows.push(command),
            }
        }
        let labels = std::iter::once("next").chain(std::iter::repeat(""));
        let lines = labels
            .zip(&rows)
            .flat_map(|(label, row)| self.wrapped(label, row));
        lines.collect()
    }

    /// `CRITICAL 0.0.0.0:8080 in web, api (4121)` and, at the right margin, the id; on a line of its
    /// own where it does not fit.
    fn head(&self, finding: &Finding) -> Vec<String> {
        let word = severity(finding);
        let owners = owners(finding).map_or(String::new(), |names| format!("  {names}"));
        let subject = text::escape(&format!("{}{owners}", place(finding)));
        let id = id(finding);
        let used = word.len() + 1 + text::width(&subject) + 2 + id.len();
        if used <= self.width {
            let gap = " ".repeat(self.width - used + 2);
            return vec![format!("{}{gap}{id}", self.painted(finding, &subject))];
        }
        let room = self.width.saturating_sub(word.len() + 1).max(20);
        let mut rows = text::wrap(&subject, room).into_iter();
        let first = rows.next().unwrap_or_default();
        let mut lines = vec![self.painted(finding, &first)];
        lines.extend(rows.map(|row| format!("{:INDENT$}{row}", "")));
        lines.push(format!("{id:>width$}", width = self.width));
        lines
    }

    fn painted(&self, finding: &Finding, subject: &str) -> String {
        let word = severity(finding);
        if !self.colours {
            return format!("{word} {subject}");
        }
        let tone = match finding.severity {
            Severity::Critical => Tone::Bad,
            Severity::Warning => Tone::Warning,
            Severity::Info => Tone::Plain,
        };
        let word = match tone.color() {
            Some((_, colour)) => word.with(colour).bold(),
            None => word.bold(),
        };
        format!("{word} {}", subject.bold())
    }

    fn room(&self) -> usize {
        self.width.saturating_sub(INDENT).max(20)
    }

    /// Text beside a label, on as many lines as it takes.
    fn wrapped(&self, label: &str, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for line in text::wrap(&text::escape(text), self.room()) {
            let label = if lines.is_empty() { label } else { "" };
            lines.push(format!("{label:<INDENT$}{line}"));
        }
        lines
    }
}

fn brief(finding: &Finding) -> String {
    let next = finding.next.first();
    let next = next.map_or(String::new(), |next| format!("; next: {next}"));
    format!("{}: {}{next}", place(finding), finding.message)
}

fn fine(report: &DoctorReport) -> String {
    let fine = report.looked_at.iter();
    let fine = fine.filter(|area| area.verdict == Verdict::Ok);
    let summaries: Vec<&str> = fine.map(|area| area.summary.as_str()).collect();
    summaries.join(" · ")
}
