//! BPF iterators (Documentation/bpf/bpf_iterators.rst): programs of a few dozen instructions that the
//! kernel runs for each open descriptor or TCP socket, and that write what they find to the iterator's
//! file or to an array.
//!
//! They need CAP_BPF and CAP_PERFMON in the initial user namespace, and the types of the kernel. The
//! instructions are put together here, with the places of members that the kernel's types say.

mod array;
mod assembler;
mod bound;
mod btf;
mod program;
mod queues;
mod sockets;

use std::io;

use rustix::thread::{CapabilitySet, capabilities};

use super::Kernel;
use crate::{Error, Result};
use assembler::{Assembler, Register, Register::*, Size};
pub use bound::BoundSocket;
use btf::{Btf, Kind};
use program::Program;
pub use queues::QueueReader;
pub use sockets::SocketReader;

pub const TYPES: &str = "/sys/kernel/btf/vmlinux";

/// What an iterator visits.
struct Target {
    /// The kernel function that marks a program as one for it.
    hook: &'static str,
    /// What such a program is called with.
    context: &'static str,
    /// What is said of a kernel that lacks it.
    needs: &'static str,
}

/// All descriptors of all processes.
const TASK_FILE: Target = Target {
    hook: "bpf_iter_task_file",
    context: "bpf_iter__task_file",
    needs: "needs Linux 5.8 (task_file iterators)",
};
const CONTEXT: &str = TASK_FILE.context;
/// All TCP sockets of a network namespace, listeners first.
const TCP_SOCKETS: Target = Target {
    hook: "bpf_iter_tcp",
    context: "bpf_iter__tcp",
    needs: "needs Linux 5.9 (tcp iterators)",
};
/// Helpers (`enum bpf_func_id`).
const FIND_ENTRY: i32 = 1;
const READ_MEMORY: i32 = 113;
const JIFFIES: i32 = 118;
const WRITE: i32 = 127;
const SOCKET_OF_FILE: i32 = 162;

/// `IPPROTO_TCP` and so on.
const TCP: i32 = 6;
const MPTCP: i32 = 262;

/// Where BPF is used, of the places where it is permitted and gives the same answer as other
/// interfaces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BpfUse {
    Never,
    #[default]
    WhereItSaves,
    Always,
}

impl Kernel {
    /// Whether BPF may be tried: it shows processes by their ids in the initial namespace, and when
    /// they started by its clock, as /proc must do, too; and other user namespaces have no rights.
    pub fn may_use_bpf(&self) -> bool {
        let is_usable = self.bpf != BpfUse::Never && self.is_procfs && is_permitted();
        let mut kinds = ["pid", "user", "time"].into_iter();
        is_usable && kinds.all(|kind| self.is_in_initial(kind))
    }

    /// Whether this process is in the initial namespace of this kind: `pid`, `user` or `time`.
    pub fn is_in_initial(&self, kind: &str) -> bool {
        /// `PROC_PID_INIT_INO` and the like, include/linux/proc_ns.h
        const INITIAL: [&str; 3] = ["pid:[4026531836]", "user:[4026531837]", "time:[4026531834]"];
        match std::fs::read_link(self.proc_root().join("self/ns").join(kind)) {
            Ok(link) => INITIAL.iter().any(|initial| link.as_os_str() == *initial),
            // Before Linux 5.6.
            Err(error) => kind == "time" && error.kind() == io::ErrorKind::NotFound,
        }
    }
}

/// Whether this process has the capabilities; a security policy may refuse all the same.
pub fn is_permitted() -> bool {
    let own = capabilities(None).map(|own| own.effective);
    let either = [
        CapabilitySet::SYS_ADMIN,
        CapabilitySet::BPF | CapabilitySet::PERFMON,
    ];
    own.is_ok_and(|own| either.iter().any(|needed| own.contains(*needed)))
}

fn failed(step: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |cause| {
        let why = match is_permitted() {
            true => "a user namespace, seccomp, lockdown or another security policy forbids it",
            false => "needs CAP_BPF and CAP_PERFMON (sudo)",
        };
        let cause = match cause.kind() {
            io::ErrorKind::PermissionDenied => io::Error::new(cause.kind(), why),
            _ => cause,
        };
        Error::Bpf(step, cause)
    }
}

fn unsupported(what: impl Into<String>) -> Error {
    let cause = io::Error::new(io::ErrorKind::Unsupported, what.into());
    Error::Bpf("using a BPF iterator", cause)
}

