//! The filter that the kernel runs on every packet before it is copied to us: of TCP it lets SYN,
//! FIN, RST, bare ACKs and fragments pass that can meet the filter of the command line, and nothing
//! else.
//!
//! A cooked packet socket's filter sees the packet from its network header on. The Ethernet protocol
//! shows what the packet begins with. With a VLAN's, a tag of four bytes may precede the IP header
//! (a second tag, or one that a driver inserted) or not (one that was put before the network header
//! on the way out).

mod assembler;
mod checks;
mod headers;
#[cfg(test)]
mod tests;

use libc::sock_filter;

use self::{
    assembler::{
        Assembler, EQUAL, LOAD_BYTE, LOAD_HALF, LOAD_KNOWN, Label, RETURN, SET_INDEX, SHIFT_RIGHT,
    },
    headers::Family,
};
use crate::model::{self, Families, Filter};

/// How much of a packet is wanted: two VLAN tags, headers, extension headers and options.
pub const SNAP_BYTES: u32 = 256;

pub const IPV4: u32 = 0x0800;
pub const IPV6: u32 = 0x86dd;
/// IEEE 802.1Q and 802.1ad.
pub const VLANS: [u32; 2] = [0x8100, 0x88a8];
/// The protocol of a frame that a program sent without naming one: none, or `ETH_P_ALL`.
const UNNAMED: [u32; 2] = [0, 3];
const TAG_BYTES: u32 = 4;
const MOST_TAGS: u32 = 2;

/// `SKF_AD_OFF` and what the kernel knows from there on.
const KNOWN: u32 = -0x1000i32 as u32;
const PROTOCOL: u32 = KNOWN;
const PACKET_TYPE: u32 = KNOWN + 4;
const HARDWARE: u32 = KNOWN + 28;

/// What the program keeps in its sixteen words of memory.
mod memory {
    /// Where the packet ends, by its IP header.
    pub const END: u32 = 0;
    /// Where the TCP header begins.
    pub const SEGMENT: u32 = 1;
    /// The protocol of the next header.
    pub const NEXT: u32 = 2;
    /// Addresses: four words each, of which IPv4 uses one.
    pub const SOURCE: u32 = 4;
    pub const DESTINATION: u32 = 8;
    pub const SOURCE_PORT: u32 = 12;
    pub const DESTINATION_PORT: u32 = 13;
}

/// The packet filter for a filter on connections; `None` when it would be longer than the kernel takes.
pub fn compile(wanted: &Filter, families: Families) -> Option<Vec<sock_filter>> {
    let mut asm = Assembler::default();
    let ends = Ends {
        accept: asm.label(),
        drop: asm.label(),
    };
    let mut ip =
        |is_wanted: bool, family| is_wanted.then(|| (asm.label(), Family::new(family, wanted)));
    let v4 = ip(families.v4, model::Family::V4);
    let v6 = ip(families.v6, model::Family::V6);
    let begin = |family: &Option<(Label, Family)>| family.as_ref().map_or(ends.drop, |(at, _)| *at);
    write_link(&mut asm, begin(&v4), begin(&v6), ends.drop);
    for (label, family) in [v4, v6].into_iter().flatten() {
        asm.place(label);
        family.write(&mut asm, ends);
    }
    asm.place(ends.accept);
    asm.put(RETURN, SNAP_BYTES);
    asm.place(ends.drop);
    asm.put(RETURN, 0);
    asm.assemble()
}

/// Where every program ends.
#[derive(Clone, Copy)]
struct Ends {
    accept: Label,
    drop: Label,
}

/// Finds where the IP header begins, sets X to it, and goes to the family's part.
fn write_link(asm: &mut Assembler, v4: Label, v6: Label, drop: Label) {
    write_loopback(asm, drop);
    let tagged = asm.label();
    asm.put(SET_INDEX, 0);
    asm.put(LOAD_KNOWN, PROTOCOL);
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

/// The loopback device shows every packet twice; the copy on the way out is dropped.
fn write_loopback(asm: &mut Assembler, drop: Label) {
    let [device, on] = [asm.label(), asm.label()];
    asm.put(LOAD_KNOWN, PACKET_TYPE);
    asm.test(EQUAL, libc::PACKET_OUTGOING.into(), device, on);
    asm.place(device);
    asm.put(LOAD_KNOWN, HARDWARE);
    asm.test(EQUAL, libc::ARPHRD_LOOPBACK.into(), drop, on);
    asm.place(on);
}

/// What follows so many tags: one more if it looks like one, or an IP header.
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
