//! Landlock (man 7 landlock): nothing in the file system can be opened but what is listed, and no
//! TCP connection be made. Since Linux 5.13.

use std::{io, os::fd::AsRawFd, path::Path, ptr};

use libc::{c_int, c_long};
use rustix::{
    fd::{FromRawFd, OwnedFd},
    fs::{Mode, OFlags},
};

/// `LANDLOCK_CREATE_RULESET_VERSION`
const VERSION: u32 = 1;
/// `LANDLOCK_RULE_PATH_BENEATH`
const PATH_BENEATH: c_int = 1;
/// `LANDLOCK_ACCESS_FS_READ_FILE` and `_READ_DIR`
const READ: u64 = 1 << 2 | 1 << 3;
/// `LANDLOCK_ACCESS_NET_BIND_TCP` and `_CONNECT_TCP`
const TCP: u64 = 1 << 0 | 1 << 1;

/// `struct landlock_ruleset_attr`; older kernels know its beginning only.
#[repr(C)]
struct Ruleset {
    handled_fs: u64,
    handled_net: u64,
}

/// `struct landlock_path_beneath_attr`
#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    folder: c_int,
}

/// What a version of Landlock can forbid in the file system.
fn handled_fs(version: c_long) -> u64 {
    let rights = match version {
        ..=1 => 13,
        2 => 14,
        3 | 4 => 15,
        5.. => 16,
    };
    (1 << rights) - 1
}

/// Allows the calling thread, and threads and processes that it starts later, to read below one
/// folder and nothing else. Needs no_new_privs.
pub fn restrict(readable: Option<&Path>) -> io::Result<()> {
    let version = version()?;
    let handled_net = if version >= 4 { TCP } else { 0 };
    let handled = Ruleset {
        handled_fs: handled_fs(version),
        handled_net,
    };
    let size = match version {
        ..4 => size_of::<u64>(),
        4.. => size_of::<Ruleset>(),
    };
    let ruleset = create(&handled, size)?;
    if let Some(path) = readable {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        allow_reading(&ruleset, &rustix::fs::open(path, flags, Mode::empty())?)?;
    }
    enforce(&ruleset)
}

#[expect(unsafe_code, reason = "neither rustix nor libc has Landlock")]
fn version() -> io::Result<c_long> {
    let nothing = ptr::null::<Ruleset>();
    // SAFETY: with this flag the kernel reads no attributes.
    checked(unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0, VERSION) })
}

#[expect(unsafe_code, reason = "neither rustix nor libc has Landlock")]
fn create(handled: &Ruleset, size: usize) -> io::Result<OwnedFd> {
    let handled = &raw const *handled;
    // SAFETY: the kernel reads `size` bytes, at most that of `handled`.
    let made = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, handled, size, 0) };
    let fd = checked(made)? as c_int;
    // SAFETY: the descriptor is new, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[expect(unsafe_code, reason = "neither rustix nor libc has Landlock")]
fn allow_reading(ruleset: &OwnedFd, folder: &OwnedFd) -> io::Result<()> {
    let rule = PathBeneath {
        allowed: READ,
        folder: folder.as_raw_fd(),
    };
    let (ruleset, rule) = (ruleset.as_raw_fd(), &raw const rule);
    // SAFETY: the kernel reads a `struct landlock_path_beneath_attr` there.
    let added =
        unsafe { libc::syscall(libc::SYS_landlock_add_rule, ruleset, PATH_BENEATH, rule, 0) };
    checked(added).map(drop)
}

#[expect(unsafe_code, reason = "neither rustix nor libc has Landlock")]
fn enforce(ruleset: &OwnedFd) -> io::Result<()> {
    // SAFETY: it takes numbers only.
    let enforced =
        unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) };
    checked(enforced).map(drop)
}

fn checked(result: c_long) -> io::Result<c_long> {
    match result {
        0.. => Ok(result),
        _ => Err(io::Error::last_os_error()),
    }
}
