//! Owners of sockets, and their command lines.

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
    sync::Arc,
};

use sockdiag::{
    analysis::sockets::CommandLine,
    collect::{OwnerNeeds, Place, SocketSink},
    model::{OtherSocket, Owner, Owners, SocketRow},
    source::{Kernel, Wanted},
};

use super::row::Row;

/// The command lines of processes, each read once.
#[derive(Default)]
pub struct Commands(HashMap<u32, Option<Arc<str>>>);

impl Commands {
    pub fn of(&mut self, owners: &[Owner], kernel: &Kernel) -> Vec<CommandLine> {
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
pub struct Inodes(pub HashSet<u32>);

impl Inodes {
    /// Who has these sockets open; `None` where that is not wanted.
    pub fn owners(self, kernel: &Kernel, needs: OwnerNeeds) -> Option<Owners> {
        let wanted = Wanted {
            inodes: self.0,
            cgroups: HashSet::new(),
        };
        Some(kernel.owners(&wanted, needs.search()?))
    }

    pub fn add(&mut self, row: &Row) {
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
