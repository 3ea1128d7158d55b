//! The ring of blocks that a packet socket's kernel side and we share
//! (Documentation/networking/packet_mmap.rst, `TPACKET_V3`).
//!
//! A block is the kernel's until it is full or its time is over, then ours until it is given back.

use std::{
    io,
    mem::offset_of,
    os::fd::{AsFd, AsRawFd},
    ptr::NonNull,
    slice,
    sync::atomic::{AtomicU32, Ordering},
};

use libc::{tpacket_block_desc, tpacket_hdr_v1};

use super::{
    frame::{self, word},
    socket::{PacketSocket, failed, set_option},
};
use crate::{Result, source::packet::Packet};

/// Small, for a slow trickle uses up a block each time one's time is over.
const BLOCK_BYTES: usize = 128 * 1024;
/// A megabyte; less is not worth to begin with.
const FEWEST_BLOCKS: usize = 8;
/// When a block that is not full is handed over: what somebody who watches takes for at once.
const BLOCK_MILLISECONDS: u32 = 20;
/// The kernel wants one, though packets are laid one behind the other, as long as they are.
const FRAME_BYTES: usize = 2048;

const STATUS: usize = header(offset_of!(tpacket_hdr_v1, block_status));
const PACKETS: usize = header(offset_of!(tpacket_hdr_v1, num_pkts));
const FIRST: usize = header(offset_of!(tpacket_hdr_v1, offset_to_first_pkt));

const fn header(offset: usize) -> usize {
    offset_of!(tpacket_block_desc, hdr) + offset
}

/// A packet socket's ring and the place in it.
pub struct Ring {
    memory: Mapping,
    /// The block that is read, or will be once it is ours.
    block: usize,
    /// Where in it the next packet is, once reading it has begun.
    place: Option<Place>,
    /// How many more blocks are read before others have their turn.
    blocks_left: usize,
}

#[derive(Clone, Copy)]
struct Place {
    at: usize,
    packets_left: u32,
}

impl Ring {
    /// Gives a socket a ring of so many bytes, or of half of that, and so on while the kernel has
    /// not as much memory.
    pub fn new(socket: &PacketSocket, bytes: usize) -> Result<Self> {
        let version = libc::tpacket_versions::TPACKET_V3 as u32;
        set_option(socket, libc::SOL_PACKET, libc::PACKET_VERSION, &version)
            .map_err(|cause| failed("asking for a ring of packets", cause))?;
        let mut blocks = FEWEST_BLOCKS.max(bytes / BLOCK_BYTES);
        while let Err(cause) = ask(socket, blocks) {
            let is_short = cause.raw_os_error() == Some(libc::ENOMEM);
            if !is_short || blocks == FEWEST_BLOCKS {
                return Err(failed("making room for packets", cause));
            }
            blocks = FEWEST_BLOCKS.max(blocks / 2);
        }
        let memory = Mapping::new(socket, blocks)
            .map_err(|cause| failed("mapping the ring of packets", cause))?;
        Ok(Ring {
            memory,
            block: 0,
            place: None,
            blocks_left: 0,
        })
    }

    /// Lets the blocks be read that are ours already, no more: packets may come faster than they are
    /// read, and one that comes meanwhile may be older than what was read of another ring.
    pub fn begin(&mut self) {
        let count = self.memory.blocks;
        let blocks = (0..count).map(|ahead| (self.block + ahead) % count);
        self.blocks_left = blocks
            .take_while(|block| self.memory.is_ours(*block))
            .count();
    }

    /// When the next packet passed, in nanoseconds since 1970; `None` when none is ready.
    pub fn next_time(&mut self) -> Option<u64> {
        let at = self.seek()?;
        // Without a header it is passed over at once.
        Some(frame::time(self.memory.block(self.block), at).unwrap_or_default())
    }

