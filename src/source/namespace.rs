//! Network namespaces: which there are, what they are called, and how to speak from inside one
//! (man 7 network_namespaces, man 2 setns).

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{Kernel, process};
use crate::{Error, Result, model::Netns};

/// Where names are kept: by `ip netns` and by container runtimes.
const NAMED: [&str; 3] = ["/run/netns", "/run/docker/netns", "/run/podman/netns"];
/// `NSFS_MAGIC`, include/uapi/linux/magic.h.
const NSFS: u64 = 0x6e73_6673;

/// A network namespace that can be asked.
#[derive(Debug)]
pub struct Namespace {
    /// Which it is.
    pub id: Netns,
    /// A process inside it, when it was found through one.
    pub pid: Option<u32>,
    wanted: String,
    door: Door,
    /// When that process began, which tells it from a later one of the same id.
    began: Option<u64>,
}

#[derive(Debug)]
enum Door {
    /// It is the caller's own.
    Own,
    /// Held open, so that it stays the same one.
    Open(File),
    /// It may not even be looked at.
    Shut,
}

impl Namespace {
    /// Moves the calling thread, and what it starts from then on, into this namespace for good.
    pub fn move_into(&self) -> Result<()> {
        let fail = |cause| Error::Namespace {
            name: self.wanted.clone(),
            cause,
        };
        let file = match &self.door {
            Door::Own => return Ok(()),
            Door::Open(file) => file,
            Door::Shut => return Err(fail(io::ErrorKind::PermissionDenied.into())),
        };
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|errno| fail(errno.into()))
    }

    /// Runs `ask` as a thread of this namespace; needs CAP_SYS_ADMIN unless it is the caller's own.
    pub fn enter<T: Send>(&self, ask: impl FnOnce() -> T + Send) -> Result<T> {
        let fail = |cause| Error::Namespace {
            name: self.wanted.clone(),
            cause,
        };
        let file = match &self.door {
            Door::Own => return Ok(ask()),
            Door::Open(file) => file,
            Door::Shut => return Err(fail(io::ErrorKind::PermissionDenied.into())),
        };
        let inside = || {
            let entered = move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network));
            entered.map(|()| ask())
        };
        let result = std::thread::scope(|scope| scope.spawn(inside).join());
        let result = result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        result.map_err(|errno| fail(errno.into()))
    }
}

impl Kernel {
    /// The caller's own namespace.
    pub fn own_namespace(&self) -> Namespace {
        let own = fs::metadata(self.proc_root().join("thread-self/ns/net"));
        let inode = own.map(|file| file.ino()).ok();
        let name = inode.and_then(|inode| Some(names().remove(&inode)?.0));
        let wanted = "own".to_owned();
        Namespace {
            id: Netns { inode, name },
            pid: None,
            wanted,
            door: Door::Own,
            began: None,
        }
    }

