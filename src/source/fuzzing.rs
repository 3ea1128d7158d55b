//! Gives the targets of `fuzz/` decoders and compilers that are private otherwise.

use std::{hint::black_box, ops::ControlFlow};

use super::{
    bytecode, capture,
    inet::Row,
    netlink::{self, DumpEnd},
    unix,
};
use crate::model::{Families, Filter};

/// Decodes a datagram of a dump with sequence number 0: each message as the row of a unix socket and
/// as that of an internet socket.
pub fn netlink_rows(datagram: &[u8], filter: &Filter) -> DumpEnd {
    let mut each = |payload: &[u8]| {
        let _ = black_box(unix::listener(payload));
        let row = Row::decode(payload)?;
        black_box((row.state(), row.listener(), row.receiver()));
        black_box((row.request(), row.waiting(), row.holder()));
        black_box(filter.accepts(&row));
        Ok(ControlFlow::Continue(()))
    };
    let mut end = DumpEnd::default();
    // An error ends the dump.
    let _ = netlink::walk(datagram, 0, &mut each, &mut end);
    end
}

/// Lengths of the programs of a filter, for a dump of sockets in bytes and for a capture in
/// instructions; `None` for a filter that is too long for one.
pub fn programs(filter: &Filter) -> (Option<usize>, Option<usize>) {
    let dump = bytecode::compile(filter).map(|code| code.len());
    let capture = capture::compile(filter, Families::BOTH).map(|code| code.len());
    (dump, capture)
}
