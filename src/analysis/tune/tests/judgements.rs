//! Each rule: it judges, it does not, and what looks alike.

use super::{
    super::{SettingReport, SettingValue, Verdict},
    scene::{Scene, accept, one},
};
use crate::{
    analysis::Severity,
    model::{FdLimits, ProcessFds, Queue, State},
};

const SOMAXCONN: &str = "net.core.somaxconn";

fn overflowed(settings: &[(&str, &str)], count: i128) -> Scene {
    Scene::new(settings).counter("TcpExt", "ListenOverflows", count)
}

#[track_caller]
fn assert_change(setting: &SettingReport, suggested: impl Into<SettingValue>, numbers: &[&str]) {
    assert_eq!(setting.verdict, Verdict::Change, "{setting:#?}");
    assert_eq!(setting.suggested, Some(suggested.into()), "{setting:#?}");
    for number in numbers {
        assert!(
            setting.reason.contains(number),
            "{number}: {}",
            setting.reason
        );
    }
}

#[track_caller]
fn assert_note(setting: &SettingReport, words: &[&str]) {
    assert_eq!(setting.verdict, Verdict::Note, "{setting:#?}");
    assert_eq!(setting.suggested, None, "{setting:#?}");
    for word in words {
        assert!(setting.reason.contains(word), "{word}: {}", setting.reason);
    }
}

#[track_caller]
fn assert_ok(setting: &SettingReport) {
    assert_eq!(setting.verdict, Verdict::Ok, "{setting:#?}");
    assert_eq!((&setting.suggested, setting.severity), (&None, None));
}

#[test]
fn somaxconn_is_raised_where_it_bounds_a_queue_that_overflowed() {
    let scene = overflowed(&[(SOMAXCONN, "128")], 12).listener(8080, accept(0, 128), 12);
    let judged = scene.judged(SOMAXCONN);
    assert_change(
        &judged,
        4096,
        &["127.0.0.1:8080", "dropped 12 packets", "128"],
    );
    assert_eq!(judged.severity, Some(Severity::Info), "it may be long ago");

    let before = overflowed(&[(SOMAXCONN, "128")], 2).listener(8080, accept(0, 128), 2);
    let report = scene.since(&before);
    let judged = one(&report, SOMAXCONN);
    assert_change(&judged, 4096, &["dropped 10 packets", "10 in 10 s"]);
    assert_eq!(judged.severity, Some(Severity::Warning));
    assert_eq!(report.findings[0].id, "setting_harmful");

    let large = overflowed(&[(SOMAXCONN, "4096")], 1).listener(80, accept(0, 4096), 1);
    assert_change(&large.judged(SOMAXCONN), 8192, &["dropped 1 packets"]);
}

