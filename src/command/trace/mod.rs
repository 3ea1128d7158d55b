//! `sockdiag trace`.

mod clocks;
mod devices;
mod file;
mod input;
mod intake;
mod live;
mod teller;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueHint};
use sockdiag::{
    analysis::trace::TraceReport,
    model::{
        Filter, Incomplete,
        filter::{End, FilterError},
    },
    source::CaptureWriter,
};

use super::{Described, FamilyArgs, FormatArgs, Outcome, PlaceArgs, Subcommand, duration, usage};
use teller::Teller;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag trace :8080                       handshakes with one service, as they end
  sockdiag trace --failed --for 60s          failed handshakes of the next minute
  sockdiag trace --slow 200ms --interface eth0
  sockdiag trace --summary --for 10s --json  counts and latencies as JSON
  sockdiag trace --close dst 10.0.0.0/8      also who closed each connection, and when
  tcpdump -w - -i eth0 tcp | sockdiag trace --read -

Outcomes: established; refused (RST to the SYN); no reply (no answer, and the client has given up); \
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
    /// Show only handshakes with this server port (repeatable)
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
    /// Omit the summary
    #[arg(short, long, conflicts_with_all = ["verbose", "summary"])]
    quiet: bool,
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
        let condition = self.condition()?;
        let teller = Teller::new(&self, &condition)?;
        match &self.read {
            Some(path) => file::run(&self, path, &condition, teller),
            None => live::run(&self, &condition, teller),
        }?;
        Ok(Outcome::Answered)
    }
}

impl TraceArgs {
    fn condition(&self) -> anyhow::Result<Filter> {
        let mut all = Vec::new();
        if !self.filter.is_empty() {
            all.push(parsed(&self.filter.join(" "))?);
        }
        if !self.port.is_empty() {
            all.push(Filter::port_is_one_of(End::Local, &self.port));
        }
        if !self.host.is_empty() {
            let hosts = self.host.iter().map(|host| either_end(host));
            all.push(Filter::Any(hosts.collect::<anyhow::Result<_>>()?));
        }
        Ok(Filter::All(all))
    }

    /// What only shows when flags are seen together.
    fn check(&self) -> anyhow::Result<()> {
        if self.write.as_deref() == Some(Path::new("-")) {
            return Err(usage(
                "--write -: standard output has the report; name a file",
            ));
        }
        let is_elsewhere = self.place.netns.is_some() || self.place.proc_root != Path::new("/proc");
        if self.read.is_some() && is_elsewhere {
            return Err(usage(
                "--netns and --proc-root: a file that is read belongs to no host",
            ));
        }
        Ok(())
    }

    fn writer(&self) -> anyhow::Result<Option<CaptureWriter>> {
        let create = |path: &PathBuf| CaptureWriter::create(path);
        Ok(self.write.as_ref().map(create).transpose()?)
    }
}

/// Ends the file that is written, and tells how many verdicts did not get into it.
fn finish(writer: Option<CaptureWriter>) -> anyhow::Result<Option<Incomplete>> {
    let Some(writer) = writer else {
        return Ok(None);
    };
    let uncommented = writer.uncommented();
    writer.finish()?;
    let why = "their packets were written long before, or into a pipe";
    Ok((uncommented > 0).then(|| Incomplete::counted("comments", why, uncommented)))
}

fn port(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| "the port must be a number from 1 to 65535".to_owned())
}

fn either_end(host: &str) -> anyhow::Result<Filter> {
    let wrong = || {
        usage(format!(
            "--host {host}: an address, as 10.0.0.1 or 10.0.0.0/8; names are not looked up"
        ))
    };
    if host.contains(char::is_whitespace) {
        return Err(wrong());
    }
    let either = format!("src {host} or dst {host}");
    Filter::parse_connection(&either).map_err(|_| wrong())
}

fn parsed(text: &str) -> anyhow::Result<Filter> {
    let wrong = |error: FilterError| match Path::new(text).is_file() {
        true => usage(format!("{text}: a file is read with --read {text}")),
        false => usage(format!("in the filter: {error}")),
    };
    Filter::parse_connection(text).map_err(wrong)
}
