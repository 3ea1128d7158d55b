//! `sockdiag trace`.

mod condition;
mod input;
mod live;
mod reporter;

use std::{
    fs::{self, File},
    io::{self, stdin},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, anyhow};
use clap::{ArgAction, Args, ValueHint};
use sockdiag::{
    Error,
    analysis::handshake::TraceReport,
    model::Filter,
    source::{confine, drop_privileges, interfaces, return_to_real_user},
    trace::{LiveOptions, Options, Trace},
};

use super::{
    Described, FamilyArgs, FormatArgs, Outcome, PlaceArgs, Subcommand, duration, options::port,
    usage, wait::Waiter, with_way_in,
};
use crate::render::{table::trace::local_zone, terminal_can_move};
use input::Input;
use live::LiveSummary;
use reporter::Reporter;

/// The file name that stands for standard input or output.
const STDIN: &str = "-";
/// Progress with a file is shown once in this many packets.
const PACKETS: u64 = 65_536;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag trace :8080                       handshakes with one service, as they end
  sockdiag trace --failed --for 60s          failed handshakes of the next minute
  sockdiag trace --slow 200ms --interface eth0
  sockdiag trace --summary --for 10s --json  counts and latencies as JSON
  sockdiag trace --close dst 10.0.0.0/8      also who closed each connection, and when
  tcpdump -w - -i eth0 tcp | sockdiag trace --read -

Outcomes: established; refused (RST to the SYN); no reply (no answer until the client gave up); \
SYN-ACK unanswered; ACK dropped (the SYN-ACK was retransmitted after the ACK, as when the accept \
queue is full); reset by client or server (before it sent anything); simultaneous open; \
self-connect; incomplete (the capture ended first).

FILTER: `:8080`, `sport` and `src` refer to the server, `dport` and `dst` to the client; joined by \
`and`, `or`, `not` and parentheses.

SYN→SYN-ACK is the time from the first SYN to the first SYN-ACK, →ACK from there to the first ACK. \
Captured on the server, the first is spent on this host and the second in the network and on the \
client; captured on the client, the first is spent in the network and on the server. A handshake \
counts as established when something confirms it, or when the SYN-ACK is not retransmitted within \
1.5 seconds.")]
pub struct TraceArgs {
    /// Show only handshakes that match
    #[arg(value_name = "FILTER", value_hint = ValueHint::Other)]
    filter: Vec<String>,
    /// Capture on this interface only (repeatable; default: all, including interfaces that appear
    /// later)
    #[arg(short, long, value_name = "NAME", value_hint = ValueHint::Other, conflicts_with = "read")]
    interface: Vec<String>,
    /// Show only handshakes with this server port, by number or service (repeatable)
    #[arg(short, long, value_name = "PORT", value_parser = port)]
    port: Vec<u16>,
    /// Show only handshakes with this host as client or server (repeatable)
    #[arg(long, value_name = "ADDR[/BITS]", value_hint = ValueHint::Other)]
    host: Vec<String>,
    #[command(flatten)]
    family: FamilyArgs,
    /// Show only handshakes that failed
    #[arg(long)]
    failed: bool,
    /// Show only handshakes that took at least this long; with --failed, also those that failed
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    slow: Option<Duration>,
    /// Also show the end of each connection: who closed it, how, and after how long
    #[arg(long, conflicts_with_all = ["failed", "slow"])]
    close: bool,
    /// Show only the summary
    #[arg(long)]
    summary: bool,
    /// Show sequence numbers, TCP options and retransmission times
    #[arg(short, long)]
    verbose: bool,
    /// Omit the lines on incomplete data; -qq omits the summary
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose")]
    quiet: u8,
    /// Stop after this long
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, conflicts_with = "read")]
    limit: Option<Duration>,
    /// Stop after N handshakes
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Read a capture file (pcap, pcapng, also gzip) instead of the network; `-` is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    read: Option<PathBuf>,
    /// Save the packets as pcapng, with the verdicts as comments
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    write: Option<PathBuf>,
    /// Put the interfaces into promiscuous mode
    #[arg(long, requires = "interface")]
    promiscuous: bool,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

impl Subcommand for TraceArgs {
    const NAME: &'static str = "trace";
    const ABOUT: &'static str = "Show every TCP handshake on the wire or in a capture file: outcome, timing, retransmissions";
    const REPORT: Option<Described> = Described::of::<TraceReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        self.check()?;
        let filter = self.condition()?;
        let mut reporter = Reporter::new(&self)?;
        let waiter = Waiter::new(false).context("watching for signals")?;
        let stop = || {
            let signal = waiter.stop_signal().try_clone_to_owned();
            signal.context("watching for signals")
        };
        let (mut live, stopped) = match self.has_screen() {
            true => {
                let (live, stopped) = LiveSummary::open(self.limit)?;
                (Some(live), stopped)
            }
            false => (None, stop()?),
        };
        let options = self.options(filter, stopped);
        let mut trace = match &self.read {
            Some(path) => {
                return_to_real_user()?;
                let (name, capture) = open(path)?;
                let stop = stop()?;
                Trace::reader(name, Input { capture, stop }, options)?
            }
            None => self.live(options)?,
        };
        self.confine()?;
        if self.read.is_none() {
            reporter.begin()?;
        }
        self.report(&mut trace, &mut reporter, &mut live)?;
        Ok(Outcome::Answered)
    }
}

