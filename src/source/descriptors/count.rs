//! The folder `/proc/PID/fd`: its size, or its entries.

use std::{ffi::CStr, mem::MaybeUninit};

use rustix::{
    fd::{BorrowedFd, OwnedFd},
    fs::{AtFlags, CWD, Mode, OFlags, PROC_SUPER_MAGIC, RawDir, StatxFlags},
    io::{Errno, Result},
};

/// `false` for a captured tree of files.
pub fn is_procfs(root: BorrowedFd<'_>) -> bool {
    rustix::fs::fstatfs(root).is_ok_and(|fs| fs.f_type == PROC_SUPER_MAGIC)
}

/// Whether the size of `/proc/PID/fd` is the number of descriptors: not in a captured tree, and not
/// on kernels where it is 0 even for this process.
pub fn has_sizes(root: BorrowedFd<'_>) -> bool {
    // /proc/self does not exist in the procfs of a PID namespace that we are not in.
    let own = size(root, "self/fd").or_else(|_| size(CWD, "/proc/self/fd"));
    is_procfs(root) && own.is_ok_and(|size| size > 0)
}

pub fn size(root: BorrowedFd<'_>, folder: &str) -> Result<u64> {
    let stat = rustix::fs::statx(root, folder, AtFlags::STATX_DONT_SYNC, StatxFlags::SIZE)?;
    Ok(stat.stx_size)
}

pub fn open(root: BorrowedFd<'_>, folder: &str) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(root, folder, flags, Mode::empty())
}

pub fn each(folder: &OwnedFd, mut visit: impl FnMut(&CStr)) -> Result<()> {
    let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
    let mut entries = RawDir::new(folder, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if entry.file_name().to_bytes().first() != Some(&b'.') {
            visit(entry.file_name());
        }
    }
    Ok(())
}

/// `None` when the folder may not be listed.
pub fn count(root: BorrowedFd<'_>, folder: &str) -> Result<Option<u64>> {
    let folder = match open(root, folder) {
        Ok(folder) => folder,
        Err(Errno::ACCESS | Errno::PERM) => return Ok(None),
        Err(errno) => return Err(errno),
    };
    let mut open = 0;
    each(&folder, |_| open += 1)?;
    Ok(Some(open))
}

pub fn below(root: BorrowedFd<'_>, folder: &str, limit: u64) -> Result<u64> {
    let number = |name: &CStr| name.to_str().ok()?.parse::<u64>().ok();
    let mut below = 0;
    each(&open(root, folder)?, |name| {
        below += u64::from(number(name).is_some_and(|number| number < limit));
    })?;
    Ok(below)
}
