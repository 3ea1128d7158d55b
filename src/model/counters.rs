//! Numbers counted by the kernel since the network namespace was made.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

/// Which number: the table it stands in and its name there, both as the kernel writes them.
///
/// `TcpExt` and `ListenDrops` of /proc/net/netstat; `snmp6` and `Ip6InReceives`; for the two
/// sockstat files the table is `sockstat.TCP` or `sockstat6.TCP6` and the name `inuse`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CounterId {
    /// Table. Shared, as many numbers stand in one and reports repeat it.
    pub table: Arc<str>,
    /// Name within the table.
    pub name: Arc<str>,
}

impl CounterId {
    pub fn new(table: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        CounterId {
            table: table.into(),
            name: name.into(),
        }
    }

    /// The one-word name that `nstat` prints.
    pub fn kernel_name(&self) -> String {
        kernel_name(&self.table, &self.name)
    }
}

/// The one-word name that `nstat` prints: `TcpExtListenDrops`, `Ip6InReceives`; for sockstat
/// `sockstat.TCP.inuse`.
pub fn kernel_name(table: &str, name: &str) -> String {
    match table {
        "snmp6" => name.to_owned(),
        table if table.starts_with("sockstat") => [table, ".", name].concat(),
        table => [table, name].concat(),
    }
}

impl From<&str> for CounterId {
    /// The other way round: `TcpExtListenDrops` is `ListenDrops` of `TcpExt`. Names of snmp6 have a
    /// 6 behind their protocol and keep it.
    fn from(kernel_name: &str) -> Self {
        const TABLES: [&str; 8] = [
            "MPTcpExt", "TcpExt", "IpExt", "UdpLite", "Udp", "Tcp", "Icmp", "Ip",
        ];
        let tail = |table: &&str| kernel_name.strip_prefix(table);
        let (table, name) = match TABLES.iter().find(|table| tail(table).is_some()) {
            Some(table) => (*table, &kernel_name[table.len()..]),
            None => kernel_name.rsplit_once('.').unwrap_or(("", kernel_name)),
        };
        let (table, name) = match name.starts_with('6') {
            true => ("snmp6", kernel_name),
            false => (table, name),
        };
        CounterId::new(table, name)
    }
}

/// Every number of one namespace at one moment, in the order of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Names this program does not know are kept. Wide enough for both signed and unsigned 64 bits.
    pub values: Vec<(CounterId, i128)>,
}

impl Counters {
    /// The value of one number; `None` when this kernel does not print it.
    pub fn value(&self, table: &str, name: &str) -> Option<i128> {
        self.values
            .iter()
            .find(|(id, _)| *id.table == *table && *id.name == *name)
            .map(|(_, value)| *value)
    }

    /// All values, to be found by their ids.
    pub fn by_id(&self) -> HashMap<&CounterId, i128> {
        self.values.iter().map(|(id, value)| (id, *value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_one_word_name_is_taken_apart_and_put_together() {
        for (kernel_name, table, name) in [
            ("TcpExtListenDrops", "TcpExt", "ListenDrops"),
            ("MPTcpExtMPCapableSYNRX", "MPTcpExt", "MPCapableSYNRX"),
            ("UdpLiteInErrors", "UdpLite", "InErrors"),
            ("Udp6InErrors", "snmp6", "Udp6InErrors"),
            ("UdpLite6InErrors", "snmp6", "UdpLite6InErrors"),
            ("Ip6InReceives", "snmp6", "Ip6InReceives"),
            ("sockstat.TCP.tw", "sockstat.TCP", "tw"),
        ] {
            let id = CounterId::from(kernel_name);
            assert_eq!((&*id.table, &*id.name), (table, name));
            assert_eq!(id.kernel_name(), kernel_name);
        }
    }
}
