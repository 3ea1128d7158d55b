//! `/proc/sys/net`: settings of the reading thread's network namespace.

use std::{fs, io, ops::RangeInclusive};

use super::Kernel;
use crate::{
    Error, Result,
    model::{ListenLimits, PortLimits, PortSet},
};

impl Kernel {
    pub fn listen_limits(&self) -> Result<ListenLimits> {
        Ok(ListenLimits {
            somaxconn: self.sysctl("core/somaxconn")?,
            tcp_max_syn_backlog: self.sysctl("ipv4/tcp_max_syn_backlog")?,
            tcp_syncookies: self.tcp_syncookies()?,
        })
    }

    /// `net.ipv4.tcp_syncookies`; `None` where this namespace does not show it.
    pub fn tcp_syncookies(&self) -> Result<Option<u32>> {
        self.sysctl("ipv4/tcp_syncookies")
    }

    /// The sysctls that bound ephemeral ports and TIME_WAIT sockets.
    pub fn port_limits(&self) -> Result<PortLimits> {
        let range = self.sysctl_text("ipv4/ip_local_port_range")?;
        let reserved = self.sysctl_text("ipv4/ip_local_reserved_ports")?;
        Ok(PortLimits {
            range: range.as_deref().and_then(parse_range),
            reserved: reserved.as_deref().map(parse_ports).unwrap_or_default(),
            tcp_tw_reuse: self.sysctl("ipv4/tcp_tw_reuse")?,
            tcp_tw_reuse_delay_ms: self.sysctl("ipv4/tcp_tw_reuse_delay")?,
            tcp_timestamps: self.sysctl("ipv4/tcp_timestamps")?,
            tcp_max_tw_buckets: self.sysctl("ipv4/tcp_max_tw_buckets")?,
        })
    }

    /// `None` when the file is absent (child namespaces lack host-wide settings, kernels without
    /// SYN cookies lack tcp_syncookies) or contains no number.
    pub(super) fn sysctl(&self, key: &str) -> Result<Option<u32>> {
        let text = self.sysctl_text(key)?;
        Ok(text.and_then(|text| text.trim().parse().ok()))
    }

    /// The folders below one of `/proc/sys/net`; none where it is absent.
    pub(super) fn sysctl_names(&self, folder: &str) -> Result<Vec<String>> {
        let path = self.proc_root.join("sys/net").join(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::file(path)(error)),
        };
        let name =
            |entry: io::Result<fs::DirEntry>| Some(entry.ok()?.file_name().into_string().ok()?);
        Ok(entries.filter_map(name).collect())
    }

    pub(super) fn sysctl_text(&self, key: &str) -> Result<Option<String>> {
        self.read_if_present(&self.proc_root.join("sys/net").join(key))
    }
}

/// `32768\t60999`
fn parse_range(text: &str) -> Option<RangeInclusive<u16>> {
    let (low, high) = text.trim().split_once(char::is_whitespace)?;
    Some(low.parse().ok()?..=high.trim().parse().ok()?)
}

/// `80,8000-8100`; anything that is not a port is skipped.
fn parse_ports(text: &str) -> PortSet {
    let mut ports = PortSet::default();
    for part in text.trim().split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(low), Ok(high)) = (low.parse::<u16>(), high.parse()) {
            ports.extend(low..=high);
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_two_ends() {
        assert_eq!(parse_range("32768\t60999\n"), Some(32768..=60999));
        for wrong in ["", "32768", "1 x", "-5 10", "1 70000"] {
            assert_eq!(parse_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn reserved_ports_are_a_list_of_ranges() {
        assert_eq!(parse_ports("\n").len(), 0);
        let ports = parse_ports("8080,9000-9002\n");
        assert!(ports.iter().eq([8080, 9000, 9001, 9002]));
        assert_eq!(parse_ports("65535,x,9-7,70000-3").len(), 1);
        assert_eq!(parse_ports("0-65535").len(), 65536);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parsers_panic(text in "([0-9]{0,6}|\\PC{0,3})([-, \t\n]([0-9]{0,6}|\\PC{0,3})){0,6}") {
            parse_range(&text);
            parse_ports(&text);
        }
    }
}
