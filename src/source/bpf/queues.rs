//! The queues of listeners: what sock_diag shows as one length (`struct request_sock_queue`,
//! include/net/request_sock.h).
//!
//! The kernel visits the listeners of a network namespace before its connections, and looks for the
//! first connection in the table of the whole host. So the program is told how many listeners there
//! are and stops at the last, by a return value that discards what it wrote to the iterator's file:
//! its records go to an array.
//!
//! The accept queue is a list of requests, the oldest first, each with the connection that waits.
//! It is read without its lock, so that it may change meanwhile; then its first member or its
//! length is another one afterwards, and only what needs no list is used.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use rustix::time::{ClockId, clock_getres};

use super::{
    Assembler, FIND_ENTRY, JIFFIES, Program, Record,
    Register::*,
    Size, TCP_SOCKETS, Types,
    array::Array,
    assembler::{Label, When},
    number, read_memory,
};
use crate::{
    Result,
    model::{Families, SocketState, State, is_at_least, snapshot::QueueContents},
};

const RECORD: Record = Record(56);
/// Where its parts are.
const INODE: usize = 0;
const BYTES: usize = 8;
const LENGTH: usize = 16;
const MEMBERS: usize = 20;
const LEFT: usize = 24;
const WAITED: usize = 28;
const REQUESTS: usize = 32;
const YOUNG: usize = 36;
const DEFERS: usize = 40;
const LENGTH_AFTER: usize = 44;
const CHANGED: usize = 48;
/// The array's first entry has other parts: how many listeners to read, how many were read, and of
/// which family they are, 0 for both.
const WANTED: usize = 0;
const COUNT: usize = 4;
const FAMILY: usize = 8;
/// Below the record on the stack.
const HEAD: i16 = -64;
const POINTER: i16 = -72;
const STATE: i16 = -80;
const SEQUENCES: i16 = -88;
const SOCKET_KEPT: i16 = -96;
const KEY: i16 = -104;

/// How often to read queues that change while they are read.
const ATTEMPTS: u32 = 3;
/// Longer queues are not followed to their end.
const MOST_MEMBERS: i32 = 0xffff;
/// The array has room for so many listeners at least, and at the most.
const LEAST_ROOM: u32 = 64;
const MOST_ROOM: u32 = 1 << 16;

const STRUCTURES: [&str; 7] = [
    TCP_SOCKETS.context,
    "inet_connection_sock",
    "request_sock",
    "sock",
    "socket",
    "socket_alloc",
    "tcp_sock",
];

/// Reads the queues of the listeners of a network namespace.
pub struct QueueReader {
    program: Program,
    entries: Array,
    room: u32,
    /// Nanoseconds between two ticks of the kernel's clock.
    tick: u64,
    /// It follows lists, see [`Queues`].
    follows: bool,
}

impl QueueReader {
    /// With room for this many listeners. Needs Linux 5.9.
    pub fn load(listeners: u32) -> Result<Self> {
        let types = Types::read(&TCP_SOCKETS, STRUCTURES)?;
        let release = rustix::system::uname();
        let follows = is_at_least(&release.release().to_string_lossy(), (6, 9)) == Some(true);
        let room = listeners.clamp(LEAST_ROOM, MOST_ROOM).next_power_of_two();
        let entries = Array::create(RECORD.0, room + 1)?;
        let program = Queues {
            types: &types,
            asm: Assembler::default(),
            array: entries.descriptor(),
            follows,
        };
        Ok(QueueReader {
            program: types.load(b"sockdiag_queues", program.assemble()?)?,
            entries,
            room,
            tick: tick(),
            follows,
        })
    }

    /// Whether a reader with more room could read more of this many listeners.
    pub fn is_too_small(&self, listeners: u32) -> bool {
        self.room < listeners.min(MOST_ROOM)
    }

    /// The queues of the calling thread's network namespace, which has this many TCP listeners of
    /// these families, by the listeners' inodes. With fewer than it has, the rest is missing.
    pub fn read(&self, families: Families, listeners: u32) -> Result<HashMap<u32, QueueContents>> {
        let mut found = HashMap::new();
        let wanted = listeners.min(self.room);
        for _ in 0..ATTEMPTS {
            found.extend(self.read_once(families, wanted)?);
            let mut queues = found.values();
            if !self.follows || queues.all(|queue: &QueueContents| queue.abandoned.is_some()) {
                break;
            }
        }
        Ok(found)
    }

