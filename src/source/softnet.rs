//! `/proc/net/softnet_stat` (net/core/net-procfs.c): a line of hexadecimal numbers for each CPU, of
//! the whole host. The second counts packets that were dropped as the CPU's backlog was full.

use super::Kernel;
use crate::Result;

impl Kernel {
    /// Packets dropped since boot as there were more than `net.core.netdev_max_backlog`, on all CPUs.
    pub fn softnet_dropped(&self) -> Result<Option<u64>> {
        let text = self.read_if_present(&self.net_dir().join("softnet_stat"))?;
        Ok(text.as_deref().and_then(dropped))
    }
}

fn dropped(text: &str) -> Option<u64> {
    let second = |line: &str| u64::from_str_radix(line.split_ascii_whitespace().nth(1)?, 16).ok();
    text.lines().map(second).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drops_of_all_cpus_are_added() {
        let text = "\
00015c73 0000000a 00000032 00000000 00000000
0000a2c1 00000010 00000000 00000000 00000000
";
        assert_eq!(dropped(text), Some(26));
        assert_eq!(dropped("00015c73"), None, "cut short");
        assert_eq!(dropped("x y"), None);
    }
}
