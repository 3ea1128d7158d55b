//! What stands in the namespaces that a report does not cover.

use std::collections::BTreeMap;

use super::{
    Finding,
    Severity::{Info, Warning},
    finding::in_shell,
    rules::OTHER_NAMESPACE,
};
use crate::model::{Netns, Snapshot, snapshot::Elsewhere};

/// One finding for each other namespace in trouble by what `judge` finds there, and one that says
/// how many there are. `command` is the one that covers them with `--netns`.
pub fn elsewhere(
    now: &Snapshot,
    command: &str,
    judge: impl FnOnce(&Snapshot) -> Vec<Finding>,
) -> Vec<Finding> {
    let Some(elsewhere) = now.elsewhere.as_ref().filter(|other| other.count > 0) else {
        return Vec::new();
    };
    let there = Snapshot {
        time_ms: now.time_ms,
        at: now.at,
        kernel: now.kernel.clone(),
        namespaces: elsewhere.namespaces.clone(),
        ..Snapshot::default()
    };
    let mut troubled: BTreeMap<Netns, Vec<Finding>> = BTreeMap::new();
    for finding in judge(&there) {
        if let Some(netns) = finding
            .netns
            .clone()
            .filter(|_| finding.severity >= Warning)
        {
            troubled.entry(netns).or_default().push(finding);
        }
    }
    let troubled = troubled.iter();
    let troubled = troubled.filter_map(|(netns, found)| in_trouble(netns, found, command));
    troubled.chain([others(elsewhere, command)]).collect()
}

/// Names the worst of the findings there.
fn in_trouble(netns: &Netns, found: &[Finding], command: &str) -> Option<Finding> {
    let worst = found.iter().rev().max_by_key(|finding| finding.severity)?;
    // A name is shown beside the subject.
    let subject = match &netns.name {
        Some(_) => worst.subject.clone(),
        None => format!("{} in namespace {}", worst.subject, netns.label()),
    };
    let finding = OTHER_NAMESPACE
        .finding(Warning, subject, worst.message.clone())
        .in_netns(netns)
        .text("finding", worst.id.to_owned())
        .count("findings", found.len() as u64, "findings")
        .next(format!(
            "sockdiag {command} --netns {}",
            in_shell(&netns.label())
        ));
    Some(finding)
}

fn others(elsewhere: &Elsewhere, command: &str) -> Finding {
    let (count, entered) = (elsewhere.count, elsewhere.namespaces.len());
    let message = match count {
        1 => "1 more network namespace exists, which this report does not cover".to_owned(),
        _ => format!("{count} more network namespaces exist, which this report does not cover"),
    };
    OTHER_NAMESPACE
        .finding(Info, "host", message)
        .count("namespaces", count, "namespaces")
        .count("entered", entered as u64, "namespaces")
        .next(format!("sockdiag {command} --netns all"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        analysis::{
            finding::Rule,
            rules::{ACCEPT_QUEUE_FULL, LIMIT_STALE, SYN_COOKIES_ACTIVE},
        },
        model::NetnsSnapshot,
    };

    fn netns(inode: u64, name: Option<&str>) -> Netns {
        Netns {
            inode: Some(inode),
            name: name.map(str::to_owned),
            ..Netns::default()
        }
    }

    /// Of a host with three other namespaces, two of which were entered.
    fn found(judge: impl FnOnce(&Snapshot) -> Vec<Finding>) -> Vec<Finding> {
        let namespaces = [netns(7, Some("web")), netns(8, None)];
        let namespaces = namespaces.map(|netns| NetnsSnapshot {
            netns,
            ..NetnsSnapshot::default()
        });
        let now = Snapshot {
            kernel: "5.10.0".to_owned(),
            elsewhere: Some(Elsewhere {
                count: 3,
                namespaces: namespaces.to_vec(),
            }),
            ..Snapshot::default()
        };
        elsewhere(&now, "queues", judge)
    }

    #[test]
    fn each_namespace_in_trouble_is_named_by_its_worst_finding() {
        let found = found(|there| {
            assert_eq!((there.namespaces.len(), &there.kernel[..]), (2, "5.10.0"));
            let [web, nameless] = [0, 1].map(|at| &there.namespaces[at].netns);
            let at = |netns, rule: &Rule, message: &str| {
                let finding = rule.finding(rule.severities[0], "0.0.0.0:80", message);
                finding.in_netns(netns)
            };
            vec![
                at(web, &SYN_COOKIES_ACTIVE, "one"),
                at(web, &ACCEPT_QUEUE_FULL, "two"),
                at(web, &ACCEPT_QUEUE_FULL, "three"),
                at(nameless, &ACCEPT_QUEUE_FULL, "four"),
            ]
        });
        let is = |finding: &Finding| {
            let subject = finding.subject.clone();
            (
                finding.severity,
                subject,
                finding.message.clone(),
                finding.next[0].clone(),
            )
        };
        let expected = |severity, subject: &str, message: &str, netns: &str| {
            let next = format!("sockdiag queues --netns {netns}");
            (severity, subject.to_owned(), message.to_owned(), next)
        };
        let others = "3 more network namespaces exist, which this report does not cover";
        assert_eq!(
            found.iter().map(is).collect::<Vec<_>>(),
            [
                expected(Warning, "0.0.0.0:80", "two", "web"),
                expected(Warning, "0.0.0.0:80 in namespace 8", "four", "8"),
                expected(Info, "host", others, "all"),
            ]
        );
        assert!(found.iter().all(|finding| finding.id == "other_namespace"));
    }

    #[test]
    fn what_is_worth_knowing_there_is_not_worth_it_here() {
        let found = found(|there| {
            let netns = &there.namespaces[0].netns;
            vec![
                LIMIT_STALE
                    .finding(Info, "0.0.0.0:80", "old")
                    .in_netns(netns),
            ]
        });
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].severity, Info);
    }

    #[test]
    fn a_host_without_others_has_nothing_to_say() {
        for count in [None, Some(0)] {
            let now = Snapshot {
                elsewhere: count.map(|count| Elsewhere {
                    count,
                    ..Elsewhere::default()
                }),
                ..Snapshot::default()
            };
            assert_eq!(elsewhere(&now, "queues", |_| unreachable!()), []);
        }
    }
}
