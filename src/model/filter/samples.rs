//! Random filters, addresses and ports: few different ones, so that filters and sockets meet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::{prelude::*, sample::select};

use super::{Comparison, End, Filter, Network, Test};
use crate::model::{SocketState, StateSet};

pub const PORTS: [u16; 5] = [0, 80, 443, 40000, 65535];

pub fn port() -> impl Strategy<Value = u16> {
    select(PORTS.to_vec())
}

pub fn v4() -> impl Strategy<Value = Ipv4Addr> {
    let texts = ["10.0.0.1", "10.0.0.2", "10.0.128.1", "127.0.0.1"];
    select(texts.map(|text| text.parse().unwrap()).to_vec())
}

pub fn v6() -> impl Strategy<Value = Ipv6Addr> {
    let texts = [
        "fd00::1",
        "fd00::2",
        "fd00:0:0:1::1",
        "::1",
        "::ffff:10.0.0.1",
        "::",
    ];
    select(texts.map(|text| text.parse().unwrap()).to_vec())
}

fn network() -> impl Strategy<Value = Network> {
    let address = prop_oneof![v4().prop_map(IpAddr::from), v6().prop_map(IpAddr::from)];
    (address, 0u8..=128).prop_map(|(address, bits)| Network {
        address,
        bits: match address.to_canonical() {
            IpAddr::V4(_) => bits % 33,
            IpAddr::V6(_) => bits,
        },
    })
}

/// Conditions on the two ends.
pub fn filter() -> impl Strategy<Value = Filter> {
    joined(test_of_ends())
}

/// Any conditions, but those on numbers.
pub fn filter_on_sockets() -> impl Strategy<Value = Filter> {
    let states = prop::collection::vec(select(SocketState::ALL.to_vec()), 0..8);
    let test = prop_oneof![
        states.prop_map(|states| Test::State(StateSet::of(&states))),
        (0u32..4).prop_map(Test::Interface),
        (0u32..4, 0u32..4).prop_map(|(mark, mask)| Test::Mark { mark, mask }),
        (0u64..3).prop_map(Test::Cgroup),
        Just(Test::Autobound),
    ];
    joined(prop_oneof![test_of_ends(), test.prop_map(Filter::Test)])
}

fn test_of_ends() -> impl Strategy<Value = Filter> {
    let end = || select(vec![End::Local, End::Peer]);
    let comparison = select(Comparison::ALL.to_vec());
    let compared =
        (end(), comparison, port()).prop_map(|(end, is, port)| Filter::port(end, is, port));
    let within = (end(), network()).prop_map(|(end, network)| Filter::within(end, network));
    prop_oneof![compared, within]
}

fn joined(test: impl Strategy<Value = Filter> + 'static) -> impl Strategy<Value = Filter> {
    test.prop_recursive(4, 40, 4, |part| {
        let parts = || prop::collection::vec(part.clone(), 0..4);
        prop_oneof![
            parts().prop_map(Filter::Any),
            parts().prop_map(Filter::All),
            part.clone().prop_map(|part| Filter::Not(Box::new(part))),
        ]
    })
}
