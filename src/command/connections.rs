//! TCP sockets for the commands that put them into groups.

use std::ops::ControlFlow;

use clap::{Args, ValueHint};
use sockdiag::{
    analysis::sockets::{By, Describer, Held, SocketReport},
    collect::{Namespaces, OwnerNeeds, Place, SocketNeeds, SocketSink, read_sockets, unseen_bound},
    model::{
        Filter, Incomplete, Owners, SocketProtocol, SocketRow, StateSet,
        filter::{Subject, Test},
    },
    source::{CgroupNames, Kernel},
};

use super::{
    FamilyArgs, OwnerArgs, PlaceArgs,
    options::{OwnedByArgs, filter, measures},
    sockets::Inodes,
    usage, with_way_in,
};

// Which connections.
#[derive(Debug, Args)]
pub struct ConnectionArgs {
    /// Only sockets that match
    #[arg(value_name = "FILTER", value_hint = ValueHint::Other)]
    filter: Vec<String>,
    /// Only sockets whose numbers match: `idle>10m`, `recvq>0`, `rtt>50ms`
    #[arg(long = "where", value_name = "CONDITION", value_parser = measures, value_hint = ValueHint::Other)]
    condition: Option<Filter>,
    #[command(flatten)]
    family: FamilyArgs,
    #[command(flatten)]
    owned_by: OwnedByArgs,
    #[command(flatten)]
    owners: OwnerArgs,
}

/// The values of `--by` that every such command has.
pub const PROCESS: (&str, By, &str) = (
    "process",
    By::Process,
    "First process that has the socket open",
);
pub const LISTENER: (&str, By, &str) = (
    "listener",
    By::Listener,
    "Listener that accepts connections at the local end",
);
pub const UNIT: (&str, By, &str) = ("unit", By::Unit, "Systemd unit, container or pod");
pub const PEER: (&str, By, &str) = ("peer", By::Peer, "Address of the peer, without the port");
pub const SOCKET: (&str, By, &str) = ("socket", By::Socket, "Each connection by itself");

/// What a command needs of connections.
pub struct Wanted {
    pub by: By,
    /// Owners are needed for more than the groups.
    pub shows_owners: bool,
    pub states: StateSet,
    /// `struct tcp_info`.
    pub info: bool,
    pub memory: bool,
    pub sysctls: &'static [&'static str],
}

/// Receives connections as they come.
pub trait ConnectionSink {
    fn enter(&mut self, place: Place);

    /// `describe` makes a row of a report of it.
    fn add(&mut self, row: &SocketRow, held: &Held, describe: &mut dyn FnMut() -> SocketReport);

    /// `owners` were searched for so many connections, and not found for so many of them.
    fn note_owners(&mut self, owners: &Owners, searched: usize, ownerless: usize);

    fn note(&mut self, missing: Vec<Incomplete>);
}

/// Reads connections of one command, each time it is asked to.
pub struct Connections {
    kernel: Kernel,
    namespaces: Namespaces,
    needs: SocketNeeds,
    args: ConnectionArgs,
    uid: Option<u32>,
    owners: OwnerNeeds,
    needs_unit: bool,
}

impl Connections {
    pub fn new(args: ConnectionArgs, place: &PlaceArgs, wanted: &Wanted) -> anyhow::Result<Self> {
        let kernel = place.kernel()?;
        args.owned_by.check(&kernel)?;
        let condition = args.condition.as_ref();
        let in_states = Filter::Test(Test::State(wanted.states));
        let named = filter(Subject::Socket, &args.filter, place)?;
        Ok(Connections {
            namespaces: place.namespaces(&kernel)?,
            kernel,
            needs: SocketNeeds {
                protocols: vec![SocketProtocol::Tcp],
                families: args.family.families(),
                filter: Filter::all(vec![in_states, named]),
                info: wanted.info || condition.is_some_and(Filter::needs_info),
                memory: wanted.memory || condition.is_some_and(Filter::needs_memory),
                listening: wanted.by == By::Listener,
                sysctls: wanted.sysctls,
            },
            uid: args.owned_by.uid()?,
            owners: args.owner_needs(wanted)?,
            needs_unit: wanted.by == By::Unit || args.owned_by.unit.is_some(),
            args,
        })
    }

    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    pub fn read(&self, groups: &mut dyn ConnectionSink) -> anyhow::Result<()> {
        let owners = match self.owners {
            OwnerNeeds::None => None,
            needs => self.find_owners(needs)?,
        };
        let mut stream = Stream {
            of: self,
            owners: owners.as_ref(),
            groups,
            cgroups: CgroupNames::default(),
            describer: Describer::default(),
            searched: 0,
            ownerless: 0,
        };
        let mut missing = self.read_into(&self.needs, &mut stream)?;
        missing.extend(unseen_bound(&self.needs));
        let (searched, ownerless) = (stream.searched, stream.ownerless);
        if let Some(owners) = &owners {
            groups.note_owners(owners, searched, ownerless);
        }
        groups.note(missing);
        Ok(())
    }

