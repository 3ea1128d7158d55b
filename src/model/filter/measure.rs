//! Numbers of a socket that a filter compares.

use super::{Filter, Test};

/// What is compared, and its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// How full a listener's accept queue is, length ÷ (limit + 1); or a receive buffer.
    Fill,
    /// Packets that the socket dropped.
    Drops,
    /// Bytes that wait to be read, or connections that wait to be accepted. Of a unix datagram socket
    /// the next message alone.
    ReceiveQueue,
    /// Bytes that are not acknowledged, or the limit of a listener's accept queue. Of a unix socket
    /// memory, overhead included.
    SendQueue,
    /// Since data was last sent or received.
    Idle,
    /// The smoothed round-trip time.
    Rtt,
    /// Segments retransmitted since the connection was made.
    Retransmits,
    /// Since it began to wait: in TIME_WAIT, or for accept(2). No other age is known.
    Age,
}

/// What a measure counts, and what 1 is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Hundredths of a percent.
    Ratio,
    Count,
    Bytes,
    /// Microseconds.
    Time,
}

impl Measure {
    pub const ALL: [(&'static str, Measure); 8] = [
        ("fill", Measure::Fill),
        ("drops", Measure::Drops),
        ("recvq", Measure::ReceiveQueue),
        ("sendq", Measure::SendQueue),
        ("idle", Measure::Idle),
        ("rtt", Measure::Rtt),
        ("retrans", Measure::Retransmits),
        ("age", Measure::Age),
    ];

    pub fn named(word: &str) -> Option<Measure> {
        let found = Measure::ALL.iter().find(|(name, _)| *name == word);
        found.map(|(_, measure)| *measure)
    }

    pub fn unit(self) -> Unit {
        match self {
            Measure::Fill => Unit::Ratio,
            Measure::Drops | Measure::Retransmits => Unit::Count,
            Measure::ReceiveQueue | Measure::SendQueue => Unit::Bytes,
            Measure::Idle | Measure::Rtt | Measure::Age => Unit::Time,
        }
    }
}

impl Unit {
    /// The suffixes, the value of 1 with each, and what was expected. The empty one is the default.
    fn suffixes(self) -> (&'static [(&'static str, f64)], &'static str) {
        match self {
            Unit::Ratio => (&[("%", 100.0)], "a percentage, as 80%"),
            Unit::Count => (&[("", 1.0)], "a number"),
            Unit::Bytes => (
                &[
                    ("", 1.0),
                    ("B", 1.0),
                    ("K", 1024.0),
                    ("M", 1024.0 * 1024.0),
                    ("G", 1024.0 * 1024.0 * 1024.0),
                ],
                "a number of bytes, as 4096 or 64K",
            ),
            Unit::Time => (
                &[
                    ("", 1e6),
                    ("us", 1.0),
                    ("ms", 1e3),
                    ("s", 1e6),
                    ("m", 60e6),
                    ("h", 3600e6),
                    ("d", 86400e6),
                ],
                "a time, as 50ms, 10s or 5m",
            ),
        }
    }

    /// A number with a suffix of this unit. Fails with what was expected.
    pub fn parse(self, word: &str) -> Result<u64, &'static str> {
        let (suffixes, expected) = self.suffixes();
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
        let suffix = &word[digits.len()..];
        let is_plain = digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        let scale = suffixes.iter().find(|(name, _)| *name == suffix);
        let number: Option<f64> = digits.parse().ok().filter(|_| is_plain);
        match (number, scale) {
            // A float that is too large becomes the largest integer.
            (Some(number), Some((_, scale))) => Ok((number * scale).round() as u64),
            _ => Err(expected),
        }
    }
}

impl Filter {
    /// The same with every `not` moved into the comparisons behind it. A comparison does not hold
    /// where the number is unknown, and so neither does its opposite.
    pub(super) fn of_comparisons(self) -> Self {
        self.turned(false)
    }

    fn turned(self, is_negated: bool) -> Self {
        let turn = |part: Filter| part.turned(is_negated);
        match self {
            Filter::Not(part) => part.turned(!is_negated),
            Filter::Any(parts) if is_negated => Filter::All(parts.into_iter().map(turn).collect()),
            Filter::All(parts) if is_negated => Filter::Any(parts.into_iter().map(turn).collect()),
            Filter::Any(parts) => Filter::Any(parts.into_iter().map(turn).collect()),
            Filter::All(parts) => Filter::All(parts.into_iter().map(turn).collect()),
            Filter::Test(Test::Measured { what, is, value }) if is_negated => {
                let is = is.opposite();
                Filter::Test(Test::Measured { what, is, value })
            }
            Filter::Test(test) if is_negated => Filter::Not(Box::new(Filter::Test(test))),
            Filter::Test(test) => Filter::Test(test),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_unit() {
        for (unit, word, value) in [
            (Unit::Ratio, "80%", 8000),
            (Unit::Ratio, "0.5%", 50),
            (Unit::Count, "7", 7),
            (Unit::Bytes, "4096", 4096),
            (Unit::Bytes, "64K", 65536),
            (Unit::Time, "10", 10_000_000),
            (Unit::Time, "50ms", 50_000),
            (Unit::Time, "1.5s", 1_500_000),
            (Unit::Time, "10m", 600_000_000),
            (Unit::Count, "99999999999999999999999", u64::MAX),
        ] {
            assert_eq!(unit.parse(word), Ok(value), "{word}");
        }
        for (unit, word) in [
            (Unit::Ratio, "80"),
            (Unit::Count, "-1"),
            (Unit::Count, "1e3"),
            (Unit::Count, "inf"),
            (Unit::Bytes, "4k"),
            (Unit::Time, "ms"),
            (Unit::Time, ""),
            (Unit::Time, "5%"),
            (Unit::Time, "1.2.3s"),
        ] {
            assert!(unit.parse(word).is_err(), "{word}");
        }
    }
}