#[test]
fn somaxconn_is_not_raised_for_what_it_does_not_bound() {
    let application = overflowed(&[(SOMAXCONN, "4096")], 7).listener(8080, accept(3, 2), 7);
    let judged = application.judged(SOMAXCONN);
    assert_note(
        &judged,
        &["7 packets", "limit of 2", "application passed to listen()"],
    );
    assert_eq!(judged.severity, None);

    let ambiguous = overflowed(&[(SOMAXCONN, "4096")], 7).listener(8080, accept(0, 128), 7);
    assert_note(
        &ambiguous.judged(SOMAXCONN),
        &["listen() or an earlier somaxconn"],
    );

    let slow = overflowed(&[(SOMAXCONN, "4096")], 7).listener(80, accept(4097, 4096), 7);
    assert_note(&slow.judged(SOMAXCONN), &["does not accept fast enough"]);

    let not_the_queue = Scene::new(&[(SOMAXCONN, "4096")]).listener(80, accept(0, 4096), 7);
    assert_ok(&not_the_queue.judged(SOMAXCONN));

    let most = overflowed(&[(SOMAXCONN, "65535")], 1).listener(80, accept(0, 65_535), 1);
    assert_note(&most.judged(SOMAXCONN), &["does not accept fast enough"]);

    // A stray reset counts as a drop, so that either listener may be the one that overflowed.
    let which = overflowed(&[(SOMAXCONN, "128")], 3)
        .listener(80, accept(0, 128), 5)
        .listener(81, accept(0, 5), 3);
    let which = which.judged(SOMAXCONN);
    assert_note(&which, &["3 since", "and 1 more", "is unknown"]);
    // The listener that overflowed is gone.
    let gone = overflowed(&[(SOMAXCONN, "128")], 3).listener(80, accept(0, 128), 2);
    assert_note(&gone.judged(SOMAXCONN), &["127.0.0.1:80", "is unknown"]);
    // The members of a group are one endpoint, and a full one is known to overflow.
    let group = overflowed(&[(SOMAXCONN, "128")], 4)
        .listener(80, accept(0, 128), 2)
        .listener(80, accept(0, 128), 2);
    assert_change(&group.judged(SOMAXCONN), 4096, &["2 packets"]);
    let full = overflowed(&[(SOMAXCONN, "128")], 4)
        .listener(80, accept(129, 128), 2)
        .listener(81, accept(0, 5), 9);
    assert_change(&full.judged(SOMAXCONN), 4096, &["127.0.0.1:80", "full now"]);

    let no_longer = overflowed(&[(SOMAXCONN, "4096")], 7).listener(80, accept(1, 4096), 3);
    let still = no_longer.since(&overflowed(&[], 7).listener(80, accept(0, 4096), 3));
    assert_ok(&one(&still, SOMAXCONN));
}

#[test]
fn an_absurd_somaxconn_is_named() {
    let judged = Scene::new(&[(SOMAXCONN, "1000000")]).judged(SOMAXCONN);
    assert_note(&judged, &["1000 s", "hides"]);
    assert_eq!(judged.severity, Some(Severity::Info));
    assert_ok(&Scene::new(&[(SOMAXCONN, "65535")]).judged(SOMAXCONN));
    assert_note(
        &Scene::new(&[(SOMAXCONN, "128")]).judged(SOMAXCONN),
        &["below"],
    );
}

#[test]
fn tcp_max_syn_backlog_counts_without_cookies_alone() {
    const KEY: &str = "net.ipv4.tcp_max_syn_backlog";
    let cookies = "net.ipv4.tcp_syncookies";
    let with = Scene::new(&[(cookies, "1"), (KEY, "65535")]).judged(KEY);
    assert_note(&with, &["no effect with tcp_syncookies = 1"]);
    assert_ok(&Scene::new(&[(cookies, "1"), (KEY, "2048")]).judged(KEY));

    let full = |count| {
        let scene = Scene::new(&[(cookies, "0"), (KEY, "128")]);
        scene.listener(80, accept(0, 1024), 0).half_open(80, count)
    };
    assert_change(&full(97).judged(KEY), 2048, &["127.0.0.1:80", "full at 96"]);
    assert_ok(&full(96).judged(KEY));
}

#[test]
fn syn_cookies_are_judged_by_drops_and_by_cookies() {
    const KEY: &str = "net.ipv4.tcp_syncookies";
    let scene = |value, name, count| {
        Scene::new(&[(KEY, value)])
            .counter("TcpExt", name, count)
            .judged(KEY)
    };
    assert_change(&scene("0", "TCPReqQFullDrop", 9), 1, &["9 since"]);
    let off = scene("0", "TCPReqQFullDrop", 0);
    assert_note(&off, &["a full SYN queue drops SYNs"]);
    assert_eq!(off.severity, Some(Severity::Info));
    assert_change(
        &scene("2", "SyncookiesSent", 5),
        1,
        &["5 since", "every SYN"],
    );
    assert_note(&scene("2", "SyncookiesSent", 0), &["every SYN"]);
    assert_ok(&scene("1", "SyncookiesSent", 5));
}

