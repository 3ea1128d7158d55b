//! `keepalive` from values: no kernel.

use std::collections::BTreeMap;

use super::{
    Defaults, KeepaliveReport, Row, Samples,
    detection::{SETTINGS, detection_seconds, is_enabled},
};
use crate::{
    analysis::{
        Sampling as _,
        incomplete::out_of_time,
        sockets::{
            By, Held,
            samples::{api, connection, described},
        },
    },
    model::{KeepaliveOptions, Netns, SocketRow, SocketTimer, Sysctl, Sysctls, TimerKind},
};

const LAST_SENT: usize = 44;
const LAST_RECEIVED: usize = 52;
const LAST_ACK: usize = 56;

/// The kernel's defaults, without conntrack.
fn sysctls() -> Sysctls {
    let values = ["7200", "75", "9"].map(|value| Sysctl::Value(value.to_owned()));
    let values = values.into_iter().chain([Sysctl::Absent, Sysctl::Absent]);
    let keys = SETTINGS.iter().map(|key| (*key).to_owned());
    keys.zip(values).collect()
}

/// In a namespace without a rule that needs it, conntrack is loaded and tracks nothing.
#[test]
fn conntrack_forgets_only_what_it_tracks() {
    for (timeout, tracked, expected) in [
        (Some("432000"), Some("12"), Some(432_000)),
        (Some("432000"), Some("0"), None),
        (Some("432000"), None, Some(432_000)),
        (None, None, None),
    ] {
        let mut all = sysctls();
        for (key, value) in SETTINGS[3..].iter().zip([timeout, tracked]) {
            let value = value.map_or(Sysctl::Absent, |value| Sysctl::Value(value.to_owned()));
            all.insert((*key).to_owned(), value);
        }
        let mut report = KeepaliveReport::new(By::Process);
        report.enter(Netns::default(), BTreeMap::new(), &all);
        let shown = report.namespaces[0].conntrack_established_seconds;
        assert_eq!(shown, expected, "{timeout:?} {tracked:?}");
    }
}

/// Seconds since data was sent, data was received and an acknowledgement came; and the timer.
fn idle(times: [u64; 3], timer: Option<(TimerKind, u32, u8)>) -> SocketRow {
    let [sent, received, acked] = times.map(|seconds| seconds * 1000);
    let info = [
        (LAST_SENT, sent),
        (LAST_RECEIVED, received),
        (LAST_ACK, acked),
    ];
    SocketRow {
        timer: timer.map(|(kind, seconds, retransmits)| SocketTimer {
            kind,
            expires_ms: seconds * 1000,
            retransmits,
            backoff: None,
        }),
        ..connection("10.0.0.9:5432", &info)
    }
}

fn probing(times: [u64; 3], expires: u32, probes: u8) -> SocketRow {
    idle(times, Some((TimerKind::Keepalive, expires, probes)))
}

fn report(by: By, sockets: &[(SocketRow, Option<KeepaliveOptions>)]) -> KeepaliveReport {
    let mut report = KeepaliveReport::new(by);
    report.enter(Netns::default(), BTreeMap::new(), &sysctls());
    let owners = api();
    let held = Held {
        owners: &owners,
        unit: None,
    };
    for (row, options) in sockets {
        report.add(row, &held, *options, || described(row));
    }
    report.finish();
    report
}

fn own(idle: u64, interval: u64, probes: u64, user_timeout_ms: u32) -> KeepaliveOptions {
    KeepaliveOptions {
        enabled: true,
        idle_seconds: idle,
        interval_seconds: interval,
        probes,
        user_timeout_ms,
    }
}

#[test]
fn the_timer_that_runs_shows_keepalive_or_hides_it() {
    let with = |kind| is_enabled(&idle([9, 9, 9], Some((kind, 1, 0))));
    assert_eq!(with(TimerKind::Keepalive), Some(true));
    assert_eq!(with(TimerKind::Retransmit), None);
    assert_eq!(with(TimerKind::Persist), None);
    assert_eq!(is_enabled(&idle([9, 9, 9], None)), Some(false));
}

