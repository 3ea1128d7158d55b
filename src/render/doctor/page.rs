//! The page: the verdict, one block for each problem, one line for all that is fine, and what was
//! not looked at.

use crossterm::style::Stylize;
use sockdiag::{
    analysis::{
        Finding, Severity,
        doctor::{DoctorReport, Verdict},
        finding::EvidenceValue,
    },
    model::Incomplete,
};

use super::PageSettings;
use crate::render::{findings::seen, terminal::Tone, text};

/// Of a page that is not for a terminal.
pub const USUAL_WIDTH: usize = 100;
const INDENT: usize = 8;

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
    let mut lines = page.wrapped("", &verdict(report, host, &problems));
    for problem in &problems {
        lines.push(String::new());
        lines.extend(page.block(problem));
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
        let mut lines = vec![self.head(finding)];
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
        let next = finding.next.join("\u{20}\u{20}\u{20}\u{20}");
        lines.extend(self.wrapped("next", &next));
        lines
    }

    /// `CRITICAL 0.0.0.0:8080 in web, api (4121)` and, at the right margin, the id.
    fn head(&self, finding: &Finding) -> String {
        let (word, tone) = match finding.severity {
            Severity::Critical => ("CRITICAL", Tone::Bad),
            Severity::Warning => ("WARNING", Tone::Warning),
            Severity::Info => ("INFO", Tone::Plain),
        };
        let subject = text::escape(&subject(finding));
        let id = match finding.cause_id {
            Some(cause) => format!("{} ({cause})", finding.id),
            None => finding.id.to_owned(),
        };
        let used = word.len() + 1 + text::width(&subject) + 2 + id.len();
        let gap = " ".repeat(self.width.saturating_sub(used) + 2);
        if !self.colours {
            return format!("{word} {subject}{gap}{id}");
        }
        let word = match tone.color() {
            Some((_, colour)) => word.with(colour).bold(),
            None => word.bold(),
        };
        format!("{word} {}{gap}{id}", subject.bold())
    }

    /// Text beside a label, on as many lines as it takes.
    fn wrapped(&self, label: &str, text: &str) -> Vec<String> {
        let room = self.width.saturating_sub(INDENT).max(20);
        let mut lines = Vec::new();
        for line in text::wrap(&text::escape(text), room) {
            let label = if lines.is_empty() { label } else { "" };
            lines.push(format!("{label:<INDENT$}{line}"));
        }
        lines
    }
}

fn verdict(report: &DoctorReport, host: &str, problems: &[&Finding]) -> String {
    let count = |severity| {
        let of = problems.iter().filter(|one| one.severity == severity);
        of.count()
    };
    let found = match (count(Severity::Critical), count(Severity::Warning)) {
        (0, 0) => "nothing wrong".to_owned(),
        (0, warnings) => several(warnings, "warning"),
        (critical, 0) => format!("{critical} critical"),
        (critical, warnings) => format!("{critical} critical, {}", several(warnings, "warning")),
    };
    let watched = match report.watched_ms {
        Some(watched) => format!("watched {:.1} s", watched as f64 / 1000.0),
        None => "one reading".to_owned(),
    };
    let namespaces = several(report.namespaces as usize, "network namespace");
    format!("{host}: {found} ({watched}, {namespaces})")
}

fn several(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// What it is about, where that is, and whose it is.
fn subject(finding: &Finding) -> String {
    let name = finding.netns.as_ref().and_then(|netns| netns.name.as_ref());
    let place = name.filter(|name| !finding.subject.ends_with(*name));
    let place = place.map_or(String::new(), |name| format!(" in {name}"));
    let owners = finding.evidence.iter().find(|one| one.name == "owners");
    let owners = owners.and_then(|owners| match &owners.value {
        EvidenceValue::Text(names) => Some(format!("  {names}")),
        _ => None,
    });
    format!("{}{place}{}", finding.subject, owners.unwrap_or_default())
}

fn brief(finding: &Finding) -> String {
    let next = finding.next.first();
    let next = next.map_or(String::new(), |next| format!("; next: {next}"));
    format!("{}: {}{next}", subject(finding), finding.message)
}

fn fine(report: &DoctorReport) -> String {
    let fine = report.looked_at.iter();
    let fine = fine.filter(|area| area.verdict == Verdict::Ok);
    let summaries: Vec<&str> = fine.map(|area| area.summary.as_str()).collect();
    summaries.join(" · ")
}

fn unseen(missing: &Incomplete) -> String {
    let count = missing.count;
    let count = count.map_or(String::new(), |count| format!(" ({count})"));
    format!("{}{count}: {}", missing.what, missing.why)
}
