//! Filters that the kernel runs on each socket before it answers
//! (`struct inet_diag_bc_op`, include/uapi/linux/inet_diag.h; net/ipv4/inet_diag.c).
//!
//! An op is `{u8 code, u8 yes, u16 no}`: how far to go when it holds and when it does not. To go
//! exactly to the end accepts the socket, four bytes past it rejects it.

use std::ops::RangeInclusive;

const JMP: u8 = 1;
const S_GE: u8 = 2;
const S_LE: u8 = 3;
const S_EQ: u8 = 11;
const D_EQ: u8 = 12;
/// A port test (two ops, the port stands in the second) and the jump that follows it.
const TEST_AND_JUMP: u16 = 12;

/// The attribute that carries the code has a 16-bit length, too.
const ATTRIBUTE_HEADER: u16 = 4;

/// Accepts sockets with a local port in this range.
pub fn local_port_is_within(range: &RangeInclusive<u16>) -> Vec<u8> {
    let mut code = Vec::with_capacity(16);
    op(&mut code, S_GE, 8, 16 + 4);
    op(&mut code, 0, 0, *range.start());
    op(&mut code, S_LE, 8, 8 + 4);
    op(&mut code, 0, 0, *range.end());
    code
}

/// Accepts sockets with one of these local ports. `None` when there are more than the 16-bit jumps
/// reach; the caller then filters itself.
pub fn local_port_is_one_of(ports: &[u16]) -> Option<Vec<u8>> {
    port_is_one_of(S_EQ, ports)
}

/// Accepts sockets whose peer has one of these ports. `None` as above.
pub fn peer_port_is_one_of(ports: &[u16]) -> Option<Vec<u8>> {
    port_is_one_of(D_EQ, ports)
}

fn port_is_one_of(test: u8, ports: &[u16]) -> Option<Vec<u8>> {
    let length = u16::try_from(ports.len())
        .ok()?
        .checked_mul(TEST_AND_JUMP)?;
    length.checked_add(ATTRIBUTE_HEADER)?;
    let mut code = Vec::with_capacity(length.into());
    for (index, port) in (0u16..).zip(ports) {
        let left = length - index * TEST_AND_JUMP;
        let last = left == TEST_AND_JUMP;
        op(
            &mut code,
            test,
            8,
            if last {
                TEST_AND_JUMP + 4
            } else {
                TEST_AND_JUMP
            },
        );
        op(&mut code, 0, 0, *port);
        op(&mut code, JMP, 4, left - 8);
    }
    Some(code)
}

fn op(code: &mut Vec<u8>, operation: u8, yes: u8, no: u16) {
    code.extend([operation, yes]);
    code.extend(no.to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `inet_diag_bc_run` does, for the operations used here.
    fn accepts(code: &[u8], local: u16, peer: u16) -> bool {
        let mut at = 0;
        while at < code.len() {
            let no = u16::from_ne_bytes([code[at + 2], code[at + 3]]);
            let port = || u16::from_ne_bytes([code[at + 6], code[at + 7]]);
            let holds = match code[at] {
                S_EQ => local == port(),
                D_EQ => peer == port(),
                S_GE => local >= port(),
                S_LE => local <= port(),
                JMP => false,
                other => panic!("operation {other}"),
            };
            at += if holds {
                code[at + 1].into()
            } else {
                usize::from(no)
            };
        }
        at == code.len()
    }

    #[test]
    fn only_the_named_ports_pass() {
        let ports = [80, 443, 8080];
        let code = local_port_is_one_of(&ports).unwrap();
        for port in [0, 79, 80, 81, 443, 8080, 65535] {
            assert_eq!(
                accepts(&code, port, 1),
                ports.contains(&port),
                "port {port}"
            );
        }
    }

    #[test]
    fn ports_of_the_peer_and_ranges_pass_by_themselves() {
        let peers = peer_port_is_one_of(&[5432, 6379]).unwrap();
        let range = local_port_is_within(&(32768..=60999));
        for port in [0, 5432, 6379, 32767, 32768, 60999, 61000, 65535] {
            assert_eq!(accepts(&peers, 5432, port), [5432, 6379].contains(&port));
            assert_eq!(
                accepts(&range, port, 40000),
                (32768..=60999).contains(&port)
            );
        }
    }

    #[test]
    fn more_ports_than_jumps_reach_are_refused() {
        assert!(local_port_is_one_of(&vec![1; 5460]).is_some());
        assert!(local_port_is_one_of(&vec![1; 5461]).is_none());
    }
}
