//! SYN floods under tcp_syncookies = 2. Every SYN gets a cookie and none is queued, so that only the
//! cookies that come back tell a flood from load.

use std::{collections::BTreeMap, time::Duration};

use super::CountersReport;
use crate::{
    analysis::{
        Finding,
        Severity::Critical,
        change,
        finding::{SINCE, worst_first},
        per_second,
        rules::{FLOOD_COOKIES, FLOOD_SETTLED, FLOOD_VALIDATED_ONE_IN, SYN_FLOOD},
    },
    model::{Netns, NetnsSnapshot},
};

/// The cookies of each namespace at every sample.
#[derive(Debug, Default)]
pub struct CookieSamples {
    namespaces: BTreeMap<Netns, Vec<Cookies>>,
}

/// Numbers since the namespace was created.
#[derive(Debug, Clone, Copy)]
struct Cookies {
    at: Duration,
    sent: i128,
    validated: i128,
    failed: i128,
}

impl Cookies {
    /// `None` where not every SYN gets a cookie, or the counters were not read.
    fn of(sample: &NetnsSnapshot) -> Option<Self> {
        if sample.settings.listen.tcp_syncookies != Some(2) {
            return None;
        }
        let value = |name| sample.counters.value("TcpExt", name);
        Some(Cookies {
            at: sample.at,
            sent: value("SyncookiesSent")?,
            validated: value("SyncookiesRecv")?,
            failed: value("SyncookiesFailed")?,
        })
    }
}

impl CookieSamples {
    pub fn add(&mut self, sample: &NetnsSnapshot) {
        if let Some(cookies) = Cookies::of(sample) {
            let samples = self.namespaces.entry(sample.netns.clone()).or_default();
            samples.push(cookies);
        }
    }

    /// Adds the floods to the report's findings.
    pub fn fill(&self, report: &mut CountersReport) {
        let floods = self.namespaces.iter();
        report
            .findings
            .extend(floods.filter_map(|(netns, samples)| flood(netns, samples)));
        worst_first(&mut report.findings);
    }
}

