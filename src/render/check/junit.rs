//! JUnit XML: one test case for each judgement.

use std::time::Duration;

use sockdiag::analysis::{check::CheckReport, doctor::Verdict};

use super::{
    failure,
    line::{sentence, title},
};

pub fn document(report: &CheckReport, elapsed: Duration) -> String {
    let command = report.command.map(|command| failure(Some(command)));
    let is = |status: &[Verdict]| {
        let checks = report.checks.iter();
        checks
            .filter(|judged| status.contains(&judged.status))
            .count()
    };
    let has_failed = command.as_ref().is_some_and(Option::is_some);
    let tests = report.checks.len() + usize::from(command.is_some());
    let failures = is(&[Verdict::Warning, Verdict::Critical]) + usize::from(has_failed);
    let errors = is(&[Verdict::Unknown]);
    let time = format!("{:.3}", elapsed.as_secs_f64());
    let counts =
        format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{time}\"");
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n\
         <testsuite name=\"sockdiag check\" {counts}>\n"
    );
    for judged in &report.checks {
        let outcome = match judged.status {
            Verdict::Ok => None,
            Verdict::Warning | Verdict::Critical => Some(("failure", judged.status.word())),
            Verdict::Unknown => Some(("error", judged.status.word())),
        };
        text += &case(&title(judged), outcome, &sentence(judged));
    }
    if let Some(failure) = command {
        let outcome = failure.as_ref().map(|_| ("failure", "command"));
        text += &case("command", outcome, &failure.unwrap_or_default());
    }
    text + "</testsuite>\n</testsuites>\n"
}

fn case(name: &str, outcome: Option<(&str, &str)>, message: &str) -> String {
    let name = escaped(name);
    let Some((element, kind)) = outcome else {
        return format!("<testcase classname=\"sockdiag\" name=\"{name}\"/>\n");
    };
    let message = escaped(message);
    format!(
        "<testcase classname=\"sockdiag\" name=\"{name}\">\n\
         <{element} type=\"{kind}\" message=\"{message}\">{message}</{element}>\n</testcase>\n"
    )
}

/// For text and for attributes. XML 1.0 has no way to write most control characters.
pub fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\t' | '\n' | '\r' => shown.push(' '),
            '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {}
            _ => shown.push(character),
        }
    }
    shown
}