#[test]
fn tcp_abort_on_overflow_does_harm_once_a_queue_overflows() {
    const KEY: &str = "net.ipv4.tcp_abort_on_overflow";
    assert_change(&overflowed(&[(KEY, "1")], 4).judged(KEY), 0, &["4 since"]);
    let none = overflowed(&[(KEY, "1")], 0).judged(KEY);
    assert_note(&none, &["no queue has overflowed", "never reset"]);
    assert_eq!(none.severity, Some(Severity::Info));
    assert_ok(&overflowed(&[(KEY, "0")], 4).judged(KEY));
}

#[test]
fn retries_are_told_as_seconds() {
    let settings = [
        ("net.ipv4.tcp_syn_retries", "6"),
        ("net.ipv4.tcp_syn_linear_timeouts", "4"),
        ("net.ipv4.tcp_synack_retries", "5"),
    ];
    let scene = Scene::new(&settings);
    let judged = scene.judged("net.ipv4.tcp_syn_retries");
    assert!(judged.reason.contains("131 s"), "{}", judged.reason);
    let judged = scene.judged("net.ipv4.tcp_synack_retries");
    assert!(judged.reason.contains("63 s"), "{}", judged.reason);
    let none = [
        ("net.ipv4.tcp_syn_retries", "0"),
        ("net.ipv4.tcp_synack_retries", "0"),
    ];
    assert_note(&Scene::new(&none).judged(none[0].0), &["one lost SYN"]);
    assert_note(&Scene::new(&none).judged(none[1].0), &["one lost SYN-ACK"]);
}

#[test]
fn myths_are_named() {
    let fin = "net.ipv4.tcp_fin_timeout";
    assert_note(
        &Scene::new(&[(fin, "15")]).judged(fin),
        &["does not shorten TIME_WAIT", "60 s"],
    );
    assert_ok(&Scene::new(&[(fin, "60")]).judged(fin));
    let recycle = Scene::new(&[]).judged("net.ipv4.tcp_tw_recycle");
    assert_eq!(recycle.value, None);
    assert!(recycle.reason.contains("removed in Linux 4.12"));
    let pages = "net.ipv4.tcp_mem";
    let bytes = Scene::new(&[(pages, "16777216 33554432 67108864")]).judged(pages);
    assert_note(&bytes, &["pages, not bytes"]);
}

/// 20 ports, of which `used` are in this state towards one destination.
fn towards_one(settings: &[(&str, &str)], used: u16, state: State) -> Scene {
    Scene::new(settings).connections((40_000, 40_019), 40_000..40_000 + used, state)
}

#[test]
fn the_range_is_widened_where_a_destination_lacks_ports() {
    const KEY: &str = "net.ipv4.ip_local_port_range";
    let small = [(KEY, "40000\t40019")];
    let full = towards_one(&small, 20, State::Established).judged(KEY);
    let wide = SettingValue::Text("10240 65535".to_owned());
    assert_change(&full, wide.clone(), &["10.0.0.9:5432", "20 ports are used"]);
    let beside = towards_one(&small, 20, State::Established).listener(11_211, accept(0, 128), 0);
    assert_change(&beside.judged(KEY), wide, &["reserve", "11211"]);
    assert_ok(&towards_one(&small, 10, State::Established).judged(KEY));
    let odd = towards_one(&[(KEY, "40000\t40018")], 1, State::Established).judged(KEY);
    assert_note(&odd, &["19 ports", "never tries 40018"]);
}

#[test]
fn listeners_in_the_range_are_worth_reserving() {
    let (range, reserved) = (
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
    );
    let settings = [(range, "40000\t40019"), (reserved, "40001")];
    let with = |port| {
        let scene = towards_one(&settings, 1, State::Established);
        let mut scene = scene.listener(port, accept(0, 128), 0);
        scene.0.namespaces[0].settings.ports.reserved = [40_001].into_iter().collect();
        (scene.judged(range), scene.judged(reserved))
    };
    let (judged, list) = with(40_005);
    assert_note(&judged, &["1 port of a listener", "40005"]);
    assert_eq!(
        (list.verdict, &list.suggested),
        (
            Verdict::Note,
            &Some(SettingValue::Text("40001,40005".to_owned()))
        )
    );
    for port in [40_001, 8080] {
        let (judged, list) = with(port);
        assert_ok(&judged);
        assert_ok(&list);
    }
}

