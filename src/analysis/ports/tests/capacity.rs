//! Which ports there are, and which may be taken over.

use super::*;

fn blocked(range: std::ops::RangeInclusive<u16>) -> Blocked {
    Capacity::new(limits(), range, &[]).blocked
}

#[test]
fn connect_begins_at_the_low_end_and_has_the_odd_one() {
    let mut odd = blocked(101..=119);
    assert_eq!((odd.left, odd.left_for_connect), (19, 10));
    assert!(odd.is_for_connect(119) && !odd.is_for_connect(102));
    odd.add(&ports([102, 103, 104]));
    assert_eq!((odd.left, odd.left_for_connect), (16, 9));
    let even = blocked(100..=119);
    assert_eq!((even.left, even.left_for_connect), (20, 10));
}

fn is_reusable(limits: PortLimits, one: &Connection) -> bool {
    only(&reading(limits, std::slice::from_ref(one))).reusable == 1
}

#[test]
fn a_time_wait_is_old_enough_after_a_second_unless_set_otherwise() {
    let limits = |delay| PortLimits {
        tcp_tw_reuse: Some(1),
        tcp_tw_reuse_delay_ms: delay,
        ..limits()
    };
    let aged = |age_ms: u32| Connection {
        left_ms: Some(60_000 - age_ms),
        ..connection(100, "10.0.0.9:80", State::TimeWait)
    };
    for (delay, age, expected) in [
        (None, 1000, false),
        (None, 1001, true),
        (Some(0), 0, false),
        (Some(0), 1, true),
        (Some(5000), 5000, false),
        (Some(5000), 5001, true),
    ] {
        let found = is_reusable(limits(delay), &aged(age));
        assert_eq!(found, expected, "{age} ms old, delay {delay:?}");
    }
}

#[test]
fn timestamps_without_an_offset_are_timestamps() {
    let limits = |timestamps| PortLimits {
        tcp_tw_reuse: Some(1),
        tcp_timestamps: timestamps,
        ..limits()
    };
    let one = connection(100, "10.0.0.9:80", State::TimeWait);
    assert!(is_reusable(limits(Some(2)), &one));
    assert!(!is_reusable(limits(Some(0)), &one));
}

#[test]
fn loopback_is_an_address_at_either_end_or_the_interface() {
    let plain = connection(100, "10.0.0.9:80", State::TimeWait);
    let with = |local: &str, peer: &str, interface| {
        let mut one = plain;
        (one.local.address, one.peer) = (address(local), address(peer));
        one.local.interface = interface;
        one
    };
    for (local, peer, interface, expected) in [
        ("10.0.0.5", "10.0.0.9", 0, false),
        ("10.0.0.5", "10.0.0.9", 1, true),
        ("10.0.0.5", "10.0.0.9", 2, false),
        ("127.0.0.2", "10.0.0.9", 0, true),
        ("10.0.0.5", "127.0.0.2", 0, true),
        ("::ffff:127.0.0.1", "::ffff:10.0.0.9", 0, true),
        ("::1", "::1", 0, true),
    ] {
        let found = is_reusable(limits(), &with(local, peer, interface));
        assert_eq!(found, expected, "{local} to {peer} on {interface}");
    }
}
