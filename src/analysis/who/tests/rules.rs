//! Each rule about other sockets, on both sides.

use super::{attempt, claim};
use crate::analysis::who::{
    Attempt, Claim,
    Verdict::{self, InUse, Ok},
    bind::{tcp, udp},
    overlap::overlap,
};

#[track_caller]
fn assert_tcp(attempt: Attempt, claim: Claim, expected: Option<Verdict>) {
    let verdict = tcp(&attempt, &[claim], true);
    assert_eq!(verdict, expected, "{attempt:?} beside {claim:?}");
}

#[track_caller]
fn assert_udp(attempt: Attempt, claim: Claim, expected: Option<Verdict>) {
    let verdict = udp(&attempt, &[claim], false);
    assert_eq!(verdict, expected, "{attempt:?} beside {claim:?}");
}

fn with_reuseaddr(attempt: Attempt) -> Attempt {
    Attempt {
        reuseaddr: true,
        ..attempt
    }
}

fn with_reuseport(attempt: Attempt) -> Attempt {
    Attempt {
        reuseport: true,
        ..attempt
    }
}

fn reusing_address(claim: Claim) -> Claim {
    Claim {
        reuseaddr: Some(true),
        ..claim
    }
}

fn reusing_port(claim: Claim) -> Claim {
    Claim {
        reuseport: Some(true),
        ..claim
    }
}

#[test]
fn addresses_exclude_each_other_where_one_is_the_other_or_a_wildcard() {
    for (asked, claimed, expected) in [
        ("127.0.0.1", "127.0.0.1", true),
        ("127.0.0.1", "127.0.0.2", false),
        ("0.0.0.0", "127.0.0.1", true),
        ("127.0.0.1", "0.0.0.0", true),
        ("::1", "::1", true),
        ("::1", "::2", false),
        ("::", "::1", true),
        ("::1", "::", true),
        ("127.0.0.1", "::ffff:127.0.0.1", true),
        ("127.0.0.2", "::ffff:127.0.0.1", false),
        ("127.0.0.1", "::", true),
        ("127.0.0.1", "::1", false),
        ("0.0.0.0", "::1", true),
        ("::1", "127.0.0.1", false),
        ("::", "127.0.0.1", true),
        ("::", "0.0.0.0", true),
        ("::1", "0.0.0.0", false),
    ] {
        let told = overlap(&attempt(asked), &claim(claimed));
        assert_eq!(told, Some(expected), "{asked} beside {claimed}");
    }
}

#[test]
fn v6only_keeps_the_families_apart() {
    let v6only = |v6only, at| Claim {
        v6only,
        ..claim(at)
    };
    let dual = attempt("::");
    let only = Attempt {
        v6only: true,
        ..dual
    };
    assert_eq!(overlap(&only, &claim("0.0.0.0")), Some(false));
    assert_eq!(overlap(&only, &claim("::1")), Some(true));
    let v4 = attempt("127.0.0.1");
    assert_eq!(overlap(&v4, &v6only(Some(true), "::")), Some(false));
    assert_eq!(overlap(&v4, &v6only(None, "::")), None);
    // A connection may lack IPV6_V6ONLY, which bind() sets for an IPv6 address.
    let any = attempt("0.0.0.0");
    assert_eq!(overlap(&any, &v6only(Some(true), "::1")), Some(false));
    assert_eq!(overlap(&any, &v6only(None, "::1")), None);
}

#[test]
fn the_address_that_stands_for_ipv6_before_linux_6_1_is_left_open() {
    let six = attempt("127.0.0.6");
    assert_eq!(overlap(&six, &claim("::1")), None);
    let only = Claim {
        v6only: Some(true),
        ..claim("::1")
    };
    assert_eq!(overlap(&six, &only), Some(false));
}

#[test]
fn without_options_a_port_is_held_once() {
    let (asked, held) = (attempt("0.0.0.0"), claim("127.0.0.1"));
    assert_tcp(asked, held, Some(InUse));
    assert_udp(asked, held, Some(InUse));
    assert_tcp(attempt("127.0.0.2"), held, Some(Ok));
    assert_eq!(tcp(&asked, &[], true), Some(Ok));
    assert_eq!(udp(&asked, &[], false), Some(Ok));
}

#[test]
fn reuseaddr_counts_where_both_have_it_and_nobody_listens() {
    let (asked, held) = (with_reuseaddr(attempt("0.0.0.0")), claim("127.0.0.1"));
    assert_tcp(asked, held, Some(InUse));
    assert_tcp(asked, reusing_address(held), Some(Ok));
    assert_tcp(attempt("0.0.0.0"), reusing_address(held), Some(InUse));
    let listener = Claim {
        listens: true,
        ..reusing_address(held)
    };
    assert_tcp(asked, listener, Some(InUse));
    // UDP sockets never listen.
    assert_udp(asked, reusing_address(held), Some(Ok));
    let unknown = Claim {
        reuseaddr: None,
        ..held
    };
    assert_tcp(asked, unknown, None);
    assert_tcp(attempt("0.0.0.0"), unknown, Some(InUse));
    let unknown_listener = Claim {
        listens: true,
        ..unknown
    };
    assert_tcp(asked, unknown_listener, Some(InUse));
}

