//! Gives up what the process may do beyond any other of its user (man 7 capabilities).

use rustix::{
    io::Errno,
    thread::{
        CapabilitySet, CapabilitySets, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
    },
};

use crate::{Error, Result};

/// Gives up every capability for good: what is open stays open, and no program that is started may
/// do more.
///
/// This is the calling thread's alone and that of the threads it makes: call it before there are
/// others. Root without capabilities still owns root's files.
pub fn drop_privileges() -> Result<()> {
    give_up().map_err(|errno| Error::Capture {
        attempt: "giving up capabilities",
        cause: errno.into(),
    })
}

fn give_up() -> rustix::io::Result<()> {
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

/// That takes CAP_SETPCAP; without it the set stays, and no new privileges come of it.
fn empty_bounding_set() -> rustix::io::Result<()> {
    for capability in (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit)) {
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // This kernel knows no more of them.
            Err(Errno::INVAL) => break,
            Err(Errno::PERM) => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
