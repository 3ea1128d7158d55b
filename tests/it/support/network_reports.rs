//! Reports of the network of this namespace, made by the library.

use sockdiag::analysis::Finding;
use sockdiag::analysis::network::{NamespaceReport, NetworkReport, report};
use sockdiag::collect::{Collector, Needs};
use sockdiag::model::Snapshot;
use sockdiag::source::Kernel;

/// Reads as often as it is asked.
pub fn collector() -> Collector {
    let needs = Needs {
        unthrottled: true,
        ..Needs::network()
    };
    Collector::new(Kernel::new(), needs)
}

/// A snapshot of the network.
#[track_caller]
pub fn snapshot() -> Snapshot {
    collector().collect().expect("a snapshot")
}

/// What `act` changed.
#[track_caller]
pub fn report_of(act: impl FnOnce()) -> NetworkReport {
    let mut collector = collector();
    let before = collector.collect().expect("a snapshot");
    act();
    let now = collector.collect().expect("a snapshot");
    between(&before, &now)
}

/// What changed from one snapshot to the next.
pub fn between(before: &Snapshot, now: &Snapshot) -> NetworkReport {
    report(now, Some((before, now.at - before.at)))
}

/// The part about this namespace.
pub fn namespace(report: &NetworkReport) -> &NamespaceReport {
    &report.namespaces[0]
}

/// The findings about this namespace: others share the numbers of the host.
pub fn findings(report: &NetworkReport) -> Vec<&Finding> {
    let findings = report.findings.iter();
    findings
        .filter(|finding| finding.subject != "host")
        .collect()
}

/// The only finding about this namespace, which has this id.
#[track_caller]
pub fn only_finding<'a>(report: &'a NetworkReport, id: &str) -> &'a Finding {
    match &findings(report)[..] {
        [only] if only.id == id => only,
        others => panic!("not {id} alone: {others:#?}"),
    }
}
