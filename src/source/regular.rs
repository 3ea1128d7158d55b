//! Regular files alone, and no more than a bounded part of them.
//!
//! Whoever may write to a folder that is read may put a FIFO there, which blocks, or a link to a
//! device, which has no end or does something when it is opened (watchdog, tape).

use std::{
    fs::File,
    io::{self, Read},
    os::fd::AsRawFd,
    path::Path,
};

use rustix::{
    fd::{BorrowedFd, OwnedFd},
    fs::{CWD, FileType, Mode, OFlags},
    io::Errno,
    path::Arg,
};

use super::LARGEST;
use crate::{Error, Result};

/// What [`open`] fails with for anything but a regular file.
pub const OTHER_KIND: Errno = Errno::INVAL;
const TOO_LARGE: Errno = Errno::FBIG;

pub fn open(folder: BorrowedFd<'_>, path: impl Arg) -> std::result::Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    reopen(&rustix::fs::openat(folder, path, flags, Mode::empty())?)
}

/// Opens what was found with `O_PATH`, for reading.
pub fn reopen(found: &OwnedFd) -> std::result::Result<OwnedFd, Errno> {
    let kind = FileType::from_raw_mode(rustix::fs::fstat(found)?.st_mode);
    if kind != FileType::RegularFile {
        return Err(OTHER_KIND);
    }
    let again = format!("/proc/self/fd/{}", found.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::open(again, flags, Mode::empty())
}

/// Fails with [`TOO_LARGE`] for a longer file.
pub fn read(file: OwnedFd, most: u64) -> std::result::Result<Vec<u8>, Errno> {
    /// The kernel reports no size for files of /proc.
    const USUAL: usize = 16 * 1024;
    let mut bytes = Vec::with_capacity(USUAL);
    let read = File::from(file).take(most + 1).read_to_end(&mut bytes);
    match read {
        Ok(read) if read as u64 > most => Err(TOO_LARGE),
        Ok(_) => Ok(bytes),
        Err(error) => Err(Errno::from_io_error(&error).unwrap_or(Errno::IO)),
    }
}

/// The text of a file that a user named.
pub fn read_named_file(path: &Path) -> Result<String> {
    let bytes = open(CWD, path).and_then(|file| read(file, LARGEST));
    let text = bytes.map_err(cause).and_then(|bytes| {
        let why = |_| io::Error::new(io::ErrorKind::InvalidData, "not text in UTF-8");
        String::from_utf8(bytes).map_err(why)
    });
    text.map_err(Error::file(path))
}

/// The reason as a person understands it.
pub fn cause(errno: Errno) -> io::Error {
    match errno {
        OTHER_KIND => io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"),
        TOO_LARGE => io::Error::new(io::ErrorKind::FileTooLarge, "larger than 16 MiB"),
        errno => errno.into(),
    }
}
