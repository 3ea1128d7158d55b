//! Arrays in the kernel that programs write to (Documentation/bpf/map_array.rst).

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use libc::c_int;

use super::{
    failed,
    program::{command, create},
};
use crate::Result;

/// `enum bpf_cmd`
const MAP_CREATE: c_int = 0;
const MAP_UPDATE: c_int = 2;
const MAP_LOOKUP_BATCH: c_int = 24;
/// `BPF_MAP_TYPE_ARRAY`
const ARRAY: u32 = 2;

/// The beginning of the part of `union bpf_attr` that BPF_MAP_CREATE reads.
#[repr(C)]
struct Create {
    kind: u32,
    key_bytes: u32,
    entry_bytes: u32,
    entries: u32,
}

/// As [`Create`], for BPF_MAP_UPDATE_ELEM.
#[repr(C)]
#[derive(Default)]
struct Update {
    map: u32,
    padding: u32,
    key: u64,
    entry: u64,
    flags: u64,
}

/// As [`Create`], for BPF_MAP_LOOKUP_BATCH.
#[repr(C)]
#[derive(Default)]
struct Batch {
    /// Where to begin: 0 is the first entry.
    after: u64,
    /// Where the kernel says how to go on.
    last: u64,
    keys: u64,
    entries: u64,
    count: u32,
    map: u32,
    entry_flags: u64,
    flags: u64,
}

pub struct Array {
    file: OwnedFd,
    /// Bytes of each entry, a multiple of eight.
    entry: usize,
}

impl Array {
    pub fn create(entry: usize, entries: u32) -> Result<Self> {
        let made = create(
            MAP_CREATE,
            &mut Create {
                kind: ARRAY,
                key_bytes: size_of::<u32>() as u32,
                entry_bytes: entry as u32,
                entries,
            },
        );
        let file = made.map_err(failed("creating a BPF array"))?;
        Ok(Array { file, entry })
    }

    /// As instructions name it.
    pub fn descriptor(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Writes the first entry, which `bytes` is as long as.
    pub fn set_first(&self, bytes: &[u8]) -> Result<()> {
        assert_eq!(bytes.len(), self.entry);
        let key = 0u32;
        let mut update = Update {
            map: self.file.as_raw_fd() as u32,
            key: (&raw const key) as u64,
            entry: bytes.as_ptr() as u64,
            ..Update::default()
        };
        let done = command(MAP_UPDATE, &mut update);
        done.map(drop).map_err(failed("writing to a BPF array"))
    }

    /// The first entries, of which there are so many.
    pub fn first(&self, count: u32) -> Result<Vec<u8>> {
        let mut keys = vec![0u32; count as usize];
        let mut entries = vec![0u8; count as usize * self.entry];
        let mut last = 0u32;
        let mut batch = Batch {
            last: (&raw mut last) as u64,
            keys: keys.as_mut_ptr() as u64,
            entries: entries.as_mut_ptr() as u64,
            count,
            map: self.file.as_raw_fd() as u32,
            ..Batch::default()
        };
        command(MAP_LOOKUP_BATCH, &mut batch).map_err(failed("reading a BPF array"))?;
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn attributes_are_where_the_kernel_reads_them() {
        assert_eq!(size_of::<Create>(), 16);
        assert_eq!(offset_of!(Update, flags), 24);
        assert_eq!(offset_of!(Batch, count), 32);
        assert_eq!(size_of::<Batch>(), 56);
    }
}
