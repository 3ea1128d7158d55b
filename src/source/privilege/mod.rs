//! Gives up what is no longer needed: capabilities (man 7 capabilities), the identity of a setuid
//! program, files, and system calls.

mod landlock;
mod seccomp;

use std::{io, path::Path};

use rustix::{
    io::Errno,
    process::{getegid, geteuid, getgid, getuid},
    thread::{
        CapabilitySet, CapabilitySets, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
        set_thread_res_gid, set_thread_res_uid,
    },
};

use crate::{Error, Result};

/// Drops every capability for good, also for programs that are started later; open descriptors stay
/// usable.
///
/// Applies to the calling thread and threads that it starts later: call it before there are others.
/// Root without capabilities still owns root's files.
pub fn drop_privileges() -> Result<()> {
    drop_all().map_err(|errno| Error::Capture("dropping capabilities", errno.into()))
}

/// From now on nothing can be opened but files below one folder, for reading, and netlink sockets; no
/// program can be started, and no other process be read or changed. What is open stays usable.
/// Where the kernel has no Landlock or no seccomp, or another policy forbids them, that part is left
/// out.
///
/// Applies to the calling thread and threads that it starts later: call it before there are others.
pub fn confine(readable: Option<&Path>) -> Result<()> {
    confine_all(readable)
        .map_err(|cause| Error::Capture("restricting what the process may do", cause))
}

fn confine_all(readable: Option<&Path>) -> io::Result<()> {
    // Without it, both are for CAP_SYS_ADMIN only.
    set_no_new_privs(true)?;
    // Not built in; disabled at boot; refused by a container's policy.
    let unavailable = [Errno::NOSYS, Errno::OPNOTSUPP, Errno::PERM];
    unless(&unavailable, landlock::restrict(readable))?;
    // Without filters; refused by a container's policy.
    unless(&[Errno::INVAL, Errno::PERM], seccomp::restrict())
}

fn unless(expected: &[Errno], result: io::Result<()>) -> io::Result<()> {
    let is_expected = |errno| expected.contains(&errno);
    match result {
        Err(cause) if Errno::from_io_error(&cause).is_some_and(is_expected) => Ok(()),
        result => result,
    }
}

/// Gives up the user and group that a setuid or setgid program runs as, for those who started it:
/// what they may not read or write themselves, it then neither reads nor writes for them.
///
/// Applies to the calling thread: call it before there are others.
pub fn return_to_real_user() -> Result<()> {
    let (user, group) = (getuid(), getgid());
    let given_up = match (group == getegid(), user == geteuid()) {
        (true, true) => Ok(()),
        // The group first: it takes the privilege of the user.
        _ => set_thread_res_gid(group, group, group)
            .and_then(|()| set_thread_res_uid(user, user, user)),
    };
    given_up.map_err(|errno| Error::Capture("returning to the real user", errno.into()))
}

fn drop_all() -> rustix::io::Result<()> {
    empty_bounding_set()?;
    clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    let none = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    set_capabilities(None, none)?;
    set_no_new_privs(true)
}

/// Needs CAP_SETPCAP; without it the set stays, but no_new_privs makes it useless.
fn empty_bounding_set() -> rustix::io::Result<()> {
    for capability in (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit)) {
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // INVAL: past the last capability of this kernel.
            Err(Errno::INVAL | Errno::PERM) => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
