//! `sockdiag queues`: what BPF reads is what sock_diag and /proc show, wherever those show it.

use std::io::Write as _;
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::fcntl_dupfd_cloexec;
use serde_json::Value;
use sockdiag::analysis::queues::{ListenerReport, QueueReport, Selection, report};
use sockdiag::collect::{Collector, Needs, OwnerNeeds};
use sockdiag::model::{OwnerSource, Snapshot, is_at_least};
use sockdiag::source::{BpfUse, Kernel};
use socket2::{Protocol, Socket};

use crate::support::bpf::may_read_queues;
use crate::support::netns::{in_netns_of_root, lo_up, run};
use crate::support::processes::owners;
use crate::support::skipped::report_skipped;
use crate::support::sockets::{
    accept_queue_len, close_wait_count, fill_accept_queue, half_open_count, inode, listen,
    listen_with, try_listen, unread_bytes,
};
use crate::support::unanswered::{syn_flood, unanswered_syns};
use crate::support::wait::wait_until;

const GROUP: &str = "10.9.0.1:8090";
const BACKLOG: usize = 64;
/// More than two ticks of the slowest clock that Linux has.
const SLACK_MS: u64 = 25;

fn read(bpf: BpfUse) -> Snapshot {
    let kernel = Kernel::new().with_bpf(bpf);
    let mut collector = Collector::new(kernel, Needs::queues());
    collector.collect().expect("a snapshot")
}

fn reported(snapshot: &Snapshot) -> QueueReport {
    report(snapshot, None, &Selection::default())
}

fn of<'a>(report: &'a QueueReport, socket: &Socket) -> &'a ListenerReport {
    let inode = inode(socket) as u32;
    let mut listeners = report.listeners.iter();
    listeners
        .find(|one| one.inode == inode)
        .expect("it listens")
}

/// Where both are known they are the same.
#[track_caller]
fn assert_agrees<T: PartialEq + std::fmt::Debug>(by_bpf: Option<T>, otherwise: Option<T>) {
    if let (Some(by_bpf), Some(otherwise)) = (by_bpf, otherwise) {
        assert_eq!(by_bpf, otherwise);
    }
}

/// Two sockets that share an address, and connections in the queues of both.
fn shared_queue() -> ([Socket; 2], Vec<TcpStream>) {
    let member = || {
        listen_with(GROUP, BACKLOG as i32, |socket| {
            socket.set_reuse_port(true).expect("SO_REUSEPORT");
        })
    };
    let group = [member(), member()];
    let mut clients = Vec::new();
    while group.iter().any(|member| accept_queue_len(member) < 2) {
        assert!(clients.len() < BACKLOG, "one member gets all");
        let queued = || group.iter().map(accept_queue_len).sum::<usize>();
        let before = queued();
        clients.push(TcpStream::connect(GROUP).expect("room for it"));
        wait_until("a member has it", || queued() == before + 1);
    }
    (group, clients)
}

#[test]
fn queues_are_the_same_either_way() {
    in_netns_of_root(|| {
        unanswered_syns();
        if !may_read_queues() {
            return;
        }
        let (plain, idle) = (listen("10.9.0.1:8080", 64), listen("10.9.0.1:8081", 64));
        let dual = listen_with("[::]:8082", 64, |socket| {
            socket.set_only_v6(false).expect("IPV6_V6ONLY");
        });
        let mut clients = fill_accept_queue(&plain, 5);
        clients[0].write_all(b"GET / HTTP").expect("room for it");
        clients[1].write_all(b"request").expect("room for it");
        clients.remove(0);
        wait_until("one has hung up", || close_wait_count(8080) == 1);
        let _mapped = TcpStream::connect("10.9.0.1:8082").expect("room for it");
        wait_until("it is queued", || accept_queue_len(&dual) == 1);
        syn_flood("10.9.0.1:8081", 5);
        // One byte more for the FIN.
        wait_until("the scene is set", || {
            (unread_bytes(8080), half_open_count(8081)) == (18, 5)
        });

        let snapshots = [BpfUse::Never, BpfUse::Always, BpfUse::Never].map(read);
        let before_and_after = [&snapshots[0], &snapshots[2]].map(|one| &one.namespaces[0].queues);
        assert!(before_and_after.iter().all(|queues| queues.is_empty()));
        let [before, now, after] = snapshots.map(|snapshot| reported(&snapshot));
        for socket in [&plain, &idle, &dual] {
            let [before, now, after] = [&before, &now, &after].map(|report| of(report, socket));
            let queue = |report: &ListenerReport| report.accept_queue.clone().expect("of TCP");
            let [early, now_queue, late] = [before, now, after].map(queue);
            assert_eq!(now_queue.length, early.length);
            assert_eq!(now_queue.limit, early.limit);
            assert_agrees(now_queue.abandoned, early.abandoned);
            assert_agrees(now_queue.waiting_bytes, early.waiting_bytes);
            if let (Some(early), Some(late)) = (early.oldest_wait_ms, late.oldest_wait_ms) {
                let wait = now_queue.oldest_wait_ms.expect("somebody waits");
                let between = early.saturating_sub(SLACK_MS)..=late + SLACK_MS;
                assert!(between.contains(&wait), "{wait} is not in {between:?}");
            }
            let [early, now_syn, late] =
                [before, now, after].map(|report| report.syn_queue.clone().expect("of TCP"));
            assert_eq!(now_syn.length, early.length);
            assert_eq!(now_syn.own_length, now_syn.length);
            assert_eq!(early.own_length, None);
            if early.unanswered == late.unanswered {
                assert_agrees(now_syn.unanswered, early.unanswered);
            }
            assert_eq!(now.owners, before.owners);
        }
        let queue = of(&now, &plain).accept_queue.clone().expect("of TCP");
        assert_eq!((queue.length, queue.abandoned), (5, Some(1)));
        assert_eq!(queue.waiting_bytes, Some(17));
        assert_eq!(
            of(&now, &idle).syn_queue.clone().expect("of TCP").length,
            Some(5)
        );
    });
}