    fn read_once(&self, families: Families, wanted: u32) -> Result<Vec<(u32, QueueContents)>> {
        let family = match (families.v4, families.v6) {
            (true, true) => 0,
            (true, false) => libc::AF_INET,
            (false, true) => libc::AF_INET6,
            (false, false) => return Ok(Vec::new()),
        };
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let mut first = [0; RECORD.0];
        for (at, value) in [(WANTED, wanted), (FAMILY, family as u32)] {
            first[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        }
        self.entries.set_first(&first)?;
        self.program.run()?;
        let entries = self.entries.first(wanted + 1)?;
        let (first, records) = entries.split_at(RECORD.0);
        let count = u32::from_ne_bytes(number(first, COUNT)) as usize;
        let records = records.chunks_exact(RECORD.0).take(count);
        let found = records.map(|record| decode(record, self.tick));
        Ok(found.filter(|(inode, _)| *inode != 0).collect())
    }
}

/// `TICK_NSEC`, which the resolution of a coarse clock is (`KTIME_LOW_RES`).
fn tick() -> u64 {
    let resolution = clock_getres(ClockId::MonotonicCoarse);
    u64::try_from(resolution.tv_nsec).unwrap_or(0)
}

fn decode(record: &[u8], tick: u64) -> (u32, QueueContents) {
    let part = |at| u32::from_ne_bytes(number(record, at));
    let (length, members) = (part(LENGTH), part(MEMBERS));
    let has_settled = length == members && length == part(LENGTH_AFTER) && part(CHANGED) == 0;
    let waited = (length > 0).then(|| u64::from(part(WAITED)) * tick / 1_000_000);
    // A deferred handshake is not young either when its SYN-ACK was answered.
    let retried = part(REQUESTS).saturating_sub(part(YOUNG));
    let contents = QueueContents {
        length,
        oldest_wait_ms: waited.filter(|_| part(CHANGED) == 0),
        abandoned: has_settled.then(|| part(LEFT)),
        bytes: has_settled.then(|| u64::from_ne_bytes(number(record, BYTES))),
        requests: part(REQUESTS),
        unanswered: (part(DEFERS) == 0).then_some(retried),
    };
    (u64::from_ne_bytes(number(record, INODE)) as u32, contents)
}

struct Queues<'a> {
    types: &'a Types,
    asm: Assembler,
    /// The array's descriptor.
    array: i32,
    /// This kernel has `BPF_MAY_GOTO` (Linux 6.9). Without it the verifier goes through every turn of
    /// a loop, which takes longer than what the loop is to save, so lists are not followed.
    follows: bool,
}

