//! Writes packets to a pcapng file, and comments on them once more is known.
//!
//! A comment belongs into its packet's block, which was written long ago. So packets that may get
//! one are written with an option that only takes up room, and the comment is put in its place.

mod blocks;
mod rooms;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Seek, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use rooms::Rooms;

use crate::{
    Error, Result,
    source::{LinkType, Packet},
};

/// How much is kept before it is written.
const PENDING_BYTES: usize = 256 * 1024;

/// A capture file that is being written. What was not flushed or finished is lost.
pub struct CaptureWriter {
    path: PathBuf,
    file: File,
    /// Whole blocks that are not written yet.
    pending: Vec<u8>,
    /// How much was written.
    written_bytes: u64,
    /// Numbers of interfaces that were described, by those of their packets and by link type.
    interfaces: HashMap<(u32, LinkType), u32>,
    /// `None` when it is too late to change anything: the output is a pipe.
    rooms: Option<Rooms>,
    uncommented: u64,
}

impl CaptureWriter {
    /// Creates the file, or empties it. It is a valid capture file at once.
    pub fn create(path: impl Into<PathBuf>) -> Result<CaptureWriter> {
        let path = path.into();
        let mut file = File::create(&path).map_err(failed(&path))?;
        let is_seekable = file.stream_position().is_ok();
        let mut writer = CaptureWriter {
            path,
            file,
            pending: Vec::with_capacity(PENDING_BYTES),
            written_bytes: 0,
            interfaces: HashMap::new(),
            rooms: is_seekable.then(Rooms::default),
            uncommented: 0,
        };
        blocks::section(&mut writer.pending);
        writer.flush()?;
        Ok(writer)
    }

    /// Appends a packet, with room for a comment if it may get one. Live ones get the header that a
    /// cooked capture of libpcap would have.
    pub fn write(&mut self, packet: &Packet<'_>, with_room: bool) -> Result<()> {
        let interface = self.interface(packet);
        let has_room = self.rooms.is_some() && with_room;
        let room = blocks::packet(&mut self.pending, interface, packet, has_room);
        if let (Some(room), Some(rooms)) = (room, &mut self.rooms) {
            rooms.add(packet.number, self.written_bytes + room as u64);
        }
        if self.pending.len() >= PENDING_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Comments on the packet of that number, in place of what was said of it before, and with no
    /// more than there is room for. Where that is not possible it is counted.
    pub fn comment(&mut self, packet_number: u64, text: &str) -> Result<()> {
        let rooms = self.rooms.as_ref();
        let Some(place) = rooms.and_then(|rooms| rooms.find(packet_number)) else {
            self.uncommented += 1;
            return Ok(());
        };
        let comment = blocks::comment(text);
        match place.checked_sub(self.written_bytes) {
            Some(at) => {
                let at = at as usize;
                self.pending[at..at + comment.len()].copy_from_slice(&comment);
                Ok(())
            }
            None => {
                let written = self.file.write_all_at(&comment, place);
                written.map_err(failed(&self.path))
            }
        }
    }

    /// How many comments found no room: too long ago, or written to a pipe.
    pub fn uncommented(&self) -> u64 {
        self.uncommented
    }

    /// Writes what is pending.
    pub fn flush(&mut self) -> Result<()> {
        let written = self.file.write_all(&self.pending);
        self.written_bytes += self.pending.len() as u64;
        self.pending.clear();
        written.map_err(failed(&self.path))
    }

    /// Writes what is pending, as the last thing.
    pub fn finish(mut self) -> Result<()> {
        self.flush()
    }

    /// The number of a packet's interface, which is described before its first packet.
    fn interface(&mut self, packet: &Packet<'_>) -> u32 {
        let name = packet.interface_name;
        let next = self.interfaces.len() as u32;
        let key = (packet.interface, blocks::link(packet));
        *self.interfaces.entry(key).or_insert_with(|| {
            blocks::interface(&mut self.pending, key.1, name);
            next
        })
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    |cause| Error::Write {
        path: path.to_owned(),
        cause,
    }
}
