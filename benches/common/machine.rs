//! The machine, as far as it explains the numbers.

use std::fmt;
use std::fs;

use anyhow::Context;

pub struct Machine {
    kernel: String,
    cores: usize,
    /// How busy it was in the minute before.
    load_average: String,
}

impl Machine {
    pub fn read() -> anyhow::Result<Self> {
        let load_average = fs::read_to_string("/proc/loadavg").context("reading /proc/loadavg")?;
        Ok(Self {
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .context("reading osrelease")?
                .trim()
                .to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            load_average: load_average
                .split(' ')
                .next()
                .unwrap_or_default()
                .to_owned(),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Linux {}, {} cores, load average {} at the start",
            self.kernel, self.cores, self.load_average
        )
    }
}