    fn find_owners(&self, owners: OwnerNeeds) -> anyhow::Result<Option<Owners>> {
        let mut inodes = Inodes::default();
        let bare = SocketNeeds {
            info: false,
            memory: false,
            listening: false,
            sysctls: &[],
            ..self.needs.clone()
        };
        self.read_into(&bare, &mut inodes)?;
        Ok(inodes.owners(&self.kernel, owners))
    }

    fn read_into(
        &self,
        needs: &SocketNeeds,
        sink: &mut dyn SocketSink,
    ) -> anyhow::Result<Vec<Incomplete>> {
        let missing = read_sockets(&self.kernel, &self.namespaces, needs, sink);
        missing.map_err(|error| with_way_in(anyhow::Error::from(error)))
    }
}

impl ConnectionArgs {
    /// Owners are searched for only where they are shown or compared, and without a limit of time
    /// where they make the groups: a part of them would be counted as nobody's.
    fn owner_needs(&self, wanted: &Wanted) -> anyhow::Result<OwnerNeeds> {
        let is_compared = self.owned_by.process.is_some() || self.owned_by.unit.is_some();
        let makes_groups = matches!(wanted.by, By::Process | By::Unit);
        let are_shown = wanted.by == By::Socket || wanted.shows_owners;
        match self.owners.needs() {
            _ if is_compared => Ok(OwnerNeeds::All),
            OwnerNeeds::None if wanted.by == By::Process => {
                Err(usage("--by process needs owners; --by peer does without"))
            }
            OwnerNeeds::None if wanted.shows_owners => Err(usage("--options needs owners")),
            OwnerNeeds::Auto if makes_groups => Ok(OwnerNeeds::All),
            OwnerNeeds::Auto if !are_shown => Ok(OwnerNeeds::None),
            needs => Ok(needs),
        }
    }
}

struct Stream<'a> {
    of: &'a Connections,
    owners: Option<&'a Owners>,
    groups: &'a mut dyn ConnectionSink,
    cgroups: CgroupNames,
    describer: Describer,
    searched: usize,
    ownerless: usize,
}

impl SocketSink for Stream<'_> {
    fn enter(&mut self, place: Place) {
        let interfaces = place.interfaces.clone();
        self.describer.enter(place.netns.clone(), interfaces);
        self.groups.enter(place);
    }

    fn socket(&mut self, row: SocketRow) -> ControlFlow<()> {
        let condition = self.of.args.condition.as_ref();
        let is_wanted = condition.is_none_or(|condition| condition.accepts(&row))
            && self.of.uid.is_none_or(|uid| row.user() == Some(uid));
        if !is_wanted {
            return ControlFlow::Continue(());
        }
        let (of, owners, describer) = (self.of, self.owners, &mut self.describer);
        let mut cgroup = |id| {
            self.cgroups.learn(&of.kernel, [id]);
            self.cgroups.path(id).map(str::to_owned)
        };
        let found = owners.and_then(|owners| owners.by_inode.get(&row.inode));
        let held = Held {
            owners: found.map_or(&[], Vec::as_slice),
            unit: match of.needs_unit {
                true => describer.unit(&row, owners, &mut cgroup),
                false => None,
            },
        };
        let is_wanted = of.args.owned_by.holds(held.owners, held.unit.as_deref());
        let may_be = owners.is_some_and(|owners| !owners.complete && held.owners.is_empty());
        if row.inode != 0 && owners.is_some() && (is_wanted || may_be) {
            self.searched += 1;
            self.ownerless += usize::from(held.owners.is_empty());
        }
        if is_wanted {
            let mut describe = || describer.describe(&row, owners, &mut cgroup);
            self.groups.add(&row, &held, &mut describe);
        }
        ControlFlow::Continue(())
    }
}
