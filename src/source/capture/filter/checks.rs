//! A filter on the two ends of a connection, as checks of a packet's addresses and ports.
//!
//! A packet does not show which of its ends is the client, so both possibilities are tried.

use std::net::IpAddr;

use super::{Ends, assembler::*, memory};
use crate::{
    model::{
        Family, Filter,
        filter::{Comparison, End, MAPPED, Network, Test},
    },
    source::decision::{Decision, Target, Ways},
};

enum Check {
    /// A comparison of the port in this memory.
    Port(u32, Comparison, u16),
    /// The word in this memory, a mask, and the expected value of the masked word.
    Bits(u32, u32, u32),
}

pub struct Checks {
    decision: Decision<Check>,
    begin: Target,
}

#[derive(Clone, Copy)]
struct View {
    family: Family,
    has_ports: bool,
    /// The end that the source is taken for.
    source: End,
}

impl Checks {
    /// Without ports, a packet passes if some ports would make it match.
    pub fn new(filter: &Filter, family: Family, has_ports: bool) -> Self {
        let mut decision = Decision::EMPTY;
        let sources = [End::Peer, End::Local].into_iter();
        let begin = decision.any(sources, Ways::OUT, |decision, source, ways| {
            let view = View {
                family,
                has_ports,
                source,
            };
            let lower = |decision: &mut _, test: &_, ways| view.lower(decision, test, ways);
            decision.filter(filter, ways, &lower)
        });
        Checks { decision, begin }
    }

    pub fn need_ports(&self) -> bool {
        let mut checks = self.decision.branches.iter();
        checks.any(|branch| matches!(branch.test, Check::Port(..)))
    }

    pub fn need_addresses(&self) -> bool {
        let mut checks = self.decision.branches.iter();
        checks.any(|branch| matches!(branch.test, Check::Bits(..)))
    }

    pub fn write(&self, asm: &mut Assembler, ends: Ends) {
        let labels: Vec<Label> = self.decision.branches.iter().map(|_| asm.label()).collect();
        let label = |target| match target {
            Target::Test(index) => labels[index],
            Target::Accept => ends.accept,
            Target::Reject => ends.drop,
        };
        if !matches!(self.begin, Target::Test(_)) {
            return asm.go(label(self.begin));
        }
        for (index, branch) in self.decision.in_order() {
            asm.place(labels[index]);
            branch.test.write(asm, label(branch.yes), label(branch.no));
        }
    }
}

impl View {
    fn lower(self, decision: &mut Decision<Check>, test: &Test, ways: Ways) -> Target {
        match test {
            Test::Port { .. } if !self.has_ports => ways.unknown(),
            Test::Port { end, is, port } => {
                let memory = self.memory(*end, memory::SOURCE_PORT, memory::DESTINATION_PORT);
                decision.test(Check::Port(memory, *is, *port), ways)
            }
            Test::Within { end, network } => {
                let memory = self.memory(*end, memory::SOURCE, memory::DESTINATION);
                self.within(decision, memory, *network, ways)
            }
            // A TCP connection has no path.
            Test::Path(_) => ways.no,
            // A packet tells nothing of these.
            Test::State(_)
            | Test::Interface(_)
            | Test::Mark { .. }
            | Test::Cgroup(_)
            | Test::Autobound
            | Test::Measured { .. } => ways.unknown(),
        }
    }

    fn memory(self, end: End, source: u32, destination: u32) -> u32 {
        if end == self.source {
            source
        } else {
            destination
        }
    }

    fn within(
        self,
        decision: &mut Decision<Check>,
        memory: u32,
        network: Network,
        ways: Ways,
    ) -> Target {
        let bits = network.bits;
        match (self.family, network.address.to_canonical()) {
            (Family::V4, IpAddr::V4(address)) => prefix(
                decision,
                memory,
                u128::from(address.to_bits()) << 96,
                bits,
                ways,
            ),
            (Family::V4, IpAddr::V6(_)) => ways.no,
            // A v4-mapped address counts as the IPv4 one.
            (Family::V6, IpAddr::V4(address)) => {
                let address = MAPPED | u128::from(address.to_bits());
                prefix(decision, memory, address, 96 + bits, ways)
            }
            (Family::V6, IpAddr::V6(address)) => {
                let yes = match network.spans_mapped() {
                    true => prefix(decision, memory, MAPPED, 96, ways.inverted()),
                    false => ways.yes,
                };
                prefix(
                    decision,
                    memory,
                    address.to_bits(),
                    bits,
                    ways.with_yes(yes),
                )
            }
        }
    }
}

/// Adds checks that the address in this memory shares its first `bits` with `address`.
fn prefix(
    decision: &mut Decision<Check>,
    memory: u32,
    address: u128,
    bits: u8,
    ways: Ways,
) -> Target {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
    let words = (0..4u32).map(|word| {
        let [mask, address] = [mask, address].map(|number| (number >> (96 - 32 * word)) as u32);
        (memory + word, mask, address & mask)
    });
    let words = words.filter(|(_, mask, _)| *mask != 0);
    decision.all(words, ways, |decision, (memory, mask, value), ways| {
        decision.test(Check::Bits(memory, mask, value), ways)
    })
}

impl Check {
    fn write(&self, asm: &mut Assembler, yes: Label, no: Label) {
        match self {
            Check::Port(memory, is, port) => {
                let (code, yes, no) = match is {
                    Comparison::Equal => (EQUAL, yes, no),
                    Comparison::NotEqual => (EQUAL, no, yes),
                    Comparison::Less => (AT_LEAST, no, yes),
                    Comparison::LessOrEqual => (GREATER, no, yes),
                    Comparison::Greater => (GREATER, yes, no),
                    Comparison::GreaterOrEqual => (AT_LEAST, yes, no),
                };
                asm.put(LOAD_MEMORY, *memory);
                asm.test(code, (*port).into(), yes, no);
            }
            Check::Bits(memory, mask, value) => {
                asm.put(LOAD_MEMORY, *memory);
                if *mask != u32::MAX {
                    asm.put(AND, *mask);
                }
                asm.test(EQUAL, *value, yes, no);
            }
        }
    }
}
