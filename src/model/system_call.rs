//! What a thread sleeps in, and which listeners could wake it.

use serde::{Deserialize, Serialize};

/// What a thread was doing when it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// It was runnable: on a CPU or waiting for one.
    Running,
    /// It slept in a system call.
    Call(SystemCall),
    /// It slept in the kernel outside of a system call, as for a page of memory.
    Kernel,
}

/// A system call that a thread sleeps in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemCall {
    /// By the architecture's table; `None` where only the kernel function may be read.
    pub number: Option<u32>,
    /// `None` for calls that are not named here, and for 32-bit processes, whose numbers differ.
    pub kind: Option<CallKind>,
    /// The descriptor that it is about.
    pub fd: Option<u32>,
    /// What that descriptor is: `pipe:[7]`, `socket:[7]`, a path.
    pub file: Option<String>,
    /// The inodes of listeners that end its sleep when a connection waits, of those that were asked
    /// for. `None` where that is unknown: poll() and select() take their descriptors from memory.
    pub waits_for: Option<Vec<u32>>,
}

macro_rules! calls {
    ($($kind:ident $name:literal $description:literal;)*) => {
        /// The system calls in which a server's threads usually sleep.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum CallKind { $($kind),* }

        impl CallKind {
            /// `futex()`
            pub fn name(self) -> &'static str {
                match self { $(CallKind::$kind => $name),* }
            }

            /// What a thread in it waits for.
            pub fn description(self) -> &'static str {
                match self { $(CallKind::$kind => $description),* }
            }
        }
    };
}

calls! {
    Accept "accept()" "a connection";
    Epoll "epoll_wait()" "events";
    Poll "poll()" "events";
    Select "select()" "events";
    IoUring "io_uring_enter()" "completions";
    Futex "futex()" "a lock or a condition";
    Sleep "nanosleep()" "time to pass";
    Read "read()" "data";
    Write "write()" "room for data";
    Receive "recv()" "data";
    Send "send()" "room for data";
    Connect "connect()" "a handshake";
    Open "open()" "a file to open";
    Sync "fsync()" "the disk";
    FileLock "flock()" "a file lock";
    Child "wait()" "a child process";
    Fork "vfork()" "a child to run a program or end";
    Signal "sigsuspend()" "a signal";
    MessageQueue "a System V or POSIX queue" "a message or semaphore";
}

impl CallKind {
    /// Whether the call ends when a connection waits at a listener that it is about.
    pub fn may_wait_for_connections(self) -> bool {
        use CallKind::{Accept, Epoll, IoUring, Poll, Select};
        matches!(self, Accept | Epoll | Poll | Select | IoUring)
    }
}

impl SystemCall {
    /// Whether it would end when a connection waits at this listener; `None` where that is unknown.
    pub fn waits_for(&self, inode: u32) -> Option<bool> {
        Some(self.waits_for.as_ref()?.contains(&inode))
    }
}