/// Clients answer within a round trip, so that only cookies are judged that were sent early enough
/// for that. An answer that is no valid cookie shows a client, too.
fn flood(netns: &Netns, samples: &[Cookies]) -> Option<Finding> {
    let (first, last) = (samples.first()?, samples.last()?);
    let is_settled = |sample: &&Cookies| last.at.saturating_sub(sample.at) >= FLOOD_SETTLED;
    let settled = samples.iter().rfind(is_settled)?;
    let judged = change(first.sent, settled.sent)?;
    let rate = per_second(judged as f64, settled.at.saturating_sub(first.at))?;
    let validated = change(first.validated, last.validated)?;
    let failed = change(first.failed, last.failed)?;
    let is_answered = (validated + failed) * FLOOD_VALIDATED_ONE_IN >= judged;
    if judged < FLOOD_COOKIES || rate < FLOOD_COOKIES as f64 || is_answered {
        return None;
    }
    let sent = change(first.sent, last.sent)?;
    let message = format!(
        "{sent} SYN cookies sent {SINCE}, {validated} of them validated: few clients answer"
    );
    let finding = SYN_FLOOD
        .of_netns(Critical, netns, message)
        .count("cookies_sent", sent, "cookies")
        .count("cookies_validated", validated, "cookies")
        .count("cookies_failed", failed, "cookies")
        .decimal(
            "cookies_validated_ratio",
            validated as f64 / sent as f64,
            "ratio",
        )
        .decimal("cookies_sent_per_second", rate, "cookies")
        .likely(
            "a SYN flood from forged addresses; or SYN-ACKs do not reach the clients (no route \
             back, a firewall)",
        )
        .remedy("limit new connections per source upstream, if it is a flood")
        .next_in_netns("sockdiag trace --summary --for 10s")
        .next_in_netns("sockdiag counters cookies -w");
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CounterId, Counters};

    /// A reading at this many milliseconds.
    fn reading(at_ms: u64, sent: i128, validated: i128, failed: i128) -> NetnsSnapshot {
        let counters = [
            ("SyncookiesSent", sent),
            ("SyncookiesRecv", validated),
            ("SyncookiesFailed", failed),
        ];
        let values = counters.map(|(name, value)| (CounterId::new("TcpExt", name), value));
        let mut reading = NetnsSnapshot {
            at: Duration::from_millis(at_ms),
            counters: Counters {
                values: values.into(),
            },
            ..NetnsSnapshot::default()
        };
        reading.settings.listen.tcp_syncookies = Some(2);
        reading
    }

    fn found(readings: &[NetnsSnapshot]) -> Vec<Finding> {
        let mut samples = CookieSamples::default();
        readings.iter().for_each(|reading| samples.add(reading));
        let mut report = CountersReport::default();
        samples.fill(&mut report);
        report.findings
    }

    /// Two seconds, of which the first 1.5 s are judged.
    fn is_flood(judged: i128, sent: i128, validated: i128, failed: i128) -> bool {
        let readings = [
            reading(1000, 7, 3, 1),
            reading(2500, 7 + judged, 3, 1),
            reading(2600, 7 + judged, 3, 1),
            reading(3000, 7 + sent, 3 + validated, 1 + failed),
        ];
        let found = found(&readings);
        assert!(found.iter().all(|finding| finding.inferred));
        found.iter().any(|finding| finding.id == "syn_flood")
    }

    #[test]
    fn cookies_that_hardly_ever_come_back_are_a_flood() {
        assert!(is_flood(1000, 1300, 0, 0));
        assert!(is_flood(1000, 1300, 99, 0));
        assert!(!is_flood(1000, 1300, 100, 0));
        assert!(!is_flood(1000, 1300, 950, 0), "load");
    }

    /// Cookies that do not validate come from clients all the same: a middlebox strips timestamps.
    #[test]
    fn an_answer_that_is_no_valid_cookie_is_one() {
        assert!(is_flood(1000, 1300, 0, 99));
        assert!(!is_flood(1000, 1300, 50, 50));
    }

    /// Probes of load balancers also stop after the SYN-ACK.
    #[test]
    fn a_few_cookies_are_no_flood() {
        assert!(is_flood(150, 200, 0, 0));
        assert!(!is_flood(149, 200, 0, 0));
        let short = |sent| {
            [
                reading(0, 0, 0, 0),
                reading(500, sent, 0, 0),
                reading(1000, sent, 0, 0),
            ]
        };
        assert!(found(&short(99)).is_empty());
        assert_eq!(found(&short(100)).len(), 1);
    }

    /// The answers are still on their way.
    #[test]
    fn a_burst_at_the_end_is_not_judged() {
        assert!(!is_flood(0, 5000, 0, 0));
        let two = [reading(0, 0, 0, 0), reading(499, 5000, 0, 0)];
        assert!(found(&two).is_empty());
        let burst = [
            reading(0, 0, 0, 0),
            reading(501, 5000, 0, 0),
            reading(1000, 5000, 0, 0),
        ];
        assert!(found(&burst).is_empty());
    }

    #[test]
    fn with_a_queue_the_queue_decides() {
        let readings = [(0, 0), (500, 5000), (1000, 5000)].map(|(at_ms, sent)| {
            let mut reading = reading(at_ms, sent, 0, 0);
            reading.settings.listen.tcp_syncookies = Some(1);
            reading
        });
        assert!(found(&readings).is_empty());
    }

    #[test]
    fn the_share_that_came_back_is_evidence() {
        let readings = [
            reading(0, 0, 0, 0),
            reading(500, 1000, 0, 0),
            reading(1000, 1000, 50, 0),
        ];
        let found = found(&readings);
        assert!(found[0].message.starts_with("1000 SYN cookies sent"));
        let share = found[0].evidence.iter();
        let share = share.filter(|one| one.name == "cookies_validated_ratio");
        assert_eq!(share.count(), 1);
        assert_eq!(found[0].severity, Critical);
    }
}
