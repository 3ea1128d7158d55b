//! What bind(2) returns before it looks at other sockets.

use super::address;
use crate::{
    analysis::who::{
        Asked, Holders, Limits,
        Verdict::{self, Denied, NoAddress, Ok},
        WhoReport, report,
    },
    model::{AddressOutcome, AddressTrial},
};

fn limits(at: &str, outcome: AddressOutcome) -> Limits {
    let trial = |is_udp| AddressTrial {
        is_udp,
        address: address(at),
        outcome: outcome.clone(),
    };
    Limits {
        unprivileged_port_start: Some(1024),
        may_bind_privileged: Some(false),
        v6only: Some(false),
        addresses: [false, true].map(trial).into(),
        sees_bound: true,
        ..Limits::default()
    }
}

fn asked(at: &str, port: u16, limits: &Limits) -> WhoReport {
    let asked = Asked {
        target: format!("{at}:{port}"),
        port: Some(port),
        addresses: vec![address(at)],
        uid: 1000,
        ..Asked::default()
    };
    report(&asked, limits, &Holders::default())
}

#[track_caller]
fn assert_all(report: &WhoReport, expected: Option<Verdict>) {
    assert_eq!(report.bind.len(), 2, "of TCP and UDP");
    for row in &report.bind {
        let verdicts = [row.plain, row.reuseaddr, row.reuseport, row.both];
        assert_eq!(verdicts, [expected; 4]);
    }
}

#[test]
fn ports_below_the_first_unprivileged_one_are_denied() {
    for at in ["127.0.0.1", "::1"] {
        let mut limits = limits(at, AddressOutcome::Taken);
        assert_all(&asked(at, 1023, &limits), Some(Denied));
        assert_all(&asked(at, 1024, &limits), Some(Ok));
        limits.may_bind_privileged = Some(true);
        assert_all(&asked(at, 1023, &limits), Some(Ok));
        limits.may_bind_privileged = Some(false);
        limits.unprivileged_port_start = Some(0);
        assert_all(&asked(at, 1, &limits), Some(Ok));
    }
}

#[test]
fn an_address_that_is_not_local_is_refused_before_an_ipv4_port_and_after_an_ipv6_one() {
    let of = |at| limits(at, AddressOutcome::Absent);
    assert_all(&asked("192.0.2.1", 80, &of("192.0.2.1")), Some(NoAddress));
    assert_all(&asked("2001:db8::1", 80, &of("2001:db8::1")), Some(Denied));
    let high = asked("2001:db8::1", 8080, &of("2001:db8::1"));
    assert_all(&high, Some(NoAddress));
    assert!(
        high.bind[0]
            .because
            .as_ref()
            .unwrap()
            .contains("IP_FREEBIND")
    );
    assert_eq!(high.incomplete, []);
}

#[test]
fn another_error_leaves_it_open_and_is_told() {
    let refused = AddressOutcome::Refused("Invalid argument".to_owned());
    let report = asked("ff02::1", 8080, &limits("ff02::1", refused.clone()));
    assert_all(&report, None);
    let [missing] = &report.incomplete[..] else {
        panic!("{:?}", report.incomplete)
    };
    assert_eq!(missing.why, "bind() of ff02::1: Invalid argument");
    let link_local = asked("fe80::1", 8080, &limits("fe80::1", refused));
    assert!(link_local.incomplete[0].why.contains("the interface"));
}

#[test]
fn a_capability_that_could_not_be_read_leaves_ports_that_need_it_open() {
    for at in ["127.0.0.1", "::1"] {
        let mut limits = limits(at, AddressOutcome::Taken);
        limits.may_bind_privileged = None;
        limits.privilege_unread = Some("Permission denied".to_owned());
        let report = asked(at, 80, &limits);
        assert_all(&report, None);
        let [missing] = &report.incomplete[..] else {
            panic!("{:?}", report.incomplete)
        };
        let why = "whether the program has CAP_NET_BIND_SERVICE: Permission denied";
        assert_eq!(missing.why, why);
        let free = asked(at, 8080, &limits);
        assert_all(&free, Some(Ok));
        assert_eq!(free.incomplete, []);
    }
    // The address is checked first, or after the port.
    let mut absent = limits("192.0.2.1", AddressOutcome::Absent);
    absent.may_bind_privileged = None;
    assert_all(&asked("192.0.2.1", 80, &absent), Some(NoAddress));
    let mut absent = limits("2001:db8::1", AddressOutcome::Absent);
    absent.may_bind_privileged = None;
    assert_all(&asked("2001:db8::1", 80, &absent), None);
}

#[test]
fn a_first_unprivileged_port_that_could_not_be_read_is_taken_to_be_the_default_or_lower() {
    let mut limits = limits("127.0.0.1", AddressOutcome::Taken);
    limits.unprivileged_port_start = None;
    assert_all(&asked("127.0.0.1", 1023, &limits), None);
    assert_all(&asked("127.0.0.1", 1024, &limits), Some(Ok));
    limits.may_bind_privileged = Some(true);
    assert_all(&asked("127.0.0.1", 1023, &limits), Some(Ok));
}

#[test]
fn selinux_may_refuse_what_is_free() {
    let mut limits = limits("127.0.0.1", AddressOutcome::Taken);
    limits.selinux_enforces = true;
    let free = asked("127.0.0.1", 8080, &limits);
    let [missing] = &free.incomplete[..] else {
        panic!("{:?}", free.incomplete)
    };
    assert!(missing.why.starts_with("SELinux"), "{}", missing.why);
    assert_eq!(asked("127.0.0.1", 80, &limits).incomplete, []);
}