/// The structures of the kernel that programs read.
struct Types {
    btf: Btf,
    structures: Vec<(&'static str, u32)>,
    hook: u32,
}

impl Types {
    /// Takes a few milliseconds. Structures that this kernel lacks are missing when they are asked
    /// for.
    fn read<const N: usize>(target: &Target, names: [&'static str; N]) -> Result<Self> {
        if cfg!(not(target_pointer_width = "64")) {
            return Err(unsupported("not for 32-bit systems"));
        }
        let btf = std::fs::read(TYPES).and_then(Btf::parse);
        let btf = btf.map_err(Error::file(TYPES))?;
        let [hook] = btf.find(Kind::Function, [target.hook]);
        let hook = hook.ok_or_else(|| unsupported(target.needs))?;
        let found = names.into_iter().zip(btf.find(Kind::Structure, names));
        Ok(Types {
            structures: found.filter_map(|(name, id)| Some((name, id?))).collect(),
            hook,
            btf,
        })
    }

    fn has(&self, structure: &str) -> bool {
        self.structures.iter().any(|(name, _)| *name == structure)
    }

    /// Where a member is in its structure.
    fn offset(&self, structure: &str, path: &str) -> Result<i16> {
        let mut known = self.structures.iter();
        let id = known.find(|(name, _)| *name == structure);
        let offset = id.and_then(|(_, id)| self.btf.offset(*id, path));
        let offset = offset.and_then(|offset| i16::try_from(offset).ok());
        offset.ok_or_else(|| unsupported(format!("this kernel has no {structure}.{path}")))
    }

    fn load(&self, name: &[u8], assembler: Assembler) -> Result<Program> {
        let program = assembler.assemble();
        let program = program.ok_or_else(|| unsupported("the program is too long"))?;
        Program::load(name, &program, self.hook)
    }
}

/// What programs for descriptors begin with: R6 = the context, R7 = the file, R9 = its
/// `struct socket`. Jumps to `out` where there is none; a descriptor opened with O_PATH has none.
fn begin(asm: &mut Assembler, types: &Types, out: assembler::Label) -> Result<()> {
    asm.copy(R6, R1);
    asm.load(Size::Double, R7, R6, types.offset(CONTEXT, "file")?);
    asm.go_if(assembler::When::Equal, R7, 0, out);
    asm.copy(R1, R7);
    asm.call(SOCKET_OF_FILE);
    asm.go_if(assembler::When::Equal, R0, 0, out);
    asm.copy(R9, R0);
    Ok(())
}

/// Stores the inode of the file in R7.
fn store_inode(asm: &mut Assembler, types: &Types, to: i16) -> Result<()> {
    asm.load(Size::Double, R1, R7, types.offset("file", "f_inode")?);
    asm.load(Size::Double, R1, R1, types.offset("inode", "i_ino")?);
    asm.store(Size::Double, to, R1);
    Ok(())
}

/// What a program writes of each object: so many bytes, a multiple of eight, at the top of the stack.
#[derive(Debug, Clone, Copy)]
struct Record(usize);

impl Record {
    /// Where a part is on the stack.
    const fn part(self, at: usize) -> i16 {
        at as i16 - self.0 as i16
    }

    fn clear(self, asm: &mut Assembler) {
        for at in (0..self.0).step_by(8) {
            asm.clear(self.part(at));
        }
    }

    /// R6 is the context.
    fn write(self, asm: &mut Assembler, types: &Types) -> Result<()> {
        asm.load(Size::Double, R1, R6, types.offset(CONTEXT, "meta")?);
        asm.load(Size::Double, R1, R1, types.offset("bpf_iter_meta", "seq")?);
        asm.copy(R2, R10);
        asm.add(R2, self.part(0).into());
        asm.set(R3, self.0 as i32);
        asm.call(WRITE);
        Ok(())
    }
}

/// Reads `length` bytes at `offset` of what `base` points to, into the stack. They are 0 where
/// nothing can be read.
fn read_memory(asm: &mut Assembler, to: i16, length: i32, base: Register, offset: i16) {
    asm.copy(R3, base);
    asm.add(R3, offset.into());
    asm.copy(R1, R10);
    asm.add(R1, to.into());
    asm.set(R2, length);
    asm.call(READ_MEMORY);
}

fn number<const N: usize>(record: &[u8], at: usize) -> [u8; N] {
    let part = record.get(at..at + N);
    part.and_then(|part| part.try_into().ok()).unwrap_or([0; N])
}
