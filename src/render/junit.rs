//! JUnit XML, as CI systems read it.

use std::time::Duration;

use sockdiag::analysis::doctor::Verdict;

pub struct Case {
    pub name: String,
    /// What it is called and says where it did not pass.
    pub outcome: Option<(Outcome, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With a word for its kind.
    Failure(&'static str),
    Error(&'static str),
}

impl Outcome {
    /// `None` where all is well.
    pub fn of(verdict: Verdict) -> Option<Self> {
        match verdict {
            Verdict::Ok => None,
            Verdict::Warning | Verdict::Critical => Some(Outcome::Failure(verdict.word())),
            Verdict::Unknown => Some(Outcome::Error(verdict.word())),
        }
    }
}

pub fn document(suite: &str, cases: &[Case], elapsed: Duration) -> String {
    let count = |is: fn(&Outcome) -> bool| {
        let outcomes = cases.iter().filter_map(|case| case.outcome.as_ref());
        outcomes.filter(|(outcome, _)| is(outcome)).count()
    };
    let failures = count(|outcome| matches!(outcome, Outcome::Failure(_)));
    let errors = count(|outcome| matches!(outcome, Outcome::Error(_)));
    let (tests, time) = (cases.len(), format!("{:.3}", elapsed.as_secs_f64()));
    let counts =
        format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{time}\"");
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n\
         <testsuite name=\"{suite}\" {counts}>\n"
    );
    for case in cases {
        text += &element(case);
    }
    text + "</testsuite>\n</testsuites>\n"
}

fn element(case: &Case) -> String {
    let name = escaped(&case.name);
    let Some((outcome, message)) = &case.outcome else {
        return format!("<testcase classname=\"sockdiag\" name=\"{name}\"/>\n");
    };
    let (element, kind) = match outcome {
        Outcome::Failure(kind) => ("failure", kind),
        Outcome::Error(kind) => ("error", kind),
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
