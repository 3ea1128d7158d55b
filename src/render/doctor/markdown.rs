//! The page as Markdown, for a ticket or a comment on a pull request.

use sockdiag::analysis::{Finding, doctor::DoctorReport};

use super::words::{area, owners, place, severity, unseen, verdict};
use crate::render::{findings::seen, text};

pub fn page(report: &DoctorReport, host: &str) -> String {
    let mut page = format!("# sockdiag: {}\n", plain(&verdict(report, host)));
    for finding in &report.findings {
        page += &block(finding);
    }
    page += "\n| area | verdict | what was seen |\n|---|---|---|\n";
    for looked in &report.looked_at {
        let (name, word) = (area(looked.area), looked.verdict.word());
        page += &format!("| {name} | {word} | {} |\n", plain(&looked.summary));
    }
    for missing in &report.incomplete {
        page += &format!("\n*not seen:* {}\n", plain(&unseen(missing)));
    }
    page
}

fn block(finding: &Finding) -> String {
    let (severity, place) = (severity(finding), code(&place(finding)));
    let owners = owners(finding).map_or(String::new(), |names| format!(", {}", plain(names)));
    let mut block = format!("\n## {severity} {place}{owners}: {}\n\n", finding.id);
    block += &format!("{}\n\n", plain(&finding.message));
    let cause = if finding.inferred { "likely" } else { "why" };
    let causes = finding.cause.iter().map(|text| (cause, plain(text)));
    let remedies = finding.remedy.iter().map(|text| ("do", plain(text)));
    let next = finding.next.iter().map(|text| ("next", code(text)));
    for (label, text) in causes.chain(remedies).chain(next) {
        block += &format!("- **{label}:** {text}\n");
    }
    let evidence: Vec<String> = finding.evidence.iter().map(seen).collect();
    if !evidence.is_empty() {
        block += &format!("- **seen:** {}\n", plain(&evidence.join(", ")));
    }
    block
}

/// Text without a meaning in Markdown or HTML, on one line.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text::escape(text).chars() {
        if "\\`*_[]<>|#".contains(c) {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

/// Code, in which backticks would end it.
fn code(text: &str) -> String {
    format!("`{}`", text::escape(text).replace('`', "'"))
}
