//! What identifies the host and the boot, and its clocks.

use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::time::{ClockId, clock_gettime};

use super::Kernel;
use crate::model::Snapshot;

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
        let boot_id = kernel.proc_root().join("sys/kernel/random/boot_id");
        let boot_id = fs::read_to_string(boot_id).ok();
        Host {
            name: system.nodename().to_string_lossy().into_owned(),
            kernel: system.release().to_string_lossy().into_owned(),
            boot_id: boot_id.map(|id| id.trim_end().to_owned()),
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

/// Time since boot, suspended time included (`CLOCK_BOOTTIME`).
pub fn since_boot() -> Duration {
    clock_gettime(ClockId::Boottime)
        .try_into()
        .unwrap_or_default()
}

/// CPU time that this process has used on all cores.
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.try_into().unwrap_or_default()
}
