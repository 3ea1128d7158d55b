//! The part of the filter that skips the headers of one family, from X on, and checks the TCP
//! header (RFC 791, RFC 8200, RFC 4302 for the authentication header, RFC 9293).

use super::{
    Ends,
    assembler::*,
    checks::Checks,
    memory,
    tunnel::{self, Inner},
};
use crate::{
    model::{self, Filter, Flags},
    source::packet::icmp::{ERRORS, ERRORS_V6},
};

const TCP: u32 = 6;
const ICMP: u32 = 1;
const ICMP_V6: u32 = 58;
const ICMP_HEADER: u32 = 8;
/// The header of IPv6 without extensions.
const V6_BYTES: u32 = 40;
/// A later fragment.
const OFFSET: u32 = 0x1fff;
/// More fragments follow, or this is not the first.
const FRAGMENTED: u32 = 0x3fff;
/// Extension headers whose length is in units of eight bytes: hop-by-hop options, routing,
/// destination options.
const OPTIONS: [u32; 3] = [0, 43, 60];
const FRAGMENT: u32 = 44;
const AUTHENTICATION: u32 = 51;
/// More than RFC 8200, section 4.1, names.
const MOST_EXTENSIONS: usize = 6;

pub struct Family {
    family: model::Family,
    segment: Checks,
    fragment: Checks,
}

impl Family {
    pub fn new(family: model::Family, wanted: &Filter) -> Self {
        Family {
            family,
            segment: Checks::new(wanted, family, true),
            fragment: Checks::new(wanted, family, false),
        }
    }

    /// Looks into a tunnel at X, and goes on with the IP packet in it or with the packet itself.
    pub fn write_outer(&self, asm: &mut Assembler, itself: Label, inner: Inner, ends: Ends) {
        let (at, tunnel) = (self.protocol(), asm.label());
        asm.put(LOAD_BYTE, at);
        for protocol in tunnel::PROTOCOLS {
            asm.test_or_on(EQUAL, protocol, tunnel);
        }
        asm.go(itself);
        asm.place(tunnel);
        asm.put(STORE, memory::NEXT);
        match self.family {
            model::Family::V4 => skip_v4(asm, ends),
            model::Family::V6 => skip(asm, V6_BYTES),
        }
        tunnel::write_tunnel(asm, inner, ends);
    }

    /// Checks the version of the IP packet in a tunnel.
    pub fn write_version(&self, asm: &mut Assembler, itself: Label, ends: Ends) {
        let version = match self.family {
            model::Family::V4 => 4,
            model::Family::V6 => 6,
        };
        asm.put(LOAD_BYTE, 0);
        asm.put(SHIFT_RIGHT, 4);
        asm.test(EQUAL, version, itself, ends.drop);
    }

    pub fn write(&self, asm: &mut Assembler, ends: Ends) {
        match self.family {
            model::Family::V4 => self.write_v4(asm, ends),
            model::Family::V6 => self.write_v6(asm, ends),
        }
    }

    /// Where the IP header names what follows.
    fn protocol(&self) -> u32 {
        match self.family {
            model::Family::V4 => 9,
            model::Family::V6 => 6,
        }
    }

    fn write_v4(&self, asm: &mut Assembler, ends: Ends) {
        let [tcp, fragment, whole, icmp] = [(); 4].map(|()| asm.label());
        asm.put(LOAD_BYTE, self.protocol());
        asm.test_or_on(EQUAL, TCP, tcp);
        asm.test(EQUAL, ICMP, icmp, ends.drop);
        asm.place(icmp);
        skip_v4(asm, ends);
        write_icmp_error(asm, 0, ERRORS, 9, ends);
        asm.place(tcp);
        self.write_addresses(asm, 1, [12, 16]);
        asm.put(LOAD_HALF, 6);
        asm.test(ANY_BIT, FRAGMENTED, fragment, whole);
        asm.place(fragment);
        self.fragment.write(asm, ends);
        asm.place(whole);
        asm.put(LOAD_HALF, 2);
        asm.put(ADD_INDEX, 0);
        asm.put(STORE, memory::END);
        asm.put(LOAD_BYTE, 0);
        asm.put(AND, 0x0f);
        asm.put(SHIFT_LEFT, 2);
        advance(asm);
        self.write_segment(asm, ends);
    }

    fn write_v6(&self, asm: &mut Assembler, ends: Ends) {
        let [fragment, segment, icmp, other] = [(); 4].map(|()| asm.label());
        asm.put(LOAD_BYTE, self.protocol());
        asm.test(EQUAL, ICMP_V6, icmp, other);
        asm.place(icmp);
        write_icmp_error(asm, V6_BYTES, ERRORS_V6, 6, ends);
        asm.place(other);
        self.write_addresses(asm, 4, [8, 24]);
        asm.put(LOAD_BYTE, 6);
        asm.put(STORE, memory::NEXT);
        asm.put(LOAD_HALF, 4);
        asm.put(ADD, 40);
        asm.put(ADD_INDEX, 0);
        asm.put(STORE, memory::END);
        asm.put(A_FROM_INDEX, 0);
        asm.put(ADD, 40);
        asm.put(INDEX_FROM_A, 0);
        for _ in 0..MOST_EXTENSIONS {
            write_extension(asm, segment, fragment, ends.drop);
        }
        asm.put(LOAD_MEMORY, memory::NEXT);
        asm.test_or_on(EQUAL, TCP, segment);
        asm.test(EQUAL, FRAGMENT, fragment, ends.drop);
        asm.place(fragment);
        let tcp = asm.label();
        asm.put(LOAD_BYTE, 0);
        asm.test(EQUAL, TCP, tcp, ends.drop);
        asm.place(tcp);
        self.fragment.write(asm, ends);
        asm.place(segment);
        self.write_segment(asm, ends);
    }

