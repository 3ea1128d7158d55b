//! Reads files below a folder used as `/`, without leaving it through a symbolic link.

use std::{cell::Cell, fs::File, io::Read, path::Path};

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{CWD, Dir, Mode, OFlags, ResolveFlags},
    io::Errno,
};

use super::regular;

/// In bytes; more than any such file has.
const LARGEST: u64 = 256 * 1024;
/// More files than a folder of settings contains.
const MOST: usize = 1000;

pub struct Files {
    root: Option<OwnedFd>,
    refused: Cell<bool>,
}

impl Files {
    /// Below a root that may not be read, every file counts as refused.
    pub fn new(root: &Path) -> Self {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Files {
            root: rustix::fs::openat(CWD, root, flags, Mode::empty()).ok(),
            refused: Cell::new(false),
        }
    }

    pub fn begin(&self) {
        self.refused.set(self.root.is_none());
    }

    /// Whether a file could not be read since [`Files::begin`].
    pub fn were_refused(&self) -> bool {
        self.refused.get()
    }

    /// `None` unless it is a regular file: a link to /dev/null masks a unit.
    pub fn text(&self, path: &str) -> Option<String> {
        let found = self.open(path, OFlags::PATH)?;
        let file = match regular::reopen(&found) {
            Err(errno) if errno == regular::OTHER_KIND => return None,
            opened => self.noted(opened)?,
        };
        let mut bytes = Vec::new();
        let mut file = File::from(file).take(LARGEST);
        let read = file.read_to_end(&mut bytes);
        self.noted(read.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub fn exists(&self, path: &str) -> bool {
        self.open(path, OFlags::PATH).is_some()
    }

    /// Whether both paths lead to one file.
    pub fn are_same(&self, one: &str, other: &str) -> bool {
        let identity = |path| {
            let file = rustix::fs::fstat(self.open(path, OFlags::PATH)?).ok()?;
            Some((file.st_dev, file.st_ino))
        };
        identity(one).is_some_and(|found| identity(other) == Some(found))
    }

    /// Names in a folder that end with `.conf`, in byte order.
    pub fn configurations(&self, folder: &str) -> Vec<String> {
        let Some(folder) = self.open(folder, OFlags::RDONLY | OFlags::DIRECTORY) else {
            return Vec::new();
        };
        let entries = match Dir::read_from(folder) {
            Ok(entries) => entries.map(|entry| self.noted(entry)),
            Err(errno) => return self.noted(Err(errno)).unwrap_or_default(),
        };
        let names = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names
            .filter(|name| name.ends_with(".conf") && !name.starts_with('.'))
            .take(MOST)
            .collect();
        names.sort_unstable();
        names
    }

    fn open(&self, path: &str, flags: OFlags) -> Option<OwnedFd> {
        let root = self.root.as_ref()?.as_fd();
        let below = path.trim_start_matches('/');
        let flags = flags | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT;
        let opened = match rustix::fs::openat2(root, below, flags, Mode::empty(), resolve) {
            // Before Linux 5.6.
            Err(Errno::NOSYS) => rustix::fs::openat(root, below, flags, Mode::empty()),
            opened => opened,
        };
        self.noted(opened)
    }

    /// `None` for what is not there and, noted as refused, for what could not be read.
    fn noted<T>(&self, result: Result<T, Errno>) -> Option<T> {
        let is_known = matches!(
            result,
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
        );
        if !is_known {
            self.refused.set(true);
        }
        result.ok()
    }
}
