//! Capture files: pcap and pcapng, also compressed with gzip, read as a stream.

mod clock;
mod interfaces;
mod pcap;
mod pcapng;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
mod window;
mod writer;

use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

use interfaces::Interfaces;
use pcap::Pcap;
use pcapng::Section;
use window::Window;
pub use writer::CaptureWriter;

use super::{LinkType, Packet, packet};
use crate::{Error, Result, model::Direction};

/// A longer block or packet is corrupt.
const LARGEST_BLOCK_BYTES: u32 = 16 * 1024 * 1024;

/// A capture file that is being read.
pub struct CaptureFile {
    path: PathBuf,
    window: Window,
    format: Format,
    interfaces: Interfaces,
    /// Length of the last block, which is still in the window.
    taken_bytes: usize,
    packets: u64,
    skipped: u64,
    is_truncated: bool,
    has_ended: bool,
}

enum Format {
    Pcap(Pcap),
    Pcapng(Section),
}

enum Step {
    Packet(Found),
    Other {
        block_bytes: usize,
        /// Wireshark numbers it like a packet.
        is_numbered: bool,
    },
    End,
    /// The file ends within a block.
    Cut,
}

impl Step {
    fn end(window: &Window) -> Step {
        match window.bytes() {
            [] if !window.is_cut() => Step::End,
            _ => Step::Cut,
        }
    }
}

struct Found {
    block_bytes: usize,
    /// Offset of the packet in its block.
    at: usize,
    bytes: usize,
    wire_bytes: u32,
    time_ns: u64,
    interface: u32,
    direction: Option<Direction>,
}

impl CaptureFile {
    pub fn open(path: impl AsRef<Path>) -> Result<CaptureFile> {
        let path = path.as_ref();
        let file = File::open(path).map_err(Error::file(path))?;
        CaptureFile::from_reader(path, file)
    }

    /// Reads from any other source; errors will call it `name`.
    pub fn from_reader(
        name: impl Into<PathBuf>,
        reader: impl Read + Send + 'static,
    ) -> Result<CaptureFile> {
        let path = name.into();
        let mut interfaces = Interfaces::default();
        let begun = Window::new(reader).and_then(|mut window| {
            let format = recognise(&mut window, &mut interfaces)?;
            Ok((window, format))
        });
        let (window, format) = begun.map_err(Error::file(&path))?;
        Ok(CaptureFile {
            path,
            window,
            format,
            interfaces,
            taken_bytes: 0,
            packets: 0,
            skipped: 0,
            is_truncated: false,
            has_ended: false,
        })
    }

    /// The next packet with a known link type; `None` at the end and after an error.
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>> {
        let Some((found, link)) = self.find()? else {
            return Ok(None);
        };
        let bytes = &self.window.bytes()[found.at..found.at + found.bytes];
        let mut packet = Packet {
            number: self.packets,
            time_ns: found.time_ns,
            interface: found.interface,
            interface_name: None,
            direction: found.direction,
            vlan: None,
            link,
            bytes,
            wire_bytes: found.wire_bytes.max(found.bytes as u32),
            cooked: None,
        };
        if let Some(index) = packet::device_index(&packet) {
            packet.interface = self.interfaces.by_index(found.interface, index);
        }
        let interface = self.interfaces.find(packet.interface);
        packet.interface_name = interface.and_then(|interface| interface.name.as_deref());
        Ok(Some(packet))
    }

    /// The name of a packet's interface, where the file contains it.
    pub fn interface_name(&self, interface: u32) -> Option<&str> {
        self.interfaces.find(interface)?.name.as_deref()
    }

    /// Number of packets read, including skipped ones.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Number of packets skipped, because their link type is not known.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Whether the file ended within a block, as when the capturing program was killed.
    pub fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    fn find(&mut self) -> Result<Option<(Found, LinkType)>> {
        while !self.has_ended {
            match self.step()? {
                Step::Packet(found) => {
                    self.packets += 1;
                    match self.interfaces.find(found.interface).and_then(|i| i.link) {
                        Some(link) => return Ok(Some((found, link))),
                        None => self.skipped += 1,
                    }
                }
                Step::Other { is_numbered, .. } => self.packets += u64::from(is_numbered),
                Step::End => self.end(false)?,
                Step::Cut => self.end(true)?,
            }
        }
        Ok(None)
    }

    fn step(&mut self) -> Result<Step> {
        self.window.consume(std::mem::take(&mut self.taken_bytes));
        let step = match &mut self.format {
            Format::Pcap(pcap) => pcap.step(&mut self.window),
            Format::Pcapng(section) => section.step(&mut self.window, &mut self.interfaces),
        };
        match &step {
            Ok(Step::Packet(Found { block_bytes, .. }) | Step::Other { block_bytes, .. }) => {
                self.taken_bytes = *block_bytes;
            }
            Ok(Step::End | Step::Cut) => {}
            Err(_) => self.has_ended = true,
        }
        step.map_err(|cause| Error::file(&self.path)(self.located(cause)))
    }

    fn end(&mut self, is_truncated: bool) -> Result<()> {
        self.has_ended = true;
        self.is_truncated = is_truncated;
        refuse_foreign(&self.interfaces).map_err(Error::file(&self.path))
    }

    /// Adds the place in the file, except to errors of read(2).
    fn located(&self, cause: io::Error) -> io::Error {
        if cause.raw_os_error().is_some() {
            return cause;
        }
        let (packet, byte) = (self.packets + 1, self.window.offset());
        corrupt(format!("packet {packet}, byte {byte}: {cause}"))
    }
}

fn recognise(window: &mut Window, interfaces: &mut Interfaces) -> io::Result<Format> {
    match window.ask(4)?.first_chunk() {
        Some(magic) if *magic == pcapng::MAGIC => Ok(Format::Pcapng(Section::default())),
        Some(magic) if pcap::MAGICS.contains(magic) => {
            let (pcap, interface) = Pcap::begin(window)?;
            interfaces.add(interface)?;
            refuse_foreign(interfaces)?;
            Ok(Format::Pcap(pcap))
        }
        _ => Err(corrupt("not a pcap or pcapng file")),
    }
}

fn refuse_foreign(interfaces: &Interfaces) -> io::Result<()> {
    match interfaces.foreign_link() {
        Some(link) => Err(corrupt(format!("link type {link} is not supported"))),
        None => Ok(()),
    }
}

fn number(bytes: [u8; 4], is_big_endian: bool) -> u32 {
    match is_big_endian {
        true => u32::from_be_bytes(bytes),
        false => u32::from_le_bytes(bytes),
    }
}

fn corrupt(what: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.into())
}
