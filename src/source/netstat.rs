//! `/proc/net/netstat` and `/proc/net/snmp` (net/ipv4/proc.c): a line of names, then a line of
//! values, for each table. `/proc/net/snmp6` (net/ipv6/proc.c): a name and a value on each line.
//!
//! ```text
//! TcpExt: SyncookiesSent SyncookiesRecv ListenOverflows
//! TcpExt: 0 0 4343
//! ```
//!
//! Columns differ between kernels, so values are found by name; unknown names are kept, a value
//! that is not a number is left out.

use std::sync::Arc;

use crate::model::CounterId;

/// Appends the values of every complete pair of lines. A table whose two lines differ in length
/// gives the pairs it has.
pub fn parse(text: &str, values: &mut Vec<(CounterId, i128)>) {
    let mut lines = text.lines();
    while let (Some(names), Some(numbers)) = (lines.next(), lines.next()) {
        let (Some((table, names)), Some((same, numbers))) =
            (names.split_once(':'), numbers.split_once(':'))
        else {
            continue;
        };
        if table != same {
            continue;
        }
        let table: Arc<str> = table.into();
        let pairs = names
            .split_ascii_whitespace()
            .zip(numbers.split_ascii_whitespace());
        values.extend(pairs.filter_map(|(name, number)| pair(&table, name, number)));
    }
}

pub fn value(text: &str, table: &str, name: &str) -> Option<i128> {
    let is_of = |line: &&str| line.split_once(':').is_some_and(|(of, _)| of == table);
    let mut lines = text.lines().filter(is_of);
    let (names, numbers) = (lines.next()?, lines.next()?);
    let at = names
        .split_ascii_whitespace()
        .position(|word| word == name)?;
    numbers.split_ascii_whitespace().nth(at)?.parse().ok()
}

pub fn parse_list(text: &str, values: &mut Vec<(CounterId, i128)>) {
    let table: Arc<str> = "snmp6".into();
    values.extend(text.lines().filter_map(|line| {
        let (name, number) = line.split_once(|c: char| c.is_ascii_whitespace())?;
        pair(&table, name, number.trim())
    }));
}

fn pair(table: &Arc<str>, name: &str, number: &str) -> Option<(CounterId, i128)> {
    let value = number.parse().ok()?;
    Some((CounterId::new(table.clone(), name), value))
}

/// `/proc/net/sockstat` and `sockstat6`: `TCP: inuse 5 orphan 0 tw 0 alloc 7 mem 1`. `orphan`,
/// `alloc` and `mem` are host-wide, the rest belongs to the network namespace.
pub fn parse_sockstat(file: &str, text: &str, values: &mut Vec<(CounterId, i128)>) {
    for line in text.lines() {
        let Some((protocol, rest)) = line.split_once(':') else {
            continue;
        };
        let table: Arc<str> = format!("{file}.{protocol}").into();
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        values.extend(words.chunks_exact(2).filter_map(|pair| {
            let value = pair[1].parse().ok()?;
            Some((CounterId::new(table.clone(), pair[0]), value))
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Counters;
    use proptest::prelude::*;

    fn read(text: &str) -> Counters {
        let mut values = Vec::new();
        parse(text, &mut values);
        Counters { values }
    }

    #[test]
    fn each_line_of_sockstat_is_a_table() {
        let mut values = Vec::new();
        parse_sockstat(
            "sockstat",
            "sockets: used 285\nTCP: inuse 5 orphan 0 tw 2 alloc\nFRAG: inuse x memory 4\n",
            &mut values,
        );
        let read: Vec<_> = values
            .iter()
            .map(|(id, v)| (id.kernel_name(), *v))
            .collect();
        let expected = [
            ("sockstat.sockets.used", 285),
            ("sockstat.TCP.inuse", 5),
            ("sockstat.TCP.orphan", 0),
            ("sockstat.TCP.tw", 2),
            ("sockstat.FRAG.memory", 4),
        ];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value)));
    }

    #[test]
    fn values_are_found_by_name() {
        let counters = read(
            "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 2 3\nIpExt: InOctets\nIpExt: 18446744073709551615\n",
        );
        assert_eq!(counters.value("TcpExt", "ListenDrops"), Some(3));
        assert_eq!(counters.value("IpExt", "InOctets"), Some(u64::MAX.into()));
        assert_eq!(counters.value("TcpExt", "TCPMigrateReqSuccess"), None);
    }

    #[test]
    fn one_value_is_found_alone() {
        let text = "TcpExt: A B\nTcpExt: 1 2\nIpExt: A B\nIpExt: 3 4";
        assert_eq!(value(text, "IpExt", "B"), Some(4));
        assert_eq!(value(text, "TcpExt", "A"), Some(1));
        assert_eq!(value(text, "TcpExt", "C"), None);
        assert_eq!(value(text, "Ext", "A"), None);
        assert_eq!(value("TcpExt: A", "TcpExt", "A"), None);
    }

    #[test]
    fn a_signed_value_keeps_its_sign() {
        let counters = read("Tcp: RtoMax MaxConn\nTcp: 120000 -1\n");
        assert_eq!(counters.value("Tcp", "MaxConn"), Some(-1));
    }

    #[test]
    fn a_file_cut_short_gives_what_it_has() {
        let counters = read("TcpExt: A B C\nTcpExt: 1 2");
        assert_eq!(counters.value("TcpExt", "B"), Some(2));
        assert_eq!(counters.value("TcpExt", "C"), None);
        assert_eq!(read("TcpExt: A B").values, []);
    }

    #[test]
    fn a_value_that_is_no_number_is_left_out() {
        let counters = read("Ip: A B\nIp: x 2\n");
        assert_eq!(counters.value("Ip", "A"), None);
        assert_eq!(counters.value("Ip", "B"), Some(2));
    }

    #[test]
    fn snmp6_names_carry_their_prefix() {
        let mut values = Vec::new();
        parse_list(
            "Ip6InReceives                   \t5\nbroken\nIcmp6OutMsgs 7\n",
            &mut values,
        );
        let names: Vec<_> = values
            .iter()
            .map(|(id, v)| (id.kernel_name(), *v))
            .collect();
        assert_eq!(
            names,
            [("Ip6InReceives".into(), 5), ("Icmp6OutMsgs".into(), 7)]
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parsers_panic(text in "(?s).{0,300}") {
            let mut values = Vec::new();
            parse(&text, &mut values);
            parse_list(&text, &mut values);
            parse_sockstat("sockstat", &text, &mut values);
        }

        #[test]
        fn what_was_written_is_read(pairs in prop::collection::vec(("[A-Za-z0-9]{1,20}", any::<u64>()), 1..50)) {
            let names: String = pairs.iter().map(|(n, _)| format!(" {n}")).collect();
            let numbers: String = pairs.iter().map(|(_, v)| format!(" {v}")).collect();
            let counters = read(&format!("T:{names}\nT:{numbers}\n"));
            let read: Vec<_> = counters.values.into_iter().map(|(id, v)| (id.name.to_string(), v)).collect();
            let written: Vec<_> = pairs.into_iter().map(|(n, v)| (n, i128::from(v))).collect();
            prop_assert_eq!(read, written);
        }
    }
}