impl Queues<'_> {
    fn assemble(mut self) -> Result<Assembler> {
        let [out, stop] = [self.asm.label(), self.asm.label()];
        self.find_listener(out, stop)?;
        RECORD.clear(&mut self.asm);
        self.read_inode()?;
        self.read_numbers()?;
        let done = self.asm.label();
        self.asm.load(Size::Double, R7, R10, HEAD);
        self.asm.go_if(When::Equal, R7, 0, done);
        self.read_age()?;
        if self.follows {
            self.read_members(done)?;
        }
        self.asm.place(done);
        self.check()?;
        self.write(stop);
        self.asm.place(out);
        self.asm.exit(0);
        self.asm.place(stop);
        self.asm.exit(1);
        Ok(self.asm)
    }

    /// R9 = the listener that is visited. Jumps to `out` where it is not of the wanted family, or all
    /// were visited; and to `stop` at what does not listen.
    fn find_listener(&mut self, out: Label, stop: Label) -> Result<()> {
        let types = self.types;
        let is_of_family = self.asm.label();
        let socket = types.offset(TCP_SOCKETS.context, "sk_common")?;
        self.asm.load(Size::Double, R9, R1, socket);
        self.asm.go_if(When::Equal, R9, 0, out);
        let state = types.offset("sock", "__sk_common.skc_state")?;
        self.asm.load(Size::Byte, R1, R9, state);
        self.asm.go_if(
            When::NotEqual,
            R1,
            SocketState::Listen.number().into(),
            stop,
        );
        self.asm.store(Size::Double, SOCKET_KEPT, R9);
        self.asm.set(R1, 0);
        self.find_entry(stop);
        self.asm.load(Size::Word, R1, R0, FAMILY as i16);
        self.asm.go_if(When::Equal, R1, 0, is_of_family);
        let family = types.offset("sock", "__sk_common.skc_family")?;
        self.asm.load(Size::Half, R2, R9, family);
        self.asm.subtract(R1, R2);
        self.asm.go_if(When::NotEqual, R1, 0, out);
        self.asm.place(is_of_family);
        Ok(())
    }

    /// R0 = the array's entry of the number in R1; there is none beyond its end.
    fn find_entry(&mut self, none: Label) {
        self.asm.store(Size::Word, KEY, R1);
        self.asm.set_array(R1, self.array);
        self.asm.copy(R2, R10);
        self.asm.add(R2, KEY.into());
        self.asm.call(FIND_ENTRY);
        self.asm.go_if(When::Equal, R0, 0, none);
    }

    /// Of the file that the socket in R9 belongs to; of an MPTCP listener's first subflow the kernel
    /// gives the number of the MPTCP socket (`mptcp_subflow_create_socket`, net/mptcp/subflow.c).
    fn read_inode(&mut self) -> Result<()> {
        let is_closed = self.asm.label();
        let types = self.types;
        read_memory(
            &mut self.asm,
            POINTER,
            8,
            R9,
            types.offset("sock", "sk_socket")?,
        );
        self.asm.load(Size::Double, R7, R10, POINTER);
        self.asm.go_if(When::Equal, R7, 0, is_closed);
        // Both are parts of one structure.
        let inode = types.offset("socket_alloc", "vfs_inode.i_ino")?;
        let inode = inode - types.offset("socket_alloc", "socket")?;
        read_memory(&mut self.asm, RECORD.part(INODE), 8, R7, inode);
        self.asm.place(is_closed);
        Ok(())
    }

    /// Adds the record to the array, and stops if it was the last.
    fn write(&mut self, stop: Label) {
        self.asm.set(R1, 0);
        self.find_entry(stop);
        self.asm.copy(R7, R0);
        self.asm.load(Size::Word, R1, R7, COUNT as i16);
        self.asm.add(R1, 1);
        self.asm.store_at(Size::Word, R7, COUNT as i16, R1);
        self.find_entry(stop);
        for at in (0..RECORD.0).step_by(8) {
            self.asm.load(Size::Double, R1, R10, RECORD.part(at));
            self.asm.store_at(Size::Double, R0, at as i16, R1);
        }
        self.asm.load(Size::Word, R1, R7, COUNT as i16);
        self.asm.load(Size::Word, R2, R7, WANTED as i16);
        self.asm.subtract(R1, R2);
        self.asm.go_if(When::Equal, R1, 0, stop);
    }

    fn read_numbers(&mut self) -> Result<()> {
        for (structure, path, length, to) in [
            ("sock", "sk_ack_backlog", 4, RECORD.part(LENGTH)),
            (
                "inet_connection_sock",
                "icsk_accept_queue.qlen",
                4,
                RECORD.part(REQUESTS),
            ),
            (
                "inet_connection_sock",
                "icsk_accept_queue.young",
                4,
                RECORD.part(YOUNG),
            ),
            (
                "inet_connection_sock",
                "icsk_accept_queue.rskq_defer_accept",
                1,
                RECORD.part(DEFERS),
            ),
            (
                "inet_connection_sock",
                "icsk_accept_queue.rskq_accept_head",
                8,
                HEAD,
            ),
        ] {
            let offset = self.types.offset(structure, path)?;
            read_memory(&mut self.asm, to, length, R9, offset);
        }
        Ok(())
    }

    /// Follows the accept queue: R7 = the request, R8 = how many more to follow, R9 = the
    /// connection.
    fn read_members(&mut self, done: Label) -> Result<()> {
        let [again, open, next] = [(); 3].map(|()| self.asm.label());
        self.asm.load(Size::Word, R8, R10, RECORD.part(LENGTH));
        self.asm.and(R8, MOST_MEMBERS);
        self.asm.place(again);
        self.asm.go_if(When::Equal, R7, 0, done);
        self.asm.go_if(When::Equal, R8, 0, done);
        self.asm.go_sometime(done);
        self.asm.add(R8, -1);
        self.increase(RECORD.part(MEMBERS));
        self.read_connection()?;
        let state = self.types.offset("sock", "__sk_common.skc_state")?;
        self.asm.clear(STATE);
        read_memory(&mut self.asm, STATE, 1, R9, state);
        self.asm.load(Size::Double, R1, R10, STATE);
        for is_open in [State::Established, State::SynRecv] {
            self.asm.go_if(When::Equal, R1, is_open as i32, open);
        }
        self.increase(RECORD.part(LEFT));
        // A reset connection is in no table, and its bytes are lost.
        self.asm
            .go_if(When::NotEqual, R1, State::CloseWait as i32, next);
        self.asm.place(open);
        self.add_bytes(next)?;
        self.asm.place(next);
        let following = self.types.offset("request_sock", "dl_next")?;
        read_memory(&mut self.asm, POINTER, 8, R7, following);
        self.asm.load(Size::Double, R7, R10, POINTER);
        self.asm.go(again);
        Ok(())
    }

    fn increase(&mut self, at: i16) {
        self.asm.load(Size::Word, R2, R10, at);
        self.asm.add(R2, 1);
        self.asm.store(Size::Word, at, R2);
    }

    /// R9 = the connection of the request in R7.
    fn read_connection(&mut self) -> Result<()> {
        let connection = self.types.offset("request_sock", "sk")?;
        read_memory(&mut self.asm, POINTER, 8, R7, connection);
        self.asm.load(Size::Double, R9, R10, POINTER);
        Ok(())
    }

    /// The ticks since the first connection was made: it has sent no data since.
    fn read_age(&mut self) -> Result<()> {
        self.read_connection()?;
        let sent = self.types.offset("tcp_sock", "lsndtime")?;
        read_memory(&mut self.asm, SEQUENCES, 4, R9, sent);
        self.asm.call(JIFFIES);
        self.asm.load(Size::Word, R1, R10, SEQUENCES);
        self.asm.subtract(R0, R1);
        self.asm.store(Size::Word, RECORD.part(WAITED), R0);
        Ok(())
    }

    /// Adds the unread bytes of the connection in R9, whose state is in R1 and on the stack.
    fn add_bytes(&mut self, next: Label) -> Result<()> {
        let is_whole = self.asm.label();
        for (member, to) in [("rcv_nxt", SEQUENCES), ("copied_seq", SEQUENCES + 4)] {
            let offset = self.types.offset("tcp_sock", member)?;
            read_memory(&mut self.asm, to, 4, R9, offset);
        }
        self.asm.load(Size::Word, R1, R10, SEQUENCES);
        self.asm.load(Size::Word, R2, R10, SEQUENCES + 4);
        self.asm.subtract(R1, R2);
        self.asm.truncate(R1);
        self.asm.go_if(When::Equal, R1, 0, next);
        // Less than nothing.
        self.asm.go_if(When::AtLeast, R1, i32::MAX, next);
        self.asm.load(Size::Double, R2, R10, STATE);
        self.asm
            .go_if(When::NotEqual, R2, State::CloseWait as i32, is_whole);
        // The client's FIN occupies a sequence number.
        self.asm.add(R1, -1);
        self.asm.place(is_whole);
        self.asm.load(Size::Double, R2, R10, RECORD.part(BYTES));
        self.asm.add_register(R2, R1);
        self.asm.store(Size::Double, RECORD.part(BYTES), R2);
        Ok(())
    }

    /// Reads again what changes with the queue.
    fn check(&mut self) -> Result<()> {
        let is_same = self.asm.label();
        self.asm.load(Size::Double, R9, R10, SOCKET_KEPT);
        let length = self.types.offset("sock", "sk_ack_backlog")?;
        read_memory(&mut self.asm, RECORD.part(LENGTH_AFTER), 4, R9, length);
        let head = self
            .types
            .offset("inet_connection_sock", "icsk_accept_queue.rskq_accept_head")?;
        read_memory(&mut self.asm, POINTER, 8, R9, head);
        self.asm.load(Size::Double, R1, R10, POINTER);
        self.asm.load(Size::Double, R2, R10, HEAD);
        self.asm.subtract(R1, R2);
        self.asm.go_if(When::Equal, R1, 0, is_same);
        self.increase(RECORD.part(CHANGED));
        self.asm.place(is_same);
        Ok(())
    }
}
