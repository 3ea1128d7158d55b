//! The part of the filter that skips the headers of a tunnel, from X on, up to the IP packet in it
//! (`source/packet/tunnel.rs` decodes the same).

use super::{
    Ends, IPV4, IPV6,
    assembler::*,
    headers::{advance, skip},
    memory,
};
use crate::source::packet::tunnel::{ETHERNET, GENEVE_PORT, GRE_FIELDS, VXLAN_PORTS};

const IP_IN_IP: u32 = 4;
const UDP: u32 = 17;
const IPV6_IN_IP: u32 = 41;
const GRE: u32 = 47;
/// Protocols of an IP header that may carry another IP packet.
pub const PROTOCOLS: [u32; 4] = [IP_IN_IP, UDP, IPV6_IN_IP, GRE];

const UDP_BYTES: u32 = 8;
/// Of VXLAN, and of Geneve without its options.
const HEADER_BYTES: u32 = 8;
const ETHERNET_BYTES: u32 = 14;

/// Where the IP packet in a tunnel is checked.
#[derive(Clone, Copy)]
pub struct Inner {
    pub v4: Label,
    pub v6: Label,
}

/// The protocol that the IP header names is in memory, and its payload at X.
pub fn write_tunnel(asm: &mut Assembler, inner: Inner, ends: Ends) {
    let [gre, vxlan, geneve, frame] = [(); 4].map(|()| asm.label());
    asm.put(LOAD_MEMORY, memory::NEXT);
    asm.test_or_on(EQUAL, IP_IN_IP, inner.v4);
    asm.test_or_on(EQUAL, IPV6_IN_IP, inner.v6);
    asm.test_or_on(EQUAL, GRE, gre);
    asm.put(LOAD_HALF, 2);
    for port in VXLAN_PORTS {
        asm.test_or_on(EQUAL, port.into(), vxlan);
    }
    asm.test(EQUAL, GENEVE_PORT.into(), geneve, ends.drop);
    asm.place(gre);
    write_gre(asm);
    write_protocol(asm, inner, frame, ends);
    asm.place(geneve);
    asm.put(LOAD_HALF, UDP_BYTES + 2);
    asm.put(STORE, memory::NEXT);
    asm.put(LOAD_BYTE, UDP_BYTES);
    asm.put(AND, 0x3f);
    asm.put(SHIFT_LEFT, 2);
    asm.put(ADD, UDP_BYTES + HEADER_BYTES);
    advance(asm);
    write_protocol(asm, inner, frame, ends);
    asm.place(vxlan);
    skip(asm, UDP_BYTES + HEADER_BYTES);
    asm.place(frame);
    asm.put(LOAD_HALF, ETHERNET_BYTES - 2);
    asm.put(STORE, memory::NEXT);
    skip(asm, ETHERNET_BYTES);
    asm.put(LOAD_MEMORY, memory::NEXT);
    asm.test_or_on(EQUAL, IPV4, inner.v4);
    asm.test(EQUAL, IPV6, inner.v6, ends.drop);
}

/// Skips the header of GRE and stores the protocol of its payload.
fn write_gre(asm: &mut Assembler) {
    asm.put(LOAD_HALF, 2);
    asm.put(STORE, memory::NEXT);
    asm.put(LOAD_HALF, 0);
    asm.put(STORE, memory::END);
    skip(asm, 4);
    for field in GRE_FIELDS {
        let [longer, on] = [asm.label(), asm.label()];
        asm.put(LOAD_MEMORY, memory::END);
        asm.test(ANY_BIT, field.into(), longer, on);
        asm.place(longer);
        skip(asm, 4);
        asm.place(on);
    }
}

fn write_protocol(asm: &mut Assembler, inner: Inner, frame: Label, ends: Ends) {
    asm.put(LOAD_MEMORY, memory::NEXT);
    asm.test_or_on(EQUAL, IPV4, inner.v4);
    asm.test_or_on(EQUAL, IPV6, inner.v6);
    asm.test(EQUAL, ETHERNET.into(), frame, ends.drop);
}
