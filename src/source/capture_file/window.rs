//! A window on a stream that moves forward and is no longer than necessary.

use std::io::{self, ErrorKind, Read};

use flate2::read::MultiGzDecoder;

/// Size of a read, and initial size of the buffer.
const CHUNK_BYTES: usize = 256 * 1024;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

pub(super) struct Window {
    input: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// The window within the buffer.
    start: usize,
    end: usize,
    /// Bytes of the stream before the window.
    offset: u64,
    has_ended: bool,
    is_cut: bool,
}

impl Window {
    /// Decompresses the stream where it is compressed with gzip.
    pub fn new(mut input: impl Read + Send + 'static) -> io::Result<Window> {
        let mut head = Vec::with_capacity(GZIP_MAGIC.len());
        input.by_ref().take(2).read_to_end(&mut head)?;
        let is_gzip = head == GZIP_MAGIC;
        let whole = io::Cursor::new(head).chain(input);
        Ok(Window {
            input: match is_gzip {
                true => Box::new(MultiGzDecoder::new(whole)),
                false => Box::new(whole),
            },
            buffer: vec![0; CHUNK_BYTES],
            start: 0,
            end: 0,
            offset: 0,
            has_ended: false,
            is_cut: false,
        })
    }

    /// The window, with at least `bytes` unless the stream ends before.
    pub fn ask(&mut self, bytes: usize) -> io::Result<&[u8]> {
        while self.end - self.start < bytes && !self.has_ended {
            self.fill()?;
        }
        Ok(self.bytes())
    }

    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        self.offset += bytes as u64;
    }

    pub fn offset(&self) -> u64 {
        self.offset
    }

    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.end * 2, 0);
        }
        match self.input.read(&mut self.buffer[self.end..]) {
            Ok(0) => self.has_ended = true,
            Ok(bytes) => self.end += bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                self.has_ended = true;
                self.is_cut = true;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
