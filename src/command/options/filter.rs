//! The `FILTER` argument.

use dns_lookup::{AddrInfoHints, SockType, getaddrinfo};
use sockdiag::model::{Filter, filter::Subject};

use crate::command::usage;

/// The words of the command line as one filter; none accept everything.
pub fn filter(subject: Subject, words: &[String]) -> anyhow::Result<Filter> {
    let text = words.join(" ");
    if text.trim().is_empty() {
        return Ok(Filter::ALL);
    }
    let filter = Filter::parse_for(subject, &text, &service_port);
    filter.map_err(|error| usage(format!("in the filter: {error}")))
}

/// The port of a TCP service (`/etc/services`), as `ss` and getaddrinfo(3) know it.
pub fn service_port(name: &str) -> Option<u16> {
    let hints = AddrInfoHints {
        socktype: SockType::Stream.into(),
        ..AddrInfoHints::default()
    };
    let mut found = getaddrinfo(None, Some(name), Some(hints)).ok()?;
    Some(found.next()?.ok()?.sockaddr.port())
}

/// A port by its number, or by the name of its service.
pub fn port(text: &str) -> Result<u16, String> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = match is_number {
        true => text.parse().ok().filter(|port| *port > 0),
        false => service_port(text),
    };
    let why = "the port must be a number from 1 to 65535, or the name of a service";
    port.ok_or_else(|| why.to_owned())
}
