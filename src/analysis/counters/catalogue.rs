//! What is known of each counter: its group, its meaning, the words `netstat -s` has for it.
//!
//! The knowledge stands in `catalogue.tsv`, drawn from net/ipv4/proc.c, net/ipv6/proc.c,
//! net/mptcp/mib.c and Documentation/networking/snmp_counter.rst.

use std::{collections::HashMap, sync::LazyLock};

use schemars::JsonSchema;
use serde::Serialize;

/// One line of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Place in the catalogue, which is the order of reports.
    pub order: usize,
    /// As `nstat` prints it: `TcpExtListenDrops`.
    pub kernel_name: &'static str,
    /// The problem that it speaks of.
    pub group: &'static str,
    /// Not zero tells of trouble.
    pub trouble: bool,
    /// Whether it can fall.
    pub kind: Kind,
    /// Where it is counted.
    pub scope: Scope,
    /// What `netstat -s` prints, `{}` for the number where it does not stand first; may be empty.
    pub phrase: &'static str,
    /// One line.
    pub meaning: &'static str,
}

/// Whether a number only rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Counted up since the namespace was made.
    Counter,
    /// A level or a setting, which may fall.
    Gauge,
}

/// Where a number is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// In one network namespace.
    Netns,
    /// On the whole host, in whatever namespace it is read.
    Host,
}

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let lines = include_str!("catalogue.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'));
    lines
        .enumerate()
        .filter_map(|(order, line)| parse(order, line))
        .collect()
});

static BY_NAME: LazyLock<HashMap<&'static str, &'static Entry>> = LazyLock::new(|| {
    ENTRIES
        .iter()
        .map(|entry| (entry.kernel_name, entry))
        .collect()
});

/// The whole catalogue, in order.
pub fn entries() -> &'static [Entry] {
    &ENTRIES
}

/// What is known of a counter, by the name `nstat` prints.
pub fn entry(kernel_name: &str) -> Option<&'static Entry> {
    BY_NAME.get(kernel_name).copied()
}

fn parse(order: usize, line: &'static str) -> Option<Entry> {
    let mut fields = line.split('\t');
    let mut next = || fields.next();
    let (kernel_name, group, flags, phrase, meaning) =
        (next()?, next()?, next()?, next()?, next()?);
    let has = |flag| flags.split(',').any(|one| one == flag);
    Some(Entry {
        order,
        kernel_name,
        group,
        trouble: has("trouble"),
        kind: if has("gauge") {
            Kind::Gauge
        } else {
            Kind::Counter
        },
        scope: if has("host") {
            Scope::Host
        } else {
            Scope::Netns
        },
        phrase,
        meaning,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_an_entry_and_no_name_stands_twice() {
        let lines = include_str!("catalogue.tsv")
            .lines()
            .filter(|line| !line.starts_with('#'));
        assert_eq!(lines.count(), entries().len());
        assert_eq!(entries().len(), BY_NAME.len());
    }

    #[test]
    fn groups_are_not_scattered() {
        let mut groups: Vec<_> = entries().iter().map(|entry| entry.group).collect();
        groups.dedup();
        let runs = groups.len();
        groups.sort_unstable();
        groups.dedup();
        assert_eq!(groups.len(), runs);
    }

    #[test]
    fn meanings_fit_a_line_and_flags_are_known() {
        for (entry, line) in entries()
            .iter()
            .zip(include_str!("catalogue.tsv").lines().skip(1))
        {
            let length = entry.meaning.chars().count();
            assert!((5..=100).contains(&length), "{}", entry.kernel_name);
            let flags = line.split('\t').nth(2).unwrap();
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
