//! `/proc/PID/mountinfo` (man 5 proc_pid_mountinfo):
//!
//! ```text
//! 22 1 0:20 / /proc rw,nosuid - proc proc rw,hidepid=invisible
//! ```
//!
//! procfs reads the fields of a line; it leaves the escapes of the mount point as they are.

use std::{
    collections::HashMap,
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use procfs::process::MountInfo;

pub struct Mount {
    /// The folder of the file system that is seen at the mount point.
    pub root: PathBuf,
    pub point: PathBuf,
    pub file_system: String,
    /// Of the file system.
    options: HashMap<String, Option<String>>,
}

impl Mount {
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name)?.as_deref()
    }

    /// Whether it has this option, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.options.contains_key(name)
    }
}

/// Lines that cannot be read are left out.
pub fn parse(text: &str) -> impl DoubleEndedIterator<Item = Mount> {
    text.lines().filter_map(|line| {
        let mount = MountInfo::from_line(line).ok()?;
        Some(Mount {
            root: unescaped(&mount.root),
            point: unescaped(mount.mount_point.to_str()?),
            file_system: mount.fs_type,
            options: mount.super_options,
        })
    })
}

/// The file system that covers earlier ones there.
pub fn last_at(text: &str, point: &Path) -> Option<Mount> {
    parse(text).rfind(|mount| mount.point == point)
}

/// Spaces, tabs, newlines and backslashes are written as `\040`.
fn unescaped(path: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let digits = others.get(..3).filter(|_| *first == b'\\');
        let code = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|code| u8::from_str_radix(code, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &others[3..];
            }
            None => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
22 1 0:20 / /proc rw,nosuid shared:7 master:1 - proc proc rw
23 1 0:21 / /sys/fs/cg\\040roup rw - cgroup2 cgroup2 rw,nsdelegate
nonsense
24 1 0:22 / /proc rw - proc proc rw,hidepid=invisible,gid=27
";

    #[test]
    fn the_last_mount_covers_the_others() {
        let mount = last_at(TEXT, Path::new("/proc")).unwrap();
        assert_eq!(mount.option("hidepid"), Some("invisible"));
        assert_eq!(mount.option("gid"), Some("27"));
        assert_eq!(mount.option("rw"), None);
        assert!(last_at(TEXT, Path::new("/pro")).is_none());
    }

    #[test]
    fn a_file_system_is_found_by_its_type() {
        let mut mounts = parse(TEXT);
        let mount = mounts.find(|mount| mount.file_system == "cgroup2").unwrap();
        assert_eq!(mount.point, Path::new("/sys/fs/cg roup"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(\\PC{0,3}|[ \\\\0-9-]{0,30}|\n){0,20}") {
            parse(&text).count();
        }
    }
}
