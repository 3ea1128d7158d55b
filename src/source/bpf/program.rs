//! Loads BPF programs and runs them as iterators (man 2 bpf; kernel/bpf/bpf_iter.c).

use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    slice::ChunksExact,
};

use libc::{c_int, c_long};
use rustix::param::page_size;

use super::{assembler::Instruction, failed};
use crate::{Error, Result};

const READING: &str = "reading from a BPF iterator";

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
/// The kernel's own buffer, which one read(2) empties at most, has so many pages
/// (`bpf_seq_read`, kernel/bpf/bpf_iter.c).
const BUFFER_PAGES: usize = 8;

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
        let loaded = create(PROG_LOAD, &mut load).map(Program);
        loaded.map_err(|cause| refused(cause, explanation(load)))
    }

    /// Records of so many bytes that the program writes of all that the iterator visits, in the
    /// calling thread's network namespace.
    pub fn records(&self, record: usize) -> Result<Records> {
        Ok(Records::new(self.iterator()?, record))
    }

    /// Runs the program, which writes no records, until it stops or all was visited.
    pub fn run(&self) -> Result<()> {
        let mut iterator = self.iterator()?;
        match iterator.read(&mut [0]) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(failed(READING)(error)),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn iterator(&self) -> Result<File> {
        let mut link = Link {
            program: self.0.as_raw_fd() as u32,
            attach_type: TRACE_ITER,
            ..Link::default()
        };
        let link = create(LINK_CREATE, &mut link).map_err(failed("attaching a BPF iterator"))?;
        let mut iterator = Create {
            link: link.as_raw_fd() as u32,
            flags: 0,
        };
        let iterator = create(ITER_CREATE, &mut iterator);
        Ok(iterator.map_err(failed("opening a BPF iterator"))?.into())
    }
}

/// What a program writes.
pub struct Records<F = File> {
    file: F,
    record: usize,
    buffer: Vec<u8>,
    /// How much of the buffer is filled. The last record may be there in part.
    length: usize,
}

impl<F: Read> Records<F> {
    fn new(file: F, record: usize) -> Self {
        Records {
            file,
            record,
            buffer: vec![0; BUFFER_PAGES * page_size() + record],
            length: 0,
        }
    }

    /// As many whole records as one read(2) returns; `None` at the end. The kernel pauses after a
    /// million objects and is then asked again.
    pub fn next(&mut self) -> Result<Option<ChunksExact<'_, u8>>> {
        let rest = self.length - self.length % self.record;
        self.buffer.copy_within(rest..self.length, 0);
        self.length -= rest;
        while self.length < self.record {
            match self.file.read(&mut self.buffer[self.length..]) {
                Ok(0) => return self.end(),
                Ok(length) => self.length += length,
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => {}
                    _ => return Err(failed(READING)(error)),
                },
            }
        }
        Ok(Some(self.buffer[..self.length].chunks_exact(self.record)))
    }

    fn end(&self) -> Result<Option<ChunksExact<'_, u8>>> {
        match self.length {
            0 => Ok(None),
            _ => Err(failed(READING)(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the last record is cut short",
            ))),
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
    match create(PROG_LOAD, &mut load) {
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

/// A command that returns a new descriptor.
#[expect(unsafe_code, reason = "a descriptor as a number has no owner")]
pub fn create<T>(number: c_int, attributes: &mut T) -> io::Result<OwnedFd> {
    let created = command(number, attributes)?;
    // SAFETY: the callers' commands return a new descriptor, which is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(created) })
}

#[expect(unsafe_code, reason = "neither rustix nor libc has bpf(2)")]
pub fn command<T>(number: c_int, attributes: &mut T) -> io::Result<c_int> {
    let attributes = &raw mut *attributes;
    let size = size_of::<T>();
    // SAFETY: the kernel reads and writes `size` bytes of `attributes`. The addresses in them are of
    // memory that the callers borrow or own for longer, with its length beside it or known by the
    // kernel: instructions, a text that ends with 0, keys and entries of an array, and the log.
    let returned: c_long = unsafe { libc::syscall(libc::SYS_bpf, number, attributes, size) };
    match returned {
        0.. => Ok(returned as c_int),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests;