#[test]
fn the_defaults_are_one_time_made_of_three() {
    let defaults = Defaults::of(&sysctls());
    assert_eq!(defaults.detection_seconds, Some(7200 + 75 * 9));
    let mut without = sysctls();
    without.insert(SETTINGS[1].to_owned(), Sysctl::Absent);
    let defaults = Defaults::of(&without);
    assert_eq!(defaults.idle_seconds, Some(7200));
    assert_eq!(defaults.detection_seconds, None);
}

#[test]
fn namespaces_that_differ_have_no_common_defaults() {
    let mut report = KeepaliveReport::new(By::Process);
    report.enter(Netns::default(), BTreeMap::new(), &sysctls());
    assert_eq!(report.defaults.detection_seconds, Some(7875));
    let mut other = sysctls();
    other.insert(SETTINGS[0].to_owned(), Sysctl::Value("60".to_owned()));
    report.enter(Netns::default(), BTreeMap::new(), &other);
    assert_eq!(report.defaults, Defaults::default());
    report.enter(Netns::default(), BTreeMap::new(), &other);
    assert_eq!(
        report.defaults,
        Defaults::default(),
        "not those of the last two"
    );
    assert_eq!(
        report.namespaces[1].defaults.detection_seconds,
        Some(60 + 675)
    );
}

#[test]
fn the_settings_count_only_where_the_timer_agrees_with_them() {
    let defaults = Defaults::of(&sysctls());
    let cases = [
        ("silent for 100 s", probing([100; 3], 7100, 0), true),
        ("a second of rounding", probing([100; 3], 7101, 0), true),
        ("later than idle allows", probing([100; 3], 7200, 0), false),
        ("turned on while idle", probing([3600; 3], 7200, 0), false),
        ("60 s of its own", probing([6; 3], 54, 0), false),
        ("armed an hour ago", probing([10; 3], 3600, 0), false),
        ("50 minutes of its own", probing([10; 3], 2990, 0), false),
        ("a minute less of its own", probing([10; 3], 7130, 0), false),
        (
            "its own, long idle",
            probing([9000, 9000, 10], 50, 0),
            false,
        ),
        ("probes long before", probing([80; 3], 10, 2), false),
        ("probes in time", probing([7300; 3], 40, 1), true),
        ("the next probe is late", probing([7300; 3], 90, 1), false),
        ("more probes than due", probing([10_800; 3], 40, 58), false),
        ("it has outlived these", probing([10_800; 3], 40, 3), false),
        ("answered early", probing([600, 600, 20], 7000, 0), false),
        ("answered in time", probing([7210, 7210, 10], 65, 0), true),
        ("data was acked", probing([20, 600, 20], 7000, 0), false),
        ("no timer", idle([100; 3], None), false),
    ];
    for (what, socket, agrees) in cases {
        assert_eq!(defaults.agree_with(&socket), agrees, "{what}");
    }
    assert!(!Defaults::default().agree_with(&probing([100; 3], 7100, 0)));
}

#[test]
fn a_user_timeout_takes_the_place_of_the_number_of_probes() {
    for (options, seconds) in [
        (own(60, 10, 6, 0), 120),
        (own(60, 10, 6, 75_000), 80),
        (own(60, 10, 6, 30_000), 70),
        (own(60, 10, 6, 300_000), 300),
    ] {
        assert_eq!(detection_seconds(&options), seconds, "{options:?}");
    }
}

#[test]
fn a_detection_time_is_the_sockets_own_or_inferred_or_unknown() {
    let off = KeepaliveOptions {
        enabled: false,
        ..own(60, 10, 6, 0)
    };
    let hidden = || idle([1, 1, 1], Some((TimerKind::Retransmit, 1, 2)));
    let cases = [
        (
            probing([100; 3], 7100, 0),
            None,
            Some(true),
            Some(7875),
            true,
        ),
        (probing([100; 3], 9000, 0), None, Some(true), None, false),
        (idle([100; 3], None), None, Some(false), None, false),
        (hidden(), None, None, None, false),
        // Retransmissions end it, when tcp_retries2 says.
        (hidden(), Some(own(60, 10, 6, 0)), Some(true), None, false),
        (
            hidden(),
            Some(own(60, 10, 6, 20_500)),
            Some(true),
            Some(21),
            false,
        ),
        (hidden(), Some(off), Some(false), None, false),
    ];
    for (row, options, enabled, seconds, inferred) in cases {
        let report = report(By::Socket, &[(row, options)]);
        let one = report.sockets[0].connection().unwrap();
        let found = (
            one.keepalive.enabled,
            one.keepalive.detection_seconds,
            one.keepalive.detection_inferred,
        );
        assert_eq!(found, (enabled, seconds, inferred), "{one:?}");
    }
}