#[test]
fn tw_reuse_is_advised_where_time_waits_hold_the_ports() {
    const KEY: &str = "net.ipv4.tcp_tw_reuse";
    let judged = |value, used, state| towards_one(&[(KEY, value)], used, state).judged(KEY);
    let held = judged("2", 20, State::TimeWait);
    assert_change(&held, 1, &["20 of 20 ports in use are in TIME_WAIT"]);
    assert_change(&judged("0", 20, State::TimeWait), 1, &[]);
    assert_ok(&judged("2", 20, State::Established));
    assert_ok(&judged("2", 10, State::TimeWait));
    let stamps = [(KEY, "1"), ("net.ipv4.tcp_timestamps", "0")];
    assert_note(&Scene::new(&stamps).judged(KEY), &["no effect"]);
    assert_note(&Scene::new(&stamps).judged(stamps[1].0), &["tcp_tw_reuse"]);
    let both = towards_one(&stamps, 20, State::TimeWait);
    assert_change(&both.judged(stamps[1].0), 1, &["20 of 20"]);
}

#[test]
fn time_wait_buckets_are_judged_by_what_is_in_use_now() {
    const KEY: &str = "net.ipv4.tcp_max_tw_buckets";
    let scene = |limit, count, lost| {
        let scene = Scene::new(&[(KEY, limit)]).counter("sockstat.TCP", "tw", count);
        scene.counter("TcpExt", "TCPTimeWaitOverflow", lost)
    };
    let near = scene("5000", 4000, 0).judged(KEY);
    assert_change(&near, 131_072, &["4000 of 5000", "32 MiB"]);
    assert_note(&scene("5000", 3999, 7).judged(KEY), &["7 since"]);
    assert_note(&scene("5000", 3999, 0).judged(KEY), &["below the default"]);
    assert_ok(&scene("131072", 3999, 0).judged(KEY));
    let moving = scene("131072", 10, 9).since(&scene("131072", 10, 2));
    assert_change(&one(&moving, KEY), 262_144, &["7 in 10 s"]);
}

#[test]
fn receive_buffers_are_judged_by_sockets_that_drop_at_them() {
    let settings = [
        ("net.core.rmem_default", "1000"),
        ("net.core.rmem_max", "4000"),
    ];
    let with = |limit, errors| {
        let queue = Queue::Receive {
            bytes: 0,
            limit_bytes: Some(limit),
        };
        let scene = Scene::new(&settings).counter("Udp", "RcvbufErrors", errors);
        let scene = scene.listener(53, queue, 30);
        (scene.judged(settings[0].0), scene.judged(settings[1].0))
    };
    let (default, most) = with(1000, 30);
    assert_change(&default, 212_992, &["30 datagrams", "1000 bytes"]);
    assert_ok(&most);
    let (default, most) = with(8000, 30);
    assert_ok(&default);
    assert_change(&most, 4_194_304, &["30 datagrams"]);
    let (default, most) = with(1000, 0);
    assert_ok(&default);
    assert_ok(&most);
    let (default, most) = with(3000, 30);
    assert_ok(&default);
    assert_ok(&most);
}

#[test]
fn buffers_out_of_order_and_large_by_default_are_named() {
    const KEY: &str = "net.ipv4.tcp_rmem";
    let judged = |value| Scene::new(&[(KEY, value)]).counter("sockstat.TCP", "inuse", 100);
    let of = |value| judged(value).judged(KEY);
    assert_ok(&of("4096\t131072\t33554432"));
    assert_note(&of("4096 16777216 8388608"), &["not in order"]);
    assert_note(&of("4096 8388608 16777216"), &["100 of them 800 MiB"]);
}

