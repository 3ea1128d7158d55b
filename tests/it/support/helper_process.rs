//! Helper processes. A test never forks without exec: it runs its own executable again in a role,
//! or starts `cat`, which keeps open what it inherits until its standard input ends.

use std::io::{BufRead as _, BufReader, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::Socket;

use super::netns::{lo_up, test_inside};
use super::sockets::{fill_accept_queue, listen};
use super::unanswered::{syn_flood, unanswered_syns};
use super::wait::PATIENCE;

const ROLE: &str = "SOCKDIAG_ROLE";
const READY: &str = "the scene is set";

/// A listener in another process, with `lo` up. IPv4 only.
pub struct ListenerSetup<'a> {
    pub address: &'a str,
    pub backlog: i32,
    /// Handshakes that wait in the accept queue.
    pub clients: usize,
    /// SYNs that arrive when the accept queue is full.
    pub syns: u8,
}

/// A helper process; it ends when its standard input does, at the latest with the test.
pub struct HelperProcess(Child);

/// Spawns a process with this listener. `launcher` is a command that executes another, such as
/// `unshare --net`, or nothing.
pub fn spawn_listener(setup: &ListenerSetup, launcher: &[&str]) -> HelperProcess {
    HelperProcess::with_role(&setup.role(), launcher)
}

/// A command that does the same, and ends when its standard input does.
pub fn listener_command(setup: &ListenerSetup) -> Vec<String> {
    let exe = std::env::current_exe().expect("a test knows its own path");
    let exe = exe.to_str().expect("a path in UTF-8").to_owned();
    let role = format!("{ROLE}={}", setup.role());
    let [env, exact, nocapture] = ["env", "--exact", "--nocapture"].map(str::to_owned);
    vec![env, role, exe, exact, test_inside(), nocapture]
}

impl ListenerSetup<'_> {
    fn role(&self) -> String {
        let ListenerSetup {
            address,
            backlog,
            clients,
            syns,
        } = self;
        format!("listen {address} {backlog} {clients} {syns}")
    }
}

/// A process that receives a descriptor at the abstract unix address and keeps it open at
/// `descriptor` or higher.
pub fn spawn_descriptor_receiver(from: &str, descriptor: RawFd) -> HelperProcess {
    HelperProcess::with_role(&format!("receive {from} {descriptor}"), &[])
}

/// A process with so many open descriptors, under this soft limit. `launcher` as for
/// [`spawn_listener`].
pub fn spawn_with_descriptors(open: usize, soft: u64, launcher: &[&str]) -> HelperProcess {
    HelperProcess::with_role(&format!("open {open} {soft}"), launcher)
}

/// A process that listens at 127.0.0.1:8080, with `lo` up and one client queued, and has as many
/// descriptors open as its soft limit allows.
pub fn spawn_out_of_descriptors(soft: u64) -> HelperProcess {
    HelperProcess::with_role(&format!("exhaust {soft}"), &[])
}

/// A process that opens a file every 20 ms and closes none.
pub fn spawn_leaking() -> HelperProcess {
    HelperProcess::with_role("leak", &[])
}

/// `cat`, which inherits every descriptor that is not closed on exec.
pub fn spawn_cat() -> HelperProcess {
    HelperProcess::start(&mut Command::new("cat"))
}

impl HelperProcess {
    /// Runs the executable of this test again and waits until it has done what `role` says.
    fn with_role(role: &str, launcher: &[&str]) -> HelperProcess {
        let exe = std::env::current_exe().expect("a test knows its own path");
        let exe = exe.to_str().expect("a path in UTF-8");
        let test = test_inside();
        let line = [launcher, &[exe, "--exact", &test, "--nocapture"]].concat();
        let mut command = Command::new(line[0]);
        command.args(&line[1..]).env(ROLE, role);
        let mut process = HelperProcess::start(&mut command);
        process.wait_until_ready();
        process
    }

    fn start(command: &mut Command) -> HelperProcess {
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        HelperProcess(child)
    }

    fn wait_until_ready(&mut self) {
        let stdout = self.0.stdout.take().expect("stdout is piped");
        let (sender, ready) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line.contains(READY) {
                    let _ = sender.send(());
                }
            }
        });
        ready.recv_timeout(PATIENCE).expect("a scene is set");
    }

    /// The process id, in the namespace of the test.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// The name that the kernel knows the process by.
    pub fn name(&self) -> String {
        process_name(self.pid())
    }
}

