//! Words that every form of the page has in common.

use serde::Serialize as _;
use sockdiag::{
    analysis::{
        Finding, Severity,
        doctor::DoctorReport,
        finding::{Area, EvidenceValue},
    },
    model::Incomplete,
};

pub use crate::render::findings::place;

/// `web1: 1 critical, 2 warnings (watched 2.0 s, 4 network namespaces)`
pub fn verdict(report: &DoctorReport, host: &str) -> String {
    let count = |severity| {
        let of = report.findings.iter();
        of.filter(|one| one.severity == severity).count()
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

pub fn severity(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Critical => "CRITICAL",
        Severity::Warning => "WARNING",
        Severity::Info => "INFO",
    }
}

/// The id, and that of its cause.
pub fn id(finding: &Finding) -> String {
    match finding.cause_id {
        Some(cause) => format!("{} ({cause})", finding.id),
        None => finding.id.to_owned(),
    }
}

/// The names of the processes that it concerns.
pub fn owners(finding: &Finding) -> Option<&str> {
    let owners = finding.evidence.iter().find(|one| one.name == "owners")?;
    match &owners.value {
        EvidenceValue::Text(names) => Some(names),
        _ => None,
    }
}

/// `accept queue`
pub fn area(area: Area) -> String {
    // The published name.
    let name = area.serialize(serde_json::value::Serializer);
    let name = name.ok().and_then(|name| name.as_str().map(str::to_owned));
    name.unwrap_or_default().replace('_', " ")
}

pub fn unseen(missing: &Incomplete) -> String {
    let count = missing.count;
    let count = count.map_or(String::new(), |count| format!(" ({count})"));
    format!("{}{count}: {}", missing.what, missing.why)
}
