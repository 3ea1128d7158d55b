//! What is known of each counter: its group, its meaning, the words `netstat -s` has for it.
//!
//! `catalogue.tsv` was compiled from net/ipv4/proc.c, net/ipv6/proc.c,
//! net/mptcp/mib.c and Documentation/networking/snmp_counter.rst.

use schemars::JsonSchema;
use serde::Serialize;

use super::lines::{self, field};
use crate::model::CounterId;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Position in the catalogue, which is the order of reports.
    pub order: usize,
    /// As `nstat` prints it: `TcpExtListenDrops`.
    pub kernel_name: &'static str,
    /// The area that it counts in: `accept_queue`.
    pub group: &'static str,
    /// A value above zero points to a problem.
    pub trouble: bool,
    pub kind: Kind,
    pub scope: Scope,
    /// What `netstat -s` prints, with `{}` for a number that is not at the start; may be empty.
    pub phrase: &'static str,
    pub meaning: &'static str,
}

/// Whether a number only rises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Counts up from the creation of the namespace.
    #[default]
    Counter,
    /// A level or a setting, which may fall.
    Gauge,
}

/// Where a number is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// In each network namespace.
    #[default]
    Netns,
    /// On the whole host, whichever namespace it is read in.
    Host,
}

pub fn entries() -> impl Iterator<Item = Entry> {
    (0..lines::COUNT).map(at)
}

/// A counter of the catalogue, by the name that `nstat` prints.
pub fn entry(kernel_name: &str) -> Option<Entry> {
    lines::find(kernel_name).map(at)
}

/// The group of a counter that is not in the catalogue. Those by ICMP type (`IcmpMsg: InType3`,
/// `Icmp6OutType133`) appear with their first message.
pub fn group(id: &CounterId) -> &'static str {
    let by_type = &*id.table == "IcmpMsg" || id.name.starts_with("Icmp6");
    if by_type { "icmp" } else { "other" }
}

/// The last position of a group.
pub fn last_of(group: &str) -> usize {
    let last = (0..lines::COUNT).rfind(|line| field(*line, 1) == group);
    last.unwrap_or(usize::MAX)
}

fn at(order: usize) -> Entry {
    let flags = field(order, 2);
    Entry {
        order,
        kernel_name: field(order, 0),
        group: field(order, 1),
        trouble: flags.contains("trouble"),
        kind: [Kind::Counter, Kind::Gauge][usize::from(flags.contains("gauge"))],
        scope: [Scope::Netns, Scope::Host][usize::from(flags.contains("host"))],
        phrase: field(order, 3),
        meaning: field(order, 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_not_scattered() {
        let mut groups: Vec<_> = entries().map(|entry| entry.group).collect();
        groups.dedup();
        let runs = groups.len();
        groups.sort_unstable();
        groups.dedup();
        assert_eq!(groups.len(), runs);
    }

    #[test]
    fn meanings_fit_a_line_and_flags_are_known() {
        for entry in entries() {
            let length = entry.meaning.chars().count();
            assert!((5..=100).contains(&length), "{}", entry.kernel_name);
            let flags = field(entry.order, 2);
            let known = |flag| matches!(flag, "" | "trouble" | "gauge" | "host");
            assert!(flags.split(',').all(known), "{flags}");
        }
    }

    #[test]
    fn host_wide_numbers_are_labelled() {
        for name in [
            "sockstat.TCP.orphan",
            "sockstat.TCP.alloc",
            "sockstat.TCP.mem",
        ] {
            assert_eq!(entry(name).unwrap().scope, Scope::Host, "{name}");
        }
        assert_eq!(entry("sockstat.TCP.inuse").unwrap().scope, Scope::Netns);
    }
}
