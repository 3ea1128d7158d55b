//! Network namespaces: which there are, what they are called, and how to speak from inside one
//! (man 7 network_namespaces, man 2 setns).

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{Kernel, process};
use crate::{Error, Result, model::Netns};

/// Where names are kept: by `ip netns` and by container runtimes.
const NAMED: [&str; 3] = ["/run/netns", "/run/docker/netns", "/run/podman/netns"];

/// A network namespace that can be asked.
#[derive(Debug)]
pub struct Namespace {
    /// Which it is.
    pub id: Netns,
    /// A process inside it, when it was found through one.
    pub pid: Option<u32>,
    /// Held open, so that it stays the same one; `None` for the caller's own.
    file: Option<File>,
}

impl Namespace {
    /// Runs `ask` as a thread of this namespace; needs CAP_SYS_ADMIN unless it is the caller's own.
    pub fn enter<T: Send>(&self, ask: impl FnOnce() -> T + Send) -> Result<T> {
        let Some(file) = &self.file else {
            return Ok(ask());
        };
        let inside = || {
            move_into_link_name_space(
                std::os::fd::AsFd::as_fd(file),
                Some(LinkNameSpaceType::Network),
            )
            .map(|()| ask())
        };
        let result = std::thread::scope(|scope| scope.spawn(inside).join());
        let result = result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        result.map_err(|errno| Error::Namespace {
            name: self.id.label(),
            cause: errno.into(),
        })
    }
}

impl Kernel {
    /// The caller's own namespace.
    pub fn own_namespace(&self) -> Namespace {
        let inode = fs::metadata(self.proc_root().join("thread-self/ns/net"))
            .map(|f| f.ino())
            .ok();
        let name = inode.and_then(|inode| names().remove(&inode));
        Namespace {
            id: Netns { inode, name },
            pid: None,
            file: None,
        }
    }

    /// The namespace that a user means by a process id, a name or a path.
    pub fn namespace(&self, wanted: &str) -> Result<Namespace> {
        let fail = |cause| Error::Namespace {
            name: wanted.to_owned(),
            cause,
        };
        let pid = wanted
            .parse()
            .ok()
            .filter(|pid| self.process_folder(*pid).is_dir());
        let path = match pid {
            Some(pid) => self.process_folder(pid).join("ns/net"),
            None if wanted.contains('/') => PathBuf::from(wanted),
            None => named_path(wanted).ok_or_else(|| fail(io::ErrorKind::NotFound.into()))?,
        };
        let file = File::open(path).map_err(fail)?;
        let inode = file.metadata().map_err(fail)?.ino();
        let name = names().remove(&inode);
        Ok(Namespace {
            id: Netns {
                inode: Some(inode),
                name,
            },
            pid,
            file: Some(file),
        })
    }

    /// Every namespace that a process is in or that has a name, each once, the caller's own first;
    /// and the number of processes whose namespace may not be seen.
    pub fn namespaces(&self) -> (Vec<Namespace>, u64) {
        let own = self.own_namespace();
        let names = names();
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
        for (inode, name) in &names {
            let path = named_path(name).unwrap_or_default();
            found.entry(*inode).or_insert((None, path));
        }
        found.remove(&own.id.inode.unwrap_or_default());
        let others = found.into_iter().filter_map(|(inode, (pid, path))| {
            // It may have ended since, and its process's id be another's.
            let file = File::open(path).ok()?;
            let is_same = file.metadata().is_ok_and(|file| file.ino() == inode);
            let id = Netns {
                inode: Some(inode),
                name: names.get(&inode).cloned(),
            };
            is_same.then_some(Namespace {
                id,
                pid,
                file: Some(file),
            })
        });
        (std::iter::once(own).chain(others).collect(), unseen)
    }

    fn process_folder(&self, pid: u32) -> PathBuf {
        self.proc_root().join(pid.to_string())
    }
}

/// Inode to name, of every named namespace. A name without a namespace mounted on it is a leftover
/// file on the folder's own device, and no namespace.
fn names() -> BTreeMap<u64, String> {
    let mut names = BTreeMap::new();
    for folder in NAMED.map(Path::new) {
        let Ok(device) = fs::metadata(folder).map(|folder| folder.dev()) else {
            continue;
        };
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(file) = fs::metadata(entry.path()) else {
                continue;
            };
            if file.dev() != device {
                let name = entry.file_name().to_string_lossy().into_owned();
                names.entry(file.ino()).or_insert(name);
            }
        }
    }
    names
}

fn named_path(name: &str) -> Option<PathBuf> {
    NAMED
        .map(|folder| Path::new(folder).join(name))
        .into_iter()
        .find(|path| path.exists())
}
