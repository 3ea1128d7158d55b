//! Compiled filters, audited and run as net/ipv4/inet_diag.c does, against their evaluation here.

use std::net::Ipv6Addr;

use proptest::prelude::*;

use super::*;
use crate::model::{
    Address, SocketState, StateSet,
    filter::{Ends, View, samples},
};

fn op_at(code: &[u8], at: usize) -> (u8, usize, usize) {
    let no = u16::from_ne_bytes([code[at + 2], code[at + 3]]);
    (code[at], code[at + 1].into(), no.into())
}

/// `inet_diag_bc_audit`
fn is_valid(code: &[u8]) -> bool {
    let mut at = 0;
    while at < code.len() {
        let left = code.len() - at;
        let (test, yes, no) = op_at(code, at);
        let least = match test {
            JMP | AUTO => 4,
            2..=5 | 11 | 12 | DEV_COND => 8,
            MARK_COND | CGROUP_COND => 12,
            7 | 8 => match code[at + 4] {
                AF_INET if code[at + 5] <= 32 => 16,
                AF_INET6 if code[at + 5] <= 128 => 28,
                _ => return false,
            },
            _ => return false,
        };
        let fits = |bytes: usize| bytes >= least && bytes <= left + 4 && bytes.is_multiple_of(4);
        let leads_to_op = no >= left || is_on_path(code, at + no);
        if left < least || !fits(no) || !fits(yes) || !leads_to_op {
            return false;
        }
        at += yes;
    }
    at == code.len()
}

/// `valid_cc`
fn is_on_path(code: &[u8], wanted: usize) -> bool {
    let mut at = 0;
    while at < wanted {
        at += usize::from(code[at + 1]);
    }
    at == wanted
}

/// A socket, of which the filter knows all.
#[derive(Debug, Clone)]
struct Socket {
    ends: Ends,
    state: SocketState,
    interface: u32,
    mark: u32,
    cgroup: u64,
    autobound: bool,
}

impl View for Socket {
    fn address(&self, end: End) -> Option<Address> {
        self.ends.address(end)
    }

    fn state(&self) -> Option<SocketState> {
        Some(self.state)
    }

    fn interface(&self) -> Option<u32> {
        Some(self.interface)
    }

    fn mark(&self) -> Option<u32> {
        Some(self.mark)
    }

    fn cgroup(&self) -> Option<u64> {
        Some(self.cgroup)
    }

    fn is_autobound(&self) -> Option<bool> {
        Some(self.autobound)
    }
}

/// A socket as the kernel compares it: the addresses as words of its own family.
struct Entry<'a> {
    socket: &'a Socket,
    family: u8,
    addresses: [Vec<u32>; 2],
    ports: [u16; 2],
}

impl<'a> Entry<'a> {
    fn new(socket: &'a Socket) -> Self {
        let [local, peer] = [socket.ends.local, socket.ends.peer];
        let words = |end: Address| match end.address {
            IpAddr::V4(address) => vec![address.to_bits()],
            IpAddr::V6(address) => [96, 64, 32, 0]
                .map(|shift| (address.to_bits() >> shift) as u32)
                .to_vec(),
        };
        Entry {
            socket,
            family: if local.address.is_ipv4() {
                AF_INET
            } else {
                AF_INET6
            },
            addresses: [words(local), words(peer)],
            ports: [local.port, peer.port],
        }
    }

    /// The part of `inet_diag_bc_run` for `INET_DIAG_BC_S_COND` and `…_D_COND`.
    fn is_host(&self, end: usize, condition: &[u8]) -> bool {
        let (family, bits) = (condition[0], u32::from(condition[1]));
        let port = i32::from_ne_bytes(*condition[4..].first_chunk().unwrap());
        let address = &self.addresses[end];
        if port != -1 && port != i32::from(self.ports[end]) {
            return false;
        }
        if family == self.family {
            return bits == 0 || starts_with(address, &condition[8..], bits);
        }
        self.family == AF_INET6
            && family == AF_INET
            && address[..3] == [0, 0, 0xffff]
            && starts_with(&address[3..], &condition[8..], bits)
    }
}

/// `bitstring_match`
fn starts_with(address: &[u32], wanted: &[u8], bits: u32) -> bool {
    (0..bits).all(|bit| {
        let (word, byte) = (address[bit as usize / 32], wanted[bit as usize / 8]);
        word >> (31 - bit % 32) & 1 == u32::from(byte) >> (7 - bit % 8) & 1
    })
}

