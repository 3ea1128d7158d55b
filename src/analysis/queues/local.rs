//! Where a listener is found, as it is reported.

use std::{collections::BTreeMap, fmt, net::IpAddr};

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::Local;

/// Where a listener is found.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum LocalReport {
    /// An internet address.
    Inet {
        /// IPv4 or IPv6 address; `0.0.0.0` and `::` are wildcards.
        address: IpAddr,
        /// Port.
        port: u16,
        /// The device it is bound to.
        interface: Option<String>,
    },
    /// A unix socket.
    Unix {
        /// Path; an abstract name begins with `@`. Bytes that are not UTF-8 are replaced.
        path: String,
    },
}

impl LocalReport {
    /// With the device's name for the index that the kernel gives.
    pub fn new(local: &Local, interfaces: &BTreeMap<u32, String>) -> Self {
        let name = |index: u32| match interfaces.get(&index) {
            Some(name) => name.clone(),
            None => format!("if{index}"),
        };
        match local {
            Local::Inet(at) => LocalReport::Inet {
                address: at.address,
                port: at.port,
                interface: (at.interface != 0).then(|| name(at.interface)),
            },
            Local::Unix(name) => LocalReport::Unix {
                path: unix_path(name),
            },
        }
    }
}

impl fmt::Display for LocalReport {
    /// As it is written everywhere: `127.0.0.1:80`, `[::]:443`, `[fe80::1]%eth0:80`, a path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LocalReport::Inet {
            address,
            port,
            interface,
        } = self
        else {
            let LocalReport::Unix { path } = self else {
                return Ok(());
            };
            return f.write_str(path);
        };
        match address {
            IpAddr::V4(address) => write!(f, "{address}")?,
            IpAddr::V6(address) => write!(f, "[{address}]")?,
        }
        if let Some(device) = interface {
            write!(f, "%{device}")?;
        }
        write!(f, ":{port}")
    }
}

/// As `ss` writes it: the zero bytes of an abstract name as `@`.
fn unix_path(name: &[u8]) -> String {
    let shown: Vec<u8> = name
        .iter()
        .map(|byte| if *byte == 0 { b'@' } else { *byte })
        .collect();
    String::from_utf8_lossy(&shown).into_owned()
}
