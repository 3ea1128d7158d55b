//! Memory of sockets, and sockets that no process holds.

use super::{NamespaceReport, tool};
use crate::analysis::{
    Finding,
    Severity::{Critical, Info, Warning},
    network::{HostReport, MemoryReport, report::ratio},
    rules::{
        BUFFER_LIMITED_LEAST, NEAR_LIMIT, ORPHANS_NEAR_LIMIT, SOCKET_BUFFER_LIMITED,
        TCP_MEMORY_PRESSURE, UDP_MEMORY_PRESSURE,
    },
};

pub fn of_host(host: &HostReport) -> impl Iterator<Item = Finding> {
    let memory = [tcp(&host.tcp_memory), udp(&host.udp_memory)];
    memory.into_iter().chain([orphans(host)]).flatten()
}

/// What only counters of a namespace show: memory was short in between, and is not now.
pub fn of_namespace(
    namespace: &NamespaceReport,
    host: &HostReport,
) -> impl Iterator<Item = Finding> {
    let events = &namespace.memory_events;
    let is_short = is_above_pressure(&host.tcp_memory);
    let pressed = events.tcp_pressures.filter(|times| *times > 0 && !is_short);
    let tcp = pressed.map(|times| {
        let message = format!(
            "TCP came under memory pressure {times} times since the previous reading: it shrinks \
             windows and drops what it has buffered"
        );
        let finding = TCP_MEMORY_PRESSURE
            .of_netns(Critical, &namespace.netns, message)
            .count("memory_events.tcp_pressures", times, "times")
            .because("the sockets of the host went over net.ipv4.tcp_mem");
        with_tcp(finding, &host.tcp_memory)
    });
    let aborted = events.aborted.filter(|count| *count > 0);
    let aborted = aborted.filter(|_| tcp.is_none() && !is_short && !is_near(host));
    let orphans = aborted.map(|count| {
        let message =
            format!("{count} connections without an owner were reset since the previous reading");
        let finding = ORPHANS_NEAR_LIMIT
            .of_netns(Warning, &namespace.netns, message)
            .count("memory_events.aborted", count, "connections")
            .likely(
                "more orphans than net.ipv4.tcp_max_orphans, of which those that get no answer may \
                 take a quarter, or more memory than net.ipv4.tcp_mem",
            );
        with_orphans(finding, host)
    });
    let dropped = events.udp_drops.filter(|count| *count > 0);
    let udp = dropped
        .filter(|_| !is_moderated(&host.udp_memory))
        .map(|count| {
            let message = format!(
                "{count} datagrams dropped for lack of UDP memory since the previous reading"
            );
            let finding = UDP_MEMORY_PRESSURE
                .of_netns(Warning, &namespace.netns, message)
                .count("memory_events.udp_drops", count, "datagrams")
                .likely("the sockets of the host went over net.ipv4.udp_mem");
            with_udp(finding, &host.udp_memory)
        });
    let next = tool(namespace, "ss -tm");
    let tcp = tcp.map(|finding| finding.next(next));
    let limited = buffer_limited(namespace).filter(|_| tcp.is_none() && !is_short);
    [tcp, orphans, udp, limited].into_iter().flatten()
}

/// Under memory pressure the same counters move. Pruning and merging alone hold nobody up.
fn buffer_limited(namespace: &NamespaceReport) -> Option<Finding> {
    let events = &namespace.memory_events;
    let closed = events.zero_windows.unwrap_or(0);
    let drops = [
        events.receive_queue_drops,
        events.prune_drops,
        events.zero_window_drops,
    ];
    let dropped: u64 = drops.into_iter().flatten().sum();
    if closed + dropped < BUFFER_LIMITED_LEAST {
        return None;
    }
    let message = format!(
        "full receive buffers told peers to stop {closed} times and dropped {dropped} segments \
         since the previous reading"
    );
    let finding = SOCKET_BUFFER_LIMITED.of_netns(Info, &namespace.netns, message);
    let evidence = [
        ("memory_events.zero_windows", events.zero_windows, "times"),
        (
            "memory_events.zero_windows_wanted",
            events.zero_windows_wanted,
            "times",
        ),
        (
            "memory_events.zero_window_drops",
            events.zero_window_drops,
            "segments",
        ),
        (
            "memory_events.receive_queue_drops",
            events.receive_queue_drops,
            "segments",
        ),
        ("memory_events.prune_drops", events.prune_drops, "segments"),
        ("memory_events.pruned", events.pruned, "times"),
        ("memory_events.collapsed", events.collapsed, "segments"),
    ];
    let finding = evidence
        .into_iter()
        .fold(finding, |finding, (name, value, unit)| {
            finding.count_known(name, value, unit)
        })
        .likely(
            "programs read more slowly than their peers send, which slows the peers down and loses \
             nothing; or receive buffers are small (SO_RCVBUF, net.ipv4.tcp_rmem)",
        )
        .next(tool(namespace, "ss -tnH | sort -rnk2 | head"))
        .next_in_netns("sockdiag counters ToZeroWindow ZeroWindowDrop RcvQDrop RcvPruned -w");
    Some(finding)
}