/// `inet_diag_bc_run`
fn run(code: &[u8], socket: &Entry<'_>) -> bool {
    let mut at = 0;
    while at < code.len() {
        let (test, yes, no) = op_at(code, at);
        let operand = || op_at(code, at + 4).2;
        let word = |index: usize| {
            let bytes = &code[at + 4 * index..];
            u32::from_ne_bytes(*bytes.first_chunk().unwrap())
        };
        let of = socket.socket;
        let [local, peer] = socket.ports.map(usize::from);
        let holds = match test {
            JMP => false,
            2 => local >= operand(),
            3 => local <= operand(),
            4 => peer >= operand(),
            5 => peer <= operand(),
            7 | 8 => socket.is_host(usize::from(test - 7), &code[at + 4..]),
            AUTO => of.autobound,
            DEV_COND => of.interface == word(1),
            MARK_COND => of.mark & word(2) == word(1),
            CGROUP_COND => {
                let bytes = &code[at + 4..];
                of.cgroup == u64::from_ne_bytes(*bytes.first_chunk().unwrap())
            }
            11 => local == operand(),
            12 => peer == operand(),
            _ => panic!("op {test}"),
        };
        at += if holds { yes } else { no };
    }
    at == code.len()
}

fn ends() -> impl Strategy<Value = Ends> {
    let address = prop_oneof![
        (samples::v4(), samples::v4()).prop_map(|(one, other)| [one, other].map(IpAddr::from)),
        (samples::v6(), samples::v6()).prop_map(|(one, other)| [one, other].map(IpAddr::from)),
    ];
    (address, samples::port(), samples::port()).prop_map(|([local, peer], from, to)| {
        let end = |address, port| Address { address, port };
        Ends {
            local: end(local, from),
            peer: end(peer, to),
        }
    })
}

fn socket() -> impl Strategy<Value = Socket> {
    let state = prop::sample::select(SocketState::ALL.to_vec());
    let rest = (state, 0u32..4, 0u32..4, 0u64..3, any::<bool>());
    (ends(), rest).prop_map(
        |(ends, (state, interface, mark, cgroup, autobound))| Socket {
            ends,
            state,
            interface,
            mark,
            cgroup,
            autobound,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn the_code_accepts_what_the_filter_accepts(
        filter in samples::filter_on_sockets(),
        sockets in prop::collection::vec(socket(), 8),
    ) {
        let requests = filter.by_state(StateSet::ALL);
        let requests: Vec<_> = requests.iter().map(|(states, rest)| (*states, compile(rest).unwrap())).collect();
        for (_, code) in &requests {
            prop_assert!(is_valid(code), "{code:?}");
        }
        for socket in sockets {
            let expected = filter.accepts(&socket);
            let is_sent = requests.iter().any(|(states, code)| {
                states.contains(socket.state) && run(code, &Entry::new(&socket))
            });
            prop_assert_eq!(is_sent, expected, "{:?}", socket);
            for end in [End::Local, End::Peer] {
                if let Some(port) = filter.required_port(end) && expected {
                    prop_assert_eq!(View::address(&socket, end).unwrap().port, port);
                }
            }
        }
    }
}

#[test]
fn a_range_of_ports_takes_two_tests_and_a_set_one_jump_between_two() {
    let length = |filter: &Filter| compile(filter).unwrap().len();
    assert_eq!(
        length(&Filter::port_is_within(End::Local, &(32768..=60999))),
        16
    );
    assert_eq!(length(&Filter::port_is_one_of(End::Peer, &[80])), 8);
    assert_eq!(
        length(&Filter::port_is_one_of(End::Peer, &[80, 81, 82])),
        32
    );
    assert_eq!(length(&Filter::ALL), 0);
    assert_eq!(length(&Filter::Any(Vec::new())), 4);
    assert_eq!(length(&Filter::parse("[2001:db8::/32]:443").unwrap()), 36);
}

#[test]
fn a_filter_longer_than_jumps_reach_has_no_code() {
    let code = |ports| compile(&Filter::port_is_one_of(End::Local, &vec![1; ports]));
    let longest = code(5461).unwrap();
    assert!(is_valid(&longest));
    let is_sent = |port| {
        let end = |port| Address {
            address: Ipv6Addr::LOCALHOST.into(),
            port,
        };
        let ends = Ends {
            local: end(port),
            peer: end(9),
        };
        let socket = Socket {
            ends,
            state: SocketState::Listen,
            interface: 0,
            mark: 0,
            cgroup: 0,
            autobound: false,
        };
        run(&longest, &Entry::new(&socket))
    };
    assert!(is_sent(1) && !is_sent(2));
    assert!(code(5462).is_none());
}
