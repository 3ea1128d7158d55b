//! What identifies the host and the boot, its clocks and its network interfaces.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::time::{ClockId, clock_gettime};

use super::Kernel;
use crate::{Result, model::Snapshot};

/// Names that do not change while the program runs.
#[derive(Debug, Clone)]
pub struct Host {
    name: String,
    kernel: String,
    boot_id: Option<String>,
}

impl Host {
    /// This host, as uname(2) and /proc describe it.
    pub fn read(kernel: &Kernel) -> Self {
        let system = rustix::system::uname();
        let boot_id = kernel.read(&kernel.proc_root().join("sys/kernel/random/boot_id"));
        Host {
            name: system.nodename().to_string_lossy().into_owned(),
            kernel: system.release().to_string_lossy().into_owned(),
            boot_id: boot_id.ok().map(|id| id.trim_end().to_owned()),
        }
    }

    /// A snapshot of this moment, without any part.
    pub fn snapshot(&self) -> Snapshot {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let time_ms = since_1970.map_or(0, |since| since.as_millis());
        Snapshot {
            time_ms: i64::try_from(time_ms).unwrap_or(i64::MAX),
            at: since_boot(),
            boot_id: self.boot_id.clone(),
            host: self.name.clone(),
            kernel: self.kernel.clone(),
            ..Snapshot::default()
        }
    }
}

impl Kernel {
    /// `MemTotal` of /proc/meminfo.
    pub fn memory_bytes(&self) -> Result<Option<u64>> {
        let text = self.read_if_present(&self.proc_root.join("meminfo"))?;
        Ok(text.as_deref().and_then(memory_bytes))
    }
}

/// `MemTotal:       24684084 kB`
fn memory_bytes(text: &str) -> Option<u64> {
    let mut lines = text.lines();
    let total = lines.find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = total.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1024)
}

pub fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}

/// Time since boot, suspended time included (`CLOCK_BOOTTIME`).
pub fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    time.try_into().unwrap_or_default()
}

/// CPU time that this process has used on all cores.
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.try_into().unwrap_or_default()
}

/// Names of the interfaces in the calling thread's network namespace, by index (man 3 getifaddrs).
pub fn interfaces() -> HashMap<u32, String> {
    let interfaces = pnet::datalink::interfaces().into_iter();
    interfaces
        .map(|interface| (interface.index, interface.name))
        .collect()
}

/// The addresses of all interfaces in the calling thread's network namespace.
pub fn addresses() -> HashSet<IpAddr> {
    let interfaces = pnet::datalink::interfaces().into_iter();
    let networks = interfaces.flat_map(|interface| interface.ips);
    networks
        .map(|network| network.ip().to_canonical())
        .collect()
}

/// Whether the calling thread's network namespace has interfaces of which none is up. Every
/// namespace has one, so that an empty list means that they could not be listed.
pub fn all_interfaces_are_down() -> bool {
    let all = pnet::datalink::interfaces();
    !all.is_empty() && !all.iter().any(|interface| interface.is_up())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_the_first_line_of_meminfo() {
        let text = "MemTotal:       24684084 kB\nMemFree:          123456 kB\n";
        assert_eq!(memory_bytes(text), Some(24_684_084 * 1024));
        for wrong in ["", "MemTotal: x kB", "MemTotal:       246", "MemFree: 1 kB"] {
            assert_eq!(memory_bytes(wrong), None, "{wrong}");
        }
    }
}
