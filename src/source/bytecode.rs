//! Compiles filters to the bytecode that the kernel runs on each socket before it answers
//! (`struct inet_diag_bc_op`, include/uapi/linux/inet_diag.h; net/ipv4/inet_diag.c).
//!
//! An op is `{u8 code, u8 yes, u16 no}`, followed by its operand; `yes` and `no` are the bytes to
//! jump forward when the test holds and when it does not. A jump exactly to the end accepts the
//! socket, a jump to four bytes past the end rejects it. `inet_diag_bc_audit` follows the `yes` of
//! every op and lets `no` lead only to ops on that path, so here `yes` always leads to the next op.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr};

use super::decision::{Branch, Decision, Target, Ways};
use crate::model::filter::{Comparison, End, Filter, Network, Test};

const JMP: u8 = 1;
/// Tests of the local and the peer's port: `>=`, `<=` and `=` (since 4.16).
const GREATER_OR_EQUAL: [u8; 2] = [2, 4];
const LESS_OR_EQUAL: [u8; 2] = [3, 5];
const EQUAL: [u8; 2] = [11, 12];
/// Test of an address, against a `struct inet_diag_hostcond`.
const HOST: [u8; 2] = [7, 8];
/// The socket is not bound by hand: no operand.
const AUTO: u8 = 6;
/// Test of the interface that it is bound to; of its mark (needs CAP_NET_ADMIN); of its cgroup
/// (since 5.9).
const DEV_COND: u8 = 9;
const MARK_COND: u8 = 10;
const CGROUP_COND: u8 = 13;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// In a `struct inet_diag_hostcond`: no port is compared.
const ANY_PORT: i32 = -1;
const ALL_V4: Network = Network {
    address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    bits: 0,
};

const OP_BYTES: usize = 4;
const REJECT: usize = OP_BYTES;
/// The attribute with the bytecode has a header of four bytes and a 16-bit length. The farthest
/// jump has the same limit.
const MOST_BYTES: usize = u16::MAX as usize - 4;

enum Op {
    Port { code: u8, port: u16 },
    Host { code: u8, network: Network },
    Interface(u32),
    Mark { mark: u32, mask: u32 },
    Cgroup(u64),
    Autobound,
}

/// Empty when every socket passes; `None` when the bytecode does not fit into a request.
pub fn compile(filter: &Filter) -> Option<Vec<u8>> {
    let mut decision = Decision::EMPTY;
    let begin = decision.filter(filter, Ways::OUT, &lower);
    if begin == Target::Reject {
        return Some(op(JMP, OP_BYTES, OP_BYTES + REJECT).to_vec());
    }
    write(&decision)
}

fn lower(decision: &mut Decision<Op>, test: &Test, ways: Ways) -> Target {
    match test {
        Test::Port { end, is, port } => {
            let (codes, is_inverted) = match is {
                Comparison::Equal => (EQUAL, false),
                Comparison::NotEqual => (EQUAL, true),
                Comparison::GreaterOrEqual => (GREATER_OR_EQUAL, false),
                Comparison::Less => (GREATER_OR_EQUAL, true),
                Comparison::LessOrEqual => (LESS_OR_EQUAL, false),
                Comparison::Greater => (LESS_OR_EQUAL, true),
            };
            let code = of_end(codes, *end);
            let ways = if is_inverted { ways.inverted() } else { ways };
            decision.test(Op::Port { code, port: *port }, ways)
        }
        Test::Within { end, network } => {
            lower_network(decision, of_end(HOST, *end), *network, ways)
        }
        Test::Interface(index) => decision.test(Op::Interface(*index), ways),
        Test::Mark { mark, mask } => decision.test(
            Op::Mark {
                mark: *mark,
                mask: *mask,
            },
            ways,
        ),
        Test::Cgroup(id) => decision.test(Op::Cgroup(*id), ways),
        Test::Autobound => decision.test(Op::Autobound, ways),
        // An internet socket has no path.
        Test::Path(_) => ways.no,
        Test::State(_) | Test::Measured { .. } => ways.unknown(),
    }
}

/// The kernel also finds v4-mapped addresses in an IPv6 network; here they count as IPv4 only.
fn lower_network(decision: &mut Decision<Op>, code: u8, network: Network, ways: Ways) -> Target {
    let host = |network| Op::Host { code, network };
    if !network.spans_mapped() {
        return decision.test(host(network), ways);
    }
    let not_v4 = decision.test(host(ALL_V4), ways.inverted());
    decision.test(host(network), ways.with_yes(not_v4))
}

