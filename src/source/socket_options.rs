//! Options of another process's socket, read from a duplicate of its descriptor (man 2
//! pidfd_getfd, since Linux 5.6), which takes the rights of ptrace(2). The duplicate keeps the
//! socket open for that moment.

use std::{io, time::Duration};

use rustix::{
    fd::OwnedFd,
    fs::fstat,
    io::Errno,
    net::{ipproto, sockopt},
    process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open},
};

use crate::model::{KeepaliveOptions, Owner, PortOptions, SocketRow};

/// `None` where no owner's descriptor may be duplicated.
pub fn port_options(owners: &[Owner], row: &SocketRow) -> Option<PortOptions> {
    owners.iter().find_map(|owner| {
        let socket = duplicate(owner, row).ok()??;
        Some(PortOptions {
            reuseaddr: sockopt::socket_reuseaddr(&socket).ok()?,
            reuseport: sockopt::socket_reuseport(&socket).ok()?,
            v6only: sockopt::ipv6_v6only(&socket).ok(),
        })
    })
}

/// `None` when the process no longer has this socket there.
pub fn keepalive_options(owner: &Owner, row: &SocketRow) -> io::Result<Option<KeepaliveOptions>> {
    let Some(socket) = duplicate(owner, row)? else {
        return Ok(None);
    };
    let seconds = |time: Duration| time.as_secs();
    Ok(Some(KeepaliveOptions {
        enabled: sockopt::socket_keepalive(&socket)?,
        idle_seconds: seconds(sockopt::tcp_keepidle(&socket)?),
        interval_seconds: seconds(sockopt::tcp_keepintvl(&socket)?),
        probes: sockopt::tcp_keepcnt(&socket)?.into(),
        user_timeout_ms: match sockopt::tcp_user_timeout(&socket) {
            // MPTCP has no such option, neither to read nor to set.
            Err(Errno::OPNOTSUPP) => 0,
            timeout => timeout?,
        },
    }))
}

/// The descriptor may have been closed and its number given to another file, and the process id to
/// another process, so the socket is compared.
fn duplicate(owner: &Owner, row: &SocketRow) -> io::Result<Option<OwnedFd>> {
    let Some((pid, fd)) = numbers(owner) else {
        return Ok(None);
    };
    let process = pidfd_open(pid, PidfdFlags::empty());
    let copy = process.and_then(|process| pidfd_getfd(&process, fd, PidfdGetfdFlags::empty()));
    match copy {
        Err(Errno::SRCH | Errno::BADF) => Ok(None),
        copy => {
            let copy = copy?;
            Ok(is_of(&copy, row).then_some(copy))
        }
    }
}

/// A row of MPTCP is that of a subflow: it has the cookie of the subflow, and the inode of the
/// socket that the process has open.
fn is_of(socket: &OwnedFd, row: &SocketRow) -> bool {
    match sockopt::socket_protocol(socket) {
        Ok(Some(ipproto::MPTCP)) => {
            fstat(socket).is_ok_and(|status| status.st_ino as u32 == row.inode)
        }
        _ => sockopt::socket_cookie(socket) == Ok(row.cookie),
    }
}

fn numbers(owner: &Owner) -> Option<(Pid, i32)> {
    let pid = i32::try_from(owner.pid).ok().and_then(Pid::from_raw)?;
    Some((pid, i32::try_from(owner.fd).ok()?))
}
