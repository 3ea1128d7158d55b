//! `/proc/sys/net`: settings of the reading thread's network namespace.

use std::{ops::RangeInclusive, path::Path};

use super::read_if_present;
use crate::{
    Result,
    model::{ListenLimits, PortLimits, PortSet},
};

pub fn listen_limits(proc_root: &Path) -> Result<ListenLimits> {
    Ok(ListenLimits {
        somaxconn: number(proc_root, "net/core/somaxconn")?,
        tcp_max_syn_backlog: number(proc_root, "net/ipv4/tcp_max_syn_backlog")?,
        tcp_syncookies: tcp_syncookies(proc_root)?,
    })
}

pub fn tcp_syncookies(proc_root: &Path) -> Result<Option<u32>> {
    number(proc_root, "net/ipv4/tcp_syncookies")
}

/// `None` when the file is absent (child namespaces lack host-wide settings, kernels without SYN
/// cookies lack tcp_syncookies) or contains no number.
fn number(proc_root: &Path, key: &str) -> Result<Option<u32>> {
    let text = text(proc_root, key)?;
    Ok(text.and_then(|text| text.trim().parse().ok()))
}

fn text(proc_root: &Path, key: &str) -> Result<Option<String>> {
    read_if_present(&proc_root.join("sys").join(key))
}

pub fn port_limits(proc_root: &Path) -> Result<PortLimits> {
    let range = text(proc_root, "net/ipv4/ip_local_port_range")?;
    let reserved = text(proc_root, "net/ipv4/ip_local_reserved_ports")?;
    Ok(PortLimits {
        range: range.as_deref().and_then(parse_range),
        reserved: reserved.as_deref().map(parse_ports).unwrap_or_default(),
        tcp_tw_reuse: number(proc_root, "net/ipv4/tcp_tw_reuse")?,
        tcp_tw_reuse_delay_ms: number(proc_root, "net/ipv4/tcp_tw_reuse_delay")?,
        tcp_timestamps: number(proc_root, "net/ipv4/tcp_timestamps")?,
        tcp_max_tw_buckets: number(proc_root, "net/ipv4/tcp_max_tw_buckets")?,
    })
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
}
