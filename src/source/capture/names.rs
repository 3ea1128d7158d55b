//! What network devices are called (man 7 netdevice). The socket is asked, for it knows its own
//! network namespace, whichever the calling thread's is.

use std::{
    collections::BTreeMap,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice::index_to_name, socket_with};

use super::socket::failed;
use crate::Result;

/// How long what is known counts as new: devices come, go and are renamed.
const NEW: Duration = Duration::from_secs(1);

/// Names of devices by their index, also of those that have gone.
pub struct Names {
    socket: OwnedFd,
    /// Mostly of one device or a few: found sooner than hashed.
    known: BTreeMap<u32, Known>,
    now: Instant,
}

struct Known {
    name: Option<String>,
    asked: Instant,
}

impl Names {
    /// No names yet, of the calling thread's namespace.
    pub fn new() -> Result<Self> {
        let socket = socket_with(
            AddressFamily::UNIX,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            None,
        );
        Ok(Names {
            socket: socket.map_err(|errno| failed("opening a socket", errno.into()))?,
            known: BTreeMap::new(),
            now: Instant::now(),
        })
    }

    /// Looks at the clock, for all packets that are ready.
    pub fn begin(&mut self) {
        self.now = Instant::now();
    }

    /// A device's name, or the last one it had. `None` when it went before its name was asked for.
    pub fn name(&mut self, index: u32) -> Option<&str> {
        let asked = self.now;
        let known = self.known.entry(index).or_insert_with(|| Known {
            name: index_to_name(&self.socket, index).ok(),
            asked,
        });
        if asked.duration_since(known.asked) >= NEW {
            known.asked = asked;
            if let Ok(name) = index_to_name(&self.socket, index) {
                known.name = Some(name);
            }
        }
        known.name.as_deref()
    }
}