#[test]
fn members_that_share_an_address_are_told_apart() {
    in_netns_of_root(|| {
        unanswered_syns();
        if !may_read_queues() {
            return;
        }
        let (group, mut clients) = shared_queue();
        let left = clients.len() - 1;
        clients.truncate(1);
        wait_until("they have hung up", || close_wait_count(8090) == left);
        syn_flood(GROUP, 12);
        wait_until("the SYNs are answered", || half_open_count(8090) == 12);
        let [without, with] = [BpfUse::Never, BpfUse::WhereItSaves].map(|bpf| reported(&read(bpf)));
        let (mut abandoned, mut half_open) = (Some(0), 0);
        for member in &group {
            let queue = of(&without, member).accept_queue.clone().expect("of TCP");
            assert_eq!(
                queue.abandoned, None,
                "connections do not say whose they are"
            );
            let length = accept_queue_len(member);
            let member = of(&with, member);
            let queue = member.accept_queue.clone().expect("of TCP");
            assert_eq!(queue.length as usize, length);
            assert!(queue.oldest_wait_ms.is_some(), "{queue:?}");
            abandoned = abandoned.zip(queue.abandoned).map(|(sum, own)| sum + own);
            let syn_queue = member.syn_queue.clone().expect("of TCP");
            assert_eq!(syn_queue.length, Some(12), "the group's");
            half_open += syn_queue.own_length.expect("this socket's");
        }
        assert_eq!(half_open, 12);
        match abandoned {
            Some(abandoned) => assert_eq!(abandoned as usize, left),
            None => {
                let release = rustix::system::uname();
                let release = release.release().to_string_lossy();
                assert_eq!(is_at_least(&release, (6, 9)), Some(false), "{release}");
                report_skipped("who has left the queue of one member: needs Linux 6.9");
            }
        }
    });
}

#[test]
fn a_long_syn_queue_is_counted_with_its_addresses() {
    in_netns_of_root(|| {
        unanswered_syns();
        if !may_read_queues() {
            return;
        }
        // From half of the backlog on, the kernel soon gives up those that are not answered.
        let server = listen("10.9.0.1:8080", 256);
        syn_flood("10.9.0.1:8080", 40);
        wait_until("the SYNs are answered", || half_open_count(8080) == 40);
        let report = reported(&read(BpfUse::Always));
        let queue = of(&report, &server).syn_queue.clone().expect("of TCP");
        assert_eq!((queue.length, queue.peers), (Some(40), Some(40)));
    });
}

