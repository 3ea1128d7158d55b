//! Findings as lines below a table: worst first, each at most two lines of 80 columns.

use std::collections::BTreeMap;

use sockdiag::{
    analysis::{
        Finding,
        finding::{Evidence, EvidenceValue},
    },
    model::Netns,
};

use super::text;

/// How many findings of one id are listed, the rest being counted.
const LISTED: usize = 3;
/// Width of the two lines, on a narrower terminal too.
const COLUMNS: usize = 80;

/// Each in brief or, with `detail`, with its cause, remedies and evidence.
pub fn lines(findings: &[Finding], width: Option<usize>, detail: bool) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut lines = Vec::new();
    for finding in findings {
        let count = counts.entry(finding.id).or_default();
        *count += 1;
        match detail {
            true => lines.extend(detailed(finding)),
            false if *count <= LISTED => lines.push(brief(finding, width)),
            false => {}
        }
    }
    counts.retain(|_, count| !detail && *count > LISTED);
    lines.extend(counts.iter().map(|(id, count)| {
        let more = count - LISTED;
        format!("{more} more of {id} (-v and --json list all)")
    }));
    lines
}

/// With its first remedy where that fits, and the first command to type next.
fn brief(finding: &Finding, width: Option<usize>) -> String {
    let remedy = finding.remedy.first();
    let remedy = remedy.map_or(String::new(), |remedy| format!("; {remedy}"));
    let next = finding.next.first();
    let next = next.map_or(String::new(), |next| format!("; next: {next}"));
    let line = |message: &str, remedy: &str| {
        text::escape(&format!("{}{message}{remedy}{next}", head(finding)))
    };
    let whole = line(&finding.message, &remedy);
    let columns = width.map_or(usize::MAX, |width| width.max(COLUMNS));
    let fits = |line: &String| text::wrap(line, columns).len() <= 2;
    let shortened = (0..=text::width(&finding.message)).rev();
    let mut shorter = shortened.map(|room| line(&text::shorten(&finding.message, room), ""));
    match fits(&whole) {
        true => whole,
        false => shorter.find(fits).unwrap_or(whole),
    }
}

fn detailed(finding: &Finding) -> Vec<String> {
    let cause = if finding.inferred { "likely" } else { "why" };
    let evidence: Vec<String> = finding.evidence.iter().map(seen).collect();
    let evidence = (!evidence.is_empty()).then(|| evidence.join(", "));
    let causes = finding.cause.iter().map(|text| (cause, text));
    let details = causes
        .chain(finding.remedy.iter().map(|text| ("do", text)))
        .chain(evidence.iter().map(|text| ("seen", text)))
        .chain(finding.next.iter().map(|text| ("next", text)))
        .map(|(label, text)| format!("  {label:<6} {text}"));
    let first = format!("{}{} ({})", head(finding), finding.message, finding.id);
    let lines = std::iter::once(first).chain(details);
    lines.map(|line| text::escape(&line)).collect()
}

/// `critical: 0.0.0.0:8080 in web: `
fn head(finding: &Finding) -> String {
    format!("{}: {}: ", finding.severity.word(), place(finding))
}

/// What it is about, and where that is: `0.0.0.0:8080 in web`.
pub fn place(finding: &Finding) -> String {
    let subject = &finding.subject;
    let netns = finding.netns.as_ref();
    let name = netns.and_then(Netns::elsewhere);
    let name = name.filter(|name| !subject.ends_with(name));
    match (name, netns.and_then(|netns| netns.name.as_ref())) {
        (None, _) => subject.clone(),
        (Some(name), Some(_)) => format!("{subject} in {name}"),
        (Some(number), None) => format!("{subject} in namespace {number}"),
    }
}

pub fn seen(evidence: &Evidence) -> String {
    let value = match &evidence.value {
        EvidenceValue::Count(count) => count.to_string(),
        EvidenceValue::Decimal(number) => text::decimal(*number),
        EvidenceValue::Text(text) => text.clone(),
    };
    // `oldest_wait_ms` says its unit.
    let unit = evidence.unit.filter(|_| !names_its_unit(evidence.name));
    match unit {
        Some(unit) => format!("{} {value} {unit}", evidence.name),
        None => format!("{} {value}", evidence.name),
    }
}

fn names_its_unit(name: &str) -> bool {
    let units = ["_ms", "_seconds", "_bytes", "_ratio", "_per_second"];
    units.iter().any(|unit| name.ends_with(unit))
}

#[cfg(test)]
mod tests {
    use sockdiag::analysis::{
        Severity,
        finding::{Area, Rule},
    };

    use super::*;

    static RULE: Rule = Rule {
        id: "queue_full",
        area: Area::AcceptQueue,
        severities: &[Severity::Critical, Severity::Warning, Severity::Info],
        explain: "",
    };

    fn finding(message: &str) -> Finding {
        RULE.finding(Severity::Critical, "0.0.0.0:8080", message)
            .remedy("sysctl -w net.core.somaxconn=8192")
            .next("sockdiag queues :8080 -w")
    }

    fn on_terminal(finding: Finding, width: usize) -> Vec<String> {
        let lines = lines(&[finding], Some(width), false);
        text::wrap(&lines[0], width)
    }

    fn words_of(lines: &[String]) -> String {
        let words = lines.iter().flat_map(|line| line.split_whitespace());
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_finding_ends_in_the_next_command() {
        let expected = "critical: 0.0.0.0:8080: full; sysctl -w net.core.somaxconn=8192; next: \
                        sockdiag queues :8080 -w";
        assert_eq!(lines(&[finding("full")], None, false), [expected]);
    }

    #[test]
    fn a_finding_takes_two_lines_and_keeps_its_next_command() {
        for words in 0..60 {
            let lines = on_terminal(finding(&"word ".repeat(words)), 80);
            assert!(lines.len() <= 2, "{words}: {lines:#?}");
            let text = words_of(&lines);
            assert!(text.ends_with("next: sockdiag queues :8080 -w"), "{text}");
        }
        let long = words_of(&on_terminal(finding(&"word ".repeat(60)), 80));
        assert!(long.contains('…') && !long.contains("sysctl"), "{long}");
    }

    #[test]
    fn no_more_than_three_of_one_kind_are_listed() {
        let many = vec![finding("full"); 5];
        let brief = lines(&many, None, false);
        assert_eq!(brief.len(), 4);
        assert_eq!(brief[3], "2 more of queue_full (-v and --json list all)");
        assert_eq!(lines(&many[..3], None, false).len(), 3);
    }

    #[test]
    fn detail_has_cause_remedy_evidence_and_commands() {
        let finding = finding("full")
            .count("length", 9, "connections")
            .likely("slow");
        let expected = [
            "critical: 0.0.0.0:8080: full (queue_full)",
            "  likely slow",
            "  do     sysctl -w net.core.somaxconn=8192",
            "  seen   length 9 connections",
            "  next   sockdiag queues :8080 -w",
        ];
        assert_eq!(lines(&[finding], None, true), expected);
    }

    #[test]
    fn names_that_others_chose_do_nothing_to_the_terminal() {
        let hostile = [finding("\x1b[31m").because("\n")];
        let all = [lines(&hostile, None, true), lines(&hostile, None, false)].concat();
        assert!(
            all.iter().all(|line| !line.contains(char::is_control)),
            "{all:?}"
        );
    }
}
