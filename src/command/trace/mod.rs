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
    model::{
        Families, Filter, Incomplete,
        filter::{End, FilterError},
    },
    source::CaptureWriter,
};

use super::{FormatArgs, PlaceArgs, describe, options::duration, usage};
use crate::render::table::trace::COLUMNS;
use teller::Teller;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sockdiag trace :8080                       the handshakes of one service, as they end
  sockdiag trace --failed --for 60s          what failed within a minute
  sockdiag trace --slow 200ms --interface eth0
  sockdiag trace --summary --for 10s --json  counts and latencies, for programs
  sockdiag trace --close dst 10.0.0.0/8      also who closed, and when
  tcpdump -w - -i eth0 tcp | sockdiag trace --read -

Outcomes: established; refused (RST to the SYN); no reply (no answer, and the client has given up); \
SYN-ACK unanswered; ACK dropped (the SYN-ACK came again after the ACK, as when the accept queue is \
full); reset by client or server (before it sent anything); simultaneous open; self-connect; \
incomplete (the capture ended first).

Filter: `:8080`, `sport` and `src` are the server's end, `dport` and `dst` the client's; joined by \
`and`, `or`, `not` and parentheses.

SYN→SYN-ACK is the time from the first SYN to the first SYN-ACK, →ACK from there to the first ACK: \
on the server, the first is this host's and the second that of network and client; on the client, \
the first is that of network and server. A handshake is called established when something confirms \
it, or when the SYN-ACK was not repeated for 1.5 seconds.")]
pub struct TraceArgs {
    /// Show only handshakes that match
    #[arg(value_name = "FILTER", value_hint = ValueHint::Other)]
    filter: Vec<String>,
    /// Capture on this device only (repeatable; default: all there are and that come)
    #[arg(short, long, value_name = "NAME", value_hint = ValueHint::Other, conflicts_with = "read")]
    interface: Vec<String>,
    /// Show only handshakes with a server at this port (repeatable)
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Vec<u16>,
    /// Show only handshakes with this host at either end (repeatable)
    #[arg(long, value_name = "ADDR[/BITS]", value_hint = ValueHint::Other)]
    host: Vec<String>,
    /// Show handshakes over IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// Show handshakes over IPv6 only
    #[arg(short = '6', long)]
    ipv6: bool,
    /// Show only handshakes that failed
    #[arg(long)]
    failed: bool,
    /// Show only handshakes that took this long; with --failed, those that failed too
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    slow: Option<Duration>,
    /// Show when connections end, too: who closed, how, after how long
    #[arg(long, conflicts_with_all = ["failed", "slow"])]
    close: bool,
    /// Show the summary only
    #[arg(long)]
    summary: bool,
    /// Tell sequence numbers, options, and when segments were sent again under each line
    #[arg(short, long)]
    verbose: bool,
    /// Leave out the summary
    #[arg(short, long, conflicts_with_all = ["verbose", "summary"])]
    quiet: bool,
    /// Stop after so long
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, conflicts_with = "read")]
    limit: Option<Duration>,
    /// Stop after N handshakes were shown
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Read a capture file (pcap, pcapng, also gzip) instead of the network; `-` is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    read: Option<PathBuf>,
    /// Save the packets as pcapng, with the verdicts as comments
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    write: Option<PathBuf>,
    /// Have the devices named by --interface receive what is for others, too
    #[arg(long, requires = "interface")]
    promiscuous: bool,
    /// Show numbers (the default)
    #[arg(short, long)]
    numeric: bool,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Runs the subcommand.
pub fn run(args: &TraceArgs) -> anyhow::Result<()> {
    if args.format.wants_columns() {
        return describe::columns_of(COLUMNS);
    }
    args.check()?;
    let condition = args.condition()?;
    let teller = Teller::new(args, &condition)?;
    match &args.read {
        Some(path) => file::run(args, path, &condition, teller),
        None => live::run(args, &condition, teller),
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

    fn families(&self) -> Families {
        Families {
            v4: !self.ipv6,
            v6: !self.ipv4,
        }
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
