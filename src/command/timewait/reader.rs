//! Readings for `timewait`: one walk over the sockets of each family, counted as they stream by.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use sockdiag::{
    analysis::timewait::{NamespaceReading, Reading, Sorter, Tally},
    model::{Incomplete, Owners},
    source::{Families, Kernel, Namespace, SockDiag, Wanted},
};

use super::{
    super::{
        OwnerArgs, OwnerHunt, OwnersArg, Places, Purpose,
        walks::{each_family, flaws, interfaces, is_on_device, tcp_listeners},
    },
    live::{Live, MOST},
};

/// Makes readings.
pub struct Reader<'a> {
    kernel: &'a Kernel,
    places: &'a Places,
    choice: OwnersArg,
    owners: OwnerHunt,
    live: HashMap<Option<u64>, Live>,
}

impl<'a> Reader<'a> {
    pub fn new(kernel: &'a Kernel, places: &'a Places, owners: &OwnerArgs) -> Self {
        Reader {
            kernel,
            places,
            choice: owners.choice(),
            owners: OwnerHunt::new(owners.choice()),
            live: HashMap::new(),
        }
    }

    /// Makes one.
    pub fn read(&mut self, purpose: Purpose) -> anyhow::Result<Reading> {
        let began = Instant::now();
        let with_owners = purpose == Purpose::Report && self.choice != OwnersArg::None;
        let (mut incomplete, mut inside) = (Vec::new(), Vec::new());
        let places = self.places;
        let namespaces = places.ask(self.kernel, &mut incomplete, |namespace| {
            self.namespace(namespace, with_owners, &mut inside)
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
        &mut self,
        namespace: &Namespace,
        with_owners: bool,
        missing: &mut Vec<Incomplete>,
    ) -> anyhow::Result<NamespaceReading> {
        let live = with_owners.then(|| self.live.entry(namespace.id.inode).or_default());
        let kernel = self.kernel;
        let answer = namespace.enter(|| ask(kernel, live, missing));
        let reading = answer
            .map_err(anyhow::Error::from)
            .and_then(|answer| answer)
            .context("counting TIME_WAITs")?;
        Ok(NamespaceReading {
            netns: namespace.id.clone(),
            ..reading
        })
    }

    fn find_owners(&mut self, namespaces: &[NamespaceReading], spent: Duration) -> Option<Owners> {
        let inodes = namespaces.iter().flat_map(|namespace| {
            let listeners = namespace.listeners.iter().map(|listener| listener.inode);
            listeners.chain(namespace.live.values().copied())
        });
        let wanted = Wanted {
            inodes: inodes.collect::<HashSet<u32>>(),
            ..Wanted::default()
        };
        self.owners.find(self.kernel, wanted, spent)
    }
}

/// Asks, as a thread of the namespace.
fn ask(
    kernel: &Kernel,
    live: Option<&mut Live>,
    missing: &mut Vec<Incomplete>,
) -> anyhow::Result<NamespaceReading> {
    let limits = kernel.port_limits()?;
    let range = limits.range.clone();
    let range = range.ok_or_else(|| anyhow!("net.ipv4.ip_local_port_range cannot be read"))?;
    let listeners = tcp_listeners(&mut SockDiag::open()?)?;
    let sorter = Sorter::new(&listeners, range);
    let both = Families { v4: true, v6: true };
    let walked = each_family(both, |diag, family| {
        let mut tally = Tally::default();
        let walk = diag.walk_timewait(family, |connection| {
            tally.add(&connection, &sorter);
        })?;
        Ok((tally, walk))
    })?;
    let mut tally = Tally::default();
    for one in walked {
        missing.extend(flaws("timewait", one.walk));
        tally.merge(one.found);
    }
    tally.settle(&sorter);
    let live = live.map(|live| live.towards(tally.destinations(MOST), missing));
    Ok(NamespaceReading {
        limits,
        interfaces: interfaces(listeners.iter().any(is_on_device)),
        overflows: kernel.counter("netstat", "TcpExt", "TCPTimeWaitOverflow")?,
        live: live.transpose()?.unwrap_or_default(),
        tally,
        listeners,
        ..NamespaceReading::default()
    })
}
