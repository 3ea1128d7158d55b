//! Sockets on their way from the kernel to the output.

use std::{
    collections::{HashMap, HashSet},
    io,
    mem::take,
    ops::ControlFlow,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use sockdiag::{
    analysis::sockets::{CommandLine, Describer, SocketReport, SocketsReport},
    collect::{Place, SocketSink},
    model::{Filter, Incomplete, OtherEnd, OtherSocket, Owner, Owners, SocketRow},
    source::{CgroupNames, Kernel, OwnerSearch, Wanted},
};

use super::{KEPT, OwnedByArgs};
use crate::render::{Moment, Sink};

/// How long to search for owners, beyond the low descriptors of every process.
pub const BUDGET: Duration = Duration::from_millis(250);

/// Writes the sockets that are wanted as they come, or keeps those that fit.
pub struct Stream<'a> {
    pub kernel: &'a Kernel,
    /// `--where`
    pub condition: Option<&'a Filter>,
    /// `--readable`
    pub readable: bool,
    pub owned_by: &'a OwnedByArgs,
    pub uid: Option<u32>,
    pub shows_info: bool,
    /// `--command`
    pub commands: Option<Commands>,
    /// The reading ends after so many.
    pub most: u64,
    pub output: Output<'a>,
    /// Those that were entered.
    pub places: Vec<Place>,
    /// Sockets that wait for a search for their owners, with the index of their place; `None` when
    /// no search is to come.
    pub pending: Option<Vec<(usize, Row)>>,
    pub owners: Option<Owners>,
    pub tally: Tally,
    pub cgroups: CgroupNames,
    pub describer: Describer,
    /// The index of the place that the describer is in.
    pub described: Option<usize>,
    pub report: SocketsReport,
    pub failed: Option<io::Error>,
}

/// What becomes of rows.
pub enum Output<'a> {
    /// The report contains up to so many.
    Kept(usize),
    /// They are written as they come.
    Written(&'a mut Sink<SocketsReport>, Moment),
}

/// A socket of any family.
#[expect(
    clippy::large_enum_variant,
    reason = "most are of the internet, and none is to be boxed"
)]
pub enum Row {
    Inet(SocketRow),
    Other(OtherSocket),
}

impl Row {
    /// Where the kernel tells its user.
    fn uid(&self) -> Option<u32> {
        match self {
            Row::Inet(socket) => Some(socket.uid),
            Row::Other(socket) => socket.uid,
        }
    }

    fn meets(&self, condition: &Filter) -> bool {
        match self {
            Row::Inet(socket) => condition.accepts(socket),
            Row::Other(socket) => condition.accepts(socket),
        }
    }

    fn is_readable(&self) -> bool {
        match self {
            Row::Inet(socket) => socket.is_readable(),
            Row::Other(socket) => socket.receive_queue > 0,
        }
    }

    /// Its own inode and, of a unix socket, that of its peer.
    fn inodes(&self) -> [u32; 2] {
        match self {
            Row::Inet(socket) => [socket.inode, 0],
            Row::Other(socket) => match socket.peer {
                Some(OtherEnd::Unix { inode, .. }) => [socket.inode, inode],
                _ => [socket.inode, 0],
            },
        }
    }
}

/// Sockets that somebody holds.
#[derive(Default)]
pub struct Tally {
    searched: usize,
    ownerless: usize,
    unsearched: u64,
    /// There were too many to search for their owners.
    gave_up: bool,
}

/// The command lines of processes, each read once.
#[derive(Default)]
pub struct Commands(HashMap<u32, Option<Arc<str>>>);

impl Commands {
    fn of(&mut self, owners: &[Owner], kernel: &Kernel) -> Vec<CommandLine> {
        let one = |Owner { pid, name, .. }: &Owner| {
            let read = || kernel.command_line(*pid, name).map(Arc::from);
            CommandLine {
                pid: *pid,
                command_line: self.0.entry(*pid).or_insert_with(read).clone(),
            }
        };
        let mut lines: Vec<CommandLine> = owners.iter().map(one).collect();
        lines.dedup_by_key(|line| line.pid);
        lines
    }
}

/// The inodes of sockets that somebody holds.
#[derive(Default)]
pub struct Inodes(HashSet<u32>);

impl Inodes {
    pub fn owners(self, kernel: &Kernel, search: OwnerSearch) -> Owners {
        let wanted = Wanted {
            inodes: self.0,
            cgroups: HashSet::new(),
        };
        kernel.owners(&wanted, search)
    }

    fn add(&mut self, row: &Row) {
        let inodes = row.inodes().into_iter();
        self.0.extend(inodes.filter(|inode| *inode != 0));
    }
}

impl SocketSink for Inodes {
    fn enter(&mut self, _: Place) {}

    fn socket(&mut self, socket: SocketRow) -> ControlFlow<()> {
        self.add(&Row::Inet(socket));
        ControlFlow::Continue(())
    }

