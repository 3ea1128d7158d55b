//! Helper processes. A test never forks without exec: it casts itself again in a role, or starts
//! `cat`, which holds what it inherits until its standard input ends.

use std::io::{BufRead as _, BufReader, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::Socket;

use super::{PATIENCE, fill, listen, roads_to_nowhere, syns};

const ROLE: &str = "SOCKDIAG_ROLE";
const READY: &str = "the scene is set";

/// What another process of a test does.
pub enum Role<'a> {
    /// Brings `lo` up, listens, queues clients and then lets SYNs come in vain. IPv4 only.
    Serve {
        address: &'a str,
        backlog: i32,
        clients: usize,
        syns: u8,
    },
    /// Receives a descriptor at the abstract unix address and holds it at `descriptor` or higher.
    Hold { from: &'a str, descriptor: RawFd },
    /// Has so many descriptors open, under this soft limit.
    Hoard { open: usize, soft: u64 },
    /// Listens at 127.0.0.1:8080, with `lo` up and one client queued, and has all descriptors
    /// in use that it may.
    Exhaust { soft: u64 },
}

/// A helper process; it ends when its standard input does, at the latest with the test.
pub struct Player(Child);

impl Player {
    /// Casts this test again, in `role`, and waits until the scene is set. `launcher` is a command
    /// that runs another in its own place, such as `unshare --net`, or nothing.
    pub fn cast(test: &str, role: &Role, launcher: &[&str]) -> Player {
        let exe = std::env::current_exe().expect("a test knows its own path");
        let exe = exe.to_str().expect("a path in UTF-8");
        let line = [launcher, &[exe, "--exact", test, "--nocapture"]].concat();
        let mut command = Command::new(line[0]);
        command.args(&line[1..]).env(ROLE, role.script());
        let mut player = Player::start(&mut command);
        player.wait_until_ready();
        player
    }

    /// `cat`, which inherits every descriptor that is not closed on exec.
    pub fn cat() -> Player {
        Player::start(&mut Command::new("cat"))
    }

    fn start(command: &mut Command) -> Player {
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Player(child)
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

impl Drop for Player {
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

impl Role<'_> {
    fn script(&self) -> String {
        match self {
            Role::Serve {
                address,
                backlog,
                clients,
                syns,
            } => format!("serve {address} {backlog} {clients} {syns}"),
            Role::Hold { from, descriptor } => format!("hold {from} {descriptor}"),
            Role::Hoard { open, soft } => format!("hoard {open} {soft}"),
            Role::Exhaust { soft } => format!("exhaust {soft}"),
        }
    }
}

/// Plays the role that [`Player::cast`] gave this process; false in a process without one.
pub fn play_role_if_cast() -> bool {
    let Ok(script) = std::env::var(ROLE) else {
        return false;
    };
    let words: Vec<&str> = script.split(' ').collect();
    match words[..] {
        ["serve", address, backlog, clients, drops] => {
            roads_to_nowhere();
            let listener = listen(address, backlog.parse().expect("a backlog"));
            let _clients = fill(&listener, clients.parse().expect("a number of clients"));
            syns(address, drops.parse().expect("a number of SYNs"));
            stay();
        }
        ["hold", from, descriptor] => {
            let received = receive_descriptor(from);
            let at_least = descriptor.parse().expect("a descriptor");
            let _held = rustix::io::fcntl_dupfd_cloexec(&received, at_least)
                .expect("the limit of descriptors allows it");
            drop(received);
            stay();
        }
        ["hoard", open, soft] => {
            limit_own_descriptors(soft.parse().expect("a limit"));
            let _held = hoard(open.parse().expect("a number of descriptors"));
            stay();
        }
        ["exhaust", soft] => {
            super::lo_up();
            let listener = listen("127.0.0.1:8080", 5);
            let _client = fill(&listener, 1);
            limit_own_descriptors(soft.parse().expect("a limit"));
            let files = std::iter::repeat_with(|| std::fs::File::open("/dev/null"));
            let _held: Vec<_> = files.map_while(Result::ok).collect();
            let refused = listener.accept().expect_err("no descriptor is left");
            assert_eq!(refused.raw_os_error(), Some(libc::EMFILE));
            stay();
        }
        _ => panic!("no such role: {script}"),
    }
    true
}

fn limit_own_descriptors(soft: u64) {
    let limits = getrlimit(Resource::Nofile);
    let current = Some(soft);
    setrlimit(Resource::Nofile, Rlimit { current, ..limits }).expect("it is below the hard one");
}

/// Opens files until so many descriptors are open.
fn hoard(open: usize) -> Vec<std::fs::File> {
    let count = || {
        let folder = std::fs::metadata("/proc/self/fd").expect("/proc is there");
        folder.len() as usize
    };
    let mut held = Vec::new();
    while count() < open {
        held.push(std::fs::File::open("/dev/null").expect("the limit allows it"));
    }
    held
}

fn stay() {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{READY}").expect("the test listens");
    stdout.flush().expect("the test listens");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// Where a test hands a socket to a [`Role::Hold`]; abstract addresses belong to the namespace.
pub struct Handover(UnixListener);

impl Handover {
    /// Waits at the abstract unix address `name`.
    pub fn at(name: &str) -> Handover {
        let address = SocketAddr::from_abstract_name(name).expect("a short name");
        Handover(UnixListener::bind_addr(&address).expect("the name is free"))
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
