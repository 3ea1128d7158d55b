//! Options of another process's socket, read from a duplicate of its descriptor (man 2
//! pidfd_getfd, since Linux 5.6), which takes the rights of ptrace(2).

use rustix::{
    fd::OwnedFd,
    net::sockopt,
    process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open},
};

use crate::model::{Owner, SocketOptions};

/// The options of the socket with this cookie; `None` where no owner's descriptor may be duplicated.
pub fn socket_options(owners: &[Owner], cookie: u64) -> Option<SocketOptions> {
    owners.iter().find_map(|owner| {
        let socket = duplicate(owner)?;
        // Meanwhile the descriptor may be another one, and the process another.
        let is_same = sockopt::socket_cookie(&socket) == Ok(cookie);
        let read = || {
            Some(SocketOptions {
                reuseaddr: sockopt::socket_reuseaddr(&socket).ok()?,
                reuseport: sockopt::socket_reuseport(&socket).ok()?,
                v6only: sockopt::ipv6_v6only(&socket).ok(),
            })
        };
        is_same.then(read)?
    })
}

fn duplicate(owner: &Owner) -> Option<OwnedFd> {
    let fd = i32::try_from(owner.fd).ok()?;
    let pid = Pid::from_raw(i32::try_from(owner.pid).ok()?)?;
    let process = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    pidfd_getfd(process, fd, PidfdGetfdFlags::empty()).ok()
}
