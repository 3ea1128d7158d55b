//! Reading queues by BPF: which listeners of which network namespace are read.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpStream;

use sockdiag::collect::{Collector, Namespaces, Needs, OwnerNeeds};
use sockdiag::model::{Families, snapshot::QueueContents};
use sockdiag::source::{BpfUse, Kernel, QueueReader};
use socket2::Socket;

use crate::support::bpf::may_read_queues;
use crate::support::helper_process::{ListenerSetup, spawn_listener};
use crate::support::netns::{in_netns_of_root, lo_up};
use crate::support::sockets::{fill_accept_queue, inode, listen};

const V4: Families = Families {
    v4: true,
    v6: false,
};
const V6: Families = Families {
    v4: false,
    v6: true,
};

fn listen_at(address: &str, ports: std::ops::Range<u16>) -> Vec<Socket> {
    ports
        .map(|port| listen(&format!("{address}:{port}"), 64))
        .collect()
}

fn inodes<'a>(listeners: impl IntoIterator<Item = &'a Socket>) -> BTreeSet<u32> {
    let listeners = listeners.into_iter();
    listeners.map(|socket| inode(socket) as u32).collect()
}

/// Needs no owner.
fn collector() -> Collector {
    let needs = Needs {
        owners: OwnerNeeds::None,
        ..Needs::queues()
    };
    Collector::new(Kernel::new().with_bpf(BpfUse::Always), needs)
}

fn queues(collector: &mut Collector) -> BTreeMap<u32, QueueContents> {
    let mut snapshot = collector.collect().expect("a snapshot");
    snapshot.namespaces.remove(0).queues
}

#[test]
fn as_many_listeners_of_a_family_are_read_as_were_asked_for() {
    in_netns_of_root(|| {
        lo_up();
        if !may_read_queues() {
            return;
        }
        let v4 = listen_at("127.0.0.1", 8080..8085);
        let v6 = listen_at("[::1]", 8080..8083);
        let _clients = fill_accept_queue(&v4[0], 3);
        let _other = TcpStream::connect("[::1]:8081").expect("room for it");
        let reader = QueueReader::load(8).expect("it was loaded before");
        let read = |families, count| {
            let found = reader.read(families, count).expect("it is read");
            found.into_keys().collect::<BTreeSet<u32>>()
        };
        let all = inodes(v4.iter().chain(&v6));
        assert_eq!(read(Families::BOTH, 8), all);
        assert_eq!(read(Families::BOTH, 50), all, "there are no more");
        assert_eq!(read(V4, 5), inodes(&v4));
        assert_eq!(read(V6, 3), inodes(&v6));
        assert_eq!(read(V6, 8), inodes(&v6), "there are no more");
        for count in 0..=8 {
            let some = read(Families::BOTH, count);
            assert_eq!(some.len(), count as usize);
            assert!(some.is_subset(&all));
        }
    });
}

#[test]
fn listeners_that_come_later_are_read_however_many_they_are() {
    in_netns_of_root(|| {
        lo_up();
        if !may_read_queues() {
            return;
        }
        let mut collector = collector();
        assert_eq!(queues(&mut collector), BTreeMap::new());
        let mut listeners = listen_at("127.0.0.1", 8000..8001);
        let _clients = fill_accept_queue(&listeners[0], 3);
        let found = queues(&mut collector);
        assert_eq!(
            found.values().map(|one| one.length).collect::<Vec<_>>(),
            [3]
        );
        for ports in [8001..8100, 8100..8300] {
            listeners.extend(listen_at("127.0.0.1", ports));
            let found = queues(&mut collector);
            let found: BTreeSet<u32> = found.into_keys().collect();
            assert_eq!(found, inodes(&listeners));
        }
        listeners.truncate(2);
        let found: BTreeSet<u32> = queues(&mut collector).into_keys().collect();
        assert_eq!(found, inodes(&listeners));
    });
}

#[test]
fn each_namespace_has_its_own_listeners() {
    in_netns_of_root(|| {
        lo_up();
        if !may_read_queues() {
            return;
        }
        let here = listen("127.0.0.1:8080", 64);
        let setup = ListenerSetup {
            address: "127.0.0.1:8080",
            backlog: 64,
            clients: 5,
            syns: 0,
        };
        let there = spawn_listener(&setup, &["unshare", "--net"]);
        let pid = there.pid().to_string();
        let other = Namespaces::named(&pid, &Kernel::new()).expect("a process");
        let lengths = |collector: Collector| {
            let mut collector = collector;
            let found = queues(&mut collector).into_values();
            found.map(|queue| queue.length).collect::<Vec<_>>()
        };
        assert_eq!(lengths(collector()), [0]);
        assert_eq!(lengths(collector().within(other)), [5]);
        drop(here);
        assert_eq!(lengths(collector()), [0; 0]);
    });
}
