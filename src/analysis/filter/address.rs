//! Addresses, address ranges and ports, as they are written in a filter.

use std::net::IpAddr;

use super::Expression;
use crate::model::{End, Network};

/// Said of what is none.
pub const NOT_A_PORT: &str = "not a port: a number from 0 to 65535";

/// The part of a word that is wrong, and why.
pub struct Wrong<'a> {
    /// The part.
    pub part: &'a str,
    /// The reason.
    pub why: String,
    /// It is a word that means nothing here.
    pub is_word: bool,
}

fn wrong<'a>(part: &'a str, why: impl Into<String>) -> Wrong<'a> {
    Wrong {
        part,
        why: why.into(),
        is_word: false,
    }
}

/// `ADDR`, `ADDR:PORT`, `ADDR/BITS:PORT`, `:PORT`, `*:PORT`; an IPv6 address with a port and no bits
/// stands in brackets, with bits it may.
pub fn address(word: &str, end: End) -> Result<Expression, Wrong<'_>> {
    if let Ok(address) = word.parse::<IpAddr>() {
        return Ok(Expression::Address {
            end,
            network: Some(whole(address)),
            port: None,
        });
    }
    let (place, rest) = match word
        .strip_prefix('[')
        .and_then(|inside| inside.split_once(']'))
    {
        Some(split) => split,
        None => {
            let end = word.find('/').or_else(|| word.find(':'));
            word.split_at(end.unwrap_or(word.len()))
        }
    };
    let (bits, port) = match rest.split_once(':') {
        Some((bits, port)) => (bits, Some(port)),
        None => (rest, None),
    };
    let network = match place {
        "" | "*" if bits.is_empty() => None,
        _ => Some(network(place, bits)?),
    };
    if network.is_none() && port.is_none() {
        return Err(wrong(word, "not an address"));
    }
    let port = match port {
        None | Some("*") => None,
        Some(digits) => Some(digits.parse().map_err(|_| wrong(digits, NOT_A_PORT))?),
    };
    Ok(Expression::Address { end, network, port })
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
