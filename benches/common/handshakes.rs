//! The load: connections over loopback, each closed as soon as it is there.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;

/// Two threads have both ends of each connection; more would only take turns on two cores.
const THREADS: u8 = 2;
const FIRST_PORT: u16 = 900;
/// Every destination can be reached from every port, while those used are in TIME_WAIT.
const DESTINATIONS: u8 = 64;
/// Looking at the clock is cheap, waking up is not.
const AT_ONCE: u32 = 20;

/// What lets so many connections be made: source ports, and room for those that are over.
const SETTINGS: [(&str, &str); 3] = [
    ("/proc/sys/net/ipv4/ip_local_port_range", "1024 65535"),
    ("/proc/sys/net/ipv4/tcp_tw_reuse", "1"),
    ("/proc/sys/net/ipv4/tcp_max_tw_buckets", "2000000"),
];

/// How many there were, and how long they took.
pub struct Made {
    pub handshakes: u64,
    pub time: Duration,
}

impl Made {
    pub fn per_second(&self) -> f64 {
        self.handshakes as f64 / self.time.as_secs_f64()
    }
}

pub fn prepare() -> anyhow::Result<()> {
    for (path, value) in SETTINGS {
        fs::write(path, value).with_context(|| format!("writing {path}"))?;
    }
    Ok(())
}

/// Makes so many a second for so long, evenly.
pub fn make(per_second: u32, seconds: u32) -> anyhow::Result<Made> {
    let begun = Instant::now();
    let share = per_second / u32::from(THREADS);
    let handshakes = thread::scope(|scope| {
        let threads =
            (0..THREADS).map(|thread| scope.spawn(move || share_of(thread, share, seconds)));
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(joined).sum::<anyhow::Result<u64>>()
    })?;
    Ok(Made {
        handshakes,
        time: begun.elapsed(),
    })
}

fn joined(thread: thread::ScopedJoinHandle<'_, anyhow::Result<u64>>) -> anyhow::Result<u64> {
    thread.join().ok().context("a thread panicked")?
}

fn share_of(thread: u8, per_second: u32, seconds: u32) -> anyhow::Result<u64> {
    let port = FIRST_PORT + u16::from(thread);
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).context("listening")?;
    let begun = Instant::now();
    let all = per_second * seconds;
    for made in 0..all {
        if made % AT_ONCE == 0 {
            let due = Duration::from_secs(1) * made / per_second;
            thread::sleep(due.saturating_sub(begun.elapsed()));
        }
        let host = (made % u32::from(DESTINATIONS)) as u8;
        let to = SocketAddrV4::new(Ipv4Addr::new(127, 1, thread, host), port);
        shake_hands(&listener, to).with_context(|| format!("connection {} to {to}", made + 1))?;
    }
    Ok(all.into())
}

/// On loopback the handshake is over by the time that connect(2) returns.
fn shake_hands(listener: &TcpListener, to: SocketAddrV4) -> anyhow::Result<()> {
    let client = TcpStream::connect(to)?;
    let (server, _) = listener.accept()?;
    drop(client);
    drop(server);
    Ok(())
}
