//! What the names in a filter stand for. Looking them up is I/O, which is the caller's.

use std::net::IpAddr;

/// Finds what a name in a filter stands for.
pub trait Names {
    /// The port of a service.
    fn service(&self, name: &str) -> Option<u16>;

    /// The addresses of a host; none when it is unknown.
    fn host(&self, name: &str) -> Vec<IpAddr>;

    /// The index of an interface.
    fn interface(&self, name: &str) -> Option<u32>;

    /// The id of the cgroup with this path below the root of cgroup2. Fails with the reason.
    fn cgroup(&self, path: &str) -> Result<u64, String>;

    /// The text of a file. Fails with the reason.
    fn file(&self, path: &str) -> Result<String, String>;
}

/// Knows no name.
pub struct NoNames;

impl Names for NoNames {
    fn service(&self, _: &str) -> Option<u16> {
        None
    }

    fn host(&self, _: &str) -> Vec<IpAddr> {
        Vec::new()
    }

    fn interface(&self, _: &str) -> Option<u32> {
        None
    }

    fn cgroup(&self, _: &str) -> Result<u64, String> {
        Err("cgroups cannot be looked up here".to_owned())
    }

    fn file(&self, _: &str) -> Result<String, String> {
        Err("files cannot be read here".to_owned())
    }
}