#[test]
fn socket_memory_is_judged_by_pages_in_use() {
    const KEY: &str = "net.ipv4.tcp_mem";
    let scene = |value, pages| {
        let scene = Scene::new(&[(KEY, value)]).counter("sockstat.TCP", "mem", pages);
        scene.judged(KEY)
    };
    let low = scene("1000\t2000\t3000", 2000);
    assert_eq!(low.verdict, Verdict::Change);
    assert!(low.reason.contains("2000 of 3000 pages"), "{}", low.reason);
    let suggested = low.suggested.unwrap().numbers().unwrap();
    assert_eq!(suggested[2], 578_532, "at least the default");
    assert!(suggested.is_sorted(), "{suggested:?}");
    assert_ok(&scene("1000\t2000\t3000", 1999));
    assert_ok(&scene("287898\t383867\t575796", 0));
    let unread = Scene::new(&[(KEY, "1000\t2000\t3000")]).judged(KEY);
    assert_ok(&unread);
    assert!(unread.reason.contains("unknown"), "{}", unread.reason);
    let all = scene("1000000 1200000 1600000", 1_300_000);
    assert_note(&all, &["a quarter of memory"]);
}

#[test]
fn orphans_files_and_connections_are_judged_at_four_fifths() {
    let orphans = |count| {
        const KEY: &str = "net.ipv4.tcp_max_orphans";
        let scene = Scene::new(&[(KEY, "1000")]);
        scene.counter("sockstat.TCP", "orphan", count).judged(KEY)
    };
    assert_change(&orphans(800), 131_072, &["800 of 1000", "80 %"]);
    assert_note(&orphans(799), &["799 of 1000", "below"]);
    let conntrack = |count| {
        let settings = [
            ("net.netfilter.nf_conntrack_max", "1000"),
            ("net.netfilter.nf_conntrack_count", count),
            ("net.netfilter.nf_conntrack_buckets", "100"),
            (
                "net.netfilter.nf_conntrack_tcp_timeout_established",
                "432000",
            ),
        ];
        let scene = Scene::new(&settings);
        [0, 2, 3].map(|at| scene.judged(settings[at].0))
    };
    let [most, buckets, timeout] = conntrack("800");
    assert_change(&most, 262_144, &["800 of 1000"]);
    assert_note(&buckets, &["10 deep"]);
    assert_note(&timeout, &["5.0 days"]);
    let [most, _, timeout] = conntrack("799");
    assert_ok(&most);
    assert_ok(&timeout);
    let files = |limit| {
        Scene::new(&[("fs.file-max", limit)])
            .process(ProcessFds::default())
            .judged("fs.file-max")
    };
    assert_change(&files("1250"), 2_468_408, &["1000 of 1250"]);
    assert_ok(&files("1251"));
    assert_ok(&files("9223372036854775807"));
}

#[test]
fn drops_of_packets_need_an_interval_to_call_for_a_change() {
    let backlog = "net.core.netdev_max_backlog";
    let scene = |dropped| {
        let mut scene = Scene::new(&[(backlog, "1000")]);
        scene.0.host_settings.as_mut().unwrap().softnet_dropped = Some(dropped);
        scene
    };
    assert_note(&scene(5).judged(backlog), &["5 since boot"]);
    assert_ok(&scene(0).judged(backlog));
    assert_change(
        &one(&scene(5).since(&scene(2)), backlog),
        2048,
        &["3 in 10 s"],
    );
    assert_ok(&one(&scene(5).since(&scene(5)), backlog));
}

