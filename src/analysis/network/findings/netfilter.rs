//! Packets that netfilter and the reverse-path filter drop.

use super::{NamespaceReport, tool};
use crate::{
    analysis::{
        Finding,
        Severity::{Critical, Info, Warning},
        finding::in_shell,
        network::ConntrackReport,
        rules::{
            CONNTRACK_FULL, CONNTRACK_INSERT_FAILED, CONNTRACK_NEAR_LIMIT, CONNTRACK_NEARLY_FULL,
            INSERT_FAILED_LEAST, INSERT_FAILED_PER_SECOND, NEAR_LIMIT, RP_FILTER_DROPS,
            RP_FILTER_LEAST, RP_FILTER_PER_SECOND,
        },
    },
    model::snapshot::ReversePathFilter,
};

/// Entries are evicted from a full table only. Packets are dropped for other reasons, too, so that
/// drops count where the table is nearly full.
pub fn conntrack(namespace: &NamespaceReport) -> Option<Finding> {
    let table = namespace.conntrack.as_ref()?;
    let (limit, ratio) = (table.limit?, table.fill_ratio?);
    let was_full = table.count >= limit || table.early_drops > Some(0);
    let lost = table.drops > Some(0) && ratio >= CONNTRACK_NEARLY_FULL;
    let used = format!(
        "{} of {limit} entries of the conntrack table in use",
        table.count
    );
    let finding = match was_full || lost {
        true => {
            let named = |(count, what): (Option<u64>, &str)| {
                let count = count.filter(|count| *count > 0)?;
                Some(format!("{count} {what}"))
            };
            let lost = [
                (table.drops, "packets dropped"),
                (table.early_drops, "entries evicted"),
            ];
            let lost: Vec<String> = lost.into_iter().filter_map(named).collect();
            let message = match lost.is_empty() {
                true => used + ": packets of new connections are dropped",
                false => format!("{used}; {} since the previous reading", lost.join(", ")),
            };
            let finding = CONNTRACK_FULL.of_netns(Critical, &namespace.netns, message);
            match was_full {
                true => finding.because("net.netfilter.nf_conntrack_max is reached"),
                false => finding.likely("net.netfilter.nf_conntrack_max was reached in between"),
            }
        }
        false if ratio >= NEAR_LIMIT => {
            CONNTRACK_NEAR_LIMIT.of_netns(Warning, &namespace.netns, used)
        }
        false => return None,
    };
    Some(about(finding, namespace, table, limit))
}

fn about(
    finding: Finding,
    namespace: &NamespaceReport,
    table: &ConntrackReport,
    limit: u64,
) -> Finding {
    let more = limit.saturating_mul(2);
    finding
        .count("conntrack.count", table.count, "entries")
        .count("conntrack.limit", limit, "entries")
        .decimal("conntrack.fill_ratio", table.fill_ratio, "ratio")
        .count_known("conntrack.drops", table.drops, "packets")
        .count_known("conntrack.early_drops", table.early_drops, "entries")
        .remedy(format!(
            "sysctl -w net.netfilter.nf_conntrack_max={more} # in the initial namespace; an entry \
             takes about 400 bytes of kernel memory"
        ))
        .remedy("exempt traffic that needs no state: a notrack rule in a raw prerouting chain")
        .next(tool(namespace, "conntrack -S"))
}

/// A full table has a finding of its own.
pub fn insert_failed(namespace: &NamespaceReport) -> Option<Finding> {
    let table = namespace.conntrack.as_ref()?;
    let failed = table.insert_failed.filter(|failed| *failed > 0)?;
    if conntrack(namespace).is_some_and(|finding| finding.id == CONNTRACK_FULL.id) {
        return None;
    }
    let is_often = failed >= INSERT_FAILED_LEAST
        && table.insert_failed_per_second >= Some(INSERT_FAILED_PER_SECOND);
    let severity = if is_often { Warning } else { Info };
    let message = format!(
        "{failed} packets dropped since the previous reading as conntrack could not insert them"
    );
    let finding = CONNTRACK_INSERT_FAILED
        .of_netns(severity, &namespace.netns, message)
        .count("conntrack.insert_failed", failed, "packets")
        .decimal(
            "conntrack.insert_failed_per_second",
            table.insert_failed_per_second,
            "packets",
        )
        .likely(
            "two packets of one new flow at once (DNS queries for A and AAAA from one socket), or \
             source NAT without a free port",
        )
        .remedy("for DNS: options single-request-reopen in /etc/resolv.conf (one more socket each)")
        .remedy("for source NAT: more source addresses, or masquerade random,fully-random")
        .next(tool(namespace, "conntrack -S"));
    Some(finding)
}

/// Some are ordinary where forged source addresses come in: dropping them is what the filter is for.
pub fn rp_filter(namespace: &NamespaceReport) -> Option<Finding> {
    let drops = namespace.rp_filter_drops.filter(|drops| *drops > 0)?;
    let per_second = namespace.rp_filter_drops_per_second;
    let is_many = drops >= RP_FILTER_LEAST && per_second >= Some(RP_FILTER_PER_SECOND);
    let severity = if is_many { Warning } else { Info };
    let message = format!("{drops} packets dropped since the previous reading by rp_filter");
    let modes = modes(&namespace.rp_filter);
    let finding = RP_FILTER_DROPS
        .of_netns(severity, &namespace.netns, message)
        .count("rp_filter_drops", drops, "packets")
        .decimal("rp_filter_drops_per_second", per_second, "packets")
        .text("rp_filter", modes)
        .likely(
            "replies would leave by another interface than the packets came in by (asymmetric \
             routes), or forged source addresses",
        );
    let strict = namespace.rp_filter.iter().filter(|filter| filter.mode == 1);
    let loosen = |filter: &ReversePathFilter| {
        // With slashes, a dot in the name is part of the name.
        let key = in_shell(&format!("net/ipv4/conf/{}/rp_filter=2", filter.interface));
        tool(namespace, format!("sysctl -w {key}"))
    };
    let finding = match &strict.collect::<Vec<_>>()[..] {
        [] => finding.remedy("add a route to the sources that the log names"),
        [only] => finding.remedy_in_netns(format!(
            "{} # then only sources without any route are dropped",
            loosen(only)
        )),
        [first, ..] => finding.remedy_in_netns(format!(
            "{} # for the interface that the log names",
            loosen(first)
        )),
    };
    let log = "sysctl -w net.ipv4.conf.all.log_martians=1";
    Some(
        finding
            .next(tool(namespace, log))
            .next("dmesg | grep -i martian"),
    )
}

/// `eth0=1 eth1=2`, of a few.
fn modes(filters: &[ReversePathFilter]) -> Option<String> {
    let one = |filter: &ReversePathFilter| format!("{}={}", filter.interface, filter.mode);
    let shown: Vec<String> = filters.iter().take(8).map(one).collect();
    (!shown.is_empty()).then(|| shown.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The two DNS queries of one lookup do so once in a while.
    #[test]
    fn one_or_two_insertions_that_fail_are_an_info_however_short_the_interval() {
        let severity = |failed: u64, per_second| {
            let namespace = NamespaceReport {
                conntrack: Some(ConntrackReport {
                    insert_failed: Some(failed),
                    insert_failed_per_second: Some(per_second),
                    ..ConntrackReport::default()
                }),
                ..NamespaceReport::default()
            };
            insert_failed(&namespace).map(|finding| finding.severity)
        };
        assert_eq!(severity(2, 20.0), Some(Info));
        assert_eq!(severity(3, 20.0), Some(Warning));
        assert_eq!(severity(3, 0.9), Some(Info));
    }
}
