//! Sockets on their way from the kernel to the output.

use std::{io, mem::take, ops::ControlFlow};

use anyhow::Context;
use sockdiag::{
    analysis::sockets::{Describer, EndReport, SocketReport, SocketsReport},
    collect::{OwnerNeeds, Place, SocketSink},
    model::{Filter, Incomplete, OtherSocket, Owners, SocketRow},
    source::{CgroupNames, Kernel},
};

use super::{
    KEPT, OwnedByArgs,
    owners::{Commands, Inodes},
    row::{Found, FoundEnd, Row},
};
use crate::render::{Moment, Sink};

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
    /// The namespaces read so far, by index.
    pub places: Vec<Place>,
    /// Sockets that wait for a search for their owners; `None` when no search is to come.
    pub pending: Option<Vec<Found>>,
    pub owners: Option<Owners>,
    pub tally: Tally,
    pub cgroups: CgroupNames,
    pub describer: Describer,
    /// The index of the place that the describer is in.
    pub described: Option<usize>,
    pub report: SocketsReport,
    pub failed: Option<io::Error>,
}

/// Where rows go.
pub enum Output<'a> {
    /// The report contains up to so many.
    Kept(usize),
    /// They are written as they come.
    Written(&'a mut Sink<SocketsReport>, Moment),
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

impl SocketSink for Stream<'_> {
    fn enter(&mut self, place: Place) {
        self.places.push(place);
    }

    fn socket(&mut self, socket: SocketRow) -> ControlFlow<()> {
        self.read(Row::Inet(socket))
    }

    fn other(&mut self, socket: OtherSocket) -> ControlFlow<()> {
        self.read(Row::Other(socket))
    }
}

impl Stream<'_> {
    fn read(&mut self, row: Row) -> ControlFlow<()> {
        self.take(Found {
            place: self.places.len() - 1,
            row,
            other_end: None,
        })
    }

    /// Takes a pair if one of its ends is wanted.
    pub fn take(&mut self, found: Found) -> ControlFlow<()> {
        if !found.each().any(|row| self.is_wanted(row)) {
            return ControlFlow::Continue(());
        }
        match &mut self.pending {
            Some(pending) if pending.len() < KEPT => {
                pending.push(found);
                ControlFlow::Continue(())
            }
            Some(pending) => {
                let pending = take(pending);
                self.pending = None;
                self.tally.gave_up = true;
                self.emit_all(pending)?;
                self.emit(&found)
            }
            None => self.emit(&found),
        }
    }

    fn is_wanted(&self, row: &Row) -> bool {
        self.condition.is_none_or(|condition| row.meets(condition))
            && self.uid.is_none_or(|uid| row.uid() == Some(uid))
            && (!self.readable || row.is_readable())
    }

    /// Searches for the owners of the sockets that wait for it, and writes or reports what is left.
    pub fn end(mut self, missing: Vec<Incomplete>) -> anyhow::Result<SocketsReport> {
        if let Some(pending) = self.pending.take() {
            let mut inodes = Inodes::default();
            let rows = pending.iter().flat_map(Found::each);
            rows.for_each(|row| inodes.add(row));
            self.owners = inodes.owners(self.kernel, OwnerNeeds::Auto);
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

    fn emit_all(&mut self, sockets: Vec<Found>) -> ControlFlow<()> {
        sockets.iter().try_for_each(|found| self.emit(found))
    }

    fn emit(&mut self, found: &Found) -> ControlFlow<()> {
        let row = self.describe(found);
        let is_held = |end: &SocketReport| self.owned_by.holds(&end.owners, end.unit.as_deref());
        if !row.each_end().any(is_held) {
            self.tally.leave_out(&row, self.owners.as_ref());
            return ControlFlow::Continue(());
        }
        for end in row.each_end() {
            self.tally.add(end, self.owners.is_some());
        }
        self.report.count(&row);
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

    fn describe(&mut self, found: &Found) -> SocketReport {
        let mut row = self.describe_one(found.place, &found.row);
        if let Some(other) = &found.other_end {
            row.self_connected = Some(matches!(other, FoundEnd::Itself));
        }
        if let Some(FoundEnd::Socket(other)) = &found.other_end {
            row.other_end = Some(Box::new(self.describe(other)));
        }
        row
    }

    fn describe_one(&mut self, place: usize, socket: &Row) -> SocketReport {
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

/// Netlink sockets of the kernel, and the one that asks, which is closed before owners are searched
/// for.
fn is_without_owner(row: &SocketReport) -> bool {
    match &row.local {
        EndReport::Netlink { port_id: 0, .. } => true,
        EndReport::Netlink {
            family: Some(family),
            port_id,
            ..
        } => family == "sock_diag" && *port_id == std::process::id(),
        _ => false,
    }
}

impl Tally {
    /// A socket of which it is not known that its owner is one that is wanted.
    fn leave_out(&mut self, row: &SocketReport, owners: Option<&Owners>) {
        if owners.is_some_and(|owners| !owners.complete) {
            let ends = row.each_end().filter(|end| end.owners.is_empty());
            ends.for_each(|end| self.add(end, true));
        }
    }

    fn add(&mut self, row: &SocketReport, was_searched: bool) {
        let is_held = row.inode != 0 && !is_without_owner(row);
        self.searched += usize::from(is_held && was_searched);
        self.ownerless += usize::from(is_held && was_searched && row.owners.is_empty());
        self.unsearched += u64::from(is_held && !was_searched);
    }

    fn note(&self, owners: Option<&Owners>, report: &mut SocketsReport) {
        match owners {
            Some(owners) => report.note_owners(owners, self.searched, self.ownerless),
            None if self.gave_up => {
                let why = "not searched for more than 10,000 sockets: --owners all does, or a narrower FILTER";
                let missing = Incomplete::counted("owners", why, self.unsearched);
                report.incomplete.push(missing);
            }
            None => {}
        }
    }
}