fn is_above_pressure(memory: &MemoryReport) -> bool {
    let limits = memory.pages.zip(memory.pressure);
    limits.is_some_and(|(pages, pressure)| pages > pressure)
}

fn tcp(memory: &MemoryReport) -> Option<Finding> {
    let (pages, pressure) = (memory.pages?, memory.pressure?);
    if !is_above_pressure(memory) {
        return None;
    }
    let message = format!(
        "TCP sockets use {pages} pages, more than {pressure}: TCP shrinks windows and drops what it \
         has buffered"
    );
    let finding = TCP_MEMORY_PRESSURE
        .finding(Critical, "host", message)
        .because("the pressure value of net.ipv4.tcp_mem is exceeded");
    Some(with_tcp(finding, memory).next("ss -tm"))
}

fn with_tcp(finding: Finding, memory: &MemoryReport) -> Finding {
    let finding = finding
        .count_known("host.tcp_memory.pages", memory.pages, "pages")
        .count_known("host.tcp_memory.pressure", memory.pressure, "pages")
        .count_known("host.tcp_memory.high", memory.high, "pages")
        .remedy(
            "find the sockets that nobody reads from or whose peers do not read, and close them",
        );
    finding.with(doubled("tcp_mem", memory), Finding::remedy)
}

/// UDP is limited from the first value on.
fn is_moderated(memory: &MemoryReport) -> bool {
    let limits = memory.pages.zip(memory.low);
    limits.is_some_and(|(pages, low)| pages > low)
}

fn udp(memory: &MemoryReport) -> Option<Finding> {
    let (pages, low) = (memory.pages?, memory.low?);
    if !is_moderated(memory) {
        return None;
    }
    let message = format!(
        "UDP sockets use {pages} pages, more than {low}: sockets over net.ipv4.udp_rmem_min get no \
         more"
    );
    let finding = UDP_MEMORY_PRESSURE
        .finding(Warning, "host", message)
        .because("the first value of net.ipv4.udp_mem is exceeded");
    Some(with_udp(finding, memory))
}

fn with_udp(finding: Finding, memory: &MemoryReport) -> Finding {
    finding
        .count_known("host.udp_memory.pages", memory.pages, "pages")
        .count_known("host.udp_memory.low", memory.low, "pages")
        .with(doubled("udp_mem", memory), Finding::remedy)
        .next("sockdiag queues -u -w")
}

fn doubled(name: &str, memory: &MemoryReport) -> Option<String> {
    let double = |pages: Option<u64>| Some(pages?.saturating_mul(2));
    let (low, pressure) = (double(memory.low)?, double(memory.pressure)?);
    let (high, more) = (double(memory.high)?, memory.high?);
    Some(format!(
        "sysctl -w net.ipv4.{name}='{low} {pressure} {high}' # sockets may take {more} more pages of \
         memory"
    ))
}

fn is_near(host: &HostReport) -> bool {
    host.orphans_ratio.is_some_and(|ratio| ratio >= NEAR_LIMIT)
}

fn orphans(host: &HostReport) -> Option<Finding> {
    let (orphans, limit) = (host.orphans?, host.max_orphans?);
    if !is_near(host) {
        return None;
    }
    let message = format!(
        "{orphans} of {limit} connections that no process holds (net.ipv4.tcp_max_orphans): beyond \
         it they are reset"
    );
    let finding = ORPHANS_NEAR_LIMIT
        .finding(Warning, "host", message)
        .likely("processes close connections whose peers do not take the rest of the data");
    Some(with_orphans(finding, host))
}

/// The same of these numbers alone.
pub fn orphans_near_limit(orphans: Option<u64>, limit: Option<u64>) -> Option<Finding> {
    self::orphans(&HostReport {
        orphans,
        max_orphans: limit,
        orphans_ratio: ratio(orphans, limit),
        ..HostReport::default()
    })
}

fn with_orphans(finding: Finding, host: &HostReport) -> Finding {
    let more = host.max_orphans.map(|limit| {
        let more = limit.saturating_mul(2);
        format!("sysctl -w net.ipv4.tcp_max_orphans={more} # up to 64 KiB of memory for each")
    });
    finding
        .count_known("host.orphans", host.orphans, "connections")
        .count_known("host.max_orphans", host.max_orphans, "connections")
        .remedy_in_netns(
            "sysctl -w net.ipv4.tcp_orphan_retries=3 # orphans that get no answer end sooner",
        )
        .with(more, Finding::remedy)
        .next("ss -tano state fin-wait-1 state last-ack state closing")
}
