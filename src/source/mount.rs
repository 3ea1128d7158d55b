//! `/proc/PID/mountinfo` (man 5 proc_pid_mountinfo):
//!
//! ```text
//! 22 1 0:20 / /proc rw,nosuid - proc proc rw,hidepid=invisible
//! ```
//!
//! The fields in front of `-` vary in number.

use std::{
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

#[derive(Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    pub point: PathBuf,
    pub file_system: &'a str,
    /// Of the file system, separated by commas.
    options: &'a str,
}

impl Mount<'_> {
    pub fn option(&self, name: &str) -> Option<&str> {
        let mut options = self.options.split(',');
        options.find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
    }
}

/// Lines that cannot be read are left out.
pub fn parse(text: &str) -> impl DoubleEndedIterator<Item = Mount<'_>> {
    text.lines().filter_map(line)
}

/// The file system that covers earlier ones there.
pub fn last_at<'a>(text: &'a str, point: &Path) -> Option<Mount<'a>> {
    parse(text).rfind(|mount| mount.point == point)
}

fn line(line: &str) -> Option<Mount<'_>> {
    let (place, file_system) = line.split_once(" - ")?;
    let mut words = file_system.split(' ');
    Some(Mount {
        point: unescaped(place.split(' ').nth(4)?),
        file_system: words.next()?,
        options: words.nth(1)?,
    })
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
        assert_eq!(last_at(TEXT, Path::new("/pro")), None);
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
