//! `buffers` from values: no kernel.

use std::collections::BTreeMap;

use super::{BuffersReport, GroupReport, Limits, SETTINGS, Samples};
use crate::{
    analysis::{
        Sampling as _,
        incomplete::out_of_time,
        sockets::{
            By, Held,
            samples::{self, api},
        },
    },
    model::{
        Endpoint, Family, ListenAddresses, Listener, Netns, SocketMemory, SocketRow, Sysctl,
        Sysctls, TcpInfo,
        snapshot::{MemoryLimits, ProtocolMemory},
    },
};

const MIN_RTT: usize = 148;
const DELIVERY_RATE: usize = 160;
const BUSY: usize = 168;
const BY_WINDOW: usize = 176;
const BY_BUFFER: usize = 184;

fn connection(peer: &str, times: &[(usize, u64)]) -> SocketRow {
    with_memory(samples::connection(peer, times), 0, 0, 0)
}

fn with_memory(row: SocketRow, receive: u32, send: u32, forward: u32) -> SocketRow {
    SocketRow {
        memory: Some(SocketMemory {
            receive_bytes: receive,
            receive_limit_bytes: 131_072,
            send_bytes: 1,
            send_limit_bytes: 87_040,
            forward_bytes: forward,
            queued_bytes: send,
            option_bytes: 0,
            backlog_bytes: 0,
            drops: None,
        }),
        ..row
    }
}

fn sent(busy: u64, by_window: u64, by_buffer: u64) -> SocketRow {
    let times = [(BUSY, busy), (BY_WINDOW, by_window), (BY_BUFFER, by_buffer)];
    connection("10.0.0.9:5432", &times)
}

fn sysctls(values: [&str; 4]) -> Sysctls {
    let values = values.map(|value| Sysctl::Value(value.to_owned()));
    let keys = SETTINGS.iter().map(|key| (*key).to_owned());
    keys.zip(values).collect()
}

const ORDINARY: [&str; 4] = [
    "4096\t131072\t6291456",
    "4096\t16384\t4194304",
    "212992",
    "212992",
];

/// 1000 pages of 4096 bytes at most.
fn host() -> Limits {
    let limits = MemoryLimits {
        low: 250,
        pressure: 500,
        high: 1000,
    };
    let memory = ProtocolMemory {
        pages: Some(7),
        limits: Some(limits),
    };
    Limits::new(&memory, 4096)
}

fn enter(report: &mut BuffersReport, values: [&str; 4], listening: ListenAddresses) {
    let interfaces = BTreeMap::new();
    report.enter(Netns::default(), interfaces, listening, &sysctls(values));
}

fn report_within(by: By, sockets: &[SocketRow], listening: ListenAddresses) -> BuffersReport {
    let mut report = BuffersReport::new(by, host());
    enter(&mut report, ORDINARY, listening);
    let owners = api();
    let held = Held {
        owners: &owners,
        unit: None,
    };
    for row in sockets {
        report.add(row, &held);
    }
    report.finish();
    report
}

fn report(by: By, sockets: &[SocketRow]) -> BuffersReport {
    report_within(by, sockets, ListenAddresses::default())
}

fn ratios(group: &GroupReport) -> (Option<f64>, Option<f64>) {
    let by_window = group.limited_by_receive_window_ratio;
    (by_window, group.limited_by_send_buffer_ratio)
}

#[test]
fn memory_is_added_up_and_compared_with_that_of_the_host() {
    let sockets = [
        with_memory(sent(0, 0, 0), 4096, 8192, 4096),
        with_memory(sent(0, 0, 0), 0, 16_384, 8192),
    ];
    let report = report(By::Process, &sockets);
    let group = &report.groups[0];
    assert_eq!(
        (group.name.key.as_deref(), group.name.pid),
        (Some("api"), Some(12))
    );
    assert_eq!((group.receive_bytes, group.send_bytes), (4096, 24_576));
    assert_eq!((group.forward_bytes, group.sockets), (12_288, 2));
    assert_eq!(group.receive_limit_bytes, 2 * 131_072);
    assert_eq!(group.send_limit_bytes, 2 * 87_040);
    assert_eq!(group.tcp_mem_ratio, Some(0.01));
    assert_eq!(report.totals.total_bytes(), 40_960);
}

#[test]
fn shares_are_weighted_by_the_time_with_data_to_send() {
    let sockets = [sent(9000, 9000, 0), sent(1000, 0, 500), sent(0, 0, 0)];
    let report = report(By::Process, &sockets);
    assert_eq!(ratios(&report.groups[0]), (Some(0.9), Some(0.05)));
    assert_eq!(report.groups[0].busy_ms, Some(10.0));
}

#[test]
fn what_was_never_busy_or_not_told_has_no_share() {
    let silent = report(By::Process, &[sent(0, 0, 0)]);
    assert_eq!(ratios(&silent.groups[0]), (None, None));
    assert_eq!(silent.groups[0].busy_ms, Some(0.0));
    let older = SocketRow {
        info: Some(TcpInfo::new(&[1; 184])),
        ..sent(0, 0, 0)
    };
    let older = report(By::Process, &[older]);
    assert_eq!(ratios(&older.groups[0]), (None, None));
    assert_eq!(older.groups[0].busy_ms, None);
}

