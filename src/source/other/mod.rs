//! Sockets of other families than the internet's: NETLINK_SOCK_DIAG where the kernel has it for the
//! family, else the files of /proc/net.

mod dump;
mod files;
mod messages;

pub use dump::OtherRequest;
pub use files::SocketFile;

use super::{
    inet::{attribute, memory, number},
    netlink::{Fixed, Undecodable},
    unix,
};
