//! A holder: one process that listens, connects to itself until it has its share of the sockets,
//! and keeps them until its standard input closes. That happens however the bench ends, Ctrl-C and
//! SIGKILL included, so none is left behind.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::Context;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::SockRef;

/// What a holder says once it holds all its sockets; anything else is the reason why it does not.
pub const READY: &str = "ready";

/// The first argument is the address to listen on, the second how many connections to hold.
pub fn run(words: &[String]) -> anyhow::Result<()> {
    let [address, connections] = words else {
        anyhow::bail!("a holder takes an address and a count")
    };
    let (address, connections) = (address.parse()?, connections.parse()?);
    std::thread::spawn(move || serve(address, connections));
    // Until then the sockets live in the other thread; returning from here closes them all.
    io::stdin()
        .read_to_end(&mut Vec::new())
        .context("waiting for the bench to end")?;
    Ok(())
}

fn serve(address: SocketAddr, connections: usize) {
    match hold(address, connections) {
        Ok(_held) => {
            println!("{READY}");
            loop {
                std::thread::park();
            }
        }
        Err(error) => println!("{error:#}"),
    }
}

fn hold(address: SocketAddr, connections: usize) -> anyhow::Result<(TcpListener, Vec<TcpStream>)> {
    raise_descriptor_limit()?;
    let listener = TcpListener::bind(address).with_context(|| format!("listening on {address}"))?;
    let mut held = Vec::with_capacity(2 * connections);
    for made in 0..connections {
        held.extend(
            pair(&listener, address)
                .with_context(|| format!("connection {} to {address}", made + 1))?,
        );
    }
    Ok((listener, held))
}

/// Both ends of a new connection.
fn pair(listener: &TcpListener, address: SocketAddr) -> anyhow::Result<[TcpStream; 2]> {
    let client = TcpStream::connect(address).map_err(explained)?;
    // Closing then resets: half a million TIME_WAITs would stay in the host's table and disturb the
    // next run.
    SockRef::from(&client).set_linger(Some(Duration::ZERO))?;
    let (server, _) = listener.accept().map_err(explained)?;
    Ok([client, server])
}

fn raise_descriptor_limit() -> anyhow::Result<()> {
    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: hard,
            maximum: hard,
        },
    )
    .context("raising the descriptor limit")
}

/// Names the setting that stopped us, where one did.
fn explained(error: io::Error) -> anyhow::Error {
    let setting = match Errno::from_io_error(&error) {
        Some(Errno::MFILE) => "the process's descriptor limit (ulimit -n)",
        Some(Errno::NFILE) => "the host's descriptor limit (fs.file-max)",
        Some(Errno::ADDRNOTAVAIL) => "net.ipv4.ip_local_port_range is too small",
        Some(Errno::NOMEM | Errno::NOBUFS) => "not enough memory",
        _ => return error.into(),
    };
    anyhow::Error::new(error).context(setting)
}
