//! Which counters are reported: all, those that point to a problem, or some by name.

use std::collections::HashSet;

use super::{catalogue, entries};
use crate::model::{CounterId, glob::matches};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Counters that point to a problem and are not zero.
    Trouble,
    /// Every one.
    All,
    Named {
        /// The kernel names of all of them.
        all: HashSet<String>,
        /// Names that were given in full; they are reported as missing where the kernel lacks them.
        exact: HashSet<String>,
    },
}

/// A word that names no counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown(pub String);

impl Selection {
    /// Finds the counters that each word names: a kernel name with or without its table
    /// (`TcpExtListenDrops`, `ListenDrops`), a phrase of `netstat -s` with or without its number, a
    /// group (`syn_queue`, `SYN queue`), a pattern (`TcpExt*`), or else any part of a name, group or
    /// phrase. Letter case does not matter.
    pub fn named(words: &[String], printed: &[CounterId]) -> Result<Self, Unknown> {
        let (mut all, mut exact) = (HashSet::new(), HashSet::new());
        for word in words {
            let (tier, found) = find(word, printed).ok_or_else(|| Unknown(word.clone()))?;
            if tier < EXACT_TIERS {
                exact.extend(found.iter().cloned());
            }
            all.extend(found);
        }
        Ok(Selection::Named { all, exact })
    }
}

/// All groups, in the order of the catalogue.
pub fn groups() -> Vec<&'static str> {
    let mut groups: Vec<&str> = entries().map(|entry| entry.group).collect();
    groups.dedup();
    groups
}

impl Unknown {
    /// Every name that could have been meant instead, of counters and of groups.
    pub fn candidates(&self, printed: &[CounterId]) -> HashSet<String> {
        let catalogue = entries().flat_map(|entry| [entry.kernel_name, entry.group]);
        let names = |id: &CounterId| [id.name.to_string(), id.kernel_name()];
        let printed = printed.iter().flat_map(names);
        catalogue.map(str::to_owned).chain(printed).collect()
    }
}

/// How many of the ways to name counters give the whole name.
const EXACT_TIERS: usize = 2;

/// The first way of naming that finds any, and what it finds.
fn find(word: &str, printed: &[CounterId]) -> Option<(usize, Vec<String>)> {
    let known = all(printed);
    let wanted = plain(word);
    let tiers: [&dyn Fn(&Name) -> bool; 5] = [
        &|name| name.kernel == wanted || name.bare == wanted,
        &|name| !name.phrase.is_empty() && name.phrase == without_number(&wanted),
        &|name| name.group == wanted,
        &|name| wanted.contains('*') && matches(wanted.as_bytes(), name.kernel.as_bytes()),
        &|name| name.has(&wanted),
    ];
    let found = tiers.iter().map(|is_meant| {
        let names = known.iter().filter(|name| is_meant(name));
        names.map(|name| name.written.clone()).collect::<Vec<_>>()
    });
    found.enumerate().find(|(_, names)| !names.is_empty())
}

/// The names that a counter goes by.
struct Name {
    written: String,
    kernel: String,
    bare: String,
    group: String,
    phrase: String,
}

impl Name {
    fn has(&self, part: &str) -> bool {
        let names = [&self.kernel, &self.group, &self.phrase];
        names.iter().any(|name| name.contains(part))
    }
}

fn all(printed: &[CounterId]) -> Vec<Name> {
    let catalogued = entries().map(|entry| CounterId::from(entry.kernel_name));
    let counters = printed.iter().cloned().chain(catalogued);
    let counters = counters.map(|id| (id.kernel_name(), id));
    let mut seen = HashSet::new();
    let counters = counters.filter(|(kernel, _)| seen.insert(kernel.clone()));
    let name = |(kernel, id): (String, CounterId)| {
        let entry = catalogue::entry(&kernel);
        Name {
            group: plain(entry.map_or_else(|| catalogue::group(&id), |entry| entry.group)),
            phrase: without_number(&plain(entry.map_or("", |entry| entry.phrase))),
            bare: plain(&id.name),
            kernel: plain(&kernel),
            written: kernel,
        }
    };
    counters.map(name).collect()
}

/// Lower case, `_` and runs of spaces as one space.
fn plain(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c == '_');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").to_lowercase()
}

/// `netstat -s` prints a number at the start or in the middle of a phrase; the catalogue has `{}`.
fn without_number(plain: &str) -> String {
    let is_number = |word: &&str| {
        *word == "{}" || (!word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let words: Vec<&str> = plain.split(' ').filter(|word| !is_number(word)).collect();
    words.join(" ").trim_end_matches([':', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(word: &str) -> Vec<String> {
        let printed = [
            CounterId::new("TcpExt", "ListenDrops"),
            CounterId::new("TcpExt", "ListenOverflows"),
            CounterId::new("TcpExt", "BrandNew"),
            CounterId::new("sockstat.TCP", "tw"),
            CounterId::new("IcmpMsg", "InType3"),
        ];
        match Selection::named(&[word.to_owned()], &printed) {
            Ok(Selection::Named { all: names, .. }) => {
                let mut names: Vec<_> = names.into_iter().collect();
                names.sort();
                names
            }
            _ => Vec::new(),
        }
    }

    #[test]
    fn a_kernel_name_with_or_without_its_table_and_in_any_case() {
        for word in ["TcpExtListenDrops", "ListenDrops", "listendrops"] {
            assert_eq!(chosen(word), ["TcpExtListenDrops"], "{word}");
        }
    }

    #[test]
    fn the_phrases_of_netstat_with_or_without_a_number() {
        for word in [
            "times the listen queue of a socket overflowed",
            "4343 times the listen queue of a socket overflowed",
            "    123 times the  listen queue of a socket overflowed",
        ] {
            assert_eq!(chosen(word), ["TcpExtListenOverflows"], "{word}");
        }
        assert_eq!(
            chosen("26395 SYNs to LISTEN sockets dropped"),
            ["TcpExtListenDrops"]
        );
        assert_eq!(
            chosen("Quick ack mode was activated 17 times"),
            ["TcpExtDelayedACKLost"]
        );
    }

    #[test]
    fn a_group_by_its_id_or_in_words() {
        assert_eq!(chosen("accept_queue"), chosen("Accept queue"));
        assert!(chosen("syn queue").contains(&"TcpExtTCPReqQFullDrop".to_owned()));
        assert!(chosen("icmp").contains(&"IcmpMsgInType3".to_owned()));
        assert!(!chosen("other").contains(&"IcmpMsgInType3".to_owned()));
    }

    #[test]
    fn a_part_of_a_name() {
        let listen = chosen("listen");
        assert!(listen.contains(&"TcpExtListenDrops".to_owned()));
        assert!(listen.contains(&"TcpExtListenOverflows".to_owned()));
        assert!(chosen("overflowed").contains(&"TcpExtListenOverflows".to_owned()));
    }

    #[test]
    fn a_pattern() {
        assert_eq!(chosen("*ListenDrop*"), ["TcpExtListenDrops"]);
    }

    #[test]
    fn a_name_nobody_heard_of_is_found_when_the_kernel_prints_it() {
        assert_eq!(chosen("BrandNew"), ["TcpExtBrandNew"]);
        assert_eq!(chosen("sockstat.TCP.tw"), ["sockstat.TCP.tw"]);
    }

    #[test]
    fn what_names_nothing_is_said() {
        let error = Selection::named(&["ListenOverflaws".to_owned()], &[]).unwrap_err();
        assert_eq!(error, Unknown("ListenOverflaws".to_owned()));
        assert!(error.candidates(&[]).contains("TcpExtListenOverflows"));
    }
}
