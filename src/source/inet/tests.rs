//! Rows laid out byte by byte.

use super::*;
use proptest::prelude::*;
use std::net::IpAddr;

#[rustfmt::skip]
fn header(family: u8, state: u8, inode: u32) -> Vec<u8> {
    let mut bytes = vec![family, state, 0, 0];             // family, state, timer, retrans
    bytes.extend([0x1f, 0x90, 0, 0]);                      // ports 8080 and 0, big-endian
    bytes.extend([127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // source
    bytes.extend([0; 16]);                                 // destination
    bytes.extend(3u32.to_ne_bytes());                      // interface
    bytes.extend(7u32.to_ne_bytes());                      // cookie, low half
    bytes.extend(1u32.to_ne_bytes());                      // cookie, high half
    bytes.extend(0u32.to_ne_bytes());                      // expires
    bytes.extend(129u32.to_ne_bytes());                    // rqueue
    bytes.extend(128u32.to_ne_bytes());                    // wqueue
    bytes.extend(33u32.to_ne_bytes());                     // uid
    bytes.extend(inode.to_ne_bytes());
    assert_eq!(bytes.len(), HEADER);
    bytes
}

fn with(mut bytes: Vec<u8>, kind: u16, value: &[u8]) -> Vec<u8> {
    bytes.extend((4 + value.len() as u16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn words(count: u32) -> Vec<u8> {
    (0..count)
        .flat_map(|word| (word + 100).to_ne_bytes())
        .collect()
}

#[test]
fn a_listener_of_this_kernel() {
    let bytes = with(header(2, 10, 42), SKMEMINFO, &words(9));
    let bytes = with(bytes, CGROUP_ID, &77u64.to_ne_bytes());
    let listener = Row::decode(&bytes).unwrap().listener();
    let expected = Listener {
        protocol: Protocol::Tcp,
        local: Local::Inet(Endpoint {
            family: Family::V4,
            address: "127.0.0.1".parse().unwrap(),
            port: 8080,
            interface: 3,
        }),
        v6only: None,
        queue: Queue::Accept {
            length: 129,
            limit: 128,
        },
        drops: Some(108),
        uid: Some(33),
        inode: 42,
        cookie: 1 << 32 | 7,
        cgroup_id: Some(77),
    };
    assert_eq!(listener, expected);
}

#[test]
fn a_kernel_before_4_7_does_not_send_drops() {
    let bytes = with(header(2, 10, 42), SKMEMINFO, &words(8));
    let listener = Row::decode(&bytes).unwrap().listener();
    assert_eq!(listener.drops, None);
    assert_eq!(listener.cgroup_id, None);
}

#[test]
fn a_newer_kernels_longer_attributes_and_unknown_ones_are_no_trouble() {
    let bytes = with(header(2, 10, 42), 999, b"what is this");
    let bytes = with(bytes, SKMEMINFO, &words(40));
    assert_eq!(Row::decode(&bytes).unwrap().listener().drops, Some(108));
}

#[test]
fn mptcp_is_told_by_its_ulp() {
    let name = with(Vec::new(), 1, b"mptcp\0");
    let bytes = with(header(10, 10, 42), ULP_INFO | 0x8000, &name);
    let bytes = with(bytes, SKV6ONLY, &[1]);
    let listener = Row::decode(&bytes).unwrap().listener();
    assert_eq!(listener.protocol, Protocol::Mptcp);
    assert_eq!(listener.v6only, Some(true));
}

#[test]
fn options_are_bits_of_their_bytes() {
    let socket = |options: &[u8]| {
        let bytes = with(header(2, 1, 42), SOCKOPT, options);
        let row = Row::decode(&bytes).unwrap();
        row.socket(SocketProtocol::Tcp).unwrap().transparent
    };
    let transparent = if cfg!(target_endian = "big") {
        0x04
    } else {
        0x20
    };
    assert_eq!(socket(&[transparent, 0]), Some(true));
    assert_eq!(socket(&[!transparent, 0xff]), Some(false));
    assert_eq!(socket(&[]), None);
    let bytes = header(2, 1, 42);
    let row = Row::decode(&bytes).unwrap();
    assert_eq!(row.socket(SocketProtocol::Tcp).unwrap().transparent, None);
}

#[test]
fn a_mapped_address_keeps_the_family_of_its_listener() {
    let mut bytes = header(10, 3, 0);
    bytes[8..24].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1]);
    let local = Row::decode(&bytes).unwrap().request().unwrap().local;
    assert_eq!(local.family, Family::V6);
    assert_eq!(local.address, "::ffff:10.0.0.1".parse::<IpAddr>().unwrap());
}

#[test]
fn a_fast_open_connection_waits_in_the_accept_queue_and_is_no_request() {
    let fast_open = with(header(2, SYN_RECV, 0), SHUTDOWN, &[0]);
    let row = Row::decode(&fast_open).unwrap();
    assert_eq!(row.request(), None);
    assert!(row.waiting().is_some());
    let plain = header(2, SYN_RECV, 0);
    let row = Row::decode(&plain).unwrap();
    assert!(row.request().is_some());
    assert_eq!(row.waiting(), None);
}

#[test]
fn a_waiting_connection_tells_its_age_and_bytes() {
    let bytes = with(header(2, 1, 0), INFO, &words(70));
    let waiting = Row::decode(&bytes).unwrap().waiting().unwrap();
    assert_eq!(
        (waiting.wait_ms, waiting.bytes, waiting.hung_up),
        (Some(111), 129, false)
    );
    let short = with(header(2, 1, 0), INFO, &words(11));
    assert_eq!(
        Row::decode(&short).unwrap().waiting().unwrap().wait_ms,
        None
    );
}

#[test]
fn a_fin_is_not_a_byte() {
    let row = header(2, CLOSE_WAIT, 0);
    let waiting = Row::decode(&row).unwrap().waiting().unwrap();
    assert_eq!((waiting.bytes, waiting.hung_up), (128, true));
}

#[test]
fn an_accepted_connection_does_not_wait() {
    assert_eq!(Row::decode(&header(2, 1, 5)).unwrap().waiting(), None);
}

#[test]
fn a_timewait_socket_tells_how_long_it_stays_and_a_bound_one_only_where() {
    let mut bytes = header(2, 6, 0);
    bytes[TIMER] = TIMEWAIT_TIMER;
    bytes[EXPIRES..EXPIRES + 4].copy_from_slice(&42_000u32.to_ne_bytes());
    bytes[6..8].copy_from_slice(&5432u16.to_be_bytes());
    let row = Row::decode(&bytes).unwrap();
    let Some(Holder::Connection(connection)) = row.holder() else {
        panic!("a connection");
    };
    let is = (connection.state, connection.left_ms, connection.peer_port);
    assert_eq!(is, (State::TimeWait, Some(42_000), 5432));
    let bound = header(2, CLOSE, 9);
    let bound = Row::decode(&bound).unwrap().holder();
    assert!(matches!(bound, Some(Holder::Bound { local, inode: 9 }) if local.port == 8080));
}

#[test]
fn a_port_chosen_at_connect_is_told_from_one_that_may_have_been_bound() {
    let late = |options: &[u8]| {
        let bytes = with(header(2, 1, 5), SOCKOPT, options);
        match Row::decode(&bytes).unwrap().holder() {
            Some(Holder::Connection(connection)) => connection.port_at_connect,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(late(&[0x52, 1]), Some(true));
    assert_eq!(late(&[0x52, 0]), Some(false));
    assert_eq!(late(&[0x52]), None, "cut short");
}

#[test]
fn listeners_and_unknown_states_are_no_connections_and_requests_are_requests() {
    let holder = |state| Row::decode(&header(2, state, 0)).unwrap().holder();
    for state in [0, 10, 12, 13, 255] {
        assert_eq!(holder(state), None);
    }
    let request = holder(3);
    assert!(matches!(request, Some(Holder::Request(request)) if request.local.port == 8080));
}

#[test]
fn a_row_cut_short_is_undecodable() {
    for length in 0..HEADER {
        assert!(Row::decode(&header(2, 10, 42)[..length]).is_err());
    }
    assert!(
        Row::decode(&header(16, 10, 42)).is_err(),
        "not an internet family"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(state: u8, tail in prop::collection::vec(any::<u8>(), 0..300)) {
        for family in [2, 10] {
            let bytes = [header(family, state, 0), tail.clone()].concat();
            let row = Row::decode(&bytes).unwrap();
            let _ = (row.listener(), row.receiver(), row.request(), row.waiting(), row.holder());
        }
    }
}
