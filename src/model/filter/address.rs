//! The parser of addresses, address ranges and ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Comparison, End, Filter, Network, Services};

pub const NOT_A_PORT: &str = "not a port: a number from 0 to 65535, or the name of a service";

/// A port by its number, or by the name of its service.
pub fn port(word: &str, services: Services<'_>) -> Option<u16> {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    match is_number {
        true => word.parse().ok(),
        false => services(word),
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
/// brackets, with its bits inside or behind them; with bits it may also stand without.
pub fn address<'a>(word: &'a str, end: End, services: Services<'_>) -> Result<Filter, Wrong<'a>> {
    if let Ok(address) = word.parse::<IpAddr>() {
        return Ok(Filter::within(end, whole(address)));
    }
    let (place, bits, name) = split(word);
    let is_any = matches!(place, "" | "*") && bits.is_empty();
    let mut parts = Vec::new();
    if !is_any {
        parts.push(Filter::within(end, network(place, bits)?));
    }
    match name {
        None if is_any => return Err(wrong(word, "not an address")),
        Some("*") if is_any => return Ok(anywhere(end)),
        None | Some("*") => {}
        Some(name) => {
            let port = port(name, services).ok_or_else(|| wrong(name, NOT_A_PORT))?;
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
    let addresses = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    let networks = addresses.map(|address| Filter::within(end, Network { address, bits: 0 }));
    Filter::any(networks.into())
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
