//! Metrics and findings of one reading, judged.

use super::{
    Baseline, Check, Judged, Measured, Peaks, Plan, Range, Scope, Threshold, baseline::Compared,
    levels::measure, plan::rules_named,
};
use crate::{
    analysis::{
        Finding, Previous,
        doctor::{DoctorReport, Reports, Verdict},
        finding::Area,
    },
    model::{Snapshot, glob::matches},
};

/// What was read first, last and in between, and the reports on it.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    pub now: &'a Snapshot,
    pub before: Previous<'a>,
    pub reports: &'a Reports,
    /// With the findings of all areas.
    pub doctor: &'a DoctorReport,
    pub peaks: &'a Peaks,
    /// The whole run of a command is judged, also what it did in a namespace that has closed.
    pub of_command: bool,
}

/// One reading, judged. The order is that of the plan, so that readings compare.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdicts {
    pub judged: Vec<Judged>,
    pub metrics: Vec<Measured>,
}

pub fn judge(plan: &Plan, reading: &Reading) -> Verdicts {
    let mut all = Verdicts::default();
    for (at, check) in plan.checks.iter().enumerate() {
        let metrics = measure(check, at, reading);
        let by_ranges = metrics.iter().filter_map(|metric| by_ranges(check, metric));
        all.judged.extend(by_ranges);
        all.judged.extend(unapplied(check, &metrics));
        let baseline = plan.baseline.as_ref();
        match baseline.filter(|_| check.kind.is_measured()) {
            Some(baseline) => all.judged.extend(compared(check, &metrics, baseline)),
            None if check.has_thresholds() => {}
            None => all.judged.push(by_findings(check, &metrics, reading)),
        }
        all.metrics.extend(metrics);
    }
    let conditions = plan.fail_on.iter();
    all.judged
        .extend(conditions.map(|id| by_id(id, &plan.scope, reading)));
    all
}

/// `None` for a metric without a threshold.
fn by_ranges(check: &Check, metric: &Measured) -> Option<Judged> {
    let ranges = [&check.warning, &check.critical].map(|level| check.range(level, metric));
    let [warning, critical] = ranges;
    let status = match (
        warning.or(critical)?,
        alerts(critical, metric),
        alerts(warning, metric),
    ) {
        (_, Some(true), _) => Verdict::Critical,
        (_, _, Some(true)) => Verdict::Warning,
        (_, None, _) | (_, _, None) => Verdict::Unknown,
        _ => Verdict::Ok,
    };
    let exceeded = match status {
        Verdict::Critical => critical.map(|range| format!(" (critical {range})")),
        Verdict::Warning => warning.map(|range| format!(" (warning {range})")),
        Verdict::Ok | Verdict::Unknown => None,
    };
    Some(Judged {
        status,
        warning: warning.map(|range| range.to_string()),
        critical: critical.map(|range| range.to_string()),
        message: format!("{}{}", metric.sentence(), exceeded.unwrap_or_default()),
        plain: ranges.map(|range| range.map(|range| range.plain())),
        ..Judged::of(metric)
    })
}

/// Thresholds of what was not measured, such as the rate of a gauge.
fn unapplied(check: &Check, metrics: &[Measured]) -> Vec<Judged> {
    let thresholds = check.warning.iter().chain(&check.critical);
    let is_unapplied = |threshold: &&Threshold| {
        let mut metrics = metrics.iter();
        !metrics.any(|metric| check.applies(threshold, metric))
    };
    let unknown = |threshold: &Threshold| Judged {
        name: format!("{} {threshold}", check.kind.word()),
        message: "nothing that it applies to was measured".to_owned(),
        ..Judged::default()
    };
    thresholds.filter(is_unapplied).map(unknown).collect()
}

/// Whether the metric raises an alert; `None` if that depends on what is unknown.
fn alerts(range: Option<Range>, metric: &Measured) -> Option<bool> {
    let Some(range) = range else {
        return Some(false);
    };
    match (metric.value, metric.partial) {
        (Some(value), false) => Some(range.alerts(value)),
        (Some(value), true) => range.alerts_from(value).then_some(true),
        (None, _) => None,
    }
}

/// A check of which the earlier report has nothing is unknown, not fine.
fn compared(check: &Check, metrics: &[Measured], baseline: &Baseline) -> Vec<Judged> {
    let compared = metrics
        .iter()
        .filter_map(|metric| Some(by_baseline(metric, &baseline.compare(metric)?)));
    let compared: Vec<Judged> = compared.collect();
    match compared.is_empty() {
        true => vec![Judged {
            name: format!("{}_baseline", check.kind.word()),
            message: "the baseline has none of its ratios and rates".to_owned(),
            ..Judged::default()
        }],
        false => compared,
    }
}

fn by_baseline(metric: &Measured, compared: &Compared) -> Judged {
    let is_worse = match (metric.value, compared.limit) {
        (Some(value), Some(limit)) if value > limit => Some(true),
        (Some(_), Some(_)) if !metric.partial => Some(false),
        _ => None,
    };
    Judged {
        name: format!("{}_baseline", metric.name),
        status: match is_worse {
            Some(true) => Verdict::Critical,
            Some(false) => Verdict::Ok,
            None => Verdict::Unknown,
        },
        critical: Some(compared.text.clone()),
        message: format!("{}; {}", metric.sentence(), compared.text),
        ..Judged::of(metric)
    }
}

