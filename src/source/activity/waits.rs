//! Which listeners a sleeping thread waits for: the links of `/proc/PID/fd`, and `fdinfo` of an
//! epoll instance, which has a line for each descriptor that it watches:
//!
//! ```text
//! tfd:        4 events:       19 data:                4  pos:0 ino:90547e9 sdev:9
//! ```

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use super::ProcessDir;
use crate::{
    model::CallKind,
    source::descriptors::{each_number, link},
};

/// Links that are read of a process.
const MOST_LINKS: usize = 16 * 1024;
/// Epoll instances watch each other four deep at most (`EP_MAX_NESTS`, fs/eventpoll.c).
const MOST_NESTED: usize = 5;
const EPOLL: &str = "anon_inode:[eventpoll]";
const IO_URING: &str = "anon_inode:[io_uring]";

/// The descriptors of a process, through one of its threads.
pub struct Descriptors<'a> {
    process: &'a ProcessDir,
    tid: u32,
    /// The listeners that are asked for.
    inodes: &'a BTreeSet<u32>,
    /// `None` where there are too many, or they may not be read.
    special: Option<Special>,
    watched: RefCell<BTreeMap<u32, Option<Vec<u32>>>>,
}

#[derive(Default)]
struct Special {
    epolls: BTreeSet<u32>,
    io_uring: bool,
}

impl<'a> Descriptors<'a> {
    pub fn of(process: &'a ProcessDir, tid: u32, inodes: &'a BTreeSet<u32>) -> Self {
        let mut descriptors = Descriptors {
            process,
            tid,
            inodes,
            special: None,
            watched: RefCell::default(),
        };
        descriptors.special = descriptors.special();
        descriptors
    }

    pub fn io_uring(&self) -> Option<bool> {
        Some(self.special.as_ref()?.io_uring)
    }

    pub fn link(&self, fd: u32) -> Option<String> {
        link(self.process.folder(), &format!("task/{}/fd/{fd}", self.tid)).ok()
    }

    fn special(&self) -> Option<Special> {
        let numbers = each_number(self.process.folder(), &format!("task/{}/fd", self.tid)).ok()?;
        if numbers.len() > MOST_LINKS {
            return None;
        }
        let mut special = Special::default();
        let mut seen = false;
        for fd in numbers {
            let Some(link) = self.link(fd) else { continue };
            seen = true;
            special.io_uring |= link == IO_URING;
            if link == EPOLL {
                special.epolls.insert(fd);
            }
        }
        // /proc may list links that it does not let us follow.
        seen.then_some(special)
    }

    /// The listeners that would end this call, as far as that is known.
    pub fn waits_for(&self, kind: CallKind, fd: Option<u32>) -> Option<Vec<u32>> {
        match kind {
            CallKind::Accept => Some(self.asked(socket(&self.link(fd?)?)?)),
            CallKind::Epoll => self.watched(fd?, MOST_NESTED),
            kind if kind.may_wait_for_connections() => None,
            _ => Some(Vec::new()),
        }
    }

    fn asked(&self, inode: u32) -> Vec<u32> {
        self.inodes.get(&inode).into_iter().copied().collect()
    }

    fn watched(&self, epoll: u32, depth: usize) -> Option<Vec<u32>> {
        if let Some(known) = self.watched.borrow().get(&epoll) {
            return known.clone();
        }
        let found = self.read_watched(epoll, depth);
        self.watched.borrow_mut().insert(epoll, found.clone());
        found
    }

    fn read_watched(&self, epoll: u32, depth: usize) -> Option<Vec<u32>> {
        let epolls = &self.special.as_ref()?.epolls;
        let file = format!("task/{}/fdinfo/{epoll}", self.tid);
        let entries = entries(&self.process.read(&file).ok()?)?;
        let depth = depth.checked_sub(1)?;
        let mut found = BTreeSet::new();
        for (fd, inode) in entries {
            found.extend(self.asked(inode));
            if epolls.contains(&fd) && fd != epoll {
                found.extend(self.watched(fd, depth)?);
            }
        }
        Some(found.into_iter().collect())
    }
}

/// Descriptor and inode of each watched file. `None` on kernels before 4.13, which print no inode.
fn entries(fdinfo: &str) -> Option<Vec<(u32, u32)>> {
    let lines = fdinfo.lines().filter_map(|line| line.strip_prefix("tfd:"));
    let entry = |line: &str| {
        let fd = line.split_ascii_whitespace().next()?.parse().ok()?;
        let (_, rest) = line.split_once(" ino:")?;
        let inode = u64::from_str_radix(rest.split(' ').next()?, 16).ok()?;
        // Other file systems have larger numbers; sockets do not.
        Some((fd, u32::try_from(inode).unwrap_or(0)))
    };
    lines.map(entry).collect()
}

/// `socket:[308600]`
fn socket(link: &str) -> Option<u32> {
    let number = link.strip_prefix("socket:[")?.strip_suffix(']')?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoll_instance_names_what_it_watches() {
        let text = "pos:\t0\nflags:\t02000002\nmnt_id:\t17\nino:\t1038\n\
            tfd:        4 events:       19 data:                4  pos:0 ino:90547e9 sdev:9\n\
            tfd:        7 events: 80000019 data:     7fffffffffff  pos:0 ino:40e sdev:10\n";
        assert_eq!(entries(text), Some(vec![(4, 0x90547e9), (7, 0x40e)]));
        assert_eq!(entries("pos:\t0\n"), Some(vec![]));
        assert_eq!(entries("tfd:        4 events:       19 data: 4\n"), None);
    }

    #[test]
    fn a_link_that_is_no_socket_has_no_inode_to_wait_for() {
        assert_eq!(socket("socket:[308600]"), Some(308_600));
        for link in [
            "pipe:[7]",
            "/srv/socket:[7]",
            "socket:[x]",
            "socket:[7] (deleted)",
        ] {
            assert_eq!(socket(link), None, "{link}");
        }
    }
}
