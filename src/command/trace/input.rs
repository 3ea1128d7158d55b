//! Standard input that ends when the trace is stopped.

use std::{
    io::{self, Read, stdin},
    os::fd::OwnedFd,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};

pub struct Input {
    /// Becomes readable when the trace is to end.
    pub stop: OwnedFd,
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let input = stdin();
        let mut both = [
            PollFd::new(&self.stop, PollFlags::IN),
            PollFd::new(&input, PollFlags::IN),
        ];
        loop {
            match poll(&mut both, None) {
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
                Ok(_) if !both[0].revents().is_empty() => return Ok(0),
                Ok(_) => return Ok(rustix::io::read(&input, buffer)?),
            }
        }
    }
}