    /// Stores both addresses, each of this many words from X + k on, if a check reads them.
    fn write_addresses(&self, asm: &mut Assembler, words: u32, from: [u32; 2]) {
        if !self.segment.need_addresses() && !self.fragment.need_addresses() {
            return;
        }
        for (from, memory) in from.into_iter().zip([memory::SOURCE, memory::DESTINATION]) {
            for word in 0..words {
                asm.put(LOAD_WORD, from + 4 * word);
                asm.put(STORE, memory + word);
            }
        }
    }

    fn write_segment(&self, asm: &mut Assembler, ends: Ends) {
        let [acknowledges, wanted] = [asm.label(), asm.label()];
        let rare = Flags::SYN.and(Flags::FIN).and(Flags::RST);
        asm.put(STORE_INDEX, memory::SEGMENT);
        asm.put(LOAD_BYTE, 13);
        asm.test_or_on(ANY_BIT, rare.0.into(), wanted);
        asm.test(ANY_BIT, Flags::ACK.0.into(), acknowledges, ends.drop);
        asm.place(acknowledges);
        // A bare ACK ends where its data would begin. A packet too large for its length field has
        // the length 0, and so ends before.
        asm.put(LOAD_BYTE, 12);
        asm.put(AND, 0xf0);
        asm.put(SHIFT_RIGHT, 2);
        asm.put(ADD_INDEX, 0);
        asm.put(INDEX_FROM_MEMORY, memory::END);
        asm.test(EQUAL_INDEX, 0, wanted, ends.drop);
        asm.place(wanted);
        self.write_ports(asm);
        self.segment.write(asm, ends);
    }

    fn write_ports(&self, asm: &mut Assembler) {
        if !self.segment.need_ports() {
            return;
        }
        asm.put(INDEX_FROM_MEMORY, memory::SEGMENT);
        for (from, memory) in [(0, memory::SOURCE_PORT), (2, memory::DESTINATION_PORT)] {
            asm.put(LOAD_HALF, from);
            asm.put(STORE, memory);
        }
    }
}

/// Skips an IPv4 header, unless it is that of a later fragment.
fn skip_v4(asm: &mut Assembler, ends: Ends) {
    let whole = asm.label();
    asm.put(LOAD_HALF, 6);
    asm.test(ANY_BIT, OFFSET, ends.drop, whole);
    asm.place(whole);
    asm.put(LOAD_BYTE, 0);
    asm.put(AND, 0x0f);
    asm.put(SHIFT_LEFT, 2);
    advance(asm);
}

/// Accepts the ICMP error at X + k where it quotes a TCP segment; `protocol` is where the quoted IP
/// header has its protocol. Which connection it is about the tracker finds out.
fn write_icmp_error(asm: &mut Assembler, at: u32, errors: [u8; 2], protocol: u32, ends: Ends) {
    let quoted = asm.label();
    asm.put(LOAD_BYTE, at);
    asm.test_or_on(EQUAL, errors[0].into(), quoted);
    asm.test(EQUAL, errors[1].into(), quoted, ends.drop);
    asm.place(quoted);
    asm.put(LOAD_BYTE, at + ICMP_HEADER + protocol);
    asm.test(EQUAL, TCP, ends.accept, ends.drop);
}

/// Skips an extension header at X, or jumps to the part for its kind.
fn write_extension(asm: &mut Assembler, segment: Label, fragment: Label, drop: Label) {
    let [options, authentication, length] = [(); 3].map(|()| asm.label());
    asm.put(LOAD_MEMORY, memory::NEXT);
    asm.test_or_on(EQUAL, TCP, segment);
    for kind in OPTIONS {
        asm.test_or_on(EQUAL, kind, options);
    }
    asm.test_or_on(EQUAL, FRAGMENT, fragment);
    asm.test(EQUAL, AUTHENTICATION, authentication, drop);
    asm.place(options);
    write_next(asm);
    asm.put(ADD, 1);
    asm.put(SHIFT_LEFT, 3);
    asm.go(length);
    asm.place(authentication);
    write_next(asm);
    asm.put(ADD, 2);
    asm.put(SHIFT_LEFT, 2);
    asm.place(length);
    advance(asm);
}

/// Stores the protocol of the next header, and loads the length of the header at X.
fn write_next(asm: &mut Assembler) {
    asm.put(LOAD_BYTE, 0);
    asm.put(STORE, memory::NEXT);
    asm.put(LOAD_BYTE, 1);
}

/// Moves X by a number of bytes.
pub fn skip(asm: &mut Assembler, bytes: u32) {
    asm.put(A_FROM_INDEX, 0);
    asm.put(ADD, bytes);
    asm.put(INDEX_FROM_A, 0);
}

/// Moves X by A.
pub fn advance(asm: &mut Assembler) {
    asm.put(ADD_INDEX, 0);
    asm.put(INDEX_FROM_A, 0);
}
