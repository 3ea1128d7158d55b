//! Live capture of the packets of TCP handshakes (man 7 packet).

mod filter;
mod frame;
mod names;
mod ring;
mod socket;

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::netdevice::name_to_index,
};

#[cfg(fuzzing)]
pub(super) use self::filter::compile;
pub(super) use self::socket::set_option;
use self::{
    names::Names,
    ring::Ring,
    socket::{ANY, PacketSocket, failed},
};
use super::packet::Packet;
use crate::{
    Error, Result,
    model::{Families, Filter},
};

/// For all rings together: enough for about a second at 100,000 packets per second, while the
/// process waits for a processor.
const RING_BYTES: usize = 16 << 20;
const LOOKUP_INTERVAL: Duration = Duration::from_secs(1);

/// A live capture, in the network namespace of the thread that opened it.
///
/// It contains TCP segments with SYN, FIN or RST, bare ACKs and fragments, on the loopback
/// interface each packet once. The kernel's filter also accepts some packets that do not match: a
/// packet does not show which end is the client.
pub struct Capture {
    taps: Vec<Tap>,
    names: Names,
    packets: u64,
    lost: u64,
}

impl Capture {
    /// Captures on these interfaces, or on all, including interfaces that appear later. Needs
    /// CAP_NET_RAW.
    ///
    /// `promiscuous` puts the named interfaces into promiscuous mode; without names it has no
    /// effect. An unknown name is [`Error::Interface`].
    pub fn open(
        interfaces: &[String],
        wanted: &Filter,
        families: Families,
        promiscuous: bool,
    ) -> Result<Self> {
        let names: Vec<Option<&String>> = match interfaces {
            [] => vec![None],
            _ => interfaces.iter().map(Some).collect(),
        };
        let mut capture = Capture {
            taps: Vec::new(),
            names: Names::new()?,
            packets: 0,
            lost: 0,
        };
        for name in &names {
            let socket = PacketSocket::open(wanted, families)?;
            let interface = name.map(|name| Interface::find(&socket, name, promiscuous));
            let interface = interface.transpose()?;
            // An interface may be named twice, also by an alternative name.
            let index = interface.as_ref().map(|interface| interface.index);
            if !capture.taps.iter().any(|tap| tap.index() == index) {
                let tap = Tap::open(socket, interface, names.len())?;
                capture.taps.push(tap);
            }
        }
        Ok(capture)
    }

    /// The descriptors that become readable when packets are ready.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.taps.iter().map(|tap| tap.socket.as_fd())
    }

    /// Waits until packets are ready, one of the `others` is readable, a signal arrives or
    /// `longest` has passed.
    pub fn wait(&self, others: &[BorrowedFd<'_>], longest: Duration) -> Result<()> {
        let all = self.descriptors().chain(others.iter().copied());
        let all = all.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        let mut all: Vec<_> = all.collect();
        let longest = Timespec::try_from(longest).ok();
        match poll(&mut all, longest.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(failed("waiting for packets", errno.into())),
        }
    }

    /// Calls `each` with the packets that are ready, numbered from 1. Packets of several interfaces
    /// are in order of time; one that becomes ready later may be older.
    ///
    /// Must be called at least once a second, even when nothing is ready: it also binds again to
    /// interfaces that were deleted and created again.
    pub fn each_packet(&mut self, mut each: impl FnMut(&Packet<'_>)) {
        self.names.begin();
        for tap in &mut self.taps {
            tap.rebind();
            tap.ring.begin();
        }
        while let Some(ring) = earliest(&mut self.taps) {
            if let Some(mut packet) = ring.packet(self.packets + 1) {
                self.packets += 1;
                packet.interface_name = self.names.name(packet.interface);
                each(&packet);
            }
            ring.advance();
        }
    }

    /// Packets that the kernel dropped for lack of room, since the capture began.
    pub fn lost(&mut self) -> Result<u64> {
        for tap in &self.taps {
            let lost = tap.socket.take_lost();
            self.lost += lost.map_err(|cause| failed("counting lost packets", cause))?;
        }
        Ok(self.lost)
    }

    /// Name of the interface of this index, or its last name if it is gone; `None` when it was gone
    /// before its name was read.
    pub fn interface_name(&mut self, index: u32) -> Option<&str> {
        self.names.begin();
        self.names.name(index)
    }
}

fn earliest(taps: &mut [Tap]) -> Option<&mut Ring> {
    if let [tap] = taps {
        return tap.ring.next_time().map(|_| &mut tap.ring);
    }
    let times = taps.iter_mut().enumerate();
    let times = times.filter_map(|(at, tap)| Some((tap.ring.next_time()?, at)));
    let (_, first) = times.min()?;
    Some(&mut taps[first].ring)
}

struct Tap {
    ring: Ring,
    socket: PacketSocket,
    interface: Option<Interface>,
}

impl Tap {
    fn open(socket: PacketSocket, interface: Option<Interface>, taps: usize) -> Result<Self> {
        let ring = Ring::new(&socket, RING_BYTES / taps)?;
        let bound = match &interface {
            Some(interface) => {
                let bound = interface.bind(&socket, interface.index);
                bound.map_err(|cause| interface.error(cause))
            }
            None => socket
                .bind(ANY)
                .map_err(|cause| failed("binding a packet socket", cause)),
        };
        bound.map(|()| Tap {
            ring,
            socket,
            interface,
        })
    }

    fn index(&self) -> Option<u32> {
        self.interface.as_ref().map(|interface| interface.index)
    }

    /// Clears the socket's error, and binds it again when its interface was replaced.
    fn rebind(&mut self) {
        let has_failed = self.socket.take_error();
        if let Some(interface) = &mut self.interface {
            interface.rebind(&self.socket, has_failed);
        }
    }
}

struct Interface {
    name: String,
    promiscuous: bool,
    /// 0 while it does not exist.
    index: u32,
    looked_up: Instant,
}

impl Interface {
    fn find(socket: &PacketSocket, name: &str, promiscuous: bool) -> Result<Self> {
        let mut interface = Interface {
            name: name.to_owned(),
            promiscuous,
            index: 0,
            looked_up: Instant::now(),
        };
        let index = name_to_index(socket, name);
        interface.index = index.map_err(|errno| interface.error(errno.into()))?;
        Ok(interface)
    }

    fn error(&self, cause: io::Error) -> Error {
        Error::Interface(self.name.clone(), cause)
    }

    fn bind(&self, socket: &PacketSocket, index: u32) -> io::Result<()> {
        socket.bind(index)?;
        match self.promiscuous {
            true => socket.add_promiscuous(index),
            false => Ok(()),
        }
    }

    /// The kernel itself resumes on an interface that went down and is up again. A deleted one is
    /// looked up by its name: a new interface of that name has another index, or, where its creator
    /// chose so, the same index, and then only the socket's error shows that it is new.
    fn rebind(&mut self, socket: &PacketSocket, has_failed: bool) {
        if has_failed {
            self.index = 0;
            // It may still exist, about to be deleted.
            self.looked_up = Instant::now();
        }
        if self.looked_up.elapsed() < LOOKUP_INTERVAL {
            return;
        }
        self.looked_up = Instant::now();
        let index = name_to_index(socket, &self.name).unwrap_or(0);
        if index != self.index {
            // After a failure it is tried again next time.
            let is_bound = index != 0 && self.bind(socket, index).is_ok();
            self.index = if is_bound { index } else { 0 };
        }
    }
}
