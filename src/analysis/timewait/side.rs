//! Which end of a closed connection this host was.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::Connection;

/// Who opened the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// This host did.
    Client,
    /// The peer did.
    Server,
}

impl Side {
    /// Its word, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Side::Client => "client",
            Side::Server => "server",
        }
    }

    /// Where no listener tells: from an ephemeral port to another it was a client. `None` else: also
    /// from another to an ephemeral one, as a server does, but so does a client that chose its port.
    pub fn by_ports(connection: &Connection, ephemeral: &RangeInclusive<u16>) -> Option<Self> {
        let here = ephemeral.contains(&connection.local.port);
        let there = ephemeral.contains(&connection.peer_port);
        (here && !there).then_some(Side::Client)
    }
}