    /// The namespace that a user means by a process id, a name, a path or its number. That of a process which
    /// may not be looked at is found, but cannot be entered.
    pub fn namespace(&self, wanted: &str) -> Result<Namespace> {
        let fail = |cause| Error::Namespace {
            name: wanted.to_owned(),
            cause,
        };
        if let Some(known) = self.by_number(wanted) {
            return Ok(known);
        }
        let (pid, path) = self.find(wanted).map_err(fail)?;
        let own = self.own_namespace();
        let (id, door) = match open(&path) {
            Ok(file) => {
                let inode = file.metadata().map_err(fail)?.ino();
                let name = names().remove(&inode).map(|(name, _)| name);
                let is_own = own.id.inode == Some(inode);
                let door = if is_own { Door::Own } else { Door::Open(file) };
                (
                    Netns {
                        inode: Some(inode),
                        name,
                    },
                    door,
                )
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && pid.is_some() => {
                (Netns::default(), Door::Shut)
            }
            Err(error) => return Err(fail(error)),
        };
        let began = pid.and_then(|pid| process::began(self.proc_root(), pid));
        Ok(Namespace {
            id,
            pid,
            wanted: wanted.to_owned(),
            door,
            began,
        })
    }

    /// Fails with `NotFound` unless the process through which a namespace was read from outside is
    /// still the one it was, and still in it, as far as may be seen.
    pub fn ensure_still_in(&self, pid: u32, namespace: &Namespace) -> Result<()> {
        let file = fs::metadata(self.process_folder(pid).join("ns/net"));
        let moved =
            file.is_ok_and(|file| namespace.id.inode.is_some_and(|inode| inode != file.ino()));
        let same = namespace
            .began
            .is_none_or(|began| process::began(self.proc_root(), pid) == Some(began));
        if same && !moved {
            return Ok(());
        }
        let why = format!("process {pid} is no longer in the network namespace it was in");
        Err(Error::Namespace {
            name: namespace.wanted.clone(),
            cause: io::Error::new(io::ErrorKind::NotFound, why),
        })
    }

    /// Every namespace that a process is in or that has a name, each once, the caller's own first;
    /// and the number of processes whose namespace may not be seen.
    pub fn namespaces(&self) -> (Vec<Namespace>, u64) {
        let own = self.own_namespace();
        let mut names = names();
        let mut found: BTreeMap<u64, (Option<u32>, PathBuf)> = BTreeMap::new();
        let mut unseen = 0;
        for pid in process::pids(self.proc_root()) {
            let path = self.process_folder(pid).join("ns/net");
            match fs::metadata(&path) {
                Ok(file) => {
                    found.entry(file.ino()).or_insert((Some(pid), path));
                }
                Err(error) => unseen += u64::from(error.kind() == io::ErrorKind::PermissionDenied),
            }
        }
        for (inode, (_, path)) in &names {
            found.entry(*inode).or_insert((None, path.clone()));
        }
        found.remove(&own.id.inode.unwrap_or_default());
        let mut namespaces = vec![own];
        for (inode, (pid, path)) in found {
            let file = match open(&path) {
                Ok(file) => file,
                // It has ended since.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(_) => {
                    unseen += 1;
                    continue;
                }
            };
            // Its process's id may be another's by now.
            if file.metadata().is_ok_and(|file| file.ino() == inode) {
                let name = names.remove(&inode).map(|(name, _)| name);
                let id = Netns {
                    inode: Some(inode),
                    name,
                };
                let began = pid.and_then(|pid| process::began(self.proc_root(), pid));
                let wanted = id.label();
                namespaces.push(Namespace {
                    id,
                    pid,
                    wanted,
                    door: Door::Open(file),
                    began,
                });
            }
        }
        (namespaces, unseen)
    }

    /// By the number that stands for a namespace without a name; process ids are smaller.
    fn by_number(&self, wanted: &str) -> Option<Namespace> {
        let inode: u64 = wanted.parse().ok()?;
        let is_number = inode > u64::from(i32::MAX as u32);
        let (namespaces, _) = is_number.then(|| self.namespaces())?;
        let mut namespaces = namespaces.into_iter();
        namespaces.find(|namespace| namespace.id.inode == Some(inode))
    }

    fn find(&self, wanted: &str) -> io::Result<(Option<u32>, PathBuf)> {
        let missing = |why| Err(io::Error::new(io::ErrorKind::NotFound, why));
        if wanted.contains('/') {
            return Ok((None, PathBuf::from(wanted)));
        }
        let pid = wanted
            .parse()
            .ok()
            .filter(|pid| self.process_folder(*pid).is_dir());
        if let Some(pid) = pid {
            return Ok((Some(pid), self.process_folder(pid).join("ns/net")));
        }
        let named = NAMED.map(|folder| Path::new(folder).join(wanted));
        match named.into_iter().find(|path| path.exists()) {
            Some(path) => Ok((None, path)),
            None if wanted.parse::<u32>().is_ok() => missing("no such process, nor such a name"),
            None => missing("no such name in /run/netns (`ip netns` lists them)"),
        }
    }

    fn process_folder(&self, pid: u32) -> PathBuf {
        self.proc_root().join(pid.to_string())
    }
}

/// Opens a namespace's file, and nothing else.
fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    match rustix::fs::fstatfs(&file)?.f_type as u64 {
        NSFS => Ok(file),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "that is no namespace",
        )),
    }
}

/// Name and path of every named namespace, by inode. A name without a namespace mounted on it is a
/// leftover file and none; one that another folder has, too, is told with its folder.
fn names() -> BTreeMap<u64, (String, PathBuf)> {
    let mut names: BTreeMap<u64, (String, PathBuf)> = BTreeMap::new();
    for folder in NAMED.map(Path::new) {
        let Ok(device) = fs::metadata(folder).map(|folder| folder.dev()) else {
            continue;
        };
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(file) = fs::metadata(&path) else {
                continue;
            };
            if file.dev() == device {
                continue;
            }
            let short = entry.file_name().to_string_lossy().into_owned();
            let is_taken = names.values().any(|(name, _)| *name == short);
            let name = if is_taken {
                path.display().to_string()
            } else {
                short
            };
            names.entry(file.ino()).or_insert((name, path));
        }
    }
    names
}