impl Drop for HelperProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The name that the kernel knows a process by.
pub fn process_name(pid: u32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).expect("it is running");
    name.trim_end_matches('\n').to_owned()
}

/// Plays the role of a helper process; false in the test itself.
pub fn play_role() -> bool {
    let Ok(role) = std::env::var(ROLE) else {
        return false;
    };
    let words: Vec<&str> = role.split(' ').collect();
    match words[..] {
        ["listen", address, backlog, clients, drops] => {
            unanswered_syns();
            let listener = listen(address, backlog.parse().expect("a backlog"));
            let _clients =
                fill_accept_queue(&listener, clients.parse().expect("a number of clients"));
            syn_flood(address, drops.parse().expect("a number of SYNs"));
            stay();
        }
        ["receive", from, descriptor] => {
            let received = receive_descriptor(from);
            let at_least = descriptor.parse().expect("a descriptor");
            let _held = rustix::io::fcntl_dupfd_cloexec(&received, at_least)
                .expect("the limit of descriptors allows it");
            drop(received);
            stay();
        }
        ["open", open, soft] => {
            limit_own_descriptors(soft.parse().expect("a limit"));
            let _held = open_descriptors(open.parse().expect("a number of descriptors"));
            stay();
        }
        ["exhaust", soft] => {
            lo_up();
            let listener = listen("127.0.0.1:8080", 5);
            let _client = fill_accept_queue(&listener, 1);
            limit_own_descriptors(soft.parse().expect("a limit"));
            let files = std::iter::repeat_with(|| std::fs::File::open("/dev/null"));
            let _held: Vec<_> = files.map_while(Result::ok).collect();
            let refused = listener.accept().expect_err("no descriptor is left");
            assert_eq!(refused.raw_os_error(), Some(libc::EMFILE));
            stay();
        }
        ["leak"] => {
            thread::spawn(|| {
                let mut held = Vec::new();
                loop {
                    held.extend(std::fs::File::open("/dev/null"));
                    // The pace of the scene; nothing waits for it.
                    thread::sleep(Duration::from_millis(20));
                }
            });
            stay();
        }
        _ => panic!("no such role: {role}"),
    }
    true
}

fn limit_own_descriptors(soft: u64) {
    let limits = getrlimit(Resource::Nofile);
    let current = Some(soft);
    setrlimit(Resource::Nofile, Rlimit { current, ..limits }).expect("it is below the hard one");
}

/// Opens files until so many descriptors are open.
fn open_descriptors(open: usize) -> Vec<std::fs::File> {
    // One of those that are listed lists them.
    let count = || {
        let listed = std::fs::read_dir("/proc/self/fd").expect("/proc is there");
        listed.count() - 1
    };
    let mut files = Vec::new();
    while count() < open {
        files.push(std::fs::File::open("/dev/null").expect("the limit allows it"));
    }
    files
}

fn stay() {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{READY}").expect("the test listens");
    stdout.flush().expect("the test listens");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// Where a test hands a socket to [`spawn_descriptor_receiver`]; abstract addresses belong to the namespace.
pub struct SocketHandover(UnixListener);

impl SocketHandover {
    /// Waits at the abstract unix address `name`.
    pub fn at(name: &str) -> SocketHandover {
        let address = SocketAddr::from_abstract_name(name).expect("a short name");
        SocketHandover(UnixListener::bind_addr(&address).expect("the name is free"))
    }

    /// Sends `socket` over SCM_RIGHTS to the first process that asks.
    pub fn pass(self, socket: &Socket) -> thread::JoinHandle<()> {
        let socket = socket.try_clone().expect("a descriptor is free");
        thread::spawn(move || {
            let (stream, _) = self.0.accept().expect("the holder connects");
            send_descriptor(&stream, socket.as_fd());
        })
    }
}

fn send_descriptor(stream: &UnixStream, descriptor: BorrowedFd) {
    let descriptors = [descriptor];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
    rustix::net::sendmsg(
        stream,
        &[IoSlice::new(b"x")],
        &mut ancillary,
        SendFlags::empty(),
    )
    .expect("the holder reads");
}

fn receive_descriptor(name: &str) -> OwnedFd {
    let address = SocketAddr::from_abstract_name(name).expect("a short name");
    let stream = UnixStream::connect_addr(&address).expect("the test waits there");
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    rustix::net::recvmsg(
        &stream,
        &mut [IoSliceMut::new(&mut byte)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    )
    .expect("the test sends");
    ancillary
        .drain()
        .find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        })
        .expect("a descriptor was sent along")
}
