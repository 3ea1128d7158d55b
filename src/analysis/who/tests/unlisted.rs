//! What is said of sockets that are counted and not listed.

use super::{
    address,
    words::{asked, socket},
};
use crate::{
    analysis::who::{Asked, Holder, Holders, Limits, Verdict, WhoReport, report},
    model::{Netns, SocketRow, SocketState, State},
};

/// Nothing is listed; of the connection there are so many, here or elsewhere.
fn counted(asked: &Asked, omitted: &[(bool, u64)]) -> WhoReport {
    let connection: SocketRow = socket(SocketState::Connection(State::Established), 7);
    let (netns, interfaces) = (Netns::default(), Default::default());
    let holder = |is_here| Holder {
        netns: &netns,
        interfaces: &interfaces,
        is_here,
        socket: &connection,
        options: None,
    };
    let omitted = omitted.iter();
    let found = Holders {
        omitted: omitted
            .map(|(is_here, count)| (holder(*is_here), *count))
            .collect(),
        ..Holders::default()
    };
    let limits = Limits {
        sees_bound: true,
        ..Limits::default()
    };
    report(asked, &limits, &found)
}

fn at(target: &str) -> Asked {
    Asked {
        target: format!("{target}:8080"),
        addresses: vec![address(target)],
        ..asked()
    }
}

#[test]
fn a_port_that_only_unlisted_sockets_hold_is_held() {
    let held = counted(&asked(), &[(true, 3), (false, 40)]);
    assert_eq!(held.bind[0].plain, Some(Verdict::InUse));
    let answer = "port 8080 is held by 3 sockets that are not listed";
    assert_eq!(held.answer, answer);
    assert_eq!(held.advice, ["bind another port or address"]);
    assert_eq!(held.omitted, 43);
}

#[test]
fn sockets_in_other_namespaces_do_not_hold_it_here() {
    let free = counted(&asked(), &[(false, 40)]);
    assert_eq!(free.bind[0].plain, Some(Verdict::Ok));
    assert_eq!(free.answer, "nothing holds port 8080");
    assert_eq!(free.omitted, 40);
}

#[test]
fn sockets_at_other_addresses_do_not_hold_this_one() {
    let free = counted(&at("127.0.0.2"), &[(true, 3)]);
    assert_eq!(free.bind[0].plain, Some(Verdict::Ok));
    assert_eq!(free.answer, "nothing holds 127.0.0.2:8080");
    assert_eq!((free.omitted, &free.incomplete[..]), (0, &[][..]));
    let held = counted(&at("127.0.0.1"), &[(true, 1)]);
    assert_eq!(
        held.answer,
        "127.0.0.1:8080 is held by 1 socket that is not listed"
    );
}
