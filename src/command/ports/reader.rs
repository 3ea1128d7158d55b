//! Readings for `ports`: one walk over the sockets of each family, counted as they stream by.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use sockdiag::{
    analysis::ports::{By, Capacity, NamespaceReading, Oldest, Reading, Tally},
    model::{Holder, Incomplete, Netns, Owners, PortSet},
    source::{Families, Kernel, Namespace, SockDiag, Wanted, tells_bound},
};

use super::super::{
    OwnerArgs, OwnerHunt, Places, Purpose,
    walks::{each_family, flaws, interfaces, shows, tcp_listeners},
};

/// Makes readings.
pub struct Reader<'a> {
    kernel: &'a Kernel,
    places: &'a Places,
    by: By,
    families: Families,
    owners: OwnerHunt,
}

impl<'a> Reader<'a> {
    pub fn new(
        kernel: &'a Kernel,
        places: &'a Places,
        by: By,
        families: Families,
        owners: &OwnerArgs,
    ) -> Self {
        Reader {
            kernel,
            places,
            by,
            families,
            owners: OwnerHunt::new(owners.choice()),
        }
    }

    /// Makes one.
    pub fn read(&mut self, purpose: Purpose) -> anyhow::Result<Reading> {
        let with_owners = purpose == Purpose::Report || self.by == By::Process;
        let began = Instant::now();
        let (mut incomplete, mut inside) = (Vec::new(), Vec::new());
        let namespaces = self.places.ask(self.kernel, &mut incomplete, |namespace| {
            self.namespace(namespace, &mut inside)
        })?;
        incomplete.extend(inside);
        let owners = with_owners.then(|| self.find_owners(&namespaces, began.elapsed()));
        Ok(Reading {
            namespaces,
            owners: owners.flatten(),
            incomplete,
        })
    }

    fn namespace(
        &self,
        namespace: &Namespace,
        missing: &mut Vec<Incomplete>,
    ) -> anyhow::Result<NamespaceReading> {
        let inside = || self.ask(namespace.id.clone(), missing);
        namespace
            .enter(inside)
            .map_err(anyhow::Error::from)
            .and_then(|answer| answer)
            .context("counting ports")
    }

    /// Asks, as a thread of the namespace. Listeners first, so that what came in at their ports is
    /// known.
    fn ask(&self, netns: Netns, missing: &mut Vec<Incomplete>) -> anyhow::Result<NamespaceReading> {
        let limits = self.kernel.port_limits()?;
        let listeners = tcp_listeners(&mut SockDiag::open()?)?;
        let capacity = Capacity::new(limits, &listeners);
        let mut capacity =
            capacity.ok_or_else(|| anyhow!("net.ipv4.ip_local_port_range cannot be read"))?;
        let both = Families { v4: true, v6: true };
        let walked = each_family(both, |diag, family| {
            let mut counted = Counted::new(self.by);
            let walk = diag.walk_holders(family, &capacity.range, |holder| match holder {
                Holder::Connection(connection) if shows(self.families, &connection) => {
                    counted.tally.add(&connection, &capacity);
                }
                Holder::Connection(_) => {}
                Holder::Bound { local, inode } => {
                    counted.bound.insert(local.port);
                    counted.binders.add(inode);
                }
            })?;
            Ok((counted, walk))
        })?;
        let mut all = Counted::new(self.by);
        for one in walked {
            missing.extend(flaws("ports", one.walk));
            all.merge(one.found);
        }
        if tells_bound() || !all.bound.is_empty() {
            capacity.block(all.bound);
        }
        Ok(NamespaceReading {
            netns,
            interfaces: interfaces(all.tally.tuples().iter().any(|(key, _)| key.interface != 0)),
            capacity,
            tally: all.tally,
            binders: all.binders,
            active_opens: self.kernel.counter("snmp", "Tcp", "ActiveOpens")?,
        })
    }

    fn find_owners(&mut self, namespaces: &[NamespaceReading], spent: Duration) -> Option<Owners> {
        let binders = namespaces
            .iter()
            .flat_map(|namespace| namespace.binders.inodes());
        let tallies = namespaces.iter().map(|namespace| &namespace.tally);
        let mut inodes: HashSet<u32> = match self.by {
            By::Process => tallies
                .flat_map(|tally| tally.held().iter().map(|socket| socket.inode))
                .collect(),
            _ => tallies
                .flat_map(|tally| tally.tuples().iter())
                .flat_map(|(_, tuple)| tuple.sockets.inodes().iter().copied())
                .collect(),
        };
        inodes.extend(binders);
        let wanted = Wanted {
            inodes,
            ..Wanted::default()
        };
        self.owners.find(self.kernel, wanted, spent)
    }
}

/// What one walk counted.
struct Counted {
    tally: Tally,
    bound: PortSet,
    binders: Oldest,
}

impl Counted {
    fn new(by: By) -> Self {
        Counted {
            tally: Tally::new(by == By::Process),
            bound: PortSet::default(),
            binders: Oldest::default(),
        }
    }

    fn merge(&mut self, other: Counted) {
        self.tally.merge(other.tally);
        self.bound.extend(other.bound.iter());
        self.binders.merge(other.binders);
    }
}
