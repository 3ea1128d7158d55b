//! Names of interfaces (man 7 netdevice), in the network namespace of the socket that is used to
//! ask, whatever the calling thread's is.

use std::{
    collections::BTreeMap,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice::index_to_name, socket_with};

use super::socket::failed;
use crate::Result;

/// How long a name is used before it is read again: interfaces appear, vanish and are renamed.
const FRESH: Duration = Duration::from_secs(1);

/// Names of interfaces by index, also of interfaces that are gone.
pub struct Names {
    socket: OwnedFd,
    /// Mostly one interface or a few: a lookup is faster than hashing.
    known: BTreeMap<u32, Known>,
    now: Instant,
}

struct Known {
    name: Option<String>,
    asked: Instant,
}

impl Names {
    pub fn new() -> Result<Self> {
        let (family, kind) = (AddressFamily::UNIX, SocketType::DGRAM);
        let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None);
        Ok(Names {
            socket: socket.map_err(|errno| failed("opening a socket", errno.into()))?,
            known: BTreeMap::new(),
            now: Instant::now(),
        })
    }

    /// Reads the clock, once for all packets that are ready.
    pub fn begin(&mut self) {
        self.now = Instant::now();
    }

    /// The name, or the last name of an interface that is gone; `None` when it was gone before its
    /// name was read.
    pub fn name(&mut self, index: u32) -> Option<&str> {
        let asked = self.now;
        let known = self.known.entry(index).or_insert_with(|| Known {
            name: index_to_name(&self.socket, index).ok(),
            asked,
        });
        if asked.duration_since(known.asked) >= FRESH {
            known.asked = asked;
            if let Ok(name) = index_to_name(&self.socket, index) {
                known.name = Some(name);
            }
        }
        known.name.as_deref()
    }
}
