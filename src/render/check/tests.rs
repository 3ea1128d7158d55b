//! The formats of a report written by hand, with names that others chose.

use std::time::Duration;

use sockdiag::analysis::{
    check::{CheckReport, CommandEnd, Judged, Measured, Unit},
    doctor::Verdict,
};

use super::{github, junit, line, tap};

const HOSTILE: &str = "a\n::error::b|c<d>&\"e\" #f\x1b[31m%";

fn judged(name: &str, status: Verdict, message: &str) -> Judged {
    Judged {
        name: name.to_owned(),
        status,
        message: message.to_owned(),
        ..Judged::default()
    }
}

fn metric(name: &str, value: Option<f64>, unit: Unit) -> Measured {
    Measured {
        name: name.to_owned(),
        scope: None,
        value,
        unit,
        partial: false,
        subject: None,
        what: String::new(),
    }
}

fn report(checks: Vec<Judged>, metrics: Vec<Measured>, command: Option<CommandEnd>) -> CheckReport {
    CheckReport {
        incomplete: Vec::new(),
        findings: Vec::new(),
        status: checks[0].status,
        readings: 1,
        sustain: 1,
        checks,
        metrics,
        command,
    }
}

fn mixed() -> CheckReport {
    let exited = CommandEnd {
        exit_code: Some(7),
        signal: None,
    };
    let fill = Judged {
        plain: [Some("80".to_owned()), Some("@95:100".to_owned())],
        ..judged("queues_fill", Verdict::Critical, HOSTILE)
    };
    report(
        vec![
            fill,
            judged("ports", Verdict::Ok, "ports unused"),
            judged("fds", Verdict::Unknown, "?"),
        ],
        vec![
            metric("queues_fill", Some(0.931), Unit::Ratio),
            metric("queues_wait", Some(1500.0), Unit::Ms),
            metric("drops_rate", Some(1.0 / 3.0), Unit::PerSecond),
            metric("odd='|", Some(2.0), Unit::Count),
            metric("syn_fill", None, Unit::Ratio),
        ],
        Some(exited),
    )
}

#[test]
fn one_line_with_performance_data() {
    let line = line::line(&mixed());
    assert_eq!(line.matches('\n').count(), 1, "{line}");
    let (text, data) = line.split_once(" | ").expect("performance data");
    assert!(
        text.starts_with("CHECK CRITICAL - queues_fill: a\\x0a::error::b/c"),
        "{text}"
    );
    assert!(
        text.ends_with("; fds: ?; the command exited with 7; 1 OK"),
        "{text}"
    );
    assert_eq!(
        data,
        "'queues_fill'=93.1%;80;@95:100;0;100 'queues_wait'=1500ms;;;0; 'drops_rate'=0.333;;;0; \
         'odd___'=2;;;0;\n"
    );
    let fine = report(
        vec![judged("ports", Verdict::Ok, "ports unused")],
        Vec::new(),
        None,
    );
    assert_eq!(line::line(&fine), "CHECK OK - ports: ports unused\n");
}

#[test]
fn junit_counts_what_it_lists() {
    let xml = junit::document(&mixed(), Duration::from_millis(2040));
    assert!(
        xml.contains("tests=\"4\" failures=\"2\" errors=\"1\" time=\"2.040\""),
        "{xml}"
    );
    assert_eq!(xml.matches("<testcase ").count(), 4);
    assert_eq!(xml.matches("<failure ").count(), 2);
    assert_eq!(xml.matches("<error ").count(), 1);
    assert!(
        xml.contains("a ::error::b|c&lt;d&gt;&amp;&quot;e&quot; #f[31m%"),
        "{xml}"
    );
    assert!(!xml.contains('\x1b'));
}

#[test]
fn an_annotation_is_one_line_whatever_a_name_contains() {
    let text = github::annotations(&mixed());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    let first = "::error title=sockdiag CRITICAL%3A queues_fill::a%0A::error::b|c";
    assert!(lines[0].starts_with(first), "{text}");
    assert!(lines[0].ends_with("%25"), "{text}");
    assert_eq!(
        lines[2],
        "::error title=sockdiag check::the command exited with 7"
    );
    let fine = report(vec![judged("ports", Verdict::Ok, "")], Vec::new(), None);
    assert_eq!(
        github::annotations(&fine),
        "::notice title=sockdiag check::OK (1 checked)\n"
    );
}

#[test]
fn tap_numbers_its_points_and_quotes_their_messages() {
    let text = tap::document(&mixed());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..3],
        ["TAP version 14", "1..4", "not ok 1 - queues_fill"]
    );
    assert_eq!(lines[3..5], ["  ---", "  severity: \"critical\""]);
    assert!(
        lines[5].starts_with("  message: \"a\\n::error::b|c"),
        "{text}"
    );
    assert!(text.contains("\nok 2 - ports\nnot ok 3 - fds\n"), "{text}");
    assert!(text.contains("\nnot ok 4 - command\n"), "{text}");
    let odd = report(vec![judged("a#b\\", Verdict::Ok, "")], Vec::new(), None);
    assert!(tap::document(&odd).ends_with("ok 1 - a\\#b\\\\\n"));
}
