//! The library alone: a SO_REUSEPORT group as one.

use std::collections::BTreeMap;

use crate::support::queue_readings::{
    endpoint, first_report, listener, namespace, next_report, reading, with_drops,
};
use sockdiag::analysis::queues::State;
use sockdiag::model::{Listener, Netns, NetnsSnapshot, Owner, Owners, Protocol, Queue, Snapshot};

#[test]
fn a_folded_group_has_sums_and_the_worst_of_its_members() {
    let local = endpoint("127.0.0.1", 80, 0);
    let members = |drops: [u32; 3]| {
        reading(namespace(vec![
            with_drops(drops[0], listener(1, local, 1, 1)),
            with_drops(drops[1], listener(2, local, 6, 9)),
            with_drops(drops[2], listener(3, local, 0, 5)),
        ]))
    };
    let mut folded = next_report(&members([10, 20, 30]), &members([9, 18, 26]));
    folded.fold();
    let [group] = &folded.listeners[..] else {
        panic!("not one element: {folded:#?}");
    };
    let queue = group.accept_queue.as_ref().expect("a TCP listener");
    assert_eq!((queue.length, queue.limit), (7, 15));
    // One more than the limit fits: 6 of 10 is fuller than 1 of 2.
    assert_eq!(queue.fill_ratio, 0.6);
    let fullest = group.fullest.expect("a group has one");
    assert_eq!((fullest.length, fullest.limit), (6, 9));
    assert_eq!(group.state, State::Busy);
    assert_eq!((group.drops, group.drops_delta), (Some(60), Some(7)));
    assert_eq!(group.drops_per_second, Some(3.5));
    assert_eq!(group.reuseport_members, 3);
}

#[test]
fn a_folded_group_is_owned_by_all_who_own_a_member() {
    let local = endpoint("127.0.0.1", 80, 0);
    let owner = |pid| Owner {
        pid,
        name: "x".to_owned(),
        fd: 3,
    };
    let reading = Snapshot {
        owners: Some(
            Owners {
                by_inode: BTreeMap::from([(1, vec![owner(10)]), (2, vec![owner(20), owner(30)])]),
                complete: true,
                ..Owners::default()
            }
            .into(),
        ),
        ..reading(namespace(vec![
            listener(1, local, 0, 5),
            listener(2, local, 0, 5),
        ]))
    };
    let mut folded = first_report(&reading);
    folded.fold();
    let pids: Vec<u32> = folded.listeners[0]
        .owners
        .iter()
        .map(|owner| owner.pid)
        .collect();
    assert_eq!(pids, [10, 20, 30]);
    assert!(folded.listeners[0].owners_complete);
}

#[test]
fn what_shares_only_an_address_is_not_folded() {
    let local = endpoint("127.0.0.1", 80, 0);
    let in_namespace = |inode, number| NetnsSnapshot {
        netns: Netns {
            inode: Some(inode),
            name: None,
            ..Netns::default()
        },
        ..namespace(vec![listener(number, local, 0, 5)])
    };
    let udp = Listener {
        protocol: Protocol::Udp,
        queue: Queue::Receive {
            bytes: 0,
            limit_bytes: Some(1),
        },
        ..listener(3, local, 0, 0)
    };
    let mut here = in_namespace(4, 1);
    let sockets = &mut here.listeners.as_mut().expect("listeners").sockets;
    sockets.push(udp);
    sockets.push(listener(4, endpoint("127.0.0.1", 80, 7), 0, 5));
    let mut report = first_report(&Snapshot {
        namespaces: vec![here, in_namespace(5, 2)],
        ..Snapshot::default()
    });
    report.fold();
    assert_eq!(report.listeners.len(), 4, "{report:#?}");
}

#[test]
fn the_owner_of_the_worst_member_comes_first() {
    let local = endpoint("127.0.0.1", 80, 0);
    let owner = |pid| Owner {
        pid,
        name: "x".to_owned(),
        fd: 3,
    };
    let reading = Snapshot {
        owners: Some(
            Owners {
                by_inode: (1..5).map(|inode| (inode, vec![owner(inode)])).collect(),
                complete: true,
                ..Owners::default()
            }
            .into(),
        ),
        ..reading(namespace(vec![
            listener(1, local, 0, 5),
            listener(2, local, 1, 5),
            listener(3, local, 6, 5),
            listener(4, local, 0, 5),
        ]))
    };
    let mut folded = first_report(&reading);
    folded.fold();
    let owners = folded.listeners[0].owners.iter();
    assert_eq!(owners.map(|owner| owner.pid).next(), Some(3));
}
