//! Snapshots to a verdict on each area, and the findings of all.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Series, Watched,
    areas::look,
    join::{is_unaccepted, join, join_causes},
    unseen::unseen,
};
use crate::{
    analysis::{
        Finding, Previous, Severity, acceptors, counters, fds,
        finding::{Area, worst_first},
        leaks, network, ports, queues,
        rules::{IDLE_WITHOUT_KEEPALIVE, PEER_DEAD, READER_STUCK, WRITER_STUCK},
        timewait, tune,
    },
    model::{Incomplete, Snapshot},
};

/// What is wrong, worst first, and what was found to be fine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct DoctorReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// What the report concludes, the worst first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// Milliseconds between the first and the last reading; `null` for a single one.
    pub watched_ms: Option<u64>,
    /// Number of network namespaces that were read.
    pub namespaces: u64,
    /// One element for each area.
    pub looked_at: Vec<LookedAt>,
    /// Accept queues while they were sampled, the fullest first.
    #[serde(skip)]
    pub series: Vec<Series>,
}

is_report!(DoctorReport, "doctor/v1");

/// One part of the host, and whether it is well.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LookedAt {
    /// The part of the host.
    pub area: Area,
    /// The severity of its worst finding above `info`, else `ok`; `unknown` if it could not be read.
    pub verdict: Verdict,
    /// The numbers that stand for it, in a few words.
    pub summary: String,
    /// How much of the limit is used where most is, from 0 to 1; `null` where there is no limit.
    pub ratio: Option<f64>,
}

/// How well the host or a part of it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Ok,
    Warning,
    Critical,
    Unknown,
}

impl Verdict {
    /// The word for it, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Critical => "critical",
            Verdict::Unknown => "unknown",
        }
    }

    /// Of an area with these findings, or of the host.
    pub fn of<'a>(findings: impl IntoIterator<Item = &'a Finding>, is_known: bool) -> Self {
        let severities = findings.into_iter().map(|finding| finding.severity);
        match severities.max() {
            Some(Severity::Critical) => Verdict::Critical,
            Some(Severity::Warning) => Verdict::Warning,
            _ if is_known => Verdict::Ok,
            _ => Verdict::Unknown,
        }
    }
}

/// The reports that the verdict rests on.
#[derive(Debug, Clone, Default)]
pub struct Reports {
    pub queues: queues::QueueReport,
    pub counters: counters::CountersReport,
    pub ports: ports::PortsReport,
    pub timewait: timewait::TimewaitReport,
    pub fds: fds::FdsReport,
    pub network: network::NetworkReport,
    /// Empty without two readings of all sockets.
    pub leaks: leaks::LeaksReport,
    pub tune: tune::TuneReport,
    /// Settings that are not what files set at boot.
    pub drift: tune::TuneReport,
    /// Accept queues while they were sampled, the fullest first.
    pub series: Vec<Series>,
}

impl Reports {
    /// Of the last reading, compared with the first, and what was watched between them.
    pub fn of(now: &Snapshot, before: Previous<'_>, watched: &Watched) -> Self {
        let all = counters::Selection::Trouble;
        let mut reports = Reports {
            queues: queues::report(now, before, &queues::Selection::default()),
            counters: counters::report(now, before, &all, true),
            ports: ports::report(now, before, ports::Selection::default()),
            timewait: timewait::report(now, before, timewait::Selection::default()),
            fds: fds::report(now, before, &fds::Selection::default()),
            network: network::report(now, before),
            leaks: leaks::LeaksReport::default(),
            tune: tune::report(now, before, &tune::Selection::default()),
            drift: tune::against_boot(now, &tune::Selection::default()),
            series: Vec::new(),
        };
        watched.fill(&mut reports);
        reports
    }

    fn findings(&self) -> impl Iterator<Item = &Finding> {
        let sockets = self.queues.findings.iter().chain(&self.ports.findings);
        let sockets = sockets.chain(&self.timewait.findings);
        sockets
            .chain(&self.fds.findings)
            .chain(&self.network.findings)
            .chain(self.leaks.findings.iter().filter(|one| is_of_leaks(one)))
            .chain(&self.counters.findings)
            .chain(&self.tune.findings)
            .chain(&self.drift.findings)
    }
}

/// Other reports conclude the rest from all namespaces, also where sockets are too many.
fn is_of_leaks(finding: &Finding) -> bool {
    let rules = [
        &IDLE_WITHOUT_KEEPALIVE,
        &READER_STUCK,
        &WRITER_STUCK,
        &PEER_DEAD,
    ];
    rules.iter().any(|rule| rule.id == finding.id)
}

impl DoctorReport {
    /// A verdict on these areas.
    pub fn of(
        now: &Snapshot,
        before: Previous<'_>,
        reports: &Reports,
        areas: &BTreeSet<Area>,
    ) -> Self {
        let elapsed = before.map(|(_, elapsed)| elapsed);
        let mut findings = join(reports.findings().cloned().collect(), elapsed);
        for finding in findings.iter_mut().filter(|found| is_unaccepted(found)) {
            explain(finding, now, before);
        }
        join_causes(&mut findings);
        findings.retain(|finding| finding.areas().any(|area| areas.contains(&area)));
        worst_first(&mut findings);
        let looked_at = look(now, reports, areas, &findings);
        DoctorReport {
            incomplete: unseen(reports, areas),
            watched_ms: elapsed.map(|elapsed| elapsed.as_millis() as u64),
            namespaces: now.namespaces.len() as u64,
            series: reports.series.clone(),
            looked_at,
            findings,
        }
    }

    /// The worst of all areas: what is wrong before what is unknown.
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.looked_at.iter().map(|area| area.verdict);
        let is_known = !verdicts.clone().any(|verdict| verdict == Verdict::Unknown);
        Verdict::of(&self.findings, is_known)
    }
}

/// Why the owners of the socket do not accept, where that is known.
fn explain(finding: &mut Finding, now: &Snapshot, before: Previous<'_>) {
    if let Some(cause) = acceptors::why(finding.inode, now, before) {
        *finding = cause.onto(finding.clone());
    }
}
