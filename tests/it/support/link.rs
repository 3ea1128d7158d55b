//! Two hosts on one veth pair: this namespace with the device `near`, another with `far`.
//!
//! They never ask for hardware addresses: most are written down, and a packet to one that is not
//! waits until it is. So a test can hold a packet back as long as it likes, without a clock.

use super::host::{Host, VethEnd, connect_by_veth};
use super::kernel_parts::add_device;
use super::netns::{lo_up, run, sysctl};
use super::wait::wait_until;

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

const NEAR: VethEnd = VethEnd {
    device: "near",
    hardware: 1,
    addresses: &["10.7.0.1/24", "10.7.0.11/24", "fd00:7::1/64"],
};
const FAR: VethEnd = VethEnd {
    device: "far",
    hardware: 2,
    addresses: &["10.7.0.2/24", "10.7.0.12/24", "fd00:7::2/64"],
};

/// The other host, and the veth pair to it.
pub struct Link {
    /// The other host.
    pub there: Host,
}

impl Link {
    /// Both ends are up, and each host knows the other.
    pub fn new() -> Link {
        lo_up();
        let link = Link { there: Host::new() };
        link.create_veth();
        link
    }

    /// Creates the veth pair again where it was deleted.
    pub fn create_veth(&self) {
        connect_by_veth(&NEAR, &self.there, &FAR);
        wait_until_routed(HERE6);
        self.there.run(|| wait_until_routed(THERE6));
        self.add_neighbours();
    }

    /// Adds the neighbour entries of both hosts, which a device that goes down loses.
    pub fn add_neighbours(&self) {
        add_neighbours(&NEAR, &[THERE, NOBODY], &FAR);
        self.there
            .run(|| add_neighbours(&FAR, &[HERE, NOBODY], &NEAR));
    }

    /// What this host sends to the other from now on is lost: nobody has this hardware address.
    pub fn cut(&self) {
        for address in [THERE, THERE6] {
            let entry = ["neigh", "replace", address, "lladdr", "02:00:00:00:00:99"];
            let device = ["dev", NEAR.device, "nud", "permanent"];
            run("ip", &[&entry[..], &device].concat());
        }
    }

    /// Puts the device of this host into a VRF; `false`, loudly, where the kernel has none.
    pub fn enter_vrf(&self, name: &str) -> bool {
        let added = add_device(name, &["vrf", "table", "10"]);
        if added {
            run("ip", &["link", "set", NEAR.device, "master", name]);
            self.add_neighbours();
        }
        added
    }

    /// From now on nothing is sent to the second addresses again.
    pub fn hide(&self) {
        delete_neighbour(&NEAR, HIDDEN_THERE);
        self.there.run(|| delete_neighbour(&FAR, HIDDEN_HERE));
    }

    /// Lets go of what waits here for [`HIDDEN_THERE`].
    pub fn reveal_there(&self) {
        add_neighbour(&NEAR, HIDDEN_THERE, &FAR);
    }

    /// Lets go of what waits there for [`HIDDEN_HERE`].
    pub fn reveal_here(&self) {
        self.there.run(|| add_neighbour(&FAR, HIDDEN_HERE, &NEAR));
    }
}

/// Adds permanent entries for addresses at the other end, and answers no ARP requests.
fn add_neighbours(own: &VethEnd, addresses: &[&str], other: &VethEnd) {
    sysctl("net/ipv4/conf/all/arp_ignore", 8);
    // Linux 5.10 hides net/ipv4/neigh/*/mcast_solicit in a user namespace.
    let table = ["ntable", "change", "name", "arp_cache", "dev", own.device];
    run("ip", &[&table[..], &["mcast_probes", "1000"]].concat());
    for address in addresses {
        add_neighbour(own, address, other);
    }
}

/// The kernel puts off the route to an IPv6 address of its own.
fn wait_until_routed(address: &str) {
    wait_until("an IPv6 address is there", || {
        run("ip", &["-6", "route", "get", address]).starts_with("local")
    });
}

fn add_neighbour(own: &VethEnd, address: &str, other: &VethEnd) {
    let hardware = other.hardware_address();
    let entry = ["neigh", "replace", address, "lladdr", &hardware];
    let device = ["dev", own.device, "nud", "permanent"];
    run("ip", &[&entry[..], &device].concat());
}

fn delete_neighbour(own: &VethEnd, address: &str) {
    run("ip", &["neigh", "delete", address, "dev", own.device]);
}
