//! `/proc/net/nf_conntrack` (net/netfilter/nf_conntrack_standalone.c): a line for each tracked
//! connection, with the addresses of both directions. Behind a translation (DNAT, REDIRECT) the
//! reply comes from another address than the request went to.
//!
//! ```text
//! ipv4 2 tcp 6 118 SYN_SENT src=10.7.0.2 dst=10.7.0.1 sport=5001 dport=80 [UNREPLIED] src=10.7.0.1 dst=10.7.0.2 sport=8080 dport=5001 mark=0 use=1
//! ```

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
};

use rustix::{fs::CWD, io::Errno};

use super::{Kernel, open_file, regular};
use crate::{Error, Result, model::Address};

/// More than this is not read: about 300,000 connections.
const MOST_BYTES: u64 = 64 << 20;

/// What netfilter knows of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tracked {
    /// The replies come from here.
    RepliesFrom(Address),
    /// It is in no table: it is not tracked, or was dropped before a socket could receive it.
    NotThere,
    /// The table may not be read (only root may, and not on every kernel), or is too long.
    Unreadable,
}

impl Kernel {
    /// Whether netfilter tracks connections in the network namespace of the calling thread; where it
    /// does not, it translates none.
    pub fn tracks_connections(&self) -> Result<bool> {
        let count = self.sysctl("netfilter/nf_conntrack_count")?;
        Ok(count.unwrap_or(0) > 0)
    }

    /// How a connection is tracked. Reads the table up to its entry.
    pub fn tracked(&self, client: &Address, server: &Address) -> Result<Tracked> {
        let path = self.net_dir().join("nf_conntrack");
        let file = match open_file(CWD, &path, self.is_procfs) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT | Errno::ACCESS | Errno::PERM) => return Ok(Tracked::Unreadable),
            Err(errno) => return Err(Error::file(path)(regular::cause(errno))),
        };
        let mut lines = BufReader::new(file.take(MOST_BYTES));
        let mut line = String::new();
        while lines.read_line(&mut line).map_err(Error::file(&path))? > 0 {
            if let Some(replies) = replies(&line, client, server) {
                return Ok(Tracked::RepliesFrom(replies));
            }
            line.clear();
        }
        Ok(match lines.get_ref().limit() {
            0 => Tracked::Unreadable,
            _ => Tracked::NotThere,
        })
    }
}

/// Where the replies to this connection come from, if the line is about it.
fn replies(line: &str, client: &Address, server: &Address) -> Option<Address> {
    let mut words = line.split_ascii_whitespace();
    let mut next = |key: &str| words.find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let mut ends = || {
        let (source, destination) = (next("src")?.parse().ok()?, next("dst")?.parse().ok()?);
        let (sport, dport) = (next("sport")?.parse().ok()?, next("dport")?.parse().ok()?);
        let end = |address, port| Address { address, port };
        Some((end(source, sport), end(destination, dport)))
    };
    let is_tcp = line.split_ascii_whitespace().nth(2) == Some("tcp");
    let request = ends().filter(|_| is_tcp)?;
    let (from, _) = ends()?;
    (request == (*client, *server)).then_some(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{FileType, Mode};

    fn address(text: &str) -> Address {
        let socket: std::net::SocketAddr = text.parse().unwrap();
        Address {
            address: socket.ip(),
            port: socket.port(),
        }
    }

    const REDIRECTED: &str = "ipv4     2 tcp      6 118 SYN_SENT src=10.7.0.2 dst=10.7.0.1 \
        sport=5001 dport=80 [UNREPLIED] src=10.7.0.1 dst=10.7.0.2 sport=8080 dport=5001 \
        mark=0 zone=0 use=2";

    #[test]
    fn replies_come_from_where_the_connection_was_sent() {
        let (client, server) = (address("10.7.0.2:5001"), address("10.7.0.1:80"));
        assert_eq!(
            replies(REDIRECTED, &client, &server),
            Some(address("10.7.0.1:8080"))
        );
        assert_eq!(replies(REDIRECTED, &server, &client), None);
        let udp = REDIRECTED.replace("tcp", "udp");
        assert_eq!(replies(&udp, &client, &server), None);
    }

    #[test]
    fn a_table_of_a_captured_tree_may_be_a_fifo() {
        let root = std::env::temp_dir().join(format!("sockdiag-table-{}", std::process::id()));
        std::fs::create_dir_all(root.join("net")).unwrap();
        let (path, mode) = (root.join("net/nf_conntrack"), Mode::from(0o600));
        rustix::fs::mknodat(CWD, &path, FileType::Fifo, mode, 0).unwrap();
        let kernel = Kernel::with_proc_root(&root).unwrap();
        let refused = kernel.tracked(&address("10.7.0.2:5001"), &address("10.7.0.1:80"));
        std::fs::remove_dir_all(&root).unwrap();
        assert!(refused.is_err(), "{refused:?}");
    }

    #[test]
    fn a_line_cut_short_is_of_no_connection() {
        let (client, server) = (address("10.7.0.2:5001"), address("10.7.0.1:80"));
        let whole = REDIRECTED.find(" dport=5001").unwrap();
        for length in 0..whole {
            assert_eq!(replies(&REDIRECTED[..length], &client, &server), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(line in "(ipv4 +2 tcp 6|\\PC{0,8})( (src|dst|sport|dport|\\PC{0,3})=?[0-9a-f.:]{0,9}){0,10}") {
            replies(&line, &address("10.7.0.2:5001"), &address("[::1]:80"));
        }
    }
}
