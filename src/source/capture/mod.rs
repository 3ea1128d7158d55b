//! Captures packets that tell of TCP handshakes, live (man 7 packet).

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

/// For all rings together: what comes within about a second of 100,000 packets, should the process
/// have to wait for a processor.
const RING_BYTES: usize = 16 << 20;
/// How often a device is looked for by its name.
const LOOK: Duration = Duration::from_secs(1);

/// A live capture, in the network namespace of the thread that opened it.
///
/// Of TCP it holds SYN, FIN, RST, bare ACKs and fragments; of the loopback device every packet
/// once. The kernel passes over what cannot meet the condition, but not all that does not: which
/// end is the client no packet tells.
pub struct Capture {
    taps: Vec<Tap>,
    names: Names,
    packets: u64,
    lost: u64,
}

impl Capture {
    /// Begins to capture on these devices, or on all there are and that come. Needs CAP_NET_RAW.
    ///
    /// `promiscuous` has the devices that are named receive what is for others as well; for all
    /// devices it is not done. A name that no device has is [`Error::Interface`].
    pub fn open(
        interfaces: &[String],
        wanted: &Filter,
        families: Families,
        promiscuous: bool,
    ) -> Result<Self> {
        let names = interfaces.iter().map(Some);
        let names: Vec<Option<&String>> = match interfaces {
            [] => vec![None],
            _ => names.collect(),
        };
        let mut capture = Capture {
            taps: Vec::new(),
            names: Names::new()?,
            packets: 0,
            lost: 0,
        };
        for name in &names {
            let socket = PacketSocket::open(wanted, families)?;
            let device = name.map(|name| Device::find(&socket, name, promiscuous));
            let device = device.transpose()?;
            if !capture.has(device.as_ref()) {
                capture.taps.push(Tap::open(socket, device, names.len())?);
            }
        }
        Ok(capture)
    }

    /// Whether a device is captured on already, by this or another of its names.
    fn has(&self, device: Option<&Device>) -> bool {
        let index = device.map(|device| device.index);
        let mut devices = self.taps.iter().map(|tap| tap.device.as_ref());
        devices.any(|device| device.map(|device| device.index) == index)
    }

    /// The descriptors that become readable when packets are ready.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.taps.iter().map(|tap| tap.socket.as_fd())
    }

    /// Waits until packets are ready, one of the `others` is readable, a signal came or the time
    /// is over.
    pub fn wait(&self, others: &[BorrowedFd<'_>], longest: Duration) -> Result<()> {
        let all = self.descriptors().chain(others.iter().copied());
        let mut all: Vec<_> = all
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        let longest = Timespec::try_from(longest).ok();
        match poll(&mut all, longest.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(failed("waiting for packets", errno.into())),
        }
    }

    /// Hands out the packets that are ready when it is called, numbered from 1 on. Those of several
    /// devices come in order of time; one that is ready only the next time may be older.
    ///
    /// Once a second at least it must be called, also when nothing is ready: it looks after devices
    /// that were deleted and have come again.
    pub fn each_packet(&mut self, mut each: impl FnMut(&Packet<'_>)) {
        self.names.begin();
        for tap in &mut self.taps {
            tap.look_after();
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

    /// How many packets the kernel had no room for since the capture began.
    pub fn lost(&mut self) -> Result<u64> {
        for tap in &self.taps {
            let lost = tap.socket.take_lost();
            self.lost += lost.map_err(|cause| failed("counting lost packets", cause))?;
        }
        Ok(self.lost)
    }

    /// What the device of this index is called, or was when it went; `None` when it went before
    /// this was asked.
    pub fn interface_name(&mut self, index: u32) -> Option<&str> {
        self.names.begin();
        self.names.name(index)
    }
}

/// The ring with the packet that passed first.
fn earliest(taps: &mut [Tap]) -> Option<&mut Ring> {
    if let [tap] = taps {
        return tap.ring.next_time().map(|_| &mut tap.ring);
    }
    let times = taps.iter_mut().enumerate();
    let (_, first) = times
        .filter_map(|(at, tap)| Some((tap.ring.next_time()?, at)))
        .min()?;
    Some(&mut taps[first].ring)
}

/// A socket and its ring, on one device or on all.
struct Tap {
    ring: Ring,
    socket: PacketSocket,
    device: Option<Device>,
}

impl Tap {
    fn open(socket: PacketSocket, device: Option<Device>, taps: usize) -> Result<Self> {
        let ring = Ring::new(&socket, RING_BYTES / taps)?;
        match &device {
            Some(device) => {
                let bound = device.bind(&socket, device.index);
                bound.map_err(|cause| device.error(cause))?;
            }
            None => {
                let bound = socket.bind(ANY);
                bound.map_err(|cause| failed("binding a packet socket", cause))?;
            }
        }
        Ok(Tap {
            ring,
            socket,
            device,
        })
    }

    /// Takes the socket's error and binds it anew when its device is another one by now.
    fn look_after(&mut self) {
        let has_failed = self.socket.take_error();
        if let Some(device) = &mut self.device {
            device.look_after(&self.socket, has_failed);
        }
    }
}

/// A device by its name.
struct Device {
    name: String,
    promiscuous: bool,
    /// 0 while it is gone.
    index: u32,
    looked: Instant,
}

impl Device {
    fn find(socket: &PacketSocket, name: &str, promiscuous: bool) -> Result<Self> {
        let index = name_to_index(socket, name);
        let mut device = Device {
            name: name.to_owned(),
            promiscuous,
            index: 0,
            looked: Instant::now(),
        };
        device.index = index.map_err(|errno| device.error(errno.into()))?;
        Ok(device)
    }

    fn error(&self, cause: io::Error) -> Error {
        let name = self.name.clone();
        Error::Interface { name, cause }
    }

    fn bind(&self, socket: &PacketSocket, index: u32) -> io::Result<()> {
        socket.bind(index)?;
        match self.promiscuous {
            true => socket.add_promiscuous(index),
            false => Ok(()),
        }
    }

    /// The kernel itself goes on with a device that went down and comes up again. One that was
    /// deleted is looked for by its name; the next one of that name has another index, or, where
    /// it was chosen, the same one, of which only the error tells.
    fn look_after(&mut self, socket: &PacketSocket, has_failed: bool) {
        if has_failed {
            self.index = 0;
            // It may be still there, about to be deleted.
            self.looked = Instant::now();
        }
        if self.looked.elapsed() < LOOK {
            return;
        }
        self.looked = Instant::now();
        let index = name_to_index(socket, &self.name).unwrap_or(0);
        if index != self.index {
            // What went wrong is tried again the next time.
            let is_bound = index != 0 && self.bind(socket, index).is_ok();
            self.index = if is_bound { index } else { 0 };
        }
    }
}
