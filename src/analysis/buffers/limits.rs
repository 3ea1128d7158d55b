//! What bounds the memory of TCP sockets.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{Sysctl, Sysctls, snapshot::ProtocolMemory};

const RMEM: &str = "net.ipv4.tcp_rmem";
const WMEM: &str = "net.ipv4.tcp_wmem";
const RMEM_MAX: &str = "net.core.rmem_max";
const WMEM_MAX: &str = "net.core.wmem_max";

/// The settings that the report is made of.
pub static SETTINGS: [&str; 4] = [RMEM, WMEM, RMEM_MAX, WMEM_MAX];

/// Limits of socket memory; `null` where one could not be read, or several namespaces differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Limits {
    /// `net.ipv4.tcp_mem`, of all TCP sockets of the host.
    pub tcp_mem_pages: Option<Pages>,
    /// What they take now (sockstat `mem`).
    pub tcp_mem_used_pages: Option<u64>,
    /// Bytes of a page.
    pub page_bytes: u64,
    /// `net.ipv4.tcp_rmem`: the receive buffer that the kernel sizes by itself.
    pub rmem: Option<BufferSizes>,
    /// `net.ipv4.tcp_wmem`: the send buffer that the kernel sizes by itself.
    pub wmem: Option<BufferSizes>,
    /// `net.core.rmem_max`: the most that SO_RCVBUF takes, before it is doubled.
    pub rmem_max_bytes: Option<u64>,
    /// `net.core.wmem_max`: the most that SO_SNDBUF takes, before it is doubled.
    pub wmem_max_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Pages {
    pub low: u64,
    pub pressure: u64,
    pub high: u64,
}

/// Sizes of a buffer, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BufferSizes {
    pub minimum: u64,
    /// At the start of a connection.
    pub default: u64,
    pub maximum: u64,
}

impl Limits {
    /// Those of a host.
    pub fn new(memory: &ProtocolMemory, page_bytes: u64) -> Self {
        Limits {
            tcp_mem_pages: memory.limits.map(|limits| Pages {
                low: limits.low,
                pressure: limits.pressure,
                high: limits.high,
            }),
            tcp_mem_used_pages: memory.pages,
            page_bytes,
            ..Limits::default()
        }
    }

    /// Adds the limits that a namespace sets.
    pub fn within(self, sysctls: &Sysctls) -> Self {
        let one = |key| numbers(sysctls, key)?.first().copied();
        Limits {
            rmem: sizes(sysctls, RMEM),
            wmem: sizes(sysctls, WMEM),
            rmem_max_bytes: one(RMEM_MAX),
            wmem_max_bytes: one(WMEM_MAX),
            ..self
        }
    }

    /// The namespace limits on which both agree; the others become `None`.
    pub fn common(self, other: &Limits) -> Self {
        fn equal<T: PartialEq>(one: Option<T>, other: Option<T>) -> Option<T> {
            one.filter(|one| other.as_ref() == Some(one))
        }
        Limits {
            rmem: equal(self.rmem, other.rmem),
            wmem: equal(self.wmem, other.wmem),
            rmem_max_bytes: equal(self.rmem_max_bytes, other.rmem_max_bytes),
            wmem_max_bytes: equal(self.wmem_max_bytes, other.wmem_max_bytes),
            ..self
        }
    }
}

fn sizes(sysctls: &Sysctls, key: &str) -> Option<BufferSizes> {
    let [minimum, default, maximum] = numbers(sysctls, key)?.try_into().ok()?;
    Some(BufferSizes {
        minimum,
        default,
        maximum,
    })
}

fn numbers(sysctls: &Sysctls, key: &str) -> Option<Vec<u64>> {
    let text = sysctls.get(key).and_then(Sysctl::value)?;
    let numbers = text.split_whitespace().map(|number| number.parse().ok());
    numbers.collect()
}
