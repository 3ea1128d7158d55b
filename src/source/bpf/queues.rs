//! The queues of the listeners that a process has open: what sock_diag shows as one length
//! (`struct request_sock_queue`, include/net/request_sock.h).
//!
//! The accept queue is a list of requests, the oldest first, each with the connection that waits.
//! It is read without its lock, so that it may change meanwhile; then its first member or its
//! length is another one afterwards, and only what needs no list is used.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use rustix::time::{ClockId, clock_getres};

use super::{
    Assembler, CONTEXT, JIFFIES, MPTCP, Program, Record,
    Register::*,
    Size, TCP, Types,
    assembler::{Label, When},
    begin, number, read_memory, store_inode, unsupported,
};
use crate::{
    Result,
    model::{SocketState, State, is_at_least, snapshot::QueueContents},
    source::owners::LOW,
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
/// Below the record on the stack.
const HEAD: i16 = -64;
const POINTER: i16 = -72;
const STATE: i16 = -80;
const SEQUENCES: i16 = -88;
const CONTEXT_KEPT: i16 = -96;
const SOCKET_KEPT: i16 = -104;

/// How often to read a queue that changes while it is read.
const ATTEMPTS: u32 = 3;
/// Longer queues are not followed to their end.
const MOST_MEMBERS: i32 = 0xffff;

const STRUCTURES: [&str; 11] = [
    CONTEXT,
    "bpf_iter_meta",
    "task_struct",
    "file",
    "inode",
    "socket",
    "sock",
    "tcp_sock",
    "inet_connection_sock",
    "request_sock",
    "mptcp_sock",
];

pub struct QueueReader {
    program: Program,
    /// Nanoseconds between two ticks of the kernel's clock.
    tick: u64,
    /// It follows lists, see [`Queues`].
    follows: bool,
}

impl QueueReader {
    /// Needs Linux 6.1.
    pub fn load() -> Result<Self> {
        let types = Types::read(STRUCTURES)?;
        if !types.restricts() {
            return Err(unsupported("needs Linux 6.1 (iterators over one process)"));
        }
        let release = rustix::system::uname();
        let follows = is_at_least(&release.release().to_string_lossy(), (6, 9)) == Some(true);
        let program = Queues {
            types: &types,
            asm: Assembler::default(),
            follows,
        };
        Ok(QueueReader {
            program: types.load(b"sockdiag_queues", program.assemble(LOW)?, RECORD)?,
            tick: tick(),
            follows,
        })
    }

    /// Adds the listeners of one process by their inodes, as far as they are among its low
    /// descriptors. A process that has ended has none.
    pub fn read(&self, pid: u32, found: &mut HashMap<u32, QueueContents>) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let read = self.read_once(pid)?;
            let changed = self.follows && read.iter().any(|(_, queue)| queue.abandoned.is_none());
            found.extend(read);
            if !changed {
                break;
            }
        }
        Ok(())
    }

    fn read_once(&self, pid: u32) -> Result<Vec<(u32, QueueContents)>> {
        let (mut records, mut found) = (self.program.iterate(Some(pid))?, Vec::new());
        // It stops at the first descriptor that is too high.
        while let Some(some) = records.next(false)? {
            found.extend(some.map(|record| decode(record, self.tick)));
        }
        Ok(found)
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
    /// This kernel has `BPF_MAY_GOTO` (Linux 6.9). Without it the verifier goes through every turn of
    /// a loop, which takes longer than what the loop is to save, so lists are not followed.
    follows: bool,
}

impl Queues<'_> {
    fn assemble(mut self, below: u32) -> Result<Assembler> {
        let [out, stop] = [self.asm.label(), self.asm.label()];
        self.asm
            .load(Size::Word, R2, R1, self.types.offset(CONTEXT, "fd")?);
        self.asm.go_if(When::AtLeast, R2, below as i32, stop);
        begin(&mut self.asm, self.types, out)?;
        self.asm.store(Size::Double, CONTEXT_KEPT, R6);
        self.find_listener(out)?;
        RECORD.clear(&mut self.asm);
        store_inode(&mut self.asm, self.types, RECORD.part(INODE))?;
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
        self.asm.load(Size::Double, R6, R10, CONTEXT_KEPT);
        RECORD.write(&mut self.asm, self.types)?;
        self.asm.place(out);
        self.asm.exit(0);
        self.asm.place(stop);
        self.asm.exit(1);
        Ok(self.asm)
    }

    /// R9 = the TCP socket of the `struct socket` in R9, which listens; of an MPTCP socket the one
    /// that its connections come in at.
    fn find_listener(&mut self, out: Label) -> Result<()> {
        let is_tcp = self.asm.label();
        let types = self.types;
        self.asm
            .load(Size::Double, R9, R9, types.offset("socket", "sk")?);
        self.asm.go_if(When::Equal, R9, 0, out);
        let state = types.offset("sock", "__sk_common.skc_state")?;
        self.asm.load(Size::Byte, R1, R9, state);
        self.asm
            .go_if(When::NotEqual, R1, SocketState::Listen.number().into(), out);
        let protocol = types.offset("sock", "sk_protocol")?;
        self.asm.load(Size::Half, R1, R9, protocol);
        self.asm.go_if(When::Equal, R1, TCP, is_tcp);
        if types.has("mptcp_sock") {
            self.asm.go_if(When::NotEqual, R1, MPTCP, out);
            let first = types.offset("mptcp_sock", "first")?;
            read_memory(&mut self.asm, POINTER, 8, R9, first);
            self.asm.load(Size::Double, R9, R10, POINTER);
            self.asm.go_if(When::Equal, R9, 0, out);
        } else {
            self.asm.go(out);
        }
        self.asm.place(is_tcp);
        self.asm.store(Size::Double, SOCKET_KEPT, R9);
        Ok(())
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
