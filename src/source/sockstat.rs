//! `/proc/net/sockstat` and `sockstat6` (net/ipv4/proc.c, net/ipv6/proc.c).
//!
//! ```text
//! sockets: used 285
//! TCP: inuse 5 orphan 0 tw 0 alloc 7 mem 1
//! ```
//!
//! `orphan`, `alloc` and `mem` are host-wide, the rest belongs to the network namespace.

use std::sync::Arc;

use crate::model::CounterId;

pub fn parse(file: &str, text: &str, values: &mut Vec<(CounterId, i128)>) {
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

    #[test]
    fn each_line_is_a_table() {
        let mut values = Vec::new();
        parse(
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
}
