//! Every socket that a process has open, of all processes of the host.

use super::{
    Assembler, CONTEXT, Program, Record, Register::*, Size, TASK_FILE, Types, assembler::When,
    begin, number, program::Records, store_inode,
};
use crate::Result;

const RECORD: Record = Record(24);
/// Where its parts are.
const PROCESS: usize = 0;
const DESCRIPTOR: usize = 4;
const INODE: usize = 8;
const STARTED: usize = 16;

const STRUCTURES: [&str; 5] = [CONTEXT, "bpf_iter_meta", "task_struct", "file", "inode"];

/// A descriptor of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// As the initial PID namespace numbers it.
    pub pid: u32,
    pub fd: u32,
    /// The lower half, as sock_diag sends it.
    pub inode: u32,
    /// When the process started, in nanoseconds since boot: it tells two with the same pid apart.
    pub started: u64,
}

pub struct SocketReader(Program);

impl SocketReader {
    pub fn load() -> Result<Self> {
        let types = Types::read(&TASK_FILE, STRUCTURES)?;
        let program = program(&types)?;
        Ok(SocketReader(types.load(b"sockdiag_fds", program)?))
    }

    pub fn sockets(&self) -> Result<Sockets> {
        Ok(Sockets(self.0.records(RECORD.0)?))
    }
}

pub struct Sockets(Records);

impl Sockets {
    /// Some of them, in the order of processes; `None` after the last. Threads that have descriptors
    /// of their own are read, too: one descriptor may come several times.
    pub fn next(&mut self) -> Result<Option<impl Iterator<Item = Held>>> {
        let records = self.0.next()?;
        Ok(records.map(|records| records.map(decode)))
    }
}

fn decode(record: &[u8]) -> Held {
    Held {
        pid: u32::from_ne_bytes(number(record, PROCESS)),
        fd: u32::from_ne_bytes(number(record, DESCRIPTOR)),
        inode: u64::from_ne_bytes(number(record, INODE)) as u32,
        started: u64::from_ne_bytes(number(record, STARTED)),
    }
}

fn program(types: &Types) -> Result<Assembler> {
    let mut asm = Assembler::default();
    let task = |member| types.offset("task_struct", member);
    let out = asm.label();
    begin(&mut asm, types, out)?;
    asm.load(Size::Double, R8, R6, types.offset(CONTEXT, "task")?);
    asm.go_if(When::Equal, R8, 0, out);
    asm.load(Size::Word, R1, R8, task("tgid")?);
    asm.store(Size::Word, RECORD.part(PROCESS), R1);
    asm.load(Size::Word, R1, R6, types.offset(CONTEXT, "fd")?);
    asm.store(Size::Word, RECORD.part(DESCRIPTOR), R1);
    store_inode(&mut asm, types, RECORD.part(INODE))?;
    asm.load(Size::Double, R1, R8, task("group_leader")?);
    asm.load(Size::Double, R1, R1, task("start_boottime")?);
    asm.store(Size::Double, RECORD.part(STARTED), R1);
    RECORD.write(&mut asm, types)?;
    asm.place(out);
    asm.exit(0);
    Ok(asm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_decoded_by_its_parts() {
        let mut record = [0; RECORD.0];
        record[..4].copy_from_slice(&712u32.to_ne_bytes());
        record[4..8].copy_from_slice(&3u32.to_ne_bytes());
        record[8..16].copy_from_slice(&0x1_0000_0007u64.to_ne_bytes());
        record[16..].copy_from_slice(&99u64.to_ne_bytes());
        let held = Held {
            pid: 712,
            fd: 3,
            inode: 7,
            started: 99,
        };
        assert_eq!(decode(&record), held);
    }
}
