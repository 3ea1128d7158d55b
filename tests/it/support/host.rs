//! A second host: another network namespace, and the veth pair that joins it to the test's.

use std::fs::{self, File};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::process::{Command, Stdio};
use std::{panic, thread};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::netns::{lo_up, netns_inode, run};
use super::wait::wait_until;

/// A namespace that threads of the test enter. What they open there stays there: a socket belongs to
/// the namespace that it was made in, whoever uses it.
pub struct Host(File);

impl Host {
    /// A new one, with a working loopback device.
    pub fn new() -> Host {
        let mut keeper = Command::new("unshare")
            .args(["--net", "--", "cat"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("unshare(1) is part of util-linux");
        let path = format!("/proc/{}/ns/net", keeper.id());
        wait_until("the keeper has left our namespace", || {
            netns_inode(&path) != netns_inode("/proc/self/ns/net")
        });
        let host = Host(File::open(&path).expect("the keeper holds it"));
        drop(keeper.stdin.take());
        keeper.wait().expect("cat ends with its input");
        host.run(lo_up);
        host
    }

    /// Lets a thread act there. `/proc/net` is not of that namespace even so, `/proc/sys/net` and
    /// `/proc/thread-self/net` are.
    pub fn run<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("root of the user namespace may enter");
            act()
        };
        let result = thread::scope(|scope| scope.spawn(inside).join());
        result.unwrap_or_else(|reason| panic::resume_unwind(reason))
    }

    /// Gives it a name, by which `--netns all` finds it; `/run` must be of the test.
    pub fn name(&self, name: &str) {
        let _ = fs::create_dir("/run/netns");
        let path = format!("/run/netns/{name}");
        File::create(&path).expect("/run is ours");
        run("mount", &["--bind", &self.path(), &path]);
    }

    /// Where other processes find it.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

/// One end of a veth pair: a device, the last byte of its hardware address, and its addresses.
pub struct VethEnd<'a> {
    pub device: &'a str,
    pub hardware: u8,
    pub addresses: &'a [&'a str],
}

impl VethEnd<'_> {
    /// `02:00:00:00:00:01`
    pub fn hardware_address(&self) -> String {
        format!("02:00:00:00:00:{:02x}", self.hardware)
    }
}

/// Joins the namespace of the calling thread to another.
pub fn connect_by_veth(near: &VethEnd, there: &Host, far: &VethEnd) {
    let (address, far_address) = (near.hardware_address(), far.hardware_address());
    let first = ["link", "add", near.device, "address", &address];
    let second = ["type", "veth", "peer", "name", far.device];
    let third = ["address", &far_address, "netns", &there.path()];
    run("ip", &[&first[..], &second, &third].concat());
    configure_veth_end(near);
    there.run(|| configure_veth_end(far));
    wait_until_up(near.device);
    there.run(|| wait_until_up(far.device));
}

/// A device whose peer came up after it drops what is sent until the kernel gets
/// round to noticing (net/core/link_watch.c).
pub fn wait_until_up(device: &str) {
    wait_until("the device sends", || {
        run("ip", &["link", "show", device]).contains(" state UP ")
    });
}

/// Gives a device its addresses and brings it up.
pub fn configure_veth_end(end: &VethEnd) {
    run("ip", &["link", "set", end.device, "up"]);
    for address in end.addresses {
        let nodad = if address.contains(':') {
            &["nodad"][..]
        } else {
            &[]
        };
        let add = ["address", "add", address, "dev", end.device];
        run("ip", &[&add, nodad].concat());
    }
}

/// Another host at 10.7.0.2, whose cable ends in a port of a bridge; this host is 10.7.0.1 there.
pub fn behind_bridge() -> Host {
    lo_up();
    let there = Host::new();
    let port = VethEnd {
        device: "port",
        hardware: 1,
        addresses: &[],
    };
    let far = VethEnd {
        device: "far",
        hardware: 2,
        addresses: &["10.7.0.2/24"],
    };
    connect_by_veth(&port, &there, &far);
    run("ip", &["link", "add", "bridge", "type", "bridge"]);
    run("ip", &["link", "set", "port", "master", "bridge"]);
    configure_veth_end(&VethEnd {
        device: "bridge",
        hardware: 1,
        addresses: &["10.7.0.1/24"],
    });
    there
}
