//! Drops capabilities (man 7 capabilities).

use rustix::{
    io::Errno,
    thread::{
        CapabilitySet, CapabilitySets, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
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
