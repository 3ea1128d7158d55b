//! A listener's address or path, as it is reported.

use std::{collections::BTreeMap, fmt, net::IpAddr};

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::Local;

/// A listener's address or path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum LocalReport {
    /// An internet address.
    Inet {
        /// IPv4 or IPv6 address; `0.0.0.0` and `::` are wildcards.
        address: IpAddr,
        /// Port.
        port: u16,
        /// The interface that it is bound to.
        interface: Option<String>,
    },
    /// A unix socket.
    Unix {
        /// Path; an abstract name begins with `@`. Bytes that are not UTF-8 are replaced.
        path: String,
    },
}

impl LocalReport {
    /// `interfaces` has names by index; an interface without one is `if7`.
    pub fn new(local: &Local, interfaces: &BTreeMap<u32, String>) -> Self {
        match local {
            Local::Inet(at) => LocalReport::Inet {
                address: at.address,
                port: at.port,
                interface: interface(at.interface, interfaces),
            },
            Local::Unix(name) => {
                // As ss shows it: the zero bytes of an abstract name as `@`.
                let path = String::from_utf8_lossy(name).replace('\0', "@");
                LocalReport::Unix { path }
            }
        }
    }
}

impl fmt::Display for LocalReport {
    /// `127.0.0.1:80`, `[::]:443`, `[fe80::1]%eth0:80`, a path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, port, interface) = match self {
            LocalReport::Inet {
                address,
                port,
                interface,
            } => (address, port, interface),
            LocalReport::Unix { path } => return f.write_str(path),
        };
        match address {
            IpAddr::V4(address) => write!(f, "{address}")?,
            IpAddr::V6(address) => write!(f, "[{address}]")?,
        }
        if let Some(interface) = interface {
            write!(f, "%{interface}")?;
        }
        write!(f, ":{port}")
    }
}

/// The name of the interface that a socket is bound to; index 0 is none.
pub fn interface(index: u32, names: &BTreeMap<u32, String>) -> Option<String> {
    let name = names.get(&index).cloned();
    (index != 0).then(|| name.unwrap_or_else(|| format!("if{index}")))
}
