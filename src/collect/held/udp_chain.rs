//! How many UDP sockets share a chain of the kernel's table (`udp_hashslot`, include/linux/udp.h).

use std::ops::ControlFlow;

use crate::{
    Result,
    collect::{Namespaces, Place, SocketNeeds, SocketSink, read_sockets},
    model::{
        Netns, SocketProtocol, SocketRow,
        filter::{End, View},
    },
    source::Kernel,
};

/// The smallest table (`UDP_HTABLE_SIZE_MIN`): a chain of a larger one is a part of one of its.
const CHAINS: usize = 128;
/// With more sockets in the chain bind(2) may search another table.
const SHORT: u64 = 10;

/// Whether the chain of a port may be so long that bind(2) searches another table. All namespaces
/// share the chains, so all must be seen.
pub fn may_be_long(kernel: &Kernel, here: &Netns, port: u16) -> Result<bool> {
    let needs = SocketNeeds {
        protocols: vec![SocketProtocol::Udp],
        ..SocketNeeds::default()
    };
    if !kernel.is_in_initial("pid") {
        return Ok(true);
    }
    let mut chains = Chains(Vec::new());
    let missing = read_sockets(kernel, &Namespaces::All, &needs, &mut chains)?;
    Ok(!missing.is_empty() || chains.at_most(here, port) > SHORT)
}

/// Sockets by their port, of each namespace.
struct Chains(Vec<(Netns, [u64; CHAINS])>);

impl Chains {
    /// A namespace other than `here` shifts its ports by a number that is not known.
    fn at_most(&self, here: &Netns, port: u16) -> u64 {
        let all = self.0.iter().map(|(netns, chains)| {
            let longest = chains.iter().max().copied().unwrap_or_default();
            match netns.inode == here.inode {
                true => chains[usize::from(port) % CHAINS],
                false => longest,
            }
        });
        all.sum()
    }
}

impl SocketSink for Chains {
    fn enter(&mut self, place: Place) {
        self.0.push((place.netns, [0; CHAINS]));
    }

    fn socket(&mut self, socket: SocketRow) -> ControlFlow<()> {
        if let (Some(local), Some((_, chains))) = (socket.address(End::Local), self.0.last_mut()) {
            chains[usize::from(local.port) % CHAINS] += 1;
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        collect::held::finder::tests::connection,
        model::{Endpoint, Family, Local},
    };

    fn at(port: u16) -> SocketRow {
        SocketRow {
            protocol: SocketProtocol::Udp,
            local: Local::Inet(Endpoint {
                family: Family::V4,
                address: [127, 0, 0, 1].into(),
                port,
                interface: 0,
            }),
            ..connection(7)
        }
    }

    #[test]
    fn a_chain_has_the_ports_of_here_and_may_have_any_of_elsewhere() {
        let netns = |inode| Netns {
            inode: Some(inode),
            ..Netns::default()
        };
        let mut chains = Chains(Vec::new());
        let here = [(53, 2), (7, 90)];
        let elsewhere = [(3, 3), (3 + 128, 1), (9, 1)];
        for (inode, counts) in [(1, &here[..]), (2, &elsewhere)] {
            chains.enter(Place {
                netns: netns(inode),
                ..Place::default()
            });
            for (port, count) in counts {
                for _ in 0..*count {
                    assert!(chains.socket(at(*port)).is_continue());
                }
            }
        }
        for (port, longest) in [(53, 6), (53 + 128, 6), (54, 4), (7, 94)] {
            assert_eq!(chains.at_most(&netns(1), port), longest, "{port}");
        }
        assert_eq!(chains.at_most(&netns(2), 3), 94);
    }
}
