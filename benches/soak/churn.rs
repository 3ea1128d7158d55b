//! What changes meanwhile: connections, listeners and processes that come and go.

use std::collections::VecDeque;
use std::fmt;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::{format, handshakes, idle};

const LISTENER_EVERY: Duration = Duration::from_millis(100);
/// At once, each with a connection in its accept queue.
const LISTENERS: usize = 5;
/// Nobody listens there: ports of listeners are chosen by the kernel, from 1024.
const NOBODY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 1);
const PROCESS_EVERY: Duration = Duration::from_millis(200);
const PROCESSES: usize = 10;

/// Threads that make it until their time is over.
pub struct Churn {
    connections: JoinHandle<anyhow::Result<handshakes::Made>>,
    listeners: JoinHandle<anyhow::Result<u64>>,
    processes: JoinHandle<anyhow::Result<u64>>,
}

/// How much of each there was.
pub struct Made {
    connections: handshakes::Made,
    listeners: u64,
    processes: u64,
}

impl fmt::Display for Made {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} connections ({} a second), {} listeners, {} processes",
            format::count(self.connections.handshakes),
            format::count(self.connections.per_second().round() as u64),
            format::count(self.listeners),
            format::count(self.processes)
        )
    }
}

impl Churn {
    pub fn begin(rate: u32, seconds: u32) -> Self {
        let until = Instant::now() + Duration::from_secs(seconds.into());
        Churn {
            connections: thread::spawn(move || handshakes::make(rate, seconds)),
            listeners: thread::spawn(move || listeners(until)),
            processes: thread::spawn(move || processes(until)),
        }
    }

    pub fn end(self) -> anyhow::Result<Made> {
        Ok(Made {
            connections: joined(self.connections).context("making connections")?,
            listeners: joined(self.listeners).context("making listeners")?,
            processes: joined(self.processes).context("making processes")?,
        })
    }
}

fn joined<T>(thread: JoinHandle<anyhow::Result<T>>) -> anyhow::Result<T> {
    thread.join().ok().context("a thread panicked")?
}

fn listeners(until: Instant) -> anyhow::Result<u64> {
    let (mut made, mut open) = (0, VecDeque::new());
    while Instant::now() < until {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let waiting = TcpStream::connect(listener.local_addr()?)?;
        open.push_back((listener, waiting));
        made += 1;
        if open.len() > LISTENERS
            && let Some(oldest) = open.pop_front()
        {
            drop(oldest);
            match TcpStream::connect(NOBODY) {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                other => bail!("connecting where nobody listens: {other:?}"),
            }
        }
        thread::sleep(LISTENER_EVERY);
    }
    Ok(made)
}

fn processes(until: Instant) -> anyhow::Result<u64> {
    let program = std::env::current_exe()?;
    let (mut made, mut alive) = (0, VecDeque::new());
    while Instant::now() < until {
        let process = Command::new(&program)
            .arg(idle::WAIT)
            .stdin(Stdio::piped())
            .spawn()
            .context("starting a process (a limit on processes?)")?;
        alive.push_back(process);
        made += 1;
        if alive.len() > PROCESSES
            && let Some(oldest) = alive.pop_front()
        {
            end(oldest)?;
        }
        thread::sleep(PROCESS_EVERY);
    }
    alive.into_iter().try_for_each(end)?;
    Ok(made)
}

/// Waiting closes its standard input, with which it ends.
fn end(mut process: Child) -> anyhow::Result<()> {
    let status = process.wait()?;
    anyhow::ensure!(status.success(), "a process that only waits: {status}");
    Ok(())
}
