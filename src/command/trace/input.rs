//! A capture that is read, and that ends when the trace is stopped, also while it is waited for.

use std::{
    io::{self, Read},
    os::fd::OwnedFd,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};

pub struct Input {
    pub capture: OwnedFd,
    /// Becomes readable when the trace is to end.
    pub stop: OwnedFd,
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut both = [
            PollFd::new(&self.stop, PollFlags::IN),
            PollFd::new(&self.capture, PollFlags::IN),
        ];
        loop {
            match poll(&mut both, None) {
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
                Ok(_) if !both[0].revents().is_empty() => return Ok(0),
                Ok(_) => return Ok(rustix::io::read(&self.capture, buffer)?),
            }
        }
    }
}
