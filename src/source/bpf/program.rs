//! Loads BPF programs and runs them as iterators (man 2 bpf; kernel/bpf/bpf_iter.c).

use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
};

use libc::{c_int, c_long};

use super::{assembler::Instruction, failed};
use crate::{Error, Result};

/// `enum bpf_cmd`
const PROG_LOAD: c_int = 5;
const LINK_CREATE: c_int = 28;
const ITER_CREATE: c_int = 33;
/// `BPF_PROG_TYPE_TRACING`
const TRACING: u32 = 26;
/// `BPF_TRACE_ITER`
const TRACE_ITER: u32 = 28;
/// The kernel gives `bpf_seq_write` to programs under the GPL only. Those that are assembled here
/// may be used under it, beside the licences of this crate.
const LICENSE: &[u8] = b"Dual MIT/GPL\0";
/// The verifier prints one or more lines for each instruction.
const LOG_BYTES: usize = 1 << 20;
/// The size of the kernel's own buffer, which one read(2) empties at most.
const BUFFER: usize = 32 * 1024;

/// The beginning of the part of `union bpf_attr` that BPF_PROG_LOAD reads, up to the last member
/// that is set here; the kernel takes the rest for 0.
#[repr(C)]
#[derive(Default)]
struct Load {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_bytes: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    expected_attach_type: u32,
    btf: u32,
    function_record_bytes: u32,
    function_records: u64,
    function_count: u32,
    line_record_bytes: u32,
    line_records: u64,
    line_count: u32,
    attach_btf_id: u32,
}

/// As [`Load`], for BPF_LINK_CREATE.
#[repr(C)]
#[derive(Default)]
struct Link {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
    /// A `union bpf_iter_link_info`.
    info: u64,
    info_bytes: u32,
    padding: u32,
}

/// The member `task` of `union bpf_iter_link_info`.
#[repr(C)]
struct OfTask {
    thread: u32,
    process: u32,
    descriptor: u32,
}

/// As [`Load`], for BPF_ITER_CREATE.
#[repr(C)]
#[derive(Default)]
struct Create {
    link: u32,
    flags: u32,
}

/// A program in the kernel, for iterators of one kind.
pub struct Program(OwnedFd);

impl Program {
    /// `hook` is the BTF id of the function that stands for the kind of iterator.
    pub fn load(name: &[u8], instructions: &[Instruction], hook: u32) -> Result<Self> {
        let mut load = Load {
            program_type: TRACING,
            instruction_count: instructions.len() as u32,
            instructions: instructions.as_ptr() as u64,
            license: LICENSE.as_ptr() as u64,
            expected_attach_type: TRACE_ITER,
            attach_btf_id: hook,
            ..Load::default()
        };
        // The last byte stays 0.
        let kept = name.len().min(load.name.len() - 1);
        load.name[..kept].copy_from_slice(&name[..kept]);
        let loaded = create(PROG_LOAD, &load).map(Program);
        loaded.map_err(|cause| refused(cause, explanation(load)))
    }

    /// Reads what the program writes for all that the iterator visits, or only for the descriptors
    /// of one process (Linux 6.1).
    pub fn iterate(&self, process: Option<u32>) -> Result<Records> {
        let only = process.map(|process| OfTask {
            thread: 0,
            process,
            descriptor: 0,
        });
        let link = Link {
            program: self.0.as_raw_fd() as u32,
            attach_type: TRACE_ITER,
            info: only.as_ref().map_or(0, |only| (&raw const *only) as u64),
            info_bytes: only.as_ref().map_or(0, |only| size_of_val(only) as u32),
            ..Link::default()
        };
        let link = create(LINK_CREATE, &link).map_err(failed("attaching a BPF iterator"))?;
        let iterator = Create {
            link: link.as_raw_fd() as u32,
            flags: 0,
        };
        let iterator = create(ITER_CREATE, &iterator).map_err(failed("opening a BPF iterator"))?;
        Ok(Records {
            file: iterator.into(),
            buffer: vec![0; BUFFER],
        })
    }
}

/// What a program writes.
pub struct Records {
    file: File,
    buffer: Vec<u8>,
}

impl Records {
    /// As many whole records as one read(2) returns; `None` at the end, and where the program stops
    /// and has written nothing. The kernel pauses after a million objects, too: it is then asked
    /// again when `goes_on`.
    pub fn next(&mut self, goes_on: bool) -> Result<Option<&[u8]>> {
        loop {
            match self.file.read(&mut self.buffer) {
                Ok(0) => return Ok(None),
                Ok(length) => return Ok(Some(&self.buffer[..length])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => match goes_on {
                    true => {}
                    false => return Ok(None),
                },
                Err(error) => return Err(failed("reading from a BPF iterator")(error)),
            }
        }
    }
}

/// The verifier rejects a program with EACCES, too, as a security policy does; it alone says why.
fn refused(cause: io::Error, explanation: Option<String>) -> Error {
    const STEP: &str = "loading a BPF program";
    match explanation {
        Some(why) => Error::Bpf(
            STEP,
            io::Error::new(cause.kind(), format!("{cause}: {why}")),
        ),
        None => failed(STEP)(cause),
    }
}

/// Loads again for what the verifier says; `None` when it is not asked, or has nothing to object to
/// this time.
fn explanation(mut load: Load) -> Option<String> {
    let mut log = vec![0u8; LOG_BYTES];
    (load.log_level, load.log_bytes) = (1, LOG_BYTES as u32);
    load.log = log.as_mut_ptr() as u64;
    match create(PROG_LOAD, &load) {
        Ok(_) => None,
        Err(_) => last_words(&log),
    }
}

/// The last lines of the verifier's log, which ends with a byte of 0.
fn last_words(log: &[u8]) -> Option<String> {
    const KEPT_LINES: usize = 3;
    let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
    let log = String::from_utf8_lossy(&log[..end]);
    let is_told = |line: &&str| !line.is_empty() && !line.starts_with("processed ");
    let mut last: Vec<&str> = log.lines().rev().filter(is_told).take(KEPT_LINES).collect();
    last.reverse();
    (!last.is_empty()).then(|| last.join("; "))
}

#[expect(unsafe_code, reason = "neither rustix nor libc has bpf(2)")]
fn create<T>(command: c_int, attributes: &T) -> io::Result<OwnedFd> {
    let attributes = &raw const *attributes;
    let size = size_of::<T>();
    // SAFETY: the kernel reads `size` bytes of `attributes`. The addresses in them are of memory
    // that the callers borrow or own for longer, with its length beside it: instructions, a text
    // that ends with 0, a target, and the log, which is the only one written to.
    let created: c_long = unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size) };
    match created {
        // SAFETY: these commands return a new descriptor, which is nobody else's.
        0.. => Ok(unsafe { OwnedFd::from_raw_fd(created as c_int) }),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn attributes_are_where_the_kernel_reads_them() {
        assert_eq!(offset_of!(Load, log), 32);
        assert_eq!(offset_of!(Load, expected_attach_type), 68);
        assert_eq!(offset_of!(Load, attach_btf_id), 108);
        assert_eq!(size_of::<Load>(), 112);
        assert_eq!(offset_of!(Link, info), 16);
        assert_eq!(size_of::<OfTask>(), 12);
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
}
