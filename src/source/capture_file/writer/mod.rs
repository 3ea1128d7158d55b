//! Writes packets to a pcapng file, and adds comments to them later.
//!
//! A comment belongs into its packet's block, which is written long before. So packets that may get
//! a comment are written with an option that reserves room, which the comment later replaces.

mod blocks;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    fs::File,
    io::{self, Seek, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    source::{LinkType, Packet},
};

const PENDING_BYTES: usize = 256 * 1024;

/// A capture file that is being written. Data that were not flushed or finished are lost.
pub struct CaptureWriter {
    path: PathBuf,
    file: File,
    /// Whole blocks, not yet written.
    pending: Vec<u8>,
    written_bytes: u64,
    /// Numbers of the interfaces described so far, by the number in their packets and link type.
    interfaces: HashMap<(u32, LinkType), u32>,
    /// `None` when the output is a pipe, which cannot be changed later.
    rooms: Option<Rooms>,
    uncommented: u64,
}

impl CaptureWriter {
    /// Creates or truncates the file, which is a valid capture file at once. A new one is for its
    /// owner alone, as it may contain anything.
    pub fn create(path: impl Into<PathBuf>) -> Result<CaptureWriter> {
        let path = path.into();
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&path).map_err(failed(&path))?;
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

    /// Appends a packet, with room for a comment if it may get one. Live packets get the header of
    /// libpcap for cooked captures.
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

    /// Sets the comment of the packet of that number, truncated to the room for it. Where that is
    /// not possible, the comment is counted as lost.
    pub fn comment(&mut self, packet_number: u64, text: &str) -> Result<()> {
        let rooms = self.rooms.as_ref();
        let Some(place) = rooms.and_then(|rooms| rooms.find(packet_number)) else {
            self.uncommented += 1;
            return Ok(());
        };
        let comment = blocks::comment(text);
        match place.checked_sub(self.written_bytes) {
            Some(at) => {
                self.pending[at as usize..][..comment.len()].copy_from_slice(&comment);
                Ok(())
            }
            None => self
                .file
                .write_all_at(&comment, place)
                .map_err(failed(&self.path)),
        }
    }

    /// Number of lost comments: the packet is too old, or the output is a pipe.
    pub fn uncommented(&self) -> u64 {
        self.uncommented
    }

    pub fn flush(&mut self) -> Result<()> {
        let written = self.file.write_all(&self.pending);
        self.written_bytes += self.pending.len() as u64;
        self.pending.clear();
        written.map_err(failed(&self.path))
    }

    /// Writes pending data and closes the file.
    pub fn finish(mut self) -> Result<()> {
        self.flush()
    }

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
    |cause| Error::Write(path.to_owned(), cause)
}

/// Places of the latest packets with room for a comment, by packet number, which only grows.
#[derive(Debug, Default)]
struct Rooms {
    latest: VecDeque<(u64, u64)>,
}

impl Rooms {
    /// At 16 bytes each.
    const MOST: usize = 1 << 20;

    fn add(&mut self, packet_number: u64, place: u64) {
        if self.latest.len() == Self::MOST {
            self.latest.pop_front();
        }
        self.latest.push_back((packet_number, place));
    }

    fn find(&self, packet_number: u64) -> Option<u64> {
        let found = self
            .latest
            .binary_search_by_key(&packet_number, |(number, _)| *number);
        found.ok().map(|at| self.latest[at].1)
    }
}