/// Data waits in both of them, but only the kernel's own times say that something was limited.
#[test]
fn a_full_buffer_is_no_limit() {
    let full = with_memory(sent(5000, 0, 0), 131_072, 87_040, 0);
    let report = report(By::Process, &[full]);
    assert_eq!(ratios(&report.groups[0]), (Some(0.0), Some(0.0)));
}

#[test]
fn the_bandwidth_delay_product_is_the_largest_seen() {
    let seen = |rate, rtt| {
        let info = [(DELIVERY_RATE, rate), (MIN_RTT, rtt)];
        connection("10.0.0.9:5432", &info)
    };
    // 10 MB/s × 20 ms
    let sockets = [seen(10_000_000, 20_000), seen(500_000, 1000)];
    let product =
        |sockets: &[SocketRow]| report(By::Process, sockets).groups[0].bandwidth_delay_bytes;
    assert_eq!(product(&sockets), Some(200_000));
    assert_eq!(product(&[seen(0, 20_000)]), None);
    assert_eq!(
        product(&[seen(500_000, u32::MAX.into())]),
        None,
        "no RTT yet"
    );
}

#[test]
fn each_connection_is_a_group_and_a_listener_has_its_own() {
    let two = [connection("10.0.0.9:1", &[]), connection("10.0.0.9:2", &[])];
    let sockets = report(By::Socket, &two);
    let keys: Vec<_> = sockets
        .groups
        .iter()
        .filter_map(|group| group.name.key.as_deref())
        .collect();
    assert_eq!(
        keys,
        ["10.0.0.5:40000 10.0.0.9:1", "10.0.0.5:40000 10.0.0.9:2"]
    );
    assert_eq!(sockets.groups[0].owners[0].name, "api");

    let listener = Listener::idle(
        Endpoint {
            family: Family::V4,
            address: "0.0.0.0".parse().unwrap(),
            port: 40000,
            interface: 0,
        },
        9,
    );
    let served = report_within(By::Listener, &two, ListenAddresses::of([&listener]));
    assert_eq!(served.groups[0].name.key.as_deref(), Some("0.0.0.0:40000"));
    assert_eq!(report(By::Listener, &two).groups[0].name.key, None);
}

#[test]
fn namespaces_that_differ_have_their_own_limits() {
    let mut report = BuffersReport::new(By::Process, host());
    let other = ["4096 4096 4096", ORDINARY[1], "212992", "1"];
    for values in [ORDINARY, other] {
        enter(&mut report, values, ListenAddresses::default());
    }
    report.finish();
    let limits = report.limits;
    assert_eq!((limits.rmem, limits.wmem_max_bytes), (None, None));
    assert_eq!(limits.wmem.unwrap().maximum, 4_194_304);
    assert_eq!(limits.rmem_max_bytes, Some(212_992));
    assert_eq!(limits.tcp_mem_used_pages, Some(7));
    let [first, second] = &report.namespaces[..] else {
        panic!("two")
    };
    assert_eq!(first.limits.rmem.unwrap().default, 131_072);
    assert_eq!(second.limits.rmem.unwrap().default, 4096);
}

#[test]
fn a_namespace_that_hides_tcp_mem_says_so() {
    let mut report = BuffersReport::new(By::Process, Limits::default());
    let nobody = ListenAddresses::default();
    report.enter(Netns::default(), BTreeMap::new(), nobody, &Sysctls::new());
    report.add(&sent(0, 0, 0), &Held::default());
    report.finish();
    assert_eq!(report.groups[0].tcp_mem_ratio, None);
    assert_eq!(report.limits.rmem, None);
    let missing: Vec<_> = report.incomplete.iter().map(|one| &*one.what).collect();
    assert_eq!(missing, ["tcp_mem"]);
}

/// A FIN_WAIT2 that the kernel keeps without a socket of full size.
#[test]
fn what_has_no_buffers_does_not_count() {
    let bare = SocketRow {
        memory: None,
        info: None,
        inode: 0,
        ..sent(0, 0, 0)
    };
    let report = report(By::Process, &[bare]);
    assert!(report.groups.is_empty(), "{report:#?}");
    assert_eq!(report.totals.sockets, 0);
}

#[test]
fn memory_is_sampled() {
    let mut samples = Samples::default();
    let sample = |bytes| report(By::Process, &[with_memory(sent(0, 0, 0), bytes, 0, 0)]);
    for bytes in [100, 300] {
        samples.add(&sample(bytes));
    }
    let mut last = sample(300);
    samples.fill(&mut last);
    for sampled in [&last.totals.sampled, &last.groups[0].sampled] {
        let sampled = sampled.as_ref().unwrap();
        assert_eq!(
            (sampled.minimum, sampled.mean, sampled.maximum),
            (100, 700.0 / 3.0, 300)
        );
    }
    let mut gone = report(By::Process, &[]);
    samples.fill(&mut gone);
    let sampled = gone.groups[0].sampled.as_ref().unwrap();
    assert_eq!((sampled.samples, sampled.minimum), (4, 0));
}

#[test]
fn a_search_that_ran_out_of_time_goes_on_by_this_command() {
    let mut report = BuffersReport::new(By::Peer, Limits::default());
    report.note_owners(&out_of_time::owners(), 2, 1);
    out_of_time::assert_names(&report.incomplete, "sockdiag buffers");
}
