//! What bounds the memory of sockets on the host, and the queues between interfaces and protocols:
//! `/proc/net/softnet_stat` (net/core/net-procfs.c), sockstat, and the sysctls beside them.

use super::{Kernel, netstat};
use crate::{
    Result,
    model::{
        Counters,
        snapshot::{
            HostNetwork, MemoryLimits, NetnsNetwork, ProtocolMemory, ReversePathFilter, SoftnetCpu,
        },
    },
};

impl Kernel {
    /// Packets dropped since boot because a CPU had more than `net.core.netdev_max_backlog`, on all
    /// CPUs.
    pub fn softnet_dropped(&self) -> Result<Option<u64>> {
        Ok(self.softnet()?.as_deref().map(dropped))
    }

    fn softnet(&self) -> Result<Option<Vec<SoftnetCpu>>> {
        let text = self.read_if_present(&self.net_dir().join("softnet_stat"))?;
        Ok(text.as_deref().and_then(parse_softnet))
    }

    /// What is the same in every network namespace. Most of the settings are visible in the initial
    /// one alone.
    pub fn host_network(&self) -> Result<HostNetwork> {
        let sockstat = self.read_if_present(&self.net_dir().join("sockstat"))?;
        let mut counts = Counters::default();
        netstat::parse_sockstat(
            "sockstat",
            &sockstat.unwrap_or_default(),
            &mut counts.values,
        );
        let count = |table, name| u64::try_from(counts.value(table, name)?).ok();
        Ok(HostNetwork {
            softnet: self.softnet()?,
            netdev_max_backlog: self.sysctl("core/netdev_max_backlog")?,
            tcp_memory: ProtocolMemory {
                pages: count("sockstat.TCP", "mem"),
                limits: self.memory_limits("ipv4/tcp_mem")?,
            },
            udp_memory: ProtocolMemory {
                pages: count("sockstat.UDP", "mem"),
                limits: self.memory_limits("ipv4/udp_mem")?,
            },
            orphans: count("sockstat.TCP", "orphan"),
            max_orphans: self.sysctl("ipv4/tcp_max_orphans")?.map(u64::from),
        })
    }

    /// What drops packets in the network namespace of the calling thread, without its interfaces.
    /// `is_filtered`: the reverse-path filter has dropped packets.
    pub fn netns_network(&self, is_filtered: bool) -> Result<NetnsNetwork> {
        Ok(NetnsNetwork {
            conntrack: self.conntrack()?,
            interfaces: None,
            rp_filter: match is_filtered {
                true => self.rp_filter()?,
                false => Vec::new(),
            },
        })
    }

    fn memory_limits(&self, key: &str) -> Result<Option<MemoryLimits>> {
        let text = self.sysctl_text(key)?;
        Ok(text.as_deref().and_then(parse_memory_limits))
    }

    fn rp_filter(&self) -> Result<Vec<ReversePathFilter>> {
        let of = |name: &str| self.sysctl(&format!("ipv4/conf/{name}/rp_filter"));
        let all = of("all")?.unwrap_or(0);
        let mut filters = Vec::new();
        for interface in self.sysctl_names("ipv4/conf")? {
            if matches!(&*interface, "all" | "default") {
                continue;
            }
            let mode = of(&interface)?.unwrap_or(0).max(all);
            if mode > 0 {
                filters.push(ReversePathFilter { interface, mode });
            }
        }
        filters.sort_unstable_by(|a, b| a.interface.cmp(&b.interface));
        Ok(filters)
    }
}

/// On all CPUs, whose counters have 32 bits each.
fn dropped(cpus: &[SoftnetCpu]) -> u64 {
    cpus.iter().map(|cpu| u64::from(cpu.dropped)).sum()
}

/// A line for each CPU that is online, of hexadecimal columns; the 11th since 3.11, the 13th since
/// 5.10. `None` where a line is something else.
fn parse_softnet(text: &str) -> Option<Vec<SoftnetCpu>> {
    let cpu = |line: &str| {
        let columns = line.split_ascii_whitespace();
        let columns = columns.map(|column| u32::from_str_radix(column, 16).ok());
        let columns: Vec<u32> = columns.collect::<Option<_>>()?;
        Some(SoftnetCpu {
            cpu: columns.get(12).copied(),
            processed: *columns.first()?,
            dropped: *columns.get(1)?,
            time_squeeze: *columns.get(2)?,
            flow_limit: columns.get(10).copied(),
        })
    };
    text.lines().map(cpu).collect()
}

/// Low, pressure and high, separated by tabs.
fn parse_memory_limits(text: &str) -> Option<MemoryLimits> {
    let mut pages = text.split_ascii_whitespace().map(|word| word.parse().ok());
    Some(MemoryLimits {
        low: pages.next()??,
        pressure: pages.next()??,
        high: pages.next()??,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU_1: &str = "0213ca5f 00000007 0000002e 00000000 00000000 00000000 00000000 00000000 \
        00000000 00000000 00000002 00000000 00000001 00000000 00000000\n";

    #[test]
    fn a_line_of_softnet_stat_is_a_cpu() {
        let cpu = SoftnetCpu {
            cpu: Some(1),
            processed: 0x0213_ca5f,
            dropped: 7,
            time_squeeze: 0x2e,
            flow_limit: Some(2),
        };
        assert_eq!(parse_softnet(CPU_1), Some(vec![cpu]));
    }

    #[test]
    fn an_older_kernel_has_fewer_columns() {
        let cpu = SoftnetCpu {
            processed: 10,
            dropped: 1,
            time_squeeze: 2,
            ..SoftnetCpu::default()
        };
        assert_eq!(parse_softnet("0000000a 00000001 00000002"), Some(vec![cpu]));
    }

    #[test]
    fn a_line_cut_short_is_no_cpu() {
        for wrong in ["0000000a 00000001", "x 1 2", "100000000 0 0"] {
            assert_eq!(parse_softnet(wrong), None, "{wrong}");
        }
        assert_eq!(parse_softnet(""), Some(Vec::new()));
    }

    #[test]
    fn the_drops_of_all_cpus_are_added() {
        let cpus = parse_softnet("00015c73 0000000a 00000032\n0000a2c1 ffffffff 00000000\n");
        let cpus = cpus.expect("two CPUs");
        assert_eq!(dropped(&cpus), 0x1_0000_0009);
        assert_eq!(dropped(&[]), 0);
    }

    #[test]
    fn memory_limits_are_three_numbers() {
        let limits = MemoryLimits {
            low: 1,
            pressure: 2,
            high: 3,
        };
        assert_eq!(parse_memory_limits("1\t2\t3\n"), Some(limits));
        for wrong in ["", "1 2", "1 x 3", "1 2 -3"] {
            assert_eq!(parse_memory_limits(wrong), None, "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parsers_panic(text in "([0-9a-f]{0,9}|\\PC{0,3})([ \t\n]([0-9a-f]{0,9}|\\PC{0,3})){0,20}") {
            parse_softnet(&text);
            parse_memory_limits(&text);
        }
    }
}