#[test]
fn the_longest_detection_of_a_group_is_unknown_where_that_of_one_is() {
    let (known, unknown) = (probing([100; 3], 7100, 0), probing([10; 3], 32_757, 0));
    let longest = |sockets: &[SocketRow]| {
        let sockets: Vec<_> = sockets.iter().map(|row| (row.clone(), None)).collect();
        let report = report(By::Process, &sockets);
        let group = report.groups[0].group().unwrap();
        (group.detection_seconds, group.detection_inferred)
    };
    assert_eq!(longest(std::slice::from_ref(&known)), (Some(7875), true));
    assert_eq!(longest(&[known.clone(), unknown.clone()]), (None, false));
    assert_eq!(longest(&[unknown, known]), (None, false));
}

#[test]
fn a_group_counts_what_is_on_off_and_hidden() {
    let sockets = [
        (probing([30; 3], 7170, 0), None),
        (probing([30; 3], 40, 0), Some(own(60, 10, 6, 0))),
        (idle([500, 400, 400], None), None),
        (idle([700, 650, 650], None), None),
        (idle([900; 3], Some((TimerKind::Persist, 1, 3))), None),
    ];
    let report = report(By::Process, &sockets);
    let [Row::Group(group)] = &report.groups[..] else {
        panic!("{:?}", report.groups);
    };
    assert_eq!(
        (group.name.key.as_deref(), group.name.pid),
        (Some("api"), Some(12))
    );
    let counts = (
        group.sockets,
        group.enabled,
        group.not_enabled,
        group.unknown,
    );
    assert_eq!(counts, (5, 2, 2, 1));
    assert_eq!(group.oldest_idle_ms, Some(900_000));
    assert_eq!(group.oldest_idle_without_ms, Some(650_000));
    assert_eq!(group.expires_ms, Some(40_000));
    assert_eq!(group.detection_seconds, Some(7875));
    assert!(group.detection_inferred);
    let missing: Vec<_> = report.incomplete.iter().map(|one| one.count).collect();
    assert_eq!(missing, [Some(1)]);
}

#[test]
fn the_group_with_most_connections_without_keepalive_is_first() {
    let to = |peer: &str| SocketRow {
        timer: None,
        ..connection(peer, &[])
    };
    let sockets = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.2:81"].map(|peer| (to(peer), None));
    let found = report(By::Peer, &sockets);
    let keys = found.groups.iter().filter_map(Row::group);
    let keys: Vec<_> = keys.map(|group| group.name.key.as_deref()).collect();
    assert_eq!(keys, [Some("10.0.0.2"), Some("10.0.0.1")]);
}

#[test]
fn connections_without_keepalive_are_sampled() {
    let mut samples = Samples::default();
    let sample = |count: usize| report(By::Process, &vec![(idle([9; 3], None), None); count]);
    for count in [1, 3] {
        samples.add(&sample(count));
    }
    let mut last = sample(3);
    samples.fill(&mut last);
    let sampled = last.groups[0].group().unwrap().sampled.clone().unwrap();
    assert_eq!((sampled.minimum, sampled.maximum), (1, 3));
    let mut gone = report(By::Process, &[]);
    samples.fill(&mut gone);
    let sampled = gone.groups[0].group().unwrap().sampled.clone().unwrap();
    assert_eq!((sampled.samples, sampled.minimum), (4, 0));
}

#[test]
fn a_search_that_ran_out_of_time_goes_on_by_this_command() {
    let mut report = KeepaliveReport::new(By::Peer);
    report.note_owners(&out_of_time::owners(), 2, 1);
    out_of_time::assert_names(&report.incomplete, "sockdiag keepalive");
}
