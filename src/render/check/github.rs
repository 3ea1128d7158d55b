//! Workflow commands of GitHub Actions: one annotation for each check that is not well.

use sockdiag::analysis::{check::CheckReport, doctor::Verdict};

use super::{failure, line::title};

pub fn annotations(report: &CheckReport) -> String {
    let mut lines: Vec<String> = Vec::new();
    for judged in &report.checks {
        let level = match judged.status {
            Verdict::Ok => continue,
            Verdict::Warning => "warning",
            Verdict::Critical | Verdict::Unknown => "error",
        };
        let status = judged.status.word().to_uppercase();
        let name = format!("sockdiag {status}: {}", title(judged));
        lines.push(annotation(level, &name, &judged.message));
    }
    if let Some(failure) = failure(report.command) {
        lines.push(annotation("error", "sockdiag check", &failure));
    }
    if lines.is_empty() {
        let count = report.checks.len();
        lines.push(annotation(
            "notice",
            "sockdiag check",
            &format!("OK ({count} checked)"),
        ));
    }
    lines.concat()
}

fn annotation(level: &str, title: &str, message: &str) -> String {
    let title = escaped(title).replace(':', "%3A").replace(',', "%2C");
    format!("::{level} title={title}::{}\n", escaped(message))
}

/// As the toolkit of GitHub Actions escapes data; a raw line break would begin another command.
fn escaped(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}
