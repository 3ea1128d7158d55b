//! Namespaces and sockets that are gone at the last reading.

use super::*;

/// A namespace may close after a packet was dropped and before it is read again.
#[test]
fn drops_of_a_namespace_that_closed_are_a_lower_bound() {
    let at = |drops: &[(u64, i128)]| {
        let namespaces = drops.iter().map(|(inode, drops)| {
            let sockets = vec![listener(*inode, 80, 0, 0)];
            let mut namespace = snapshot(sockets, *drops, Vec::new()).namespaces.remove(0);
            namespace.netns.inode = Some(*inode);
            namespace
        });
        Snapshot {
            namespaces: namespaces.collect(),
            ..Snapshot::default()
        }
    };
    let drops = |samples: &[Snapshot]| one(check(Kind::Drops, &[], &["0"]), samples);
    let counter = |samples: &[Snapshot]| {
        let all = ["TcpExtListenDrops".to_owned()].into_iter().collect();
        let exact = Default::default();
        let counters = Check {
            counters: Some(Selection::Named { all, exact }),
            ..check(Kind::Counters, &[], &["0"])
        };
        one(counters, samples)
    };
    let came_and_went = [at(&[(1, 5)]), at(&[(1, 5), (2, 3)]), at(&[(1, 5)])];
    let went = [at(&[(1, 5), (2, 3)]), at(&[(1, 5), (2, 6)]), at(&[(1, 5)])];
    // Four datagrams were dropped in each namespace before it was first read.
    assert_eq!(drops(&came_and_went), (Verdict::Critical, Some(7.0)));
    assert_eq!(counter(&came_and_went), (Verdict::Critical, Some(3.0)));
    assert_eq!(drops(&went), (Verdict::Critical, Some(3.0)));
    assert_eq!(counter(&went), (Verdict::Critical, Some(3.0)));
    let quiet = [at(&[(1, 5), (2, 3)]), at(&[(1, 5)])];
    assert_eq!(drops(&quiet), (Verdict::Unknown, Some(0.0)));
    assert_eq!(counter(&quiet), (Verdict::Unknown, Some(0.0)));
    // The same without a threshold: a command may have done it, a host has the namespace no more.
    let conditions = Plan {
        checks: vec![check(Kind::Queues, &[], &[])],
        fail_on: vec!["accept_queue_overflow".to_owned()],
        ..Plan::default()
    };
    for (of_command, expected) in [(true, Verdict::Unknown), (false, Verdict::Ok)] {
        let judged = judged_with(&conditions, &quiet, of_command, |_| {});
        let statuses: Vec<Verdict> = judged.iter().map(|one| one.status).collect();
        assert_eq!(statuses, [expected; 2], "{judged:#?}");
    }
    // Where nothing receives packets, none can be dropped at a socket.
    let mut unused = quiet.clone();
    unused[0].namespaces[1].listeners = Some(Listeners::default());
    assert_eq!(drops(&unused), (Verdict::Ok, Some(0.0)));
    let mut unread = quiet;
    unread[0].namespaces.pop();
    let mut brief = at(&[(2, 3)]);
    brief.namespaces[0].counters = Counters::default();
    let [first, last] = unread;
    let samples = |brief: &Snapshot| [first.clone(), brief.clone(), last.clone()];
    assert_eq!(drops(&samples(&brief)), (Verdict::Unknown, Some(0.0)));
    // They have one, and it is a lower bound of the drops.
    let overflows = |count| vec![(CounterId::new("TcpExt", "ListenOverflows"), count)];
    brief.namespaces[0].counters.values = overflows(2);
    assert_eq!(drops(&samples(&brief)), (Verdict::Critical, Some(2.0)));
    let mut full = at(&[(2, 3)]);
    full.namespaces[0].counters.values.extend(overflows(1));
    let [first, _, last] = samples(&brief);
    let both = [first, full, brief, last];
    // Three drops, four datagrams, and one overflow more.
    assert_eq!(drops(&both), (Verdict::Critical, Some(8.0)));
}

#[test]
fn drops_of_a_socket_that_closed_are_a_lower_bound() {
    let at = |sockets: &[(u64, u16, u32)]| {
        let sockets = sockets.iter();
        let sockets = sockets.map(|(cookie, port, drops)| listener(*cookie, *port, 0, *drops));
        snapshot(sockets.collect(), 0, Vec::new())
    };
    let drops = |check: Check, samples: &[Snapshot]| one(check, samples);
    let port = || at_port(80, check(Kind::Drops, &[], &["0"]));
    let restarted = [at(&[(1, 80, 5)]), at(&[(1, 80, 7)]), at(&[(2, 80, 0)])];
    assert_eq!(drops(port(), &restarted), (Verdict::Critical, Some(2.0)));
    let gone = [at(&[(1, 80, 5)]), at(&[(1, 80, 7)]), at(&[])];
    assert_eq!(drops(port(), &gone), (Verdict::Critical, Some(2.0)));
    let quiet = [at(&[(1, 80, 5)]), at(&[(2, 80, 0)])];
    assert_eq!(drops(port(), &quiet), (Verdict::Unknown, Some(0.0)));
    let other = [
        at(&[(1, 80, 5), (3, 81, 0)]),
        at(&[(1, 80, 5), (3, 81, 9)]),
        at(&[(1, 80, 5)]),
    ];
    assert_eq!(drops(port(), &other), (Verdict::Ok, Some(0.0)));
}
