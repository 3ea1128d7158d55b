//! Numbers counted by the kernel since the network namespace was made.

use std::collections::HashMap;

/// Which number: the table it stands in and its name there, both as the kernel writes them.
///
/// `TcpExt` and `ListenDrops` of /proc/net/netstat; `snmp6` and `Ip6InReceives`; for the two
/// sockstat files the table is `sockstat.TCP` or `sockstat6.TCP6` and the name `inuse`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CounterId {
    /// Table.
    pub table: String,
    /// Name within the table.
    pub name: String,
}

impl CounterId {
    /// The one-word name that `nstat` prints: `TcpExtListenDrops`, `Ip6InReceives`; for sockstat
    /// `sockstat.TCP.inuse`.
    pub fn kernel_name(&self) -> String {
        match self.table.as_str() {
            "snmp6" => self.name.clone(),
            table if table.starts_with("sockstat") => format!("{table}.{}", self.name),
            table => format!("{table}{}", self.name),
        }
    }
}

/// Every number of one namespace at one moment, in the order of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Names this program does not know are kept. Wide enough for both signed and unsigned 64 bits.
    pub values: Vec<(CounterId, i128)>,
}

impl Counters {
    /// The value of one number; `None` when this kernel does not print it.
    pub fn value(&self, table: &str, name: &str) -> Option<i128> {
        self.values
            .iter()
            .find(|(id, _)| id.table == table && id.name == name)
            .map(|(_, value)| *value)
    }

    /// All values, to be found by their ids.
    pub fn by_id(&self) -> HashMap<&CounterId, i128> {
        self.values.iter().map(|(id, value)| (id, *value)).collect()
    }
}