fn by_findings(check: &Check, metrics: &[Measured], reading: &Reading) -> Judged {
    let scope = &check.scope;
    let is_found = metrics.iter().any(|metric| metric.value.is_some());
    let is_nothing = !scope.is_all() && !metrics.is_empty() && !is_found;
    let areas = check.kind.areas();
    let findings = reading.findings(scope, |finding| check.kind.judges(finding));
    let is_known = !is_nothing && areas.iter().all(|area| reading.has_read(*area));
    let problems = findings
        .iter()
        .filter(|finding| Verdict::of([*finding], true) != Verdict::Ok);
    let status = Verdict::of(&findings, is_known);
    let message = match problems.clone().next() {
        Some(worst) => worst_of(worst, problems.count()),
        None if is_known => reading.summary(areas),
        None if is_nothing => format!("nothing that could be read matches {scope}"),
        None => "not all of it could be read to the end".to_owned(),
    };
    Judged {
        name: check.kind.word().to_owned(),
        scope: (!scope.is_all()).then(|| scope.to_string()),
        status,
        message,
        findings,
        ..Judged::default()
    }
}

/// A condition of `--fail-on`, whatever the severity of what is found.
fn by_id(pattern: &str, scope: &Scope, reading: &Reading) -> Judged {
    let is_it = |id: &str| matches(pattern.as_bytes(), id.as_bytes());
    let findings = reading.findings(scope, |finding| {
        is_it(finding.id) || finding.cause_id.is_some_and(is_it)
    });
    let is_known = rules_named(pattern).all(|rule| reading.has_read(rule.area));
    let (status, message) = match findings.first() {
        Some(worst) => (Verdict::Critical, worst_of(worst, findings.len())),
        None if is_known => (Verdict::Ok, "not found".to_owned()),
        None => (
            Verdict::Unknown,
            "not all that it concerns could be read to the end".to_owned(),
        ),
    };
    Judged {
        name: pattern.to_owned(),
        scope: (!scope.is_all()).then(|| scope.to_string()),
        status,
        message,
        findings,
        ..Judged::default()
    }
}

fn worst_of(worst: &Finding, count: usize) -> String {
    let more = match count {
        ..=1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    format!("{}: {}: {}{more}", worst.id, worst.subject, worst.message)
}

impl Reading<'_> {
    fn findings(&self, scope: &Scope, is_wanted: impl Fn(&Finding) -> bool) -> Vec<Finding> {
        let all = self.doctor.findings.iter();
        let is_in_scope =
            |finding: &&Finding| scope.is_all() || scope.has_finding(finding, self.reports);
        all.filter(|finding| is_wanted(finding))
            .filter(is_in_scope)
            .cloned()
            .collect()
    }

    /// Causes stand in the findings of accept queues.
    fn has_read(&self, area: Area) -> bool {
        let area = if area == Area::Acceptor {
            Area::AcceptQueue
        } else {
            area
        };
        let mut seen = self.doctor.looked_at.iter();
        let is_of_host = matches!(area, Area::Descriptors | Area::Settings);
        (is_of_host || !self.of_command || !self.peaks.seen.has_closed(self.now))
            && seen.any(|seen| seen.area == area && seen.verdict != Verdict::Unknown)
    }

    fn summary(&self, areas: &[Area]) -> String {
        let seen = self
            .doctor
            .looked_at
            .iter()
            .filter(|seen| areas.contains(&seen.area));
        let summaries: Vec<&str> = seen.map(|seen| seen.summary.as_str()).collect();
        summaries.join(", ")
    }
}

impl Measured {
    /// `fill of the fullest accept queue 93%, at 0.0.0.0:8080`
    fn sentence(&self) -> String {
        let subject = self.subject.as_ref().filter(|_| self.value > Some(0.0));
        let at = subject.map_or(String::new(), |subject| format!(", at {subject}"));
        let value = match (self.value, &self.scope) {
            (None, Some(scope)) => format!("unknown: nothing that could be read matches {scope}"),
            (Some(_), _) if self.partial => {
                format!("{} or more (not all could be read to the end)", self.text())
            }
            _ => self.text(),
        };
        format!("{} {value}{at}", self.what)
    }
}

impl Default for Judged {
    fn default() -> Self {
        Judged {
            name: String::new(),
            scope: None,
            status: Verdict::Unknown,
            value: None,
            unit: None,
            warning: None,
            critical: None,
            message: String::new(),
            plain: [None, None],
            findings: Vec::new(),
        }
    }
}

impl Judged {
    fn of(metric: &Measured) -> Self {
        Judged {
            name: metric.name.clone(),
            scope: metric.scope.clone(),
            value: metric.value,
            unit: Some(metric.unit),
            ..Judged::default()
        }
    }
}
