//! Which protocols to show: by words before the filter, as `ss -A` has them, or by flags of `ss`.

use clap::Args;
use sockdiag::model::{
    Filter, SocketProtocol, SocketState, StateSet,
    filter::{Subject, Test},
};

use super::super::{
    options::{PlaceArgs, filter},
    usage,
};

const WORDS: [(&str, SocketProtocol); 7] = [
    ("tcp", SocketProtocol::Tcp),
    ("udp", SocketProtocol::Udp),
    ("raw", SocketProtocol::Raw),
    ("unix", SocketProtocol::Unix),
    ("packet", SocketProtocol::Packet),
    ("netlink", SocketProtocol::Netlink),
    ("vsock", SocketProtocol::Vsock),
];

/// With these a condition begins.
const CONDITIONS: [&str; 10] = [
    "state",
    "exclude",
    "sport",
    "dport",
    "src",
    "dst",
    "dev",
    "fwmark",
    "cgroup",
    "autobound",
];

#[derive(Debug, Args)]
pub struct ProtocolArgs {
    /// Show TCP sockets, as `tcp` before FILTER
    #[arg(short, long)]
    tcp: bool,
    /// Show UDP sockets
    #[arg(short, long)]
    udp: bool,
    /// Show unix sockets
    #[arg(short = 'x', long)]
    unix: bool,
    /// Show only sockets that listen, and those that are not connected (UDP)
    #[arg(short, long)]
    listening: bool,
    /// Show owners (the default)
    #[arg(short = 'p', hide = true, conflicts_with = "no_owners")]
    processes: bool,
}

/// Which sockets the command line names.
pub struct Named {
    pub protocols: Vec<SocketProtocol>,
    pub filter: Filter,
}

impl ProtocolArgs {
    /// Splits the words into protocols and the filter.
    pub fn named(&self, words: &[String], place: &PlaceArgs) -> anyhow::Result<Named> {
        let count = words.iter().map_while(|word| protocols(word)).count();
        let (before, rest) = words.split_at(count);
        let flags = [self.tcp, self.udp, self.unix];
        let flags = ["tcp", "udp", "unix"].into_iter().zip(flags);
        let flags = flags.filter(|(_, is_set)| *is_set).map(|(word, _)| word);
        let mut named = Vec::new();
        for word in before.iter().map(String::as_str).chain(flags) {
            for protocol in protocols(word).unwrap_or_default() {
                if !named.contains(&protocol) {
                    named.push(protocol);
                }
            }
        }
        check_first(rest)?;
        let mut filter = filter(Subject::Socket, rest, place)?;
        if named.is_empty() {
            named = match filter.has_path() {
                true => vec![SocketProtocol::Unix],
                false => vec![SocketProtocol::Tcp, SocketProtocol::Udp],
            };
        }
        check(&named, &filter)?;
        if self.listening {
            let open = StateSet::LISTEN.and(StateSet::of(&[SocketState::Close]));
            filter = Filter::all(vec![filter, Filter::Test(Test::State(open))]);
        }
        Ok(Named {
            protocols: named,
            filter,
        })
    }
}

fn protocols(word: &str) -> Option<Vec<SocketProtocol>> {
    if word == "all" {
        return Some(WORDS.map(|(_, protocol)| protocol).to_vec());
    }
    let known = WORDS.iter().find(|(name, _)| *name == word);
    known.map(|(_, protocol)| vec![*protocol])
}

/// A first word that is neither a protocol nor the begin of a condition.
fn check_first(words: &[String]) -> anyhow::Result<()> {
    let Some(first) = words.first() else {
        return Ok(());
    };
    let first = first.split_whitespace().next().unwrap_or_default();
    let is_name = first.starts_with(|c: char| c.is_ascii_alphabetic())
        && first
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if !is_name || CONDITIONS.contains(&first) || first == "not" {
        return Ok(());
    }
    let hint = match StateSet::named(first) {
        Some(_) => format!("; a state is written `state {first}`"),
        None => String::new(),
    };
    Err(usage(format!(
        "{first} is neither a protocol (tcp, udp, raw, unix, packet, netlink, vsock, all) nor a \
         condition ({}, :PORT, an address){hint}",
        CONDITIONS.join(", ")
    )))
}

/// Refuses a filter that no socket of these protocols can fulfil.
fn check(protocols: &[SocketProtocol], filter: &Filter) -> anyhow::Result<()> {
    if filter.has_path() && !protocols.contains(&SocketProtocol::Unix) {
        return Err(usage(
            "a path is of unix sockets: name their protocol, as in sockdiag sockets unix /run/*",
        ));
    }
    if filter.is_for_inet() && !protocols.iter().any(|protocol| protocol.is_inet()) {
        return Err(usage(
            "addresses, ports, fwmark, cgroup and autobound are of tcp, udp and raw sockets: use \
             state, a path (unix) or dev (packet)",
        ));
    }
    Ok(())
}
