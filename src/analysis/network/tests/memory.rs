//! Memory of sockets, and orphans.

use super::*;

fn memory(pages: u64) -> MemoryReport {
    MemoryReport {
        pages: Some(pages),
        low: Some(100),
        pressure: Some(200),
        high: Some(300),
        used_ratio: Some(pages as f64 / 300.0),
    }
}

#[test]
fn tcp_is_under_pressure_above_the_second_value_and_udp_above_the_first() {
    let tcp = |pages| {
        of_host(HostReport {
            tcp_memory: memory(pages),
            ..HostReport::default()
        })
    };
    assert_eq!(tcp(200), []);
    assert_eq!(tcp(201), [("tcp_memory_pressure", Critical)]);
    let udp = |pages| {
        of_host(HostReport {
            udp_memory: memory(pages),
            ..HostReport::default()
        })
    };
    assert_eq!(udp(100), []);
    assert_eq!(udp(101), [("udp_memory_pressure", Warning)]);
}

fn events(host: HostReport, change: impl FnOnce(&mut MemoryEvents)) -> Vec<Rule> {
    let mut memory_events = MemoryEvents::default();
    change(&mut memory_events);
    let namespace = NamespaceReport {
        memory_events,
        ..NamespaceReport::default()
    };
    rules(&concluded(host, namespace))
}

#[test]
fn pressure_that_has_passed_is_shown_by_a_counter() {
    let none = HostReport::default;
    let pressed = |one: &mut MemoryEvents| one.tcp_pressures = Some(1);
    assert_eq!(events(none(), pressed), [("tcp_memory_pressure", Critical)]);
    assert_eq!(events(none(), |one| one.tcp_pressures = Some(0)), []);
    assert_eq!(
        events(none(), |one| one.udp_drops = Some(1)),
        [("udp_memory_pressure", Warning)]
    );
    let still = HostReport {
        tcp_memory: memory(201),
        ..none()
    };
    assert_eq!(
        events(still, pressed),
        [("tcp_memory_pressure", Critical)],
        "once"
    );
}

/// Full buffers of single sockets have these counters move on hosts with memory to spare.
#[test]
fn a_full_buffer_of_one_socket_is_no_memory_pressure() {
    let full = |one: &mut MemoryEvents| {
        one.pruned = Some(500);
        one.receive_queue_drops = Some(500);
        one.busy_socket_drops = Some(500);
    };
    let limited = [("socket_buffer_limited", Info)];
    assert_eq!(events(HostReport::default(), full), limited);
}

#[test]
fn full_buffers_that_hold_peers_up_are_worth_knowing() {
    let of = |change: fn(&mut MemoryEvents)| events(HostReport::default(), change);
    let limited = [("socket_buffer_limited", Info)];
    assert_eq!(of(|one| one.zero_windows = Some(10)), limited);
    assert_eq!(of(|one| one.zero_windows = Some(9)), []);
    let each_a_few = |one: &mut MemoryEvents| {
        one.zero_windows = Some(4);
        one.receive_queue_drops = Some(2);
        one.prune_drops = Some(2);
        one.zero_window_drops = Some(2);
    };
    assert_eq!(of(each_a_few), limited);
    // Room was made, and nobody had to stop.
    let made_room = |one: &mut MemoryEvents| {
        one.pruned = Some(500);
        one.collapsed = Some(500);
        one.zero_windows_wanted = Some(500);
    };
    assert_eq!(of(made_room), []);
    // The memory of the host was short, not that of a socket.
    let short = HostReport {
        tcp_memory: memory(250),
        ..HostReport::default()
    };
    let found = events(short, |one| one.zero_windows = Some(500));
    assert_eq!(found, [("tcp_memory_pressure", Critical)]);
    let pressed = of(|one| {
        one.zero_windows = Some(500);
        one.tcp_pressures = Some(1);
    });
    assert_eq!(pressed, [("tcp_memory_pressure", Critical)]);
}

#[test]
fn orphans_are_near_their_limit_from_four_fifths_on() {
    let orphans = |orphans: u64| HostReport {
        orphans: Some(orphans),
        max_orphans: Some(100),
        orphans_ratio: Some(orphans as f64 / 100.0),
        ..HostReport::default()
    };
    let near = [("orphans_near_limit", Warning)];
    assert_eq!(of_host(orphans(79)), []);
    assert_eq!(of_host(orphans(80)), near);
    let aborted = |one: &mut MemoryEvents| one.aborted = Some(3);
    assert_eq!(
        events(orphans(30), aborted),
        near,
        "those without an answer at a quarter"
    );
    assert_eq!(events(orphans(90), aborted), near, "once");
    let short = HostReport {
        tcp_memory: memory(250),
        ..HostReport::default()
    };
    assert_eq!(events(short, aborted), [("tcp_memory_pressure", Critical)]);
}
