//! A condition on a connection's ends as tests on a packet's addresses and ports.
//!
//! A packet does not tell which of its ends is the client, so both ways are tried.

use std::net::IpAddr;

use super::{
    assembler::{AND, AT_LEAST, Assembler, EQUAL, GREATER, LOAD_MEMORY, Label},
    memory,
};
use crate::model::{Comparison, Condition, End, Family, Network};

/// `::ffff:0:0`, before which an IPv4 address is put to make it an IPv6 one.
const MAPPED: u128 = 0xffff << 32;

/// What must hold of a packet, as the kernel can test it.
pub enum Test {
    Known(bool),
    Any(Vec<Test>),
    All(Vec<Test>),
    Not(Box<Test>),
    /// The port in this memory, compared.
    Port(u32, Comparison, u16),
    /// The first bits of the word in this memory: a mask, and what is left then.
    Bits(u32, u32, u32),
}

/// What a condition is asked about.
#[derive(Clone, Copy)]
struct View {
    family: Family,
    /// Fragments do not tell their ports.
    has_ports: bool,
    /// Who the source is taken for.
    source: End,
}

/// What must hold of packets of a family for a connection to meet the condition. Where ports are
/// not known the packet passes if it could.
pub fn test(condition: &Condition, family: Family, has_ports: bool) -> Test {
    let ways = [End::Client, End::Server].map(|source| {
        let view = View {
            family,
            has_ports,
            source,
        };
        view.test(condition, true)
    });
    any(ways.into_iter())
}

impl View {
    /// `unknown` is what a test that cannot be made counts as: true, and under every negation the
    /// contrary.
    fn test(self, condition: &Condition, unknown: bool) -> Test {
        match condition {
            Condition::Any(parts) => any(parts.iter().map(|part| self.test(part, unknown))),
            Condition::All(parts) => all(parts.iter().map(|part| self.test(part, unknown))),
            Condition::Not(part) => not(self.test(part, !unknown)),
            Condition::Port { .. } if !self.has_ports => Test::Known(unknown),
            Condition::Port { end, is, port } => Test::Port(self.port(*end), *is, *port),
            Condition::Within { end, network } => self.within(*end, *network),
        }
    }

    fn port(self, end: End) -> u32 {
        match end == self.source {
            true => memory::SOURCE_PORT,
            false => memory::DESTINATION_PORT,
        }
    }

    fn within(self, end: End, network: Network) -> Test {
        let memory = match end == self.source {
            true => memory::SOURCE,
            false => memory::DESTINATION,
        };
        match (self.family, network.address.to_canonical()) {
            (Family::V4, IpAddr::V4(address)) => {
                let address = u128::from(address.to_bits()) << 96;
                prefix(memory, address, network.bits.min(32))
            }
            (Family::V4, IpAddr::V6(_)) => Test::Known(false),
            // A v4-mapped address counts as the IPv4 one.
            (Family::V6, IpAddr::V4(address)) => {
                let address = MAPPED | u128::from(address.to_bits());
                prefix(memory, address, 96 + network.bits.min(32))
            }
            (Family::V6, IpAddr::V6(address)) => {
                let inside = prefix(memory, address.to_bits(), network.bits);
                let mapped = not(prefix(memory, MAPPED, 96));
                all([inside, mapped].into_iter())
            }
        }
    }
}

/// The first `bits` of the address that begins in this memory are those of `address`.
fn prefix(memory: u32, address: u128, bits: u8) -> Test {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128)));
    let words = [mask.unwrap_or(0), address]
        .map(|number| [96, 64, 32, 0].map(|shift| (number >> shift) as u32));
    let [masks, values] = words;
    all((0..4).map(|word| match masks[word] {
        0 => Test::Known(true),
        mask => Test::Bits(memory + word as u32, mask, values[word] & mask),
    }))
}

fn any(parts: impl Iterator<Item = Test>) -> Test {
    not(all(parts.map(not)))
}

/// All of them, without those that always hold.
fn all(parts: impl Iterator<Item = Test>) -> Test {
    let mut left = Vec::new();
    for part in parts {
        match part {
            Test::Known(true) => {}
            Test::Known(false) => return part,
            part => left.push(part),
        }
    }
    match left.len() {
        0 => Test::Known(true),
        1 => left.remove(0),
        _ => Test::All(left),
    }
}

fn not(test: Test) -> Test {
    match test {
        Test::Known(holds) => Test::Known(!holds),
        Test::Not(test) => *test,
        Test::All(parts) => Test::Any(parts.into_iter().map(not).collect()),
        Test::Any(parts) => Test::All(parts.into_iter().map(not).collect()),
        test => Test::Not(Box::new(test)),
    }
}

impl Test {
    /// Whether it asks for something that `wanted` is true of.
    fn asks(&self, wanted: fn(&Test) -> bool) -> bool {
        match self {
            Test::Any(parts) | Test::All(parts) => parts.iter().any(|part| part.asks(wanted)),
            Test::Not(part) => part.asks(wanted),
            test => wanted(test),
        }
    }

    /// Whether ports must be in memory before it is made.
    pub fn asks_for_ports(&self) -> bool {
        self.asks(|test| matches!(test, Test::Port(..)))
    }

    /// Whether addresses must be in memory before it is made.
    pub fn asks_for_addresses(&self) -> bool {
        self.asks(|test| matches!(test, Test::Bits(..)))
    }

    /// Makes the test and goes one way or the other.
    pub fn write(&self, asm: &mut Assembler, yes: Label, no: Label) {
        match self {
            Test::Known(true) => asm.go(yes),
            Test::Known(false) => asm.go(no),
            Test::Not(part) => part.write(asm, no, yes),
            Test::All(parts) => write_each(parts, asm, yes, |part, asm, next| {
                part.write(asm, next, no);
            }),
            Test::Any(parts) => write_each(parts, asm, no, |part, asm, next| {
                part.write(asm, yes, next);
            }),
            Test::Port(memory, is, port) => write_port((*memory, *is, *port), asm, yes, no),
            Test::Bits(memory, mask, value) => {
                asm.put(LOAD_MEMORY, *memory);
                if *mask != u32::MAX {
                    asm.put(AND, *mask);
                }
                asm.test(EQUAL, *value, yes, no);
            }
        }
    }
}

/// One part after the other; the last one leads to `end`.
fn write_each(
    parts: &[Test],
    asm: &mut Assembler,
    end: Label,
    write: impl Fn(&Test, &mut Assembler, Label),
) {
    let Some((last, others)) = parts.split_last() else {
        return asm.go(end);
    };
    for part in others {
        let next = asm.label();
        write(part, asm, next);
        asm.place(next);
    }
    write(last, asm, end);
}

fn write_port(
    (memory, is, port): (u32, Comparison, u16),
    asm: &mut Assembler,
    yes: Label,
    no: Label,
) {
    let (code, yes, no) = match is {
        Comparison::Equal => (EQUAL, yes, no),
        Comparison::NotEqual => (EQUAL, no, yes),
        Comparison::Less => (AT_LEAST, no, yes),
        Comparison::LessOrEqual => (GREATER, no, yes),
        Comparison::Greater => (GREATER, yes, no),
        Comparison::GreaterOrEqual => (AT_LEAST, yes, no),
    };
    asm.put(LOAD_MEMORY, memory);
    asm.test(code, port.into(), yes, no);
}
