//! The `FILTER` argument.

use std::{net::IpAddr, path::Path};

use dns_lookup::{AddrInfoHints, SockType, getaddrinfo, lookup_host};
use sockdiag::{
    collect::Namespaces,
    model::{
        Filter,
        filter::{Names, Subject},
    },
    source::{Kernel, read_named_file},
};

use super::PlaceArgs;
use crate::command::usage;

/// The words of the command line as one filter; none accept everything. Interfaces are those of
/// the namespace that is inspected.
pub fn filter(subject: Subject, words: &[String], place: &PlaceArgs) -> anyhow::Result<Filter> {
    let text = words.join(" ");
    if text.trim().is_empty() {
        return Ok(Filter::ALL);
    }
    let kernel = place.kernel()?;
    let names = NamesOfHost {
        namespaces: place.namespaces(&kernel)?,
        kernel,
    };
    let filter = Filter::parse_for(subject, &text, &names);
    filter.map_err(|error| usage(format!("in the filter: {error}")))
}

/// Conditions on numbers.
pub fn measures(text: &str) -> Result<Filter, String> {
    Filter::parse_measures(text).map_err(|error| error.to_string())
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

struct NamesOfHost {
    kernel: Kernel,
    namespaces: Namespaces,
}

impl Names for NamesOfHost {
    fn service(&self, name: &str) -> Option<u16> {
        service_port(name)
    }

    fn host(&self, name: &str) -> Vec<IpAddr> {
        lookup_host(name).map_or_else(|_| Vec::new(), Iterator::collect)
    }

    fn interface(&self, name: &str) -> Option<u32> {
        self.namespaces.interface_index(name)
    }

    fn cgroup(&self, path: &str) -> Result<u64, String> {
        self.kernel.cgroup_id(Path::new(path)).map_err(reason)
    }

    fn file(&self, path: &str) -> Result<String, String> {
        read_named_file(Path::new(path)).map_err(reason)
    }
}

/// What could not be read, and why.
fn reason(error: sockdiag::Error) -> String {
    format!("{error}: {}", error.io())
}