fn of_end([local, peer]: [u8; 2], end: End) -> u8 {
    match end {
        End::Local => local,
        End::Peer => peer,
    }
}

/// Writes every test, with a jump behind it where `yes` is not the next one.
fn write(decision: &Decision<Op>) -> Option<Vec<u8>> {
    let starts = lay_out(decision);
    let bytes = starts.last().copied().unwrap_or(0);
    if bytes > MOST_BYTES {
        return None;
    }
    let mut code = Vec::with_capacity(bytes);
    for (index, branch) in decision.in_order() {
        branch.write(&mut code, &starts[..=index]);
    }
    Some(code)
}

fn lay_out(decision: &Decision<Op>) -> Vec<usize> {
    let mut starts = Vec::new();
    for branch in &decision.branches {
        let next = starts.last().copied().unwrap_or(0);
        let jump = if branch.jumps(&starts) { OP_BYTES } else { 0 };
        starts.push(next + jump + branch.test.bytes());
    }
    starts
}

impl Branch<Op> {
    /// Whether `yes` is not the next test; `behind` are the starts of all tests behind this one.
    fn jumps(&self, behind: &[usize]) -> bool {
        match self.yes {
            Target::Test(index) => index + 1 != behind.len(),
            Target::Accept => !behind.is_empty(),
            Target::Reject => true,
        }
    }

    fn write(&self, code: &mut Vec<u8>, starts: &[usize]) {
        let (start, behind) = starts.split_last().expect("the last start is its own");
        let distance = |from: usize, to| match to {
            Target::Test(index) => from - starts[index],
            Target::Accept => from,
            Target::Reject => from + REJECT,
        };
        let bytes = self.test.bytes();
        self.test.write(code, distance(*start, self.no));
        if self.jumps(behind) {
            code.extend(op(JMP, OP_BYTES, distance(start - bytes, self.yes)));
        }
    }
}

impl Op {
    fn bytes(&self) -> usize {
        match self {
            Op::Port { .. } | Op::Interface(_) => 2 * OP_BYTES,
            Op::Mark { .. } | Op::Cgroup(_) => 3 * OP_BYTES,
            Op::Autobound => OP_BYTES,
            Op::Host { network, .. } => match network.address.to_canonical() {
                IpAddr::V4(_) => 16,
                IpAddr::V6(_) => 28,
            },
        }
    }

    fn write(&self, code: &mut Vec<u8>, no: usize) {
        match self {
            Op::Port { code: test, port } => {
                code.extend(op(*test, self.bytes(), no));
                // The operand is the `no` of a second op.
                code.extend(op(0, 0, usize::from(*port)));
            }
            Op::Interface(index) => {
                code.extend(op(DEV_COND, self.bytes(), no));
                code.extend(index.to_ne_bytes());
            }
            Op::Mark { mark, mask } => {
                code.extend(op(MARK_COND, self.bytes(), no));
                code.extend(mark.to_ne_bytes());
                code.extend(mask.to_ne_bytes());
            }
            Op::Cgroup(id) => {
                code.extend(op(CGROUP_COND, self.bytes(), no));
                code.extend(id.to_ne_bytes());
            }
            Op::Autobound => code.extend(op(AUTO, self.bytes(), no)),
            Op::Host {
                code: test,
                network,
            } => {
                code.extend(op(*test, self.bytes(), no));
                let address = network.address.to_canonical();
                let family = if address.is_ipv4() { AF_INET } else { AF_INET6 };
                code.extend([family, network.bits, 0, 0]);
                code.extend(ANY_PORT.to_ne_bytes());
                match address {
                    IpAddr::V4(address) => code.extend(address.octets()),
                    IpAddr::V6(address) => code.extend(address.octets()),
                }
            }
        }
    }
}

fn op(code: u8, yes: usize, no: usize) -> [u8; OP_BYTES] {
    let yes = u8::try_from(yes).expect("an op is at most 28 bytes long");
    let [low, high] = u16::try_from(no)
        .expect("at most MOST_BYTES and REJECT")
        .to_ne_bytes();
    [code, yes, low, high]
}