    /// The next packet, if one is ready and makes sense.
    pub fn packet(&mut self, number: u64) -> Option<Packet<'_>> {
        let at = self.seek()?;
        frame::packet(self.memory.block(self.block), at, number)
    }

    /// Goes on to the packet after it.
    pub fn advance(&mut self) {
        let Some(place) = &mut self.place else { return };
        match frame::next(self.memory.block(self.block), place.at) {
            Some(distance) => {
                place.at += distance;
                place.packets_left = place.packets_left.saturating_sub(1);
            }
            None => place.packets_left = 0,
        }
    }

    /// Where the next packet is in the block, after giving back those that have been read.
    fn seek(&mut self) -> Option<usize> {
        loop {
            match self.place {
                Some(place) if place.packets_left > 0 => return Some(place.at),
                Some(_) => self.give_back(),
                None => self.place = Some(self.take()?),
            }
        }
    }

    fn take(&self) -> Option<Place> {
        let is_ours = self.blocks_left > 0 && self.memory.is_ours(self.block);
        is_ours.then(|| {
            let block = self.memory.block(self.block);
            Place {
                at: word(block, FIRST).unwrap_or_default() as usize,
                packets_left: word(block, PACKETS).unwrap_or_default(),
            }
        })
    }

    fn give_back(&mut self) {
        self.memory.give_back(self.block);
        self.block = (self.block + 1) % self.memory.blocks;
        self.blocks_left -= 1;
        self.place = None;
    }
}

fn ask(socket: &PacketSocket, blocks: usize) -> io::Result<()> {
    let number = |count: usize| u32::try_from(count).map_err(io::Error::other);
    let request = libc::tpacket_req3 {
        tp_block_size: number(BLOCK_BYTES)?,
        tp_block_nr: number(blocks)?,
        tp_frame_size: number(FRAME_BYTES)?,
        tp_frame_nr: number(blocks * (BLOCK_BYTES / FRAME_BYTES))?,
        tp_retire_blk_tov: BLOCK_MILLISECONDS,
        tp_sizeof_priv: 0,
        tp_feature_req_word: 0,
    };
    set_option(socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)
}

/// The ring's memory.
struct Mapping {
    address: NonNull<u8>,
    blocks: usize,
}

#[expect(unsafe_code, reason = "raw pointers are not Send by themselves")]
// SAFETY: the memory belongs to the process, not to a thread.
unsafe impl Send for Mapping {}

impl Mapping {
    #[expect(unsafe_code, reason = "memory shared with the kernel")]
    fn new(socket: &PacketSocket, blocks: usize) -> io::Result<Self> {
        let (length, access) = (blocks * BLOCK_BYTES, libc::PROT_READ | libc::PROT_WRITE);
        let fd = socket.as_fd().as_raw_fd();
        // SAFETY: a new mapping, which nothing else refers to.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                access,
                libc::MAP_SHARED,
                fd,
                0,
            )
        };
        match NonNull::new(address) {
            Some(address) if address.as_ptr() != libc::MAP_FAILED => {
                let address = address.cast();
                Ok(Mapping { address, blocks })
            }
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// What a block holds. Only while it is ours, but for its status.
    #[expect(unsafe_code, reason = "memory shared with the kernel")]
    fn block(&self, block: usize) -> &[u8] {
        assert!(block < self.blocks);
        // SAFETY: it lies within the mapping, and the kernel does not write to a block that is ours.
        unsafe {
            slice::from_raw_parts(self.address.as_ptr().add(block * BLOCK_BYTES), BLOCK_BYTES)
        }
    }

    #[expect(unsafe_code, reason = "memory shared with the kernel")]
    fn status(&self, block: usize) -> &AtomicU32 {
        assert!(block < self.blocks);
        // SAFETY: it lies within the mapping and is aligned as its block is, to a page; the kernel
        // writes it atomically.
        unsafe {
            AtomicU32::from_ptr(
                self.address
                    .as_ptr()
                    .add(block * BLOCK_BYTES + STATUS)
                    .cast(),
            )
        }
    }

    fn is_ours(&self, block: usize) -> bool {
        self.status(block).load(Ordering::Acquire) & libc::TP_STATUS_USER != 0
    }

    fn give_back(&self, block: usize) {
        self.status(block)
            .store(libc::TP_STATUS_KERNEL, Ordering::Release);
    }
}

impl Drop for Mapping {
    #[expect(unsafe_code, reason = "memory shared with the kernel")]
    fn drop(&mut self) {
        // SAFETY: it was mapped so, and borrows of its blocks have ended. What could fail is an
        // address or length that is not a mapping's.
        unsafe { libc::munmap(self.address.as_ptr().cast(), self.blocks * BLOCK_BYTES) };
    }
}
