//! Processes that hold a listener and do not accept, and what the library says of them.

use std::net::TcpStream;
use std::os::fd::{AsRawFd as _, RawFd};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity};
use socket2::Socket;

use sockdiag::analysis::acceptors::{Cause, why};
use sockdiag::collect::{Collector, Needs};
use sockdiag::model::{CallKind, Doing, ProcessActivity, Snapshot, SystemCall};
use sockdiag::source::Kernel;

use super::netns::lo_up;
use super::skipped::report_skipped;
use super::sockets::{fill_accept_queue, listen};
use super::wait::wait_for;

/// Time between two readings.
const INTERVAL: Duration = Duration::from_millis(300);

const LOOP: &str = "while :; do :; done";

/// A listener that children inherit. It is the only one of its namespace.
pub struct InheritedListener(Socket);

/// A process, which ends when this is dropped.
pub struct Owner(Child);

impl InheritedListener {
    pub fn new() -> Self {
        let listener = listen("127.0.0.1:8080", 5);
        listener.set_cloexec(false).expect("it is open");
        InheritedListener(listener)
    }

    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Clients that wait for accept().
    pub fn clients(&self, count: usize) -> Vec<TcpStream> {
        lo_up();
        fill_accept_queue(&self.0, count)
    }

    /// Starts a process that holds the listener.
    pub fn owner(&self, command: &[&str]) -> Owner {
        self.try_owner(command)
            .unwrap_or_else(|| panic!("the tests need {}", command[0]))
    }

    /// `None`, loudly, where the program is not installed.
    pub fn try_owner(&self, command: &[&str]) -> Option<Owner> {
        let child = Command::new(command[0])
            .args(&command[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        match child {
            Ok(child) => Some(Owner(child)),
            Err(error) => {
                report_skipped(&format!("an owner by {}: {error}", command[0]));
                None
            }
        }
    }
}

/// Owners that do not accept, for one reason each.
impl InheritedListener {
    /// Its thread computes. `launcher` is a command that executes another, or nothing.
    pub fn computing_owner(&self, launcher: &[&str]) -> Owner {
        self.owner(&[launcher, &["sh", "-c", LOOP]].concat())
    }

    /// Uses a core, ahead of whatever else runs on this machine but for the part that the kernel
    /// keeps for it. Only the real root may start it.
    pub fn busy_owner(&self) -> Owner {
        self.computing_owner(&["chrt", "-f", "1"])
    }

    /// Two processes without the listener keep it off their CPU.
    pub fn starved_owner(&self) -> (Owner, [Owner; 2]) {
        let allowed = sched_getaffinity(None).expect("the kernel knows it");
        let cpu = (0..CpuSet::MAX_CPU).find(|cpu| allowed.is_set(*cpu));
        let cpu = cpu.expect("this test runs somewhere").to_string();
        let without_it = format!("exec {}>&-; {LOOP}", self.fd());
        let others = [0, 1].map(|_| self.owner(&["taskset", "-c", &cpu, "sh", "-c", &without_it]));
        // It still runs now and then, which the kernel needs to count how long it waited.
        let starved = self.computing_owner(&["taskset", "-c", &cpu, "nice", "-n", "5"]);
        (starved, others)
    }

    /// Its thread waits for a lock that nobody releases.
    pub fn locked_owner(&self) -> Option<Owner> {
        let futex = if cfg!(target_arch = "x86_64") {
            202
        } else {
            98
        };
        let wait = format!("my $lock = pack('L', 0); syscall({futex}, $lock, 0, 0, 0)");
        self.try_owner(&["perl", "-e", &wait])
    }

    /// Sleeps in a child between vfork(2) and exec; the parent cannot be interrupted meanwhile.
    pub fn uninterruptible_owner(&self) -> Option<Owner> {
        // vfork() or clone(CLONE_VM | CLONE_VFORK | SIGCHLD).
        let vfork = match cfg!(target_arch = "x86_64") {
            true => "syscall(58) == 0 and sleep 1000; sleep 1000",
            false => "syscall(220, 0x4111, 0, 0, 0, 0) == 0 and sleep 1000; sleep 1000",
        };
        self.try_owner(&["perl", "-e", vfork])
    }
}

impl Owner {
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("it is ours");
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The owners of the only listener, and what they do.
fn reading() -> Snapshot {
    let mut collector = Collector::new(Kernel::new(), Needs::queues());
    let mut snapshot = collector.collect().expect("a snapshot");
    let owners = snapshot.owners.clone().expect("owners are asked for");
    collector
        .activity(&mut snapshot, &owners.by_inode)
        .expect("/proc is there");
    snapshot
}

fn listener_inode(snapshot: &Snapshot) -> u32 {
    let [listener] = snapshot.namespaces[0].sockets() else {
        panic!("one listener: {:#?}", snapshot.namespaces)
    };
    listener.inode
}

fn activity(snapshot: &Snapshot, pid: u32) -> Option<&ProcessActivity> {
    snapshot.activity.iter().find(|process| process.pid == pid)
}

/// The call that the only thread of a process sleeps in, and the listener's inode.
#[track_caller]
pub fn wait_for_call(owner: &Owner, kind: CallKind) -> (SystemCall, u32) {
    wait_for("a thread sleeps in the call", || {
        let snapshot = reading();
        let [thread] = &activity(&snapshot, owner.pid())?.threads[..] else {
            return None;
        };
        match &thread.doing {
            Some(Doing::Call(call)) if call.kind == Some(kind) => {
                Some((call.clone(), listener_inode(&snapshot)))
            }
            _ => None,
        }
    })
}

/// Why nobody accepts, by two readings.
pub fn cause() -> Option<Cause> {
    let before = reading();
    thread::sleep(INTERVAL);
    let now = reading();
    why(listener_inode(&now), &now, Some((&before, INTERVAL)))
}

/// Reads until this is the cause: a process takes time to start and to come to where it stays.
#[track_caller]
pub fn wait_for_cause(id: &str, is_it: impl Fn(&Cause) -> bool) -> Cause {
    wait_for(&format!("{id} is the cause"), || {
        cause().filter(|cause| cause.rule.id == id && is_it(cause))
    })
}
