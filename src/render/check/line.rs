//! The line of a monitoring plugin: `CHECK WARNING - what | 'name'=value;warning;critical;min;max`.

use sockdiag::analysis::{
    check::{CheckReport, Judged, Measured, Unit},
    doctor::Verdict,
};

use super::failure;
use crate::render::text;

pub fn line(report: &CheckReport) -> String {
    let status = report.status.word().to_uppercase();
    let data: Vec<String> = report
        .metrics
        .iter()
        .filter_map(|metric| performance(metric, report))
        .collect();
    let data = match data.is_empty() {
        true => String::new(),
        false => format!(" | {}", data.join(" ")),
    };
    // What follows the first `|` is performance data.
    let text = text::escape(&summary(report)).replace('|', "/");
    format!("CHECK {status} - {text}{data}\n")
}

/// What is not well, or else what was found to be.
fn summary(report: &CheckReport) -> String {
    let is_well = |judged: &&Judged| judged.status == Verdict::Ok;
    let well = report.checks.iter().filter(is_well).count();
    let mut parts: Vec<String> = Vec::new();
    for status in [Verdict::Critical, Verdict::Warning, Verdict::Unknown] {
        let checks = report
            .checks
            .iter()
            .filter(|judged| judged.status == status);
        parts.extend(checks.map(sentence));
    }
    parts.extend(failure(report.command));
    match (parts.is_empty(), well) {
        (true, _) => {
            let all: Vec<String> = report.checks.iter().map(sentence).collect();
            all.join("; ")
        }
        (false, 0) => parts.join("; "),
        (false, well) => format!("{}; {well} OK", parts.join("; ")),
    }
}

/// `queues, port 8080: fill of the fullest accept queue 93%`
pub fn sentence(judged: &Judged) -> String {
    format!("{}: {}", title(judged), judged.message)
}

pub fn title(judged: &Judged) -> String {
    match &judged.scope {
        Some(scope) => format!("{}, {scope}", judged.name),
        None => judged.name.clone(),
    }
}

/// `None` for what is unknown.
fn performance(metric: &Measured, report: &CheckReport) -> Option<String> {
    let value = metric.value?;
    let (value, unit, largest) = match metric.unit {
        Unit::Count => (value, "", ""),
        // Monitoring plugins have no unit for rates.
        Unit::PerSecond => (value, "", ""),
        Unit::Ratio => (value * 100.0, "%", "100"),
        Unit::Ms => (value, "ms", ""),
    };
    let mut judged = report.checks.iter();
    let judged = judged.find(|one| (&one.name, &one.scope) == (&metric.name, &metric.scope));
    let [warning, critical] = judged.map_or([None, None], |judged| judged.plain.clone());
    let [warning, critical] = [warning, critical].map(Option::unwrap_or_default);
    let label = label(metric);
    let value = plain(value);
    Some(format!(
        "'{label}'={value}{unit};{warning};{critical};0;{largest}"
    ))
}

/// Without what ends a label: a quote or `=`; `|` and spaces in it confuse some.
fn label(metric: &Measured) -> String {
    let scope = metric.scope.iter().map(|scope| format!("_{scope}"));
    let label: String = std::iter::once(metric.name.clone()).chain(scope).collect();
    let harmless = |c: char| {
        if c.is_alphanumeric() || "._-:*@/".contains(c) {
            c
        } else {
            '_'
        }
    };
    label.chars().map(harmless).collect()
}

fn plain(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
