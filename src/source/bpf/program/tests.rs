use std::mem::offset_of;

use super::*;

#[test]
fn attributes_are_where_the_kernel_reads_them() {
    assert_eq!(offset_of!(Load, log), 32);
    assert_eq!(offset_of!(Load, expected_attach_type), 68);
    assert_eq!(offset_of!(Load, attach_btf_id), 108);
    assert_eq!(size_of::<Load>(), 112);
    assert_eq!(size_of::<Link>(), 16);
}

#[test]
fn a_program_that_the_verifier_rejects_is_no_matter_of_rights() {
    let mut log = b"0: (79) r1 = *(u64 *)(r1 +8)\n1: R1 invalid mem access 'scalar'\n\
                    processed 2 insns (limit 1000000)\n"
        .to_vec();
    log.resize(LOG_BYTES, 0);
    let denied = || io::Error::from_raw_os_error(libc::EACCES);
    let said = |log: &[u8]| refused(denied(), last_words(log)).io().to_string();
    let why = said(&log);
    assert!(
        why.ends_with("r1 = *(u64 *)(r1 +8); 1: R1 invalid mem access 'scalar'"),
        "{why}"
    );
    let why = said(&[0; 8]);
    assert!(
        why.contains("security policy") || why.contains("needs CAP_BPF"),
        "{why}"
    );
}

/// A file that returns so many bytes at a time, each the number of its record.
struct Pieces {
    bytes: Vec<u8>,
    lengths: Vec<usize>,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.lengths.is_empty() {
            return Ok(0);
        }
        let length = match self.lengths.remove(0) {
            0 => return Err(io::ErrorKind::WouldBlock.into()),
            length => length.min(self.bytes.len()),
        };
        let rest = self.bytes.split_off(length);
        buffer[..length].copy_from_slice(&self.bytes);
        self.bytes = rest;
        Ok(length)
    }
}

/// The records that are read, and why not more are.
fn read(lengths: &[usize]) -> (Vec<u8>, Option<String>) {
    const RECORD: usize = 24;
    let bytes = (0..100).flat_map(|number| [number; RECORD]).collect();
    let lengths = lengths.to_vec();
    let mut records = Records::new(Pieces { bytes, lengths }, RECORD);
    let mut found = Vec::new();
    loop {
        match records.next() {
            Ok(Some(some)) => found.extend(some.map(|record| {
                assert_eq!(record, [record[0]; RECORD]);
                record[0]
            })),
            Ok(None) => return (found, None),
            Err(error) => return (found, Some(error.io().to_string())),
        }
    }
}

/// With pages of 64 KiB the kernel has more than it returns at once.
#[test]
fn a_record_in_two_parts_is_one_record() {
    let all: Vec<u8> = (0..100).collect();
    for lengths in [
        &[2400][..],
        &[32, 2368],
        &[10, 10, 10, 1000, 1370],
        &[1, 23, 2376],
    ] {
        assert_eq!(read(lengths), (all.clone(), None), "{lengths:?}");
    }
    assert_eq!(read(&[48, 0, 2352]), (all, None), "a pause");
}

#[test]
fn a_last_record_that_is_cut_short_is_an_error() {
    let (found, why) = read(&[2399]);
    assert_eq!(found.len(), 99);
    assert_eq!(why.as_deref(), Some("the last record is cut short"));
    assert!(read(&[50]).1.is_some());
}
