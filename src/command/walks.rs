//! Walks over all sockets of the host, one for each family, side by side.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use sockdiag::{
    Result,
    model::{Connection, Endpoint, Family, Incomplete, Listener, Local},
    source::{Families, SockDiag, Walk},
};

/// What a walk found, how it ended, and how long it took.
pub struct Walked<T> {
    pub family: Family,
    pub found: T,
    pub walk: Walk,
    pub took: Duration,
}

/// Walks each family in the calling thread's network namespace, on a connection of its own.
pub fn each_family<T: Send>(
    families: Families,
    walk: impl Fn(&mut SockDiag, Family) -> Result<(T, Walk)> + Sync,
) -> Result<Vec<Walked<T>>> {
    let one = |family| {
        let began = Instant::now();
        let (found, walk) = walk(&mut SockDiag::open()?, family)?;
        Ok(Walked {
            family,
            found,
            walk,
            took: began.elapsed(),
        })
    };
    std::thread::scope(|scope| {
        let mut families = families.each();
        let first = families.next();
        let others: Vec<_> = families
            .map(|family| scope.spawn(move || one(family)))
            .collect();
        let mut walked: Vec<Result<Walked<T>>> = first.map(one).into_iter().collect();
        let others = others.into_iter().map(|other| other.join());
        walked.extend(others.map(|other| other.expect("a walk does not panic")));
        walked.into_iter().collect()
    })
}

/// Listeners of both families: bind(2) took their ports from all.
pub fn tcp_listeners(diag: &mut SockDiag) -> Result<Vec<Listener>> {
    let mut found = Vec::new();
    for family in (Families { v4: true, v6: true }).each() {
        diag.listeners(family, &mut found)?;
    }
    Ok(found)
}

/// Whether a listener is bound to a network device.
pub fn is_on_device(listener: &Listener) -> bool {
    matches!(listener.local, Local::Inet(Endpoint { interface: 1.., .. }))
}

/// Names of network devices, by index; nothing is asked where no socket is bound to one.
pub fn interfaces(any_is_bound: bool) -> HashMap<u32, String> {
    match any_is_bound {
        true => sockdiag::source::interfaces(),
        false => HashMap::new(),
    }
}

/// Whether a connection is of a wanted family by its address: an IPv6 socket may be connected to an
/// IPv4 address, so both are walked.
pub fn shows(families: Families, connection: &Connection) -> bool {
    match connection.peer.to_canonical().is_ipv4() {
        true => families.v4,
        false => families.v6,
    }
}

/// What an unclean end of a dump means for the report.
pub fn flaws(what: &str, walk: Walk) -> impl Iterator<Item = Incomplete> {
    let interrupted = walk
        .interrupted
        .then(|| Incomplete::new(what, "the kernel's table changed while it was read"));
    let undecodable = (walk.undecodable > 0).then(|| {
        let why = "the kernel's answer could not be decoded";
        Incomplete::counted(what, why, walk.undecodable)
    });
    interrupted.into_iter().chain(undecodable)
}
