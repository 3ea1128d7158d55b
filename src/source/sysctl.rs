//! `/proc/sys`; below `net` are settings of the reading thread's network namespace.

use std::{collections::BTreeSet, fs, io, ops::RangeInclusive, path::PathBuf};

use super::Kernel;
use crate::{
    Error, Result,
    model::{
        ListenLimits, PortLimits, PortSet, Sysctl, Sysctls, key_pattern, sysctl_key, sysctl_path,
    },
};

/// A pattern stands for no more keys than this: a host has some for each interface.
const MOST_KEYS: usize = 10_000;

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
            reserved: reserved.as_deref().map(PortSet::parse).unwrap_or_default(),
            tcp_tw_reuse: self.sysctl("ipv4/tcp_tw_reuse")?,
            tcp_tw_reuse_delay_ms: self.sysctl("ipv4/tcp_tw_reuse_delay")?,
            tcp_timestamps: self.sysctl("ipv4/tcp_timestamps")?,
            tcp_max_tw_buckets: self.sysctl("ipv4/tcp_max_tw_buckets")?,
        })
    }

    /// What these settings hold, patterns replaced by the keys that they stand for. One that stands
    /// for none is absent itself.
    pub fn sysctls<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Sysctls {
        let mut sysctls = Sysctls::new();
        for key in keys {
            let path = sysctl_path(key);
            let found = match key_pattern::is_pattern(&path) {
                true => self.expand(&path),
                false => BTreeSet::from([path.clone()]),
            };
            let found = match found.is_empty() {
                true => BTreeSet::from([path]),
                false => found,
            };
            for path in found {
                let value = self.whole_sysctl(&path);
                sysctls.insert(sysctl_key(&path), value);
            }
        }
        sysctls
    }

    fn whole_sysctl(&self, path: &str) -> Sysctl {
        let leads_out = path.starts_with('/') || path.split('/').any(|part| part == "..");
        if leads_out || path.contains('\0') {
            return Sysctl::Absent;
        }
        match self.read(&self.sysctl_root().join(path)) {
            Ok(text) => Sysctl::Value(text.trim_end_matches('\n').to_owned()),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Sysctl::Absent,
                _ => Sysctl::Unreadable(error.to_string()),
            },
        }
    }

    /// The paths below /proc/sys that a pattern matches.
    fn expand(&self, pattern: &str) -> BTreeSet<String> {
        let mut found = vec![String::new()];
        for part in pattern.split('/') {
            let below = |folder: &String| match key_pattern::is_pattern(part) {
                true => {
                    let names = self.names(&self.sysctl_root().join(folder));
                    let names = names
                        .into_iter()
                        .filter(|name| key_pattern::fits(part, name));
                    names.map(|name| join(folder, &name)).collect()
                }
                false => vec![join(folder, part)],
            };
            found = found.iter().flat_map(below).take(MOST_KEYS).collect();
        }
        let is_there = |path: &String| self.sysctl_root().join(path).is_file();
        found.into_iter().filter(is_there).collect()
    }

    fn names(&self, folder: &PathBuf) -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name());
        names.filter_map(|name| name.into_string().ok()).collect()
    }

    fn sysctl_root(&self) -> PathBuf {
        self.proc_root.join("sys")
    }

    /// `None` when the file is absent (child namespaces lack host-wide settings, kernels without
    /// SYN cookies lack tcp_syncookies) or contains no number.
    pub(super) fn sysctl(&self, key: &str) -> Result<Option<u32>> {
        let text = self.sysctl_text(key)?;
        Ok(text.and_then(|text| text.trim().parse().ok()))
    }

    /// The folders below one of `/proc/sys/net`; none where it is absent. Names that are not UTF-8 are
    /// left out.
    pub(super) fn sysctl_names(&self, folder: &str) -> Result<Vec<String>> {
        let path = self.sysctl_root().join("net").join(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::file(path)(error)),
        };
        let name = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        Ok(entries.filter_map(name).collect())
    }

    pub(super) fn sysctl_text(&self, key: &str) -> Result<Option<String>> {
        self.read_if_present(&self.sysctl_root().join("net").join(key))
    }
}

fn join(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// `32768\t60999`
fn parse_range(text: &str) -> Option<RangeInclusive<u16>> {
    let (low, high) = text.trim().split_once(char::is_whitespace)?;
    Some(low.parse().ok()?..=high.trim().parse().ok()?)
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
    fn a_pattern_stands_for_the_keys_that_are_there() {
        let kernel = Kernel::new();
        let read = kernel.sysctls(["net.ipv4.conf.*.rp_filter", "net.ipv4.conf.lo.rp_filter"]);
        let keys: Vec<&str> = read.keys().map(String::as_str).collect();
        for name in ["all", "default", "lo"] {
            let key = format!("net.ipv4.conf.{name}.rp_filter");
            assert!(keys.contains(&key.as_str()), "{keys:?}");
        }
        assert!(read.values().all(|value| value.value().is_some()));
        let none = [
            "net.nothing*.here",
            "fs.nothing",
            "net.ipv4",
            ".etc.passwd",
            "net.//.//.x",
        ];
        let read = kernel.sysctls(none);
        assert_eq!(read["net.nothing*.here"], Sysctl::Absent);
        assert_eq!(read["fs.nothing"], Sysctl::Absent);
        assert_eq!(read[".etc.passwd"], Sysctl::Absent);
        assert_eq!(read["net.//.//.x"], Sysctl::Absent);
        assert!(
            matches!(read["net.ipv4"], Sysctl::Unreadable(_)),
            "{read:?}"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parsers_panic(text in "([0-9]{0,6}|\\PC{0,3})([-, \t\n]([0-9]{0,6}|\\PC{0,3})){0,6}") {
            parse_range(&text);
            PortSet::parse(&text);
        }
    }
}