impl TraceArgs {
    fn options(&self, filter: Filter, stop: OwnedFd) -> Options {
        Options {
            filter,
            families: self.family.families(),
            closes: self.close,
            failed: self.failed,
            slow: self.slow,
            count: self.count,
            write: self.write.clone(),
            stop: Some(stop),
        }
    }

    /// What comes from the network is decoded without any right to act on it.
    fn confine(&self) -> anyhow::Result<()> {
        local_zone();
        drop_privileges()?;
        let readable = self.read.is_none().then_some(&*self.place.proc_root);
        Ok(confine(readable)?)
    }

    /// Moves the process into the network namespace: a trace captures in one.
    fn live(&self, options: Options) -> anyhow::Result<Trace> {
        let kernel = self.place.kernel()?;
        match self.place.netns.as_deref() {
            None => {}
            Some("all") => return Err(usage("--netns all: a trace captures in one namespace")),
            Some(name) => {
                let moved = kernel.namespace(name)?.move_into();
                moved.map_err(|error| with_way_in(error.into()))?;
            }
        }
        let live = LiveOptions {
            interfaces: self.interface.clone(),
            promiscuous: self.promiscuous,
            limit: self.limit,
            kernel,
        };
        Trace::live(live, options).map_err(with_way_out)
    }

    /// A summary is drawn on a terminal while it grows.
    fn has_screen(&self) -> bool {
        self.summary && self.read.is_none() && self.format.is_table() && terminal_can_move()
    }

    /// Flushes after each step, except for a file, which is not waited for.
    fn report(
        &self,
        trace: &mut Trace,
        reporter: &mut Reporter,
        live: &mut Option<LiveSummary>,
    ) -> anyhow::Result<()> {
        let is_file = self
            .read
            .as_ref()
            .is_some_and(|path| path.as_os_str() != STDIN);
        let mut steps: u64 = 0;
        while trace.step() {
            for report in trace.reports() {
                reporter.report(&report)?;
            }
            steps += 1;
            match live {
                Some(live) => live.step(trace)?,
                None if !is_file => {
                    reporter.flush()?;
                    reporter.progress(trace);
                }
                None if steps.is_multiple_of(PACKETS) => reporter.file_progress(trace),
                None => {}
            }
        }
        // Closes the screen.
        drop(live.take());
        for report in trace {
            reporter.report(&report?)?;
        }
        Ok(())
    }

    /// Rules between flags that clap cannot express.
    fn check(&self) -> anyhow::Result<()> {
        if self
            .write
            .as_ref()
            .is_some_and(|path| path.as_os_str() == STDIN)
        {
            return Err(usage("--write -: stdout has the report; name a file"));
        }
        let is_elsewhere = self.place.netns.is_some() || self.place.proc_root != Path::new("/proc");
        if self.summary && self.quiet > 1 {
            return Err(usage(
                "-qq omits the summary, and --summary shows nothing else",
            ));
        }
        if self.read.is_some() && is_elsewhere {
            return Err(usage("--netns and --proc-root do not apply to --read"));
        }
        // Writing to the file that is read would empty it first.
        let id = |path: &Option<PathBuf>| {
            let file = fs::metadata(path.as_ref()?).ok()?;
            Some((file.dev(), file.ino()))
        };
        match id(&self.write) {
            Some(written) if id(&self.read) == Some(written) => {
                Err(usage("--write names the file that --read reads"))
            }
            _ => Ok(()),
        }
    }
}

/// The capture that is read, and what errors call it.
fn open(path: &Path) -> anyhow::Result<(&Path, OwnedFd)> {
    if path.as_os_str() == STDIN {
        let stdin = stdin().as_fd().try_clone_to_owned();
        return Ok((
            Path::new("standard input"),
            stdin.context("reading standard input")?,
        ));
    }
    let file = File::open(path).map_err(Error::file(path))?;
    Ok((path, file.into()))
}

/// Adds the remedy where packets may not be captured, and the names of the interfaces where one
/// does not exist.
fn with_way_out(error: Error) -> anyhow::Error {
    let is_refused = error.io().kind() == io::ErrorKind::PermissionDenied;
    match error {
        Error::Capture { .. } if is_refused => {
            let program = std::env::current_exe().unwrap_or("sockdiag".into());
            anyhow!(
                "{:#}; it needs CAP_NET_RAW: use sudo, or once: sudo setcap cap_net_raw+ep {}; \
                 a capture file needs nothing: sockdiag trace --read FILE",
                anyhow!(error),
                program.display()
            )
        }
        Error::Interface { .. } => {
            let mut names: Vec<String> = interfaces().into_values().collect();
            names.sort();
            anyhow!("{:#}; there are {}", anyhow!(error), names.join(", "))
        }
        error => error.into(),
    }
}
