//! The program that reads the queues of one listener after the other.

use super::{
    BYTES, CHANGED, COUNT, DEFERS, FAMILY, INODE, LEFT, LENGTH, LENGTH_AFTER, MEMBERS, RECORD,
    REQUESTS, WAITED, WANTED, YOUNG,
};
use crate::{
    Result,
    model::{SocketState, State},
    source::bpf::{
        Assembler, FIND_ENTRY, JIFFIES,
        Register::*,
        Size, TCP_SOCKETS, Types,
        assembler::{Label, When},
        read_memory,
    },
};

/// Below the record on the stack.
const HEAD: i16 = -64;
const POINTER: i16 = -72;
const STATE: i16 = -80;
const SEQUENCES: i16 = -88;
const SOCKET_KEPT: i16 = -96;
const KEY: i16 = -104;

/// Longer queues are not followed to their end.
const MOST_MEMBERS: i32 = 0xffff;

pub const STRUCTURES: [&str; 6] = [
    TCP_SOCKETS.context,
    "inet_connection_sock",
    "request_sock",
    "sock",
    "socket_alloc",
    "tcp_sock",
];

/// Writes its records to the array of this descriptor. Where the kernel has `BPF_MAY_GOTO` (Linux
/// 6.9) it `follows` lists. Without it the verifier goes through every turn of a loop, which takes
/// longer than what the loop is to save.
pub fn program(types: &Types, array: i32, follows: bool) -> Result<Assembler> {
    let asm = Assembler::default();
    let queues = Queues {
        types,
        asm,
        array,
        follows,
    };
    queues.assemble()
}

struct Queues<'a> {
    types: &'a Types,
    asm: Assembler,
    array: i32,
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
