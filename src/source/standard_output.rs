//! Standard output that was closed before the program began.
//!
//! The standard library opens /dev/null for reading and writing in place of a closed descriptor,
//! and takes EBADF of a write for success (library/std/src/io/stdio.rs), so that all output would
//! vanish unnoticed.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use rustix::{fs::OFlags, io::Errno};

/// Fails when nothing can be written to standard output: it is closed, or open for reading only.
pub fn check_stdout() -> io::Result<()> {
    let is_for_reading = |stdout: BorrowedFd| {
        let flags = rustix::fs::fcntl_getfl(stdout)?;
        Ok::<_, Errno>(flags & OFlags::ACCMODE == OFlags::RDONLY)
    };
    match is_for_reading(io::stdout().as_fd())? {
        true => Err(Errno::BADF.into()),
        false => Ok(()),
    }
}

/// Run by the dynamic linker before the standard library begins.
#[used]
#[expect(unsafe_code, reason = "the section is an array of such functions")]
// SAFETY: the function only makes system calls.
#[unsafe(link_section = ".init_array")]
static FIRST: extern "C" fn() = keep_unwritable;

/// In place of closed descriptors up to standard output, opens what cannot be written.
#[expect(unsafe_code, reason = "rustix cannot name a closed descriptor")]
extern "C" fn keep_unwritable() {
    for fd in [libc::STDIN_FILENO, libc::STDOUT_FILENO] {
        // SAFETY: the path is a string that ends with a zero. open(2) returns the lowest closed
        // descriptor, which is this one.
        unsafe {
            if libc::fcntl(fd, libc::F_GETFD) == -1 {
                libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY);
            }
        }
    }
}
