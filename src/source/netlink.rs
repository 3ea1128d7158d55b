//! Netlink dumps: one request, many datagrams of many messages (man 7 netlink, sock_diag,
//! rtnetlink).

use std::{io, ops::ControlFlow};

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer,
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};
pub use netlink_sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE, NETLINK_SOCK_DIAG};
use netlink_sys::{Socket, SocketAddr};
use rustix::net::RecvFlags;

/// The kernel puts no more than this into one datagram, however large the buffer is.
const DATAGRAM: usize = 32 * 1024;

/// How a dump ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DumpEnd {
    /// The table changed during the dump (NLM_F_DUMP_INTR).
    pub interrupted: bool,
    /// The caller stopped it before the end.
    pub stopped: bool,
    /// Messages that could not be decoded.
    pub undecodable: u64,
}

impl DumpEnd {
    /// Of two dumps, one after the other.
    pub fn and(self, later: DumpEnd) -> DumpEnd {
        DumpEnd {
            interrupted: self.interrupted || later.interrupted,
            stopped: self.stopped || later.stopped,
            undecodable: self.undecodable + later.undecodable,
        }
    }
}

/// Called with the payload of each message; the dump continues after `Err(Undecodable)`.
pub type Each<'a> = &'a mut dyn FnMut(&[u8]) -> Result<ControlFlow<()>, Undecodable>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undecodable;

/// A request of fixed length without attributes.
pub struct Fixed<const LENGTH: usize> {
    /// `nlmsg_type`
    pub kind: u16,
    pub payload: [u8; LENGTH],
}

impl<const LENGTH: usize> NetlinkSerializable for Fixed<LENGTH> {
    fn message_type(&self) -> u16 {
        self.kind
    }

    fn buffer_len(&self) -> usize {
        LENGTH
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.payload);
    }
}

pub struct Channel {
    protocol: isize,
    socket: Socket,
    buffer: Box<[u8]>,
    sequence: u32,
}

impl Channel {
    /// The socket is connected to the kernel, so no process can send us messages.
    pub fn open(protocol: isize) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Channel {
            protocol,
            socket,
            buffer: vec![0; DATAGRAM].into(),
            sequence: 0,
        })
    }

    /// Calls `each` with the payload of every reply.
    ///
    /// After a dump that was stopped early the kernel still has the rest to send, so the socket is
    /// reopened (in the namespace of the calling thread).
    pub fn dump(
        &mut self,
        message: impl NetlinkSerializable,
        attribute: Option<(u16, &[u8])>,
        each: Each<'_>,
    ) -> io::Result<DumpEnd> {
        self.send(message, attribute, NLM_F_DUMP)?;
        let mut end = DumpEnd::default();
        loop {
            let length = self.receive()?;
            if walk(&self.buffer[..length], self.sequence, each, &mut end)?.is_break() {
                break;
            }
        }
        if end.stopped {
            *self = Self::open(self.protocol)?;
        }
        Ok(end)
    }

    /// Requests one socket; ENOENT when it does not exist.
    pub fn get(
        &mut self,
        message: impl NetlinkSerializable,
        each: &mut dyn FnMut(&[u8]) -> Result<(), Undecodable>,
    ) -> io::Result<()> {
        self.send(message, None, 0)?;
        let mut end = DumpEnd::default();
        while !end.stopped {
            let length = self.receive()?;
            let mut only = |payload: &[u8]| each(payload).map(|()| ControlFlow::Break(()));
            let over = walk(&self.buffer[..length], self.sequence, &mut only, &mut end)?;
            if end.undecodable > 0 {
                return Err(broken("an answer could not be decoded"));
            }
            if over.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn send(
        &mut self,
        message: impl NetlinkSerializable,
        attribute: Option<(u16, &[u8])>,
        flags: u16,
    ) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = request(message, attribute, flags, self.sequence);
        retry(|| self.socket.send(&request, 0)).map(drop)
    }

    fn receive(&mut self) -> io::Result<usize> {
        // With MSG_TRUNC the true length is returned, so that a truncated datagram is noticed.
        let flags = RecvFlags::TRUNC.bits() as i32;
        let length = retry(|| self.socket.recv(&mut &mut self.buffer[..], flags))?;
        if length > self.buffer.len() {
            return Err(broken("an answer was longer than the buffer"));
        }
        Ok(length)
    }
}

pub(super) fn walk(
    datagram: &[u8],
    sequence: u32,
    each: Each<'_>,
    end: &mut DumpEnd,
) -> io::Result<ControlFlow<()>> {
    let mut rest = datagram;
    while !rest.is_empty() {
        let message =
            NetlinkBuffer::new_checked(rest).map_err(|_| broken("an answer was cut short"))?;
        let length = message.length() as usize;
        if message.sequence_number() == sequence {
            end.interrupted |= message.flags() & NLM_F_DUMP_INTR != 0;
            match message.message_type() {
                NLMSG_DONE | NLMSG_ERROR => {
                    return status(message.payload()).map(ControlFlow::Break);
                }
                _ => match each(message.payload()) {
                    Ok(ControlFlow::Continue(())) => {}
                    Ok(ControlFlow::Break(())) => {
                        end.stopped = true;
                        return Ok(ControlFlow::Break(()));
                    }
                    Err(Undecodable) => end.undecodable += 1,
                },
            }
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(ControlFlow::Continue(()))
}

/// Both closing messages begin with a negative errno, or 0.
fn status(payload: &[u8]) -> io::Result<()> {
    match payload.first_chunk().map(|code| i32::from_ne_bytes(*code)) {
        Some(code) if code < 0 => Err(io::Error::from_raw_os_error(code.wrapping_neg())),
        _ => Ok(()),
    }
}

/// The crate does not support attributes in requests, so one is appended and the length corrected
/// here.
fn request(
    message: impl NetlinkSerializable,
    attribute: Option<(u16, &[u8])>,
    flags: u16,
    sequence: u32,
) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | flags;
    header.sequence_number = sequence;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    if let Some((kind, value)) = attribute {
        let length = u16::try_from(4 + value.len()).expect("bytecode is bounded by its jumps");
        bytes.extend(length.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let total = u32::try_from(bytes.len()).expect("a few kilobytes");
        bytes[..4].copy_from_slice(&total.to_ne_bytes());
    }
    bytes
}

fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests;
