//! Connections in TIME_WAIT: the kernel keeps them for a minute and nobody can hold them longer, so
//! they are made just before they are measured.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};

use anyhow::Context;

/// A listener outside the ephemeral range, at an address that no holder uses.
const ADDRESS: ([u8; 4], u16) = ([127, 2, 0, 1], 6999);
/// More than a holder has connections, so that this is the fullest tuple.
const COUNT: usize = 10_000;
/// Else connect(2) would take over the ports of those that are older than a second.
const REUSE: &str = "/proc/sys/net/ipv4/tcp_tw_reuse";

/// Makes them; they are gone a minute later.
pub fn make() -> anyhow::Result<()> {
    eprintln!("making {COUNT} TIME_WAITs");
    fs::write(REUSE, "0").with_context(|| format!("writing {REUSE}"))?;
    let address = SocketAddr::from(ADDRESS);
    let listener = TcpListener::bind(address).with_context(|| format!("listening on {address}"))?;
    (0..COUNT).try_for_each(|_| make_one(&listener, address))
}

fn make_one(listener: &TcpListener, address: SocketAddr) -> anyhow::Result<()> {
    let client = TcpStream::connect(address).context("connecting")?;
    let (mut server, _) = listener.accept().context("accepting")?;
    // Whoever closes first is left in TIME_WAIT.
    drop(client);
    server.read(&mut [0]).context("waiting for the end")?;
    Ok(())
}
