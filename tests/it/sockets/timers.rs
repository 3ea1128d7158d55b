//! `sockdiag sockets --timers`, beside `ss -o`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;
use socket2::TcpKeepalive;

use crate::support::clients::connect_with;
use crate::support::link::{Link, THERE};
use crate::support::netns::in_netns;
use crate::support::population::Population;
use crate::support::program::{json, text};
use crate::support::sockets::listen;
use crate::support::ss;
use crate::support::wait::wait_for;

/// A timer: kind, milliseconds left, retransmissions or probes.
type Timer = (String, RangeInclusive<u64>, u64);

/// By both addresses. `None`, loudly, where ss is not installed.
fn of_ss() -> Option<BTreeMap<String, Timer>> {
    let timer = |line: String| {
        let word: Vec<&str> = line.split_whitespace().collect();
        let timer = word.iter().find_map(|word| word.strip_prefix("timer:("))?;
        let part: Vec<&str> = timer.trim_end_matches(')').split(',').collect();
        let kind = match part[0] {
            "on" => "retransmit",
            "timewait" => "time_wait",
            other => other,
        };
        let tries = part[2].parse().expect("a number");
        let local = word[3].replace('*', "[::]");
        Some((
            format!("{local} {}", word[4]),
            (kind.to_owned(), milliseconds(part[1]), tries),
        ))
    };
    let rows = ss::rows("-tanoH", "")?;
    Some(rows.into_iter().filter_map(timer).collect())
}

/// What ss may mean: `60min` and `1min3sec` and `12sec` leave the rest out, `2.345ms` is 2345 ms, and
/// nothing is left at the end (misc/ss.c, `print_ms_timer`).
fn milliseconds(text: &str) -> RangeInclusive<u64> {
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let (minutes, seconds) = match text.split_once("min") {
        Some((minutes, rest)) => (Some(number(minutes)), rest),
        None => (None, text),
    };
    let exact = match seconds.strip_suffix("ms") {
        None if minutes.is_none() && seconds.is_empty() => Some(0),
        None => None,
        Some(fraction) => {
            let (seconds, ms) = fraction.split_once('.').unwrap_or(("0", fraction));
            Some(number(seconds) * 1000 + number(ms))
        }
    };
    if let Some(exact) = exact {
        return exact..=exact;
    }
    let minutes = minutes.unwrap_or(0);
    let least = minutes * 60_000 + seconds.strip_suffix("sec").map_or(0, number) * 1000;
    let unit = if minutes > 9 { 60_000 } else { 1000 };
    least..=least + unit - 1
}

fn of_sockdiag() -> BTreeMap<String, Timer> {
    let columns = "--columns=local,peer,timer,expires,retransmits";
    let args = ["sockets", "tcp", "--no-owners", "-o", "csv", "--no-header"];
    let text = text(&[&args[..], &[columns]].concat());
    let timer = |line: &str| {
        let word: Vec<&str> = line.split(',').collect();
        let number = |at: usize| word[at].parse::<u64>().expect("a number");
        (!word[3].is_empty()).then(|| {
            let ends = format!("{} {}", word[1], word[2]);
            let left = number(4)..=number(4);
            (ends, (word[3].to_owned(), left, number(5)))
        })
    };
    text.lines().filter_map(timer).collect()
}

#[test]
fn the_time_that_ss_prints_is_understood() {
    for (text, least, most) in [
        ("", 0, 0),
        ("200ms", 200, 200),
        ("2.045ms", 2045, 2045),
        ("7sec", 7000, 7999),
        ("59sec", 59_000, 59_999),
        ("1min", 60_000, 60_999),
        ("9min59sec", 599_000, 599_999),
        ("10min", 600_000, 659_999),
    ] {
        assert_eq!(milliseconds(text), least..=most, "{text}");
    }
}

#[test]
fn timers_are_those_of_ss() {
    in_netns(|| {
        let _population = Population::of_internet();
        let _listener = listen("127.0.0.1:7777", 5);
        let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(3600));
        let _client = connect_with("127.0.0.1:7777", |socket| {
            socket.set_tcp_keepalive(&keepalive)
        })
        .expect("a connection");
        if of_ss().is_none() {
            return;
        }
        let kind = |timers: &BTreeMap<String, Timer>| -> BTreeMap<_, _> {
            let timers = timers.iter();
            timers
                .map(|(ends, (kind, _, tries))| (ends.clone(), (kind.clone(), *tries)))
                .collect()
        };
        // Some fire meanwhile.
        let (before, found, after) = wait_for("nothing changed between two readings", || {
            let before = of_ss().expect("ss is there");
            let found = of_sockdiag();
            let after = of_ss().expect("ss is there");
            (kind(&before) == kind(&after)).then_some((before, found, after))
        });
        assert_eq!(kind(&found), kind(&before));
        let kinds: BTreeSet<_> = found.values().map(|(kind, ..)| &kind[..]).collect();
        let all = ["keepalive", "persist", "retransmit", "time_wait"];
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), all);
        for (ends, (kind, left, _)) in &found {
            // A probe that is answered counts as none, and the time begins anew.
            if kind != "persist" {
                let possible = *after[ends].1.start()..=*before[ends].1.end();
                assert!(
                    possible.contains(left.start()),
                    "{ends}: {left:?} {possible:?}"
                );
            }
        }
        let (_, left, tries) = &found
            .iter()
            .find(|(ends, _)| ends.ends_with("127.0.0.1:7777"))
            .expect("the client")
            .1;
        assert!((3_000_000..=3_600_000).contains(left.start()), "{left:?}");
        assert_eq!(*tries, 0);
    });
}

#[test]
fn how_often_a_timer_was_doubled_is_read_only_when_asked_for() {
    in_netns(|| {
        let link = Link::new();
        let to = format!("{THERE}:8080");
        let _listener = link.there.run(|| listen(&to, 5));
        let client = connect_with(&to, |_| Ok(())).expect("a connection");
        link.cut();
        (&client).write_all(b"hello").expect("it is queued");
        let args = ["sockets", "tcp", "dport = :8080"];
        let with = |more: &[&str]| json(&[&args[..], more].concat())["sockets"][0].clone();
        let row = wait_for("it was retransmitted twice", || {
            let row = with(&["--timers"]);
            (row["timer"]["retransmits"].as_u64() >= Some(2)).then_some(row)
        });
        assert_eq!(row["timer"]["kind"], "retransmit");
        assert_eq!(row["timer"]["backoff"], row["timer"]["retransmits"]);
        assert_eq!(row["tcp_info"], Value::Null, "not asked for");
        let row = with(&[]);
        assert_eq!(row["timer"]["kind"], "retransmit");
        assert_eq!(row["timer"]["backoff"], Value::Null, "not asked for");
        let row = with(&["--info"]);
        assert_eq!(row["tcp_info"]["backoff"], row["timer"]["backoff"]);
        let table = |more: &[&str]| text(&[&args[..], more].concat());
        let header = |table: String| table.lines().next().expect("a header").to_owned();
        assert!(!header(table(&[])).contains("TIMER"));
        let header = header(table(&["--timers"]));
        for title in ["TIMER", "EXPIRES", "TRIES", "BACKOFF"] {
            assert!(header.contains(title), "{header}");
        }
    });
}
