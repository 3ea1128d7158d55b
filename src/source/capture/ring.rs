//! The ring of blocks that a packet socket shares with the kernel
//! (Documentation/networking/packet_mmap.rst, `TPACKET_V3`).
//!
//! A block is the kernel's until it is full or its timeout expires, then ours until it is released.

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

/// Small, since at a low packet rate every timeout uses up a block.
const BLOCK_BYTES: usize = 128 * 1024;
const FEWEST_BLOCKS: usize = 8;
/// When a block that is not full is handed over: immediate to a person who watches.
const BLOCK_MILLISECONDS: u32 = 20;
/// The kernel requires a frame size, although it packs packets of any length one behind the other.
const FRAME_BYTES: usize = 2048;

const STATUS: usize = header(offset_of!(tpacket_hdr_v1, block_status));
const PACKETS: usize = header(offset_of!(tpacket_hdr_v1, num_pkts));
const FIRST: usize = header(offset_of!(tpacket_hdr_v1, offset_to_first_pkt));

const fn header(offset: usize) -> usize {
    offset_of!(tpacket_block_desc, hdr) + offset
}

pub struct Ring {
    memory: Mapping,
    /// The block that is read, or will be once it is ours.
    block: usize,
    /// The next packet in it, once reading has begun.
    place: Option<Place>,
    /// Blocks that [`Ring::begin`] found ready and that are not read yet.
    blocks_left: usize,
}

#[derive(Clone, Copy)]
struct Place {
    at: usize,
    packets_left: u32,
}

impl Ring {
    /// Gives a socket a ring of this many bytes, or of half, a quarter, … while memory is short.
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
        let memory = Mapping::new(socket, blocks);
        Ok(Ring {
            memory: memory.map_err(|cause| failed("mapping the ring of packets", cause))?,
            block: 0,
            place: None,
            blocks_left: 0,
        })
    }

    /// Limits reading to the blocks that are ready now: packets may arrive faster than they are
    /// read, and a later one may be older than a packet already read from another ring.
    pub fn begin(&mut self) {
        let count = self.memory.blocks;
        let blocks = (0..count).map(|ahead| (self.block + ahead) % count);
        self.blocks_left = blocks
            .take_while(|block| self.memory.is_ours(*block))
            .count();
    }

    /// Time of the next packet in nanoseconds since 1970; `None` when none is ready.
    pub fn next_time(&mut self) -> Option<u64> {
        let at = self.seek()?;
        // A packet without a whole header is skipped at once.
        Some(frame::time(self.memory.block(self.block), at).unwrap_or_default())
    }

    /// `None` when no packet is ready, or its lengths are inconsistent.
    pub fn packet(&mut self, number: u64) -> Option<Packet<'_>> {
        let at = self.seek()?;
        frame::packet(self.memory.block(self.block), at, number)
    }

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

    /// Offset of the next packet in the block, after releasing blocks that have been read.
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
        if self.blocks_left == 0 || !self.memory.is_ours(self.block) {
            return None;
        }
        let block = self.memory.block(self.block);
        Some(Place {
            at: word(block, FIRST)? as usize,
            packets_left: word(block, PACKETS)?,
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
        let anywhere = std::ptr::null_mut();
        // SAFETY: a new mapping, which nothing else refers to.
        let address = unsafe { libc::mmap(anywhere, length, access, libc::MAP_SHARED, fd, 0) };
        match NonNull::new(address) {
            Some(address) if address.as_ptr() != libc::MAP_FAILED => Ok(Mapping {
                address: address.cast(),
                blocks,
            }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// To be read only while the block is ours, except for its status.
    #[expect(unsafe_code, reason = "memory shared with the kernel")]
    fn block(&self, block: usize) -> &[u8] {
        // SAFETY: it lies within the mapping, and the kernel does not write to a block that is
        // ours.
        unsafe { slice::from_raw_parts(self.begin(block), BLOCK_BYTES) }
    }

    #[expect(unsafe_code, reason = "memory shared with the kernel")]
    fn status(&self, block: usize) -> &AtomicU32 {
        // SAFETY: it lies within the mapping and is aligned as its block is, to a page; the kernel
        // writes it atomically.
        unsafe { AtomicU32::from_ptr(self.begin(block).add(STATUS).cast()) }
    }

    fn begin(&self, block: usize) -> *mut u8 {
        assert!(block < self.blocks);
        self.address.as_ptr().wrapping_add(block * BLOCK_BYTES)
    }

    fn is_ours(&self, block: usize) -> bool {
        self.status(block).load(Ordering::Acquire) & libc::TP_STATUS_USER != 0
    }

    fn give_back(&self, block: usize) {
        let status = self.status(block);
        status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
    }
}

impl Drop for Mapping {
    #[expect(unsafe_code, reason = "memory shared with the kernel")]
    fn drop(&mut self) {
        // SAFETY: `new` mapped this address and length, and borrows of its blocks have ended.
        unsafe { libc::munmap(self.address.as_ptr().cast(), self.blocks * BLOCK_BYTES) };
    }
}
