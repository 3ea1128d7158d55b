//! Network namespaces: which exist, their names, and running code inside one
//! (man 7 network_namespaces, man 2 setns).

use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File},
    io,
    os::{fd::AsFd, unix::fs::MetadataExt},
    panic::resume_unwind,
    path::{Path, PathBuf},
    thread,
};

use rustix::{
    fs::CWD,
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

use super::{Kernel, process::Unread, regular};
use crate::{Error, Result, model::Netns};

/// Where `ip netns` and container runtimes mount the namespaces that they name.
const NAMED: [&str; 3] = [IP_NETNS, "/run/docker/netns", "/run/podman/netns"];
/// The one of them that ip-netns(8) knows.
const IP_NETNS: &str = "/run/netns";
/// `NSFS_MAGIC`, include/uapi/linux/magic.h.
const NSFS: u64 = 0x6e73_6673;

/// A network namespace that can be inspected.
#[derive(Debug)]
pub struct Namespace {
    /// Inode and name.
    pub id: Netns,
    /// A process inside it, when it was found through one.
    pub pid: Option<u32>,
    wanted: String,
    door: Door,
    /// Start time of that process, which distinguishes it from a later one of the same id.
    began: Option<u64>,
}

#[derive(Debug)]
enum Door {
    Own,
    /// An open file keeps the namespace alive.
    Open(File),
    /// The namespace's inode, and paths under which it was found. One of them is opened when the
    /// namespace is entered, as there may be more namespaces than descriptors.
    Found(u64, Vec<PathBuf>),
    /// Not accessible to this user.
    Shut,
}

impl Namespace {
    /// Moves the calling thread, and threads and processes that it starts later, into this
    /// namespace for good.
    pub fn move_into(&self) -> Result<()> {
        let moved = match &self.door {
            Door::Own => Ok(()),
            Door::Open(file) => move_through(file),
            Door::Found(inode, paths) => {
                open_any(paths, *inode).and_then(|file| move_through(&file))
            }
            Door::Shut => Err(io::ErrorKind::PermissionDenied.into()),
        };
        moved.map_err(failed(&self.wanted))
    }

    /// Runs `ask` in a thread of this namespace; needs CAP_SYS_ADMIN unless it is the caller's own.
    /// Fails where no thread can be started: a thread that moved could not move back.
    pub fn enter<T: Send>(&self, ask: impl FnOnce() -> T + Send) -> Result<T> {
        if let Door::Own = self.door {
            return Ok(ask());
        }
        let inside = || self.move_into().map(|()| ask());
        thread::scope(|scope| {
            let thread = thread::Builder::new().spawn_scoped(scope, inside);
            let thread = thread.map_err(failed(&self.wanted))?;
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }
}

impl Kernel {
    /// The inode of the network namespace of a process; `None` where it is not visible.
    pub fn netns_of(&self, pid: u32) -> Option<u64> {
        let file = fs::metadata(self.process_dir(pid).join("ns/net"));
        file.map(|file| file.ino()).ok()
    }

    /// The caller's own namespace.
    pub fn own_namespace(&self) -> Namespace {
        let own = fs::metadata(self.proc_root().join("thread-self/ns/net"));
        let inode = own.map(|file| file.ino()).ok();
        let name = inode.and_then(name_of);
        Namespace {
            id: Netns {
                inode,
                name,
                file: None,
            },
            pid: None,
            wanted: "own".to_owned(),
            door: Door::Own,
            began: None,
        }
    }

    /// The namespace that a user names by a process id, a name, a path or its inode. The namespace
    /// of a process that may not be inspected is found, but cannot be entered.
    pub fn namespace(&self, wanted: &str) -> Result<Namespace> {
        if let Some(known) = self.by_inode(wanted)? {
            return Ok(known);
        }
        let (pid, path) = self.find(wanted).map_err(failed(wanted))?;
        let (id, door) = match open(&path) {
            Ok(file) => {
                let inode = file.metadata().map_err(failed(wanted))?.ino();
                let is_own = self.own_namespace().id.inode == Some(inode);
                let door = if is_own { Door::Own } else { Door::Open(file) };
                let id = Netns {
                    inode: Some(inode),
                    name: name_of(inode),
                    file: unknown_to_ip(&path).filter(|_| !is_own),
                };
                (id, door)
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && pid.is_some() => {
                (Netns::default(), Door::Shut)
            }
            Err(error) => return Err(failed(wanted)(error)),
        };
        Ok(Namespace {
            id,
            pid,
            wanted: wanted.to_owned(),
            door,
            began: self.began(pid),
        })
    }

    /// Fails with `NotFound` unless the process through which a namespace was read from outside is
    /// still the same process, and still in that namespace, as far as that is visible.
    pub fn ensure_still_in(&self, pid: u32, namespace: &Namespace) -> Result<()> {
        let file = fs::metadata(self.process_dir(pid).join("ns/net"));
        let moved =
            file.is_ok_and(|file| namespace.id.inode.is_some_and(|inode| inode != file.ino()));
        let restarted = namespace.began.is_some() && self.began(Some(pid)) != namespace.began;
        if !moved && !restarted {
            return Ok(());
        }
        let why = format!("process {pid} is no longer in the network namespace it was in");
        let cause = io::Error::new(io::ErrorKind::NotFound, why);
        Err(failed(&namespace.wanted)(cause))
    }

    /// Every namespace that a process is in or that has a name, each once, the caller's own first;
    /// and the processes whose namespace is not visible.
    pub fn namespaces(&self) -> Result<(Vec<Namespace>, Vec<u32>)> {
        let own = self.own_namespace();
        let own_inode = own.id.inode.unwrap_or_default();
        let mut names = names().map_err(failed("all"))?;
        names.remove(&own_inode);
        let mut found: BTreeMap<u64, (Option<u32>, Vec<PathBuf>)> = BTreeMap::new();
        let mut unseen = Vec::new();
        for pid in self.process_ids()? {
            let path = self.process_dir(pid).join("ns/net");
            match rustix::fs::stat(&path).map_err(Unread::from) {
                Ok(file) if file.st_ino == own_inode => {}
                Ok(file) => {
                    let (_, paths) = found.entry(file.st_ino).or_insert((Some(pid), Vec::new()));
                    paths.push(path);
                }
                Err(Unread::Gone) => {}
                Err(Unread::Refused) => unseen.push(pid),
                Err(Unread::Failed(errno)) => return Err(self.failed(pid, errno)),
            }
        }
        for (inode, (_, path)) in &names {
            let (_, paths) = found.entry(*inode).or_default();
            paths.push(path.clone());
        }
        let others = found.into_iter().map(|(inode, (pid, paths))| {
            let named = names.remove(&inode);
            let file = named.as_ref().map(|(_, path)| path).or(paths.first());
            let id = Netns {
                inode: Some(inode),
                file: file.and_then(|path| unknown_to_ip(path)),
                name: named.map(|(name, _)| name),
            };
            Namespace {
                wanted: id.label(),
                id,
                pid,
                door: Door::Found(inode, paths),
                began: self.began(pid),
            }
        });
        Ok((std::iter::once(own).chain(others).collect(), unseen))
    }

    /// Number of namespaces that these processes are in and that are not known. Each namespace has
    /// its own files in `/proc/PID/net`, whose inodes anybody may read.
    pub fn hidden_namespaces(&self, unseen: &[u32], known: &[Namespace]) -> u64 {
        let files = |dir: PathBuf| Some(fs::metadata(dir.join("net/sockstat")).ok()?.ino());
        let own = self.proc_root().join("thread-self");
        let of_known = known.iter().filter_map(|namespace| namespace.pid);
        let of_known = of_known.map(|pid| self.process_dir(pid));
        let known: HashSet<u64> = of_known.chain([own]).filter_map(files).collect();
        let unseen = unseen.iter().map(|pid| self.process_dir(*pid));
        let unseen: HashSet<u64> = unseen.filter_map(files).collect();
        unseen.difference(&known).count() as u64
    }

    /// Whether this is a procfs, and not a captured tree of files.
    pub fn is_live(&self) -> bool {
        self.is_procfs
    }

    /// The inode stands for a namespace without a name; process ids are smaller. The namespace is
    /// kept open.
    fn by_inode(&self, wanted: &str) -> Result<Option<Namespace>> {
        let inode = wanted.parse().ok();
        let Some(inode) = inode.filter(|inode: &u64| *inode > i32::MAX as u64) else {
            return Ok(None);
        };
        let (namespaces, _) = self.namespaces()?;
        let mut namespaces = namespaces.into_iter();
        let found = namespaces.find(|namespace| namespace.id.inode == Some(inode));
        let Some(mut namespace) = found else {
            return Ok(None);
        };
        if let Door::Found(_, paths) = &namespace.door {
            let file = open_any(paths, inode).map_err(failed(wanted))?;
            namespace.door = Door::Open(file);
        }
        Ok(Some(namespace))
    }

    fn find(&self, wanted: &str) -> io::Result<(Option<u32>, PathBuf)> {
        if wanted.contains('/') {
            return Ok((None, PathBuf::from(wanted)));
        }
        let pid = wanted.parse().ok();
        if let Some(pid) = pid.filter(|pid| self.process_dir(*pid).is_dir()) {
            return Ok((Some(pid), self.process_dir(pid).join("ns/net")));
        }
        let named = NAMED.map(|folder| Path::new(folder).join(wanted));
        let why = match named.into_iter().find(|path| path.exists()) {
            Some(path) => return Ok((None, path)),
            None if pid.is_some() => "no such process, nor such a name",
            None => "no such name in /run/netns (`ip netns` lists them)",
        };
        Err(io::Error::new(io::ErrorKind::NotFound, why))
    }

    fn began(&self, pid: Option<u32>) -> Option<u64> {
        self.process(pid?).ok()?.began()
    }
}

fn failed(wanted: &str) -> impl FnOnce(io::Error) -> Error {
    |cause| Error::Namespace(wanted.to_owned(), cause)
}

fn move_through(file: &File) -> io::Result<()> {
    let kind = Some(LinkNameSpaceType::Network);
    Ok(move_into_link_name_space(file.as_fd(), kind)?)
}

/// Opens the first of these files that is still of this namespace: a process may have ended, and
/// its id been reused. Fails with `NotFound` when none is.
fn open_any(paths: &[PathBuf], inode: u64) -> io::Result<File> {
    let mut failure = io::ErrorKind::NotFound.into();
    for path in paths {
        match open(path).and_then(|file| Ok((file.metadata()?.ino(), file))) {
            Ok((found, file)) if found == inode => return Ok(file),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Opens the file of a namespace; fails for any other file.
fn open(path: &Path) -> io::Result<File> {
    let file = regular::open(CWD, path)
        .map(File::from)
        .map_err(regular::cause)?;
    if rustix::fs::fstatfs(&file)?.f_type as u64 == NSFS {
        return Ok(file);
    }
    let why = "not a network namespace";
    Err(io::Error::new(io::ErrorKind::InvalidInput, why))
}

/// Name and path of every named namespace, by inode. A file on which no namespace is mounted is a
/// leftover and skipped; a name that two folders have is shown with its folder.
fn names() -> io::Result<BTreeMap<u64, (String, PathBuf)>> {
    let mut names: BTreeMap<u64, (String, PathBuf)> = BTreeMap::new();
    for folder in NAMED.map(Path::new) {
        let (device, entries) = match (fs::metadata(folder), fs::read_dir(folder)) {
            (Ok(folder), Ok(entries)) => (folder.dev(), entries),
            (Err(error), _) | (_, Err(error)) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => continue,
                _ => return Err(error),
            },
        };
        for entry in entries {
            let path = entry?.path();
            let file = fs::metadata(&path);
            let Some(file) = file.ok().filter(|file| file.dev() != device) else {
                continue;
            };
            let name = path.file_name().unwrap_or_default();
            let mut name = name.to_string_lossy().into_owned();
            if names.values().any(|(known, _)| *known == name) {
                name = path.display().to_string();
            }
            names.entry(file.ino()).or_insert((name, path));
        }
    }
    Ok(names)
}

/// The file of a namespace, unless it has a name in ip-netns(8).
fn unknown_to_ip(path: &Path) -> Option<PathBuf> {
    (!path.starts_with(IP_NETNS)).then(|| path.to_owned())
}

/// A namespace whose name could not be looked up has none.
fn name_of(inode: u64) -> Option<String> {
    Some(names().ok()?.remove(&inode)?.0)
}
