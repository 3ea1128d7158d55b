//! Two hosts on one cable: this namespace with the device `near`, another with `far`.
//!
//! They never ask for hardware addresses: most are written down, and a packet to one that is not
//! waits until it is. So a test can hold a packet back as long as it likes, without a clock.

use super::{Host, Plug, cable, run, sysctl, wait_until};

/// The address of this host, and that of the one at the other end.
pub const HERE: &str = "10.7.0.1";
pub const THERE: &str = "10.7.0.2";
pub const HERE6: &str = "fd00:7::1";
pub const THERE6: &str = "fd00:7::2";
/// Nobody has this address, but packets for it are sent to the other end, which ignores them.
pub const NOBODY: &str = "10.7.0.9";
/// A second address of each host, which the other cannot send to before [`Link::reveal_here`] and
/// [`Link::reveal_there`].
pub const HIDDEN_HERE: &str = "10.7.0.11";
pub const HIDDEN_THERE: &str = "10.7.0.12";

const NEAR: Plug = Plug {
    device: "near",
    hardware: 1,
    addresses: &["10.7.0.1/24", "10.7.0.11/24", "fd00:7::1/64"],
};
const FAR: Plug = Plug {
    device: "far",
    hardware: 2,
    addresses: &["10.7.0.2/24", "10.7.0.12/24", "fd00:7::2/64"],
};

/// The other host, and the cable to it.
pub struct Link {
    /// The other host.
    pub there: Host,
}

impl Link {
    /// Both ends are up, and each host knows the other.
    pub fn new() -> Link {
        super::lo_up();
        let link = Link { there: Host::new() };
        link.lay_cable();
        link
    }

    /// Lays it anew where it was taken away.
    pub fn lay_cable(&self) {
        cable(&NEAR, &self.there, &FAR);
        until_routed(HERE6);
        self.there.run(|| until_routed(THERE6));
        self.introduce();
    }

    /// Tells each host of the other, also after a device was down, which makes it forget.
    pub fn introduce(&self) {
        acquaint(&NEAR, &[THERE, NOBODY], &FAR);
        self.there.run(|| acquaint(&FAR, &[HERE, NOBODY], &NEAR));
    }

    /// From now on nothing is sent to the second addresses again.
    pub fn hide(&self) {
        forget(&NEAR, HIDDEN_THERE);
        self.there.run(|| forget(&FAR, HIDDEN_HERE));
    }

    /// Lets go of what waits here for [`HIDDEN_THERE`].
    pub fn reveal_there(&self) {
        know(&NEAR, HIDDEN_THERE, &FAR);
    }

    /// Lets go of what waits there for [`HIDDEN_HERE`].
    pub fn reveal_here(&self) {
        self.there.run(|| know(&FAR, HIDDEN_HERE, &NEAR));
    }
}

/// Writes down that these addresses are at the other end, and answers no questions.
fn acquaint(own: &Plug, addresses: &[&str], other: &Plug) {
    sysctl("net/ipv4/conf/all/arp_ignore", 8);
    let asked = format!("net/ipv4/neigh/{}/mcast_solicit", own.device);
    sysctl(&asked, 1000);
    for address in addresses {
        know(own, address, other);
    }
}

/// The kernel puts off the route to an IPv6 address of its own.
fn until_routed(address: &str) {
    wait_until("an IPv6 address is there", || {
        run("ip", &["-6", "route", "get", address]).starts_with("local")
    });
}

fn know(own: &Plug, address: &str, other: &Plug) {
    let hardware = other.hardware_address();
    let entry = ["neigh", "replace", address, "lladdr", &hardware];
    let device = ["dev", own.device, "nud", "permanent"];
    run("ip", &[&entry[..], &device].concat());
}

fn forget(own: &Plug, address: &str) {
    run("ip", &["neigh", "delete", address, "dev", own.device]);
}
