//! `--pairs`: sockets that are the two ends of one connection.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use sockdiag::{
    analysis::sockets::{End, Joined, join},
    collect::{Place, SocketNeeds, SocketSink},
    model::{Families, Filter, Incomplete, OtherSocket, SocketProtocol, SocketRow},
};

use super::{
    super::usage,
    row::{Found, FoundEnd, Row},
};

const SEVERAL: &str = "more than one socket has the addresses and ports of the other end";
const RELAYED: &str = "IP_TRANSPARENT: the addresses may be those of other hosts";

/// The protocols whose sockets can be joined.
pub fn protocols(mut named: Vec<SocketProtocol>) -> anyhow::Result<Vec<SocketProtocol>> {
    use SocketProtocol::{Tcp, Udp, Unix};
    named.retain(|protocol| matches!(protocol, Tcp | Udp | Unix));
    match named.is_empty() {
        true => Err(usage("--pairs joins tcp, udp and unix sockets")),
        false => Ok(named),
    }
}

/// Connections both of whose ends were read.
pub struct Pairs {
    pub places: Vec<Place>,
    pub found: Vec<Found>,
    /// Connections that match of which one end was read.
    pub unpaired: u64,
    pub missing: Vec<Incomplete>,
}

impl Pairs {
    /// Connections of which one end matches. The other may be of any family, and in any state.
    pub fn read(
        needs: &SocketNeeds,
        mut dump: impl FnMut(&SocketNeeds, &mut dyn SocketSink) -> anyhow::Result<Vec<Incomplete>>,
    ) -> anyhow::Result<Self> {
        let every = SocketNeeds {
            families: Families::BOTH,
            filter: Filter::ALL,
            ..needs.clone()
        };
        let bare = |needs: &SocketNeeds| SocketNeeds {
            info: false,
            memory: false,
            ..needs.clone()
        };
        let mut all = Digests::default();
        dump(&bare(&every), &mut all)?;
        all.0.sort_unstable();
        let mut local = all.repeated();
        let mut matching = all;
        if needs.filter != Filter::ALL || needs.families != Families::BOTH {
            matching = Digests::default();
            dump(&bare(needs), &mut matching)?;
            matching.0.sort_unstable();
            local.retain(|digest| matching.0.binary_search(digest).is_ok());
        }
        let mut ends = Ends {
            local,
            ..Ends::default()
        };
        let missing = dump(&every, &mut ends)?;
        Ok(ends.join(matching, missing))
    }
}

/// Digests of the connections of sockets.
#[derive(Default)]
struct Digests(Vec<u64>);

impl Digests {
    fn add(&mut self, end: Option<End>) -> ControlFlow<()> {
        let Some(end) = end else {
            return ControlFlow::Continue(());
        };
        self.0.push(end.digest());
        if end.is_connected_to_itself() {
            self.0.push(end.digest());
        }
        ControlFlow::Continue(())
    }

    /// Digests that occur at least twice.
    fn repeated(&self) -> Vec<u64> {
        let alike = self.0.chunk_by(|one, other| one == other);
        let alike = alike.filter(|alike| alike.len() > 1);
        alike.map(|alike| alike[0]).collect()
    }

    /// How many connections are not joined. Those of a transparent proxy have one digest in pairs.
    fn unpaired(mut self, joined: &BTreeSet<u64>, relayed: impl Iterator<Item = u64>) -> usize {
        let mut left = BTreeMap::<u64, usize>::new();
        relayed.for_each(|digest| *left.entry(digest).or_default() += 1);
        let is_relayed = |digest: &&u64| {
            let left = left.get_mut(digest).filter(|left| **left > 0);
            left.map(|left| *left -= 1).is_some()
        };
        let relayed = self.0.iter().filter(is_relayed).count();
        self.0.dedup();
        self.0.len().saturating_sub(joined.len()) + relayed
    }
}

impl SocketSink for Digests {
    fn enter(&mut self, _: Place) {}

    fn socket(&mut self, socket: SocketRow) -> ControlFlow<()> {
        self.add(End::of(&socket, 0))
    }

    fn other(&mut self, socket: OtherSocket) -> ControlFlow<()> {
        self.add(End::of_other(&socket, 0))
    }
}

/// Sockets whose connection is one of `local`.
#[derive(Default)]
struct Ends {
    /// Digests in ascending order.
    local: Vec<u64>,
    places: Vec<Place>,
    /// Places that have transparent sockets, listeners included.
    relays: BTreeSet<usize>,
    ends: Vec<End>,
    rows: Vec<Row>,
}

impl SocketSink for Ends {
    fn enter(&mut self, place: Place) {
        self.places.push(place);
    }

    fn socket(&mut self, socket: SocketRow) -> ControlFlow<()> {
        if socket.transparent == Some(true) {
            self.relays.insert(self.place());
        }
        self.add(End::of(&socket, self.place()), || Row::Inet(socket))
    }

    fn other(&mut self, socket: OtherSocket) -> ControlFlow<()> {
        self.add(End::of_other(&socket, self.place()), || Row::Other(socket))
    }
}

impl Ends {
    fn place(&self) -> usize {
        self.places.len() - 1
    }

    fn add(&mut self, end: Option<End>, row: impl FnOnce() -> Row) -> ControlFlow<()> {
        let is_local = |end: &End| self.local.binary_search(&end.digest()).is_ok();
        if let Some(end) = end.filter(is_local) {
            self.ends.push(end);
            self.rows.push(row());
        }
        ControlFlow::Continue(())
    }

    /// `matching` are the connections that match, joined or not.
    fn join(mut self, matching: Digests, mut missing: Vec<Incomplete>) -> Pairs {
        for end in &mut self.ends {
            if self.relays.contains(&end.place()) {
                end.may_be_transparent();
            }
        }
        let Joined {
            pairs,
            several,
            relayed,
        } = join(&self.ends);
        let digest = |at: &usize| self.ends[*at].digest();
        let joined = pairs.iter().map(|(at, _)| at).chain(&several);
        let joined: BTreeSet<u64> = joined.chain(&relayed).map(digest).collect();
        for (why, ends) in [(SEVERAL, &several), (RELAYED, &relayed)] {
            if !ends.is_empty() {
                missing.push(Incomplete::counted("pairs", why, ends.len() as u64));
            }
        }
        let unpaired = matching.unpaired(&joined, relayed.iter().map(digest)) as u64;
        let places: Vec<usize> = self.ends.iter().map(End::place).collect();
        let mut rows: Vec<Option<Row>> = self.rows.into_iter().map(Some).collect();
        let mut found = |at: usize, other_end| Found {
            place: places[at],
            row: rows[at].take().expect("each end is in one pair"),
            other_end,
        };
        let pair = |(first, other): (usize, Option<usize>)| {
            let other = other.map(|at| FoundEnd::Socket(Box::new(found(at, None))));
            found(first, other.or(Some(FoundEnd::Itself)))
        };
        Pairs {
            found: pairs.into_iter().map(pair).collect(),
            places: self.places,
            unpaired,
            missing,
        }
    }
}