#[test]
fn the_reverse_path_filter_is_loosened_where_it_is_known_which_one_drops() {
    let key = |name: &str| format!("net.ipv4.conf.{name}.rp_filter");
    let scene = |all: &str, interfaces: &[(&str, &str)], dropped| {
        let mut settings = vec![(key("all"), all)];
        settings.extend(interfaces.iter().map(|(name, value)| (key(name), *value)));
        let settings: Vec<(&str, &str)> = settings
            .iter()
            .map(|(key, value)| (key.as_str(), *value))
            .collect();
        Scene::new(&settings).counter("TcpExt", "IPReversePathFilter", dropped)
    };
    let moving = |all, interfaces: &[(&str, &str)]| {
        scene(all, interfaces, 5).since(&scene(all, interfaces, 2))
    };
    let one_strict = [("eth0", "1"), ("eth1", "0")];
    assert_note(
        &scene("1", &one_strict, 5).judged(&key("all")),
        &["5 since"],
    );
    assert_ok(&scene("1", &one_strict, 0).judged(&key("all")));

    let of_all = moving("1", &one_strict);
    let loosened = |report, name: &str| {
        let judged = one(report, &key(name));
        let suggested = judged.suggested.and_then(|value| value.number());
        assert_eq!((judged.verdict, suggested), (Verdict::Note, Some(2)));
        assert!(judged.reason.contains("3 in 10 s"), "{}", judged.reason);
    };
    loosened(&of_all, "all");
    assert_note(&one(&of_all, &key("eth0")), &["3 in 10 s"]);
    let of_one = moving("0", &one_strict);
    assert_ok(&one(&of_one, &key("all")));
    loosened(&of_one, "eth0");
    let several = moving("0", &[("eth0", "1"), ("eth1", "1")]);
    assert_note(&one(&several, &key("eth0")), &["2 interfaces are strict"]);
    let loose = moving("2", &one_strict);
    assert_ok(&one(&loose, &key("all")));
    assert_ok(&one(&loose, &key("eth0")));
    let later = moving("0", &[("default", "1")]);
    assert_ok(&one(&later, &key("default")));
}

#[test]
fn descriptor_limits_are_those_of_the_process_that_is_nearest() {
    let process = |pid, open, soft, cgroup: &str| ProcessFds {
        pid,
        name: "api".to_owned(),
        open: Some(open),
        limits: Some(FdLimits { soft, hard: 4096 }),
        cgroup: Some(cgroup.to_owned()),
        ..ProcessFds::default()
    };
    let service = "/system.slice/api.service";
    let scene = |open| {
        Scene::new(&[("fs.nr_open", "4096")])
            .process(process(7, open, 1024, service))
            .process(process(8, 3, 1024, service))
            .process(process(9, 3, 1024, "/"))
            .report()
    };
    let limits = |open| {
        let report = scene(open);
        let of_units = report.settings.iter().filter(|one| one.unit.is_some());
        of_units.cloned().collect::<Vec<_>>()
    };
    let near = limits(820);
    assert_eq!(near.len(), 1, "a process without a unit is not near");
    assert_eq!(near[0].unit.as_deref(), Some("api.service"));
    assert_change(&near[0], 2048, &["api (7) has 820 of 1024"]);
    assert_eq!(near[0].is_default, Some(true));
    assert_ok(&limits(819)[0]);
    let all = Scene::new(&[("fs.nr_open", "1024")]).process(process(7, 1024, 1024, service));
    let all = all.report();
    let all = all.settings.iter().find(|one| one.unit.is_some()).unwrap();
    assert_note(all, &["as many as fs.nr_open allows"]);
}

/// sshd does so for each client that has not logged in.
#[test]
fn a_process_that_forbids_itself_to_open_more_has_no_limit_to_raise() {
    let sandboxed = ProcessFds {
        pid: 7,
        name: "sshd".to_owned(),
        open: Some(6),
        limits: Some(FdLimits { soft: 1, hard: 1 }),
        cgroup: Some("/system.slice/ssh.service".to_owned()),
        ..ProcessFds::default()
    };
    let report = Scene::new(&[("fs.nr_open", "4096")])
        .process(sandboxed)
        .report();
    assert!(report.settings.iter().all(|one| one.unit.is_none()));
}

#[test]
fn keepalive_is_one_time_made_of_three() {
    let settings = |time| {
        [
            ("net.ipv4.tcp_keepalive_time", time),
            ("net.ipv4.tcp_keepalive_intvl", "75"),
            ("net.ipv4.tcp_keepalive_probes", "9"),
        ]
    };
    let judged = |time| Scene::new(&settings(time)).judged("net.ipv4.tcp_keepalive_time");
    assert_ok(&judged("7200"));
    assert!(judged("7200").reason.contains("7875 s"));
    assert_ok(&judged("60"));
    assert_note(&judged("86400"), &["87075 s"]);
}
