//! The parser of addresses, address ranges and ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Comparison, End, Filter, Names, Network};

/// Every IPv4 address, and every other.
const ALL: [Network; 2] = [
    Network {
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        bits: 0,
    },
    Network {
        address: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        bits: 0,
    },
];

pub const NOT_A_PORT: &str = "not a port: a number from 0 to 65535, or the name of a service";

/// A port by its number, or by the name of its service.
pub fn port(word: &str, names: &dyn Names) -> Option<u16> {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    match is_number {
        true => word.parse().ok(),
        false => names.service(word),
    }
}

/// The part of a word that is wrong, and why.
pub struct Wrong<'a> {
    pub part: &'a str,
    pub why: String,
    /// It is a word that the filter language does not have.
    pub is_word: bool,
}

fn wrong<'a>(part: &'a str, why: impl Into<String>) -> Wrong<'a> {
    Wrong {
        part,
        why: why.into(),
        is_word: false,
    }
}

/// `ADDR`, `ADDR:PORT`, `ADDR/BITS:PORT`, `:PORT`, `*:PORT`. An IPv6 address with a port stands in
/// brackets, with its bits inside or behind them; with bits it may also stand without. `inet:` or
/// `inet6:` may come first. With `hosts`, the name of a host stands for its addresses.
pub fn address<'a>(
    word: &'a str,
    end: End,
    names: &dyn Names,
    hosts: Option<&dyn Names>,
) -> Result<Filter, Wrong<'a>> {
    let (family, word) = family(word, end);
    if let Ok(address) = word.parse::<IpAddr>() {
        return Ok(Filter::all(
            family
                .into_iter()
                .chain([Filter::within(end, whole(address))])
                .collect(),
        ));
    }
    let (place, bits, name) = split(word);
    let is_any = matches!(place, "" | "*") && bits.is_empty();
    let mut parts: Vec<Filter> = family.into_iter().collect();
    if !is_any {
        parts.push(networks(place, bits, end, hosts)?);
    }
    match name {
        None if is_any && word != "*" => return Err(wrong(word, "not an address")),
        None | Some("*") if is_any && parts.is_empty() => return Ok(anywhere(end)),
        None | Some("*") => {}
        Some(name) => {
            let port = port(name, names).ok_or_else(|| wrong(name, NOT_A_PORT))?;
            parts.push(Filter::port(end, Comparison::Equal, port));
        }
    }
    Ok(Filter::all(parts))
}

/// Address, prefix length with its slash, and port; the last two may be missing.
fn split(word: &str) -> (&str, &str, Option<&str>) {
    let inside = word.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (place, rest) = inside.unwrap_or_else(|| {
        let end = word.find('/').or_else(|| word.find(':'));
        word.split_at(end.unwrap_or(word.len()))
    });
    let (bits, port) = match rest.split_once(':') {
        Some((bits, port)) => (bits, Some(port)),
        None => (rest, None),
    };
    match place.find('/') {
        Some(slash) if bits.is_empty() => (&place[..slash], &place[slash..], port),
        _ => (place, bits, port),
    }
}

/// `*:*`: any internet address.
fn anywhere(end: End) -> Filter {
    Filter::any(ALL.map(|network| Filter::within(end, network)).into())
}

/// The condition of a family that comes first, and the rest of the word.
fn family(word: &str, end: End) -> (Option<Filter>, &str) {
    let [v4, v6] = ALL.map(|network| Some(Filter::within(end, network)));
    match word.split_once(':') {
        Some(("inet", rest)) => (v4, rest),
        Some(("inet6", rest)) => (v6, rest),
        _ => (None, word),
    }
}

/// One network, or the addresses of a host.
fn networks<'a>(
    place: &'a str,
    bits: &'a str,
    end: End,
    hosts: Option<&dyn Names>,
) -> Result<Filter, Wrong<'a>> {
    let wrong = match network(place, bits) {
        Ok(network) => return Ok(Filter::within(end, network)),
        Err(wrong) => wrong,
    };
    let is_name = wrong.is_word && bits.is_empty();
    let found = hosts.filter(|_| is_name).map(|hosts| hosts.host(place));
    match found.unwrap_or_default() {
        found if found.is_empty() => Err(wrong),
        found => {
            let within = |address| Filter::within(end, whole(address));
            Ok(Filter::any(found.into_iter().map(within).collect()))
        }
    }
}

fn network<'a>(place: &'a str, bits: &'a str) -> Result<Network, Wrong<'a>> {
    let address: IpAddr = place.parse().map_err(|_| not_an_address(place))?;
    let whole = whole(address);
    if bits.is_empty() {
        return Ok(whole);
    }
    match bits
        .strip_prefix('/')
        .and_then(|digits| digits.parse().ok())
    {
        Some(bits) if bits <= whole.bits => Ok(Network { address, bits }),
        _ => Err(wrong(
            bits,
            format!("not a prefix length: a number from 0 to {}", whole.bits),
        )),
    }
}

fn not_an_address(word: &str) -> Wrong<'_> {
    if let Ok(port) = word.parse::<u16>() {
        let why = format!("not an address; a port is written :{port}");
        return wrong(word, why);
    }
    Wrong {
        is_word: true,
        ..wrong(word, "not an address, nor a word of the filter language")
    }
}

fn whole(address: IpAddr) -> Network {
    let address = address.to_canonical();
    Network {
        address,
        bits: if address.is_ipv4() { 32 } else { 128 },
    }
}