#[test]
fn reuseport_counts_where_both_have_it_and_the_user_is_the_same() {
    let (asked, held) = (with_reuseport(attempt("127.0.0.1")), claim("127.0.0.1"));
    assert_tcp(asked, held, Some(InUse));
    assert_tcp(asked, reusing_port(held), Some(Ok));
    assert_tcp(attempt("127.0.0.1"), reusing_port(held), Some(InUse));
    let listener = Claim {
        listens: true,
        ..reusing_port(held)
    };
    assert_tcp(asked, listener, Some(Ok));
    let of_another = Claim {
        uid: Some(1001),
        ..reusing_port(held)
    };
    assert_tcp(asked, of_another, Some(InUse));
    let time_wait = Claim {
        uid: None,
        ..reusing_port(held)
    };
    assert_tcp(asked, time_wait, Some(Ok));
    let unknown = Claim {
        reuseport: None,
        ..held
    };
    assert_tcp(asked, unknown, None);
    assert_udp(asked, reusing_port(held), Some(Ok));
    assert_udp(asked, of_another, Some(InUse));
}

#[test]
fn either_option_is_enough() {
    let both = with_reuseaddr(with_reuseport(attempt("127.0.0.1")));
    assert_tcp(both, reusing_address(claim("127.0.0.1")), Some(Ok));
    assert_tcp(both, reusing_port(claim("127.0.0.1")), Some(Ok));
}

/// What the kernel remembers of the socket bound last may admit one with SO_REUSEPORT.
#[test]
fn what_the_memory_of_a_port_may_admit_is_left_open() {
    let asked = with_reuseport(attempt("127.0.0.1"));
    // The last one bound may have been beside this one by SO_REUSEADDR…
    assert_tcp(asked, reusing_address(claim("127.0.0.1")), None);
    // … or on another interface.
    let on_lo = Claim {
        interface: 1,
        ..claim("127.0.0.1")
    };
    assert_tcp(asked, on_lo, None);
    assert_tcp(attempt("127.0.0.1"), on_lo, Some(InUse));
    // A connection that another user accepted, at a port bound by this one.
    let accepted = Claim {
        uid: Some(1001),
        is_connection: true,
        ..reusing_port(claim("127.0.0.1"))
    };
    assert_tcp(asked, accepted, None);
    let unknown = Claim {
        reuseport: None,
        ..accepted
    };
    assert_tcp(asked, unknown, None);
    assert_tcp(attempt("127.0.0.1"), accepted, Some(InUse));
    let without = Claim {
        reuseport: Some(false),
        ..accepted
    };
    assert_tcp(asked, without, Some(InUse));
    let of_one_user = Claim {
        uid: Some(1000),
        ..accepted
    };
    assert_tcp(asked, of_one_user, Some(Ok));
    // A dual-stack wildcard is taken to be similar to a socket of one family.
    let dual = with_reuseport(attempt("::"));
    assert_tcp(dual, claim("0.0.0.0"), None);
    assert_tcp(dual, claim("::"), Some(InUse));
    let only = Attempt {
        v6only: true,
        ..dual
    };
    assert_tcp(only, claim("::1"), Some(InUse));
}

/// A socket on an interface of a VRF has a table of its own.
#[test]
fn a_socket_on_an_interface_that_may_be_in_a_vrf_is_left_open() {
    let on = |interface| Claim {
        interface,
        ..claim("127.0.0.1")
    };
    assert_tcp(attempt("127.0.0.1"), on(2), None);
    assert_tcp(attempt("127.0.0.1"), on(1), Some(InUse));
    assert_tcp(attempt("127.0.0.2"), on(2), Some(Ok));
}

#[test]
fn sockets_that_are_not_seen_make_no_port_free() {
    assert_eq!(tcp(&attempt("::"), &[], false), None);
    let held = claim("::");
    assert_eq!(tcp(&attempt("::"), &[held], false), Some(InUse));
}

#[test]
fn one_conflict_decides_whatever_else_is_unknown() {
    let asked = with_reuseaddr(attempt("0.0.0.0"));
    let unknown = Claim {
        reuseaddr: None,
        ..claim("127.0.0.1")
    };
    let other = claim("127.0.0.2");
    assert_eq!(tcp(&asked, &[unknown, other], true), Some(InUse));
    assert_eq!(tcp(&asked, &[unknown, reusing_address(other)], true), None);
}

/// The first socket of the chain that shares the port ends the kernel's search, and the order of the
/// chain is not known.
#[test]
fn a_udp_socket_that_shares_the_port_may_hide_another_that_does_not() {
    let asked = with_reuseport(attempt("0.0.0.0"));
    let (shares, excludes) = (reusing_port(claim("127.0.0.1")), claim("127.0.0.2"));
    assert_eq!(udp(&asked, &[shares], false), Some(Ok));
    assert_eq!(udp(&asked, &[excludes], false), Some(InUse));
    assert_eq!(udp(&asked, &[shares, excludes], false), None);
    assert_eq!(tcp(&asked, &[shares, excludes], true), Some(InUse));
}

/// The kernel may search a table in which it misses them.
#[test]
fn a_udp_wildcard_beside_a_socket_at_an_address_is_left_open_where_the_kernel_may_miss_it() {
    let (any, one) = (attempt("0.0.0.0"), attempt("127.0.0.1"));
    let (at_one, at_any) = (claim("127.0.0.1"), claim("0.0.0.0"));
    for (asked, held, expected) in [
        (any, at_one, None),
        (any, at_any, Some(InUse)),
        (one, at_one, Some(InUse)),
        (one, at_any, Some(InUse)),
        (one, claim("127.0.0.2"), Some(Ok)),
    ] {
        assert_eq!(udp(&asked, &[held], true), expected, "{asked:?}");
    }
    assert_eq!(udp(&any, &[at_one, at_any], true), Some(InUse));
    let many: Vec<_> = (1..=40).map(|at| claim(&format!("127.0.0.{at}"))).collect();
    assert_eq!(udp(&any, &many, false), Some(InUse));
}
