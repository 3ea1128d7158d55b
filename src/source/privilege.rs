//! Gives up capabilities (man 7 capabilities) and the identity of a setuid program.

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
