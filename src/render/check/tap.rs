//! Test Anything Protocol 14: one test point for each judgement.

use sockdiag::analysis::{check::CheckReport, doctor::Verdict};

use super::{failure, line::title};

pub fn document(report: &CheckReport) -> String {
    let points = report.checks.iter().map(|judged| {
        let is_ok = judged.status == Verdict::Ok;
        (
            title(judged),
            is_ok,
            judged.status.word(),
            judged.message.clone(),
        )
    });
    let command = report.command.iter().map(|command| {
        let failure = failure(Some(*command));
        let is_ok = failure.is_none();
        (
            "command".to_owned(),
            is_ok,
            "failed",
            failure.unwrap_or_default(),
        )
    });
    let points: Vec<_> = points.chain(command).collect();
    let mut text = format!("TAP version 14\n1..{}\n", points.len());
    for (number, (name, is_ok, status, message)) in points.iter().enumerate() {
        let (verb, name) = (if *is_ok { "ok" } else { "not ok" }, escaped(name));
        text += &format!("{verb} {} - {name}\n", number + 1);
        if !is_ok {
            let (status, message) = (quoted(status), quoted(message));
            text += &format!("  ---\n  severity: {status}\n  message: {message}\n  ...\n");
        }
    }
    text
}

/// `#` would begin a directive.
fn escaped(text: &str) -> String {
    let line = text.replace(['\n', '\r'], " ");
    line.replace('\\', "\\\\").replace('#', "\\#")
}

/// A text of JSON is one of YAML, too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
