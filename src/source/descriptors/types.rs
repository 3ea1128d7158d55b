//! What the descriptors of a process are: the links of `/proc/PID/fd`.
//!
//! ```text
//! 0 -> /dev/null                    a path; its type is that of statx(2)
//! 3 -> socket:[308600]              its protocol is the xattr system.sockprotoname (net/socket.c)
//! 4 -> pipe:[308601]
//! 5 -> anon_inode:[eventpoll]
//! ```

use std::{collections::HashMap, ffi::CStr, os::fd::AsRawFd};

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, FileType, StatxFlags},
    io::Errno,
};

use super::count;
use crate::model::{FdPath, FdTypes};

/// At most this many paths are named.
const MOST_NAMED: usize = 3;

pub fn of(root: BorrowedFd<'_>, path: &str) -> Result<FdTypes, Errno> {
    let folder = count::open(root, path)?;
    let mut types = FdTypes::default();
    let mut paths = Paths::default();
    let mut refused = None;
    count::each(&folder, |name| {
        match rustix::fs::readlinkat(&folder, name, Vec::new()) {
            Ok(link) => {
                add(&mut types, &folder, name, &link);
                paths.add(&link);
            }
            // Closed meanwhile.
            Err(Errno::NOENT | Errno::SRCH) => {}
            // /proc lists links that it does not let us follow.
            Err(errno) => refused = Some(errno),
        }
    })?;
    types.paths = paths.most();
    refused.map_or(Ok(types), Err)
}

/// How many descriptors there are of the files in each directory.
#[derive(Default)]
struct Paths(HashMap<String, (u64, String)>);

impl Paths {
    fn add(&mut self, link: &CStr) {
        let link = link.to_string_lossy();
        // /dev/null and terminals are open in every process.
        let file = link.rsplit_once('/').filter(|_| !link.starts_with("/dev/"));
        let Some((directory, _)) = file else { return };
        let directory = format!("{directory}/");
        let known = self.0.entry(directory.clone());
        let (count, path) = known.or_insert_with(|| (0, link.clone().into_owned()));
        *count += 1;
        if *path != link {
            *path = directory;
        }
    }

    fn most(self) -> Vec<FdPath> {
        let path = |(count, path)| FdPath { path, count };
        let mut paths: Vec<FdPath> = self.0.into_values().map(path).collect();
        paths.sort_by(|a, b| (b.count, &a.path).cmp(&(a.count, &b.path)));
        paths.truncate(MOST_NAMED);
        paths
    }
}

fn add(types: &mut FdTypes, folder: &OwnedFd, name: &CStr, link: &CStr) {
    let link = link.to_string_lossy();
    if link.starts_with("socket:[") {
        let protocol = protocol(folder, name);
        if protocol == "tcp" {
            let digits = link.trim_matches(|letter: char| !letter.is_ascii_digit());
            types.inodes.extend(digits.parse::<u32>().ok());
        }
        *types.sockets.entry(protocol).or_default() += 1;
    } else if link.starts_with("pipe:[") {
        types.pipes += 1;
    } else if let Some(kind) = link.strip_prefix("anon_inode:") {
        *anonymous(types, kind.trim_matches(['[', ']'])) += 1;
    } else {
        *by_mode(types, folder, name, &link) += 1;
    }
}

fn anonymous<'a>(types: &'a mut FdTypes, kind: &str) -> &'a mut u64 {
    match kind {
        "eventpoll" => &mut types.epoll,
        "eventfd" => &mut types.eventfd,
        "timerfd" => &mut types.timerfd,
        "signalfd" => &mut types.signalfd,
        "inotify" => &mut types.inotify,
        "io_uring" => &mut types.io_uring,
        // Some are numbered: `kvm-vcpu:0`.
        other => {
            let kind = other.split_once(':').map_or(other, |(kind, _)| kind);
            types.others.entry(kind.to_owned()).or_default()
        }
    }
}

/// A file with a path, or one of an internal file system, as a namespace (`net:[4026531840]`).
fn by_mode<'a>(types: &'a mut FdTypes, folder: &OwnedFd, name: &CStr, link: &str) -> &'a mut u64 {
    let kernels_own = link.split_once(":[").filter(|_| !link.starts_with('/'));
    if let Some((kind, _)) = kernels_own {
        return types.others.entry(kind.to_owned()).or_default();
    }
    let flags = AtFlags::STATX_DONT_SYNC;
    let stat = rustix::fs::statx(folder.as_fd(), name, flags, StatxFlags::TYPE);
    let mode = stat.map_or(0, |stat| u32::from(stat.stx_mode));
    let other = match FileType::from_raw_mode(mode) {
        FileType::RegularFile => return &mut types.files,
        FileType::Directory => return &mut types.directories,
        FileType::CharacterDevice | FileType::BlockDevice => return &mut types.devices,
        FileType::Fifo => return &mut types.pipes,
        FileType::Socket => "socket_file",
        FileType::Symlink => "symlink",
        FileType::Unknown => "unknown",
    };
    types.others.entry(other.to_owned()).or_default()
}

/// `tcp` for `TCP` and `TCPv6`, `unix` for `UNIX` and `UNIX-STREAM`, `vsock` for `AF_VSOCK`.
fn protocol(folder: &OwnedFd, name: &CStr) -> String {
    // There is no getxattrat(2) before 6.13.
    let (folder, name) = (folder.as_raw_fd(), name.to_string_lossy());
    let mut value = [0; 64];
    let path = format!("/proc/self/fd/{folder}/{name}");
    let read = rustix::fs::getxattr(path, "system.sockprotoname", &mut value);
    let name = read
        .ok()
        .and_then(|read| CStr::from_bytes_until_nul(&value[..read]).ok());
    let name = name.map_or("unknown".to_owned(), |name| {
        name.to_string_lossy().to_lowercase()
    });
    match name.strip_prefix("af_").unwrap_or(&name) {
        "unix-stream" => "unix".to_owned(),
        name => name.strip_suffix("v6").unwrap_or(name).to_owned(),
    }
}
