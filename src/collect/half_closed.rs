//! A closer look at some of the connections that one end has closed.

use crate::{
    Result,
    model::{
        NetnsSnapshot,
        snapshot::{HalfClosed, HalfClosedGroup},
    },
    source::SockDiag,
};

/// Groups of fewer sockets are not looked at, nor are their owners searched.
const LEAST_HELD: u64 = 10;
/// Sockets of this many groups, the largest, are read each by itself.
const MOST_GROUPS: usize = 32;

/// Reads how long the remembered sockets of large groups have been silent.
pub fn silences(mut found: HalfClosed) -> Result<HalfClosed> {
    let is_large = |group: &&mut HalfClosedGroup| group.held >= LEAST_HELD;
    let groups = found.groups.iter_mut().map(|(_, group)| group);
    let mut large = groups.filter(is_large).take(MOST_GROUPS).peekable();
    if large.peek().is_none() {
        return Ok(found);
    }
    let mut diag = SockDiag::open()?;
    for socket in large.flat_map(|group| &mut group.samples) {
        socket.silent_ms = diag.silent_ms(&socket.local, &socket.peer, socket.inode)?;
    }
    Ok(found)
}

/// The inodes of those that were looked at.
pub fn inodes(namespace: &NetnsSnapshot) -> impl Iterator<Item = u32> {
    let groups = namespace.half_closed.iter().flat_map(|part| &part.groups);
    let remembered = groups.flat_map(|(_, group)| &group.samples);
    let looked_at = remembered.filter(|socket| socket.silent_ms.is_some());
    looked_at.map(|socket| socket.inode)
}