#[test]
fn owners_are_the_same_either_way() {
    in_netns_of_root(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 9);
        // The search has a second round, and finds the socket in both; threads share descriptors.
        let _high = fcntl_dupfd_cloexec(server.as_fd(), 900).expect("a high descriptor");
        let thread = std::thread::spawn(std::thread::park);
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&server));
        let _path_only: OwnedFd =
            rustix::fs::open(path, OFlags::PATH, Mode::empty()).expect("O_PATH");
        let inode = inode(&server) as u32;
        let [by_proc, by_bpf] = [BpfUse::Never, BpfUse::Always].map(|bpf| owners(bpf, &[inode]));
        thread.thread().unpark();
        if by_bpf.found_by != OwnerSource::Bpf {
            return report_skipped("finding owners by BPF: no rights, or not supported here");
        }
        assert_eq!(by_proc.found_by, OwnerSource::Proc);
        assert_eq!(by_bpf.by_inode, by_proc.by_inode);
        let fds: Vec<u32> = by_bpf.by_inode[&inode]
            .iter()
            .map(|owner| owner.fd)
            .collect();
        assert_eq!(fds.len(), 2, "the low and the high one: {fds:?}");
        assert_eq!(by_bpf.cgroups, by_proc.cgroups);
        assert!(by_bpf.complete);
    });
}

#[test]
fn bpf_is_not_used_where_it_numbers_processes_otherwise() {
    in_netns_of_root(|| {
        let program = env!("CARGO_BIN_EXE_sockdiag");
        let flags = ["--pid", "--fork", "--mount-proc", "--kill-child", program];
        let printed = run(
            "unshare",
            &[&flags[..], &["doctor", "--self", "--json"]].concat(),
        );
        let report: Value = serde_json::from_str(&printed).expect("JSON");
        assert_eq!(report["owners_found_by"], "proc", "{report:#}");
        let has = |ability: &str| {
            let mut abilities = report["abilities"].as_array().expect("a list").iter();
            let found = abilities.find(|one| one["ability"] == ability);
            found.expect("it is listed")["here"].clone()
        };
        assert_eq!(has("descriptor_iterator"), false);
        assert_eq!(has("queue_iterator"), false);
    });
}

#[test]
fn every_owner_is_searched_for_though_queues_were_read() {
    in_netns_of_root(|| {
        lo_up();
        if !may_read_queues() {
            return;
        }
        let server = listen("127.0.0.1:8080", 9);
        let high = fcntl_dupfd_cloexec(server.as_fd(), 900).expect("a high descriptor");
        let needs = Needs {
            owners: OwnerNeeds::All,
            ..Needs::queues()
        };
        let kernel = Kernel::new().with_bpf(BpfUse::Always);
        let snapshot = Collector::new(kernel, needs).collect().expect("a snapshot");
        assert_eq!(snapshot.namespaces[0].queues.len(), 1, "the queue was read");
        let report = reported(&snapshot);
        let fds: Vec<u32> = of(&report, &server)
            .owners
            .iter()
            .map(|owner| owner.fd)
            .collect();
        let high = std::os::fd::AsRawFd::as_raw_fd(&high) as u32;
        assert!(fds.len() == 2 && fds.contains(&high), "{fds:?}");
    });
}

/// Its connections come in at another socket than the one that the process has open.
#[test]
fn the_queue_of_an_mptcp_listener_is_that_of_its_first_subflow() {
    in_netns_of_root(|| {
        lo_up();
        let server = match try_listen(Protocol::MPTCP, "127.0.0.1:8080", 9, |_| {}) {
            Ok(server) => server,
            Err(error) => return report_skipped(&format!("MPTCP listener: {error}")),
        };
        if !may_read_queues() {
            return;
        }
        let _clients: Vec<TcpStream> = (0..3)
            .map(|_| TcpStream::connect("127.0.0.1:8080").expect("room for it"))
            .collect();
        let queue = |snapshot: &Snapshot| {
            let report = reported(snapshot);
            of(&report, &server).accept_queue.clone().expect("of TCP")
        };
        wait_until("they are queued", || {
            queue(&read(BpfUse::Never)).length == 3
        });
        let [before, now, after] = [BpfUse::Never, BpfUse::Always, BpfUse::Never].map(read);
        assert!(before.namespaces[0].queues.is_empty());
        let members = now.namespaces[0].queues.values().map(|queue| queue.length);
        assert_eq!(members.collect::<Vec<_>>(), [3]);
        let [before, now, after] = [before, now, after].map(|snapshot| queue(&snapshot));
        assert_eq!((now.length, now.limit), (before.length, before.limit));
        let wait = now.oldest_wait_ms.expect("somebody waits");
        if let (Some(early), Some(late)) = (before.oldest_wait_ms, after.oldest_wait_ms) {
            let between = early.saturating_sub(SLACK_MS)..=late + SLACK_MS;
            assert!(between.contains(&wait), "{wait} is not in {between:?}");
        }
        // Another socket has the data and the end of an MPTCP connection.
        assert_eq!((now.abandoned, now.waiting_bytes), (None, None));
    });
}
