//! The kernel's own machine against the interpreter. A filter may be attached to any socket, so a
//! pair of local ones stands for the device; their packets have no protocol.

use std::os::unix::net::UnixDatagram;

use proptest::prelude::*;

use super::{
    properties::{anything, packet},
    *,
};
use crate::source::capture::socket::attach;

fn kernel_says(program: &[sock_filter], bytes: &[u8]) -> usize {
    let (from, to) = UnixDatagram::pair().unwrap();
    attach(&to, program).unwrap();
    to.set_nonblocking(true).unwrap();
    from.send(bytes).unwrap();
    // A datagram of no bytes is never sent here, so 0 stands for none.
    to.recv(&mut [0; 2048]).unwrap_or_default()
}

fn expected(program: &[sock_filter], bytes: &[u8]) -> usize {
    let known = Known {
        protocol: 0,
        packet_type: 0,
        hardware: 1,
    };
    bytes.len().min(run(program, bytes, known) as usize)
}

proptest! {
    #[test]
    fn the_kernel_runs_the_filter_as_the_interpreter_does(
        wanted in samples::filter(),
        packets in prop::collection::vec(packet(), 8),
        others in prop::collection::vec(anything(), 8),
    ) {
        let program = compile(&wanted, BOTH).unwrap();
        let others = others.into_iter().filter(|bytes| !bytes.is_empty());
        for bytes in packets.into_iter().map(|packet| packet.bytes).chain(others) {
            prop_assert_eq!(kernel_says(&program, &bytes), expected(&program, &bytes));
        }
    }
}

#[test]
fn the_kernel_takes_the_longest_filter_or_says_that_it_is_short_of_memory() {
    let ports = |count| {
        let ports: Vec<u16> = (0..count).collect();
        compile(&Filter::port_is_one_of(End::Local, &ports), BOTH)
    };
    let (mut fits, mut too_many) = (1, 4000);
    while too_many - fits > 1 {
        let middle = (fits + too_many) / 2;
        match ports(middle) {
            Some(_) => fits = middle,
            None => too_many = middle,
        }
    }
    let (_from, to) = UnixDatagram::pair().unwrap();
    let result = attach(&to, &ports(fits).unwrap());
    // net.core.optmem_max bounds it too.
    let errno = result.err().and_then(|error| error.raw_os_error());
    assert!(matches!(errno, None | Some(libc::ENOMEM)), "{errno:?}");
}
