//! The filter that the kernel runs on every packet before it is copied to us. It accepts TCP
//! segments with SYN, FIN or RST, bare ACKs and fragments that may match the user's filter, also one
//! level deep in a tunnel, and ICMP errors about any TCP segment.
//!
//! A cooked packet socket's filter sees the packet from its network header on, whose type is the
//! Ethernet protocol. With a VLAN protocol, a tag of four bytes may precede the IP header (a second
//! tag, or one that a driver inserted) or not (one inserted before the network header on transmit).

mod assembler;
mod checks;
mod headers;
#[cfg(test)]
mod tests;
mod tunnel;

use libc::sock_filter;

use self::{assembler::*, headers::Family, tunnel::Inner};
use crate::model::{self, Families, Filter};

/// Captured bytes of a packet: two VLAN tags, headers, extension headers and options.
pub const SNAP_BYTES: u32 = 256;

pub const IPV4: u32 = 0x0800;
pub const IPV6: u32 = 0x86dd;
/// IEEE 802.1Q and 802.1ad.
pub const VLANS: [u32; 2] = [0x8100, 0x88a8];
/// The protocol of a frame that a program sent without setting one: 0, or `ETH_P_ALL`.
const UNNAMED: [u32; 2] = [0, 3];
const TAG_BYTES: u32 = 4;
const MOST_TAGS: u32 = 2;

/// `SKF_AD_OFF`, from which on metadata are addressed.
const METADATA: u32 = -0x1000i32 as u32;
const PROTOCOL: u32 = METADATA;
const PACKET_TYPE: u32 = METADATA + 4;
const HARDWARE: u32 = METADATA + 28;

/// Use of the sixteen words of memory.
mod memory {
    /// End of the packet, by its IP header.
    pub const END: u32 = 0;
    /// Begin of the TCP header.
    pub const SEGMENT: u32 = 1;
    pub const NEXT: u32 = 2;
    /// Addresses: four words each, of which IPv4 uses one.
    pub const SOURCE: u32 = 4;
    pub const DESTINATION: u32 = 8;
    pub const SOURCE_PORT: u32 = 12;
    pub const DESTINATION_PORT: u32 = 13;
}

/// `None` when the program would be longer than the kernel accepts.
pub fn compile(wanted: &Filter, families: Families) -> Option<Vec<sock_filter>> {
    let mut asm = Assembler::default();
    let (accept, drop) = (asm.label(), asm.label());
    let ends = Ends { accept, drop };
    let mut ip =
        |is_wanted: bool, family| is_wanted.then(|| (asm.label(), Family::new(family, wanted)));
    let v4 = ip(families.v4, model::Family::V4);
    let v6 = ip(families.v6, model::Family::V6);
    let begin = |family: &Option<(Label, Family)>| family.as_ref().map_or(ends.drop, |(at, _)| *at);
    write_link(&mut asm, begin(&v4), begin(&v6), ends.drop);
    let mut label = |family: &Option<_>| family.as_ref().map_or(ends.drop, |_| asm.label());
    let inner = Inner {
        v4: label(&v4),
        v6: label(&v6),
    };
    let families: Vec<(Label, Label, Label, Family)> = [(v4, inner.v4), (v6, inner.v6)]
        .into_iter()
        .filter_map(|(family, inner)| family.map(|(outer, family)| (outer, inner, family)))
        .map(|(outer, inner, family)| (outer, inner, asm.label(), family))
        .collect();
    for (outer, _, itself, family) in &families {
        asm.place(*outer);
        family.write_outer(&mut asm, *itself, inner, ends);
    }
    for (_, inner, itself, family) in &families {
        asm.place(*inner);
        family.write_version(&mut asm, *itself, ends);
        asm.place(*itself);
        family.write(&mut asm, ends);
    }
    asm.place(ends.accept);
    asm.put(RETURN, SNAP_BYTES);
    asm.place(ends.drop);
    asm.put(RETURN, 0);
    asm.assemble()
}

#[derive(Clone, Copy)]
struct Ends {
    accept: Label,
    drop: Label,
}

fn write_link(asm: &mut Assembler, v4: Label, v6: Label, drop: Label) {
    write_loopback(asm, drop);
    let tagged = asm.label();
    asm.put(SET_INDEX, 0);
    asm.put(LOAD_METADATA, PROTOCOL);
    asm.test_or_on(EQUAL, IPV4, v4);
    asm.test_or_on(EQUAL, IPV6, v6);
    for protocol in VLANS.into_iter().chain(UNNAMED) {
        asm.test_or_on(EQUAL, protocol, tagged);
    }
    asm.go(drop);
    asm.place(tagged);
    for tags in 0..=MOST_TAGS {
        write_tag(asm, tags, v4, v6, drop);
    }
}

/// The loopback interface shows every packet twice; the outgoing copy is dropped.
fn write_loopback(asm: &mut Assembler, drop: Label) {
    let [outgoing, on] = [asm.label(), asm.label()];
    asm.put(LOAD_METADATA, PACKET_TYPE);
    asm.test(EQUAL, libc::PACKET_OUTGOING.into(), outgoing, on);
    asm.place(outgoing);
    asm.put(LOAD_METADATA, HARDWARE);
    asm.test(EQUAL, libc::ARPHRD_LOOPBACK.into(), drop, on);
    asm.place(on);
}

/// Handles the header behind this many tags: another tag, or an IP header.
fn write_tag(asm: &mut Assembler, tags: u32, v4: Label, v6: Label, drop: Label) {
    let [here, next] = [asm.label(), asm.label()];
    asm.put(SET_INDEX, tags * TAG_BYTES);
    if tags < MOST_TAGS {
        let [last_v4, last_v6] = [asm.label(), asm.label()];
        asm.put(LOAD_HALF, 2);
        asm.test_or_on(EQUAL, IPV4, last_v4);
        asm.test_or_on(EQUAL, IPV6, last_v6);
        asm.test_or_on(EQUAL, VLANS[0], next);
        asm.test(EQUAL, VLANS[1], next, here);
        for (version, label, then) in [(4, last_v4, v4), (6, last_v6, v6)] {
            let last = asm.label();
            asm.place(label);
            asm.put(LOAD_BYTE, TAG_BYTES);
            asm.put(SHIFT_RIGHT, 4);
            asm.test(EQUAL, version, last, here);
            asm.place(last);
            asm.put(SET_INDEX, (tags + 1) * TAG_BYTES);
            asm.go(then);
        }
    }
    asm.place(here);
    asm.put(LOAD_BYTE, 0);
    asm.put(SHIFT_RIGHT, 4);
    asm.test_or_on(EQUAL, 4, v4);
    asm.test(EQUAL, 6, v6, drop);
    asm.place(next);
}