    fn other(&mut self, socket: OtherSocket) -> ControlFlow<()> {
        self.add(&Row::Other(socket));
        ControlFlow::Continue(())
    }
}

impl SocketSink for Stream<'_> {
    fn enter(&mut self, place: Place) {
        self.places.push(place);
    }

    fn socket(&mut self, socket: SocketRow) -> ControlFlow<()> {
        self.take(Row::Inet(socket))
    }

    fn other(&mut self, socket: OtherSocket) -> ControlFlow<()> {
        self.take(Row::Other(socket))
    }
}

impl Stream<'_> {
    fn take(&mut self, socket: Row) -> ControlFlow<()> {
        let is_wanted = self
            .condition
            .is_none_or(|condition| socket.meets(condition))
            && self.uid.is_none_or(|uid| socket.uid() == Some(uid))
            && (!self.readable || socket.is_readable());
        if !is_wanted {
            return ControlFlow::Continue(());
        }
        let place = self.places.len() - 1;
        match &mut self.pending {
            Some(pending) if pending.len() < KEPT => {
                pending.push((place, socket));
                ControlFlow::Continue(())
            }
            Some(pending) => {
                let pending = take(pending);
                self.pending = None;
                self.tally.gave_up = true;
                self.emit_all(pending)?;
                self.emit(place, &socket)
            }
            None => self.emit(place, &socket),
        }
    }

    /// Searches for the owners of the sockets that wait for it, and writes or reports what is left.
    pub fn end(mut self, missing: Vec<Incomplete>) -> anyhow::Result<SocketsReport> {
        if let Some(pending) = self.pending.take() {
            let mut inodes = Inodes::default();
            pending.iter().for_each(|(_, socket)| inodes.add(socket));
            self.owners = Some(inodes.owners(self.kernel, OwnerSearch::Within(BUDGET)));
            let _ = self.emit_all(pending);
        }
        if let Some(error) = self.failed {
            return Err(error).context("writing the report");
        }
        let mut report = self.report;
        report.incomplete.extend(missing);
        self.tally.note(self.owners.as_ref(), &mut report);
        Ok(report)
    }

    fn emit_all(&mut self, sockets: Vec<(usize, Row)>) -> ControlFlow<()> {
        sockets
            .iter()
            .try_for_each(|(place, socket)| self.emit(*place, socket))
    }

    fn emit(&mut self, place: usize, socket: &Row) -> ControlFlow<()> {
        let row = self.describe(place, socket);
        if !self.owned_by.holds(&row.owners, row.unit.as_deref()) {
            return ControlFlow::Continue(());
        }
        self.tally.add(&row, self.owners.is_some());
        self.report.count(row.state);
        let written = match &mut self.output {
            Output::Kept(most) if self.report.sockets.len() < *most => {
                self.report.sockets.push(row);
                Ok(())
            }
            Output::Kept(_) => Ok(()),
            Output::Written(sink, moment) => sink.row(&row, moment),
        };
        if let Err(error) = written {
            self.failed = Some(error);
            return ControlFlow::Break(());
        }
        match self.report.count < self.most {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }

    fn describe(&mut self, place: usize, socket: &Row) -> SocketReport {
        if self.described != Some(place) {
            let Place {
                netns, interfaces, ..
            } = self.places[place].clone();
            self.describer.enter(netns, interfaces);
            self.described = Some(place);
        }
        let (describer, owners) = (&mut self.describer, self.owners.as_ref());
        let (cgroups, kernel) = (&mut self.cgroups, self.kernel);
        let mut row = match socket {
            Row::Inet(socket) => describer.describe(socket, owners, |id| {
                cgroups.learn(kernel, [id]);
                cgroups.path(id).map(str::to_owned)
            }),
            Row::Other(socket) => describer.describe_other(socket, owners),
        };
        row.tcp_info = row.tcp_info.filter(|_| self.shows_info);
        let commands = self.commands.as_mut();
        row.command_lines = commands.map(|commands| commands.of(&row.owners, kernel));
        row
    }
}

impl Tally {
    fn add(&mut self, row: &SocketReport, was_searched: bool) {
        let is_held = row.inode != 0;
        self.searched += usize::from(is_held && was_searched);
        self.ownerless += usize::from(is_held && was_searched && row.owners.is_empty());
        self.unsearched += u64::from(is_held && !was_searched);
    }

    fn note(&self, owners: Option<&Owners>, report: &mut SocketsReport) {
        match owners {
            Some(owners) => report.note_owners(owners, self.searched, self.ownerless),
            None if self.gave_up => {
                let why = "not searched for so many sockets; --owners all does, a FILTER makes them fewer";
                let missing = Incomplete::counted("owners", why, self.unsearched);
                report.incomplete.push(missing);
            }
            None => {}
        }
    }
}
