//! Connections and descriptors that a process does not close.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use crate::support::firewall::add_chain;
use crate::support::netns::{in_netns, in_sealed_netns, lo_up};
use crate::support::network_reports::{between, collector, findings, namespace, only_finding};
use crate::support::sockets::{close_wait_count, listen};
use crate::support::traffic::left_open;
use crate::support::wait::{wait_for, wait_until};
use sockdiag::analysis::network::NetworkReport;
use sockdiag::analysis::{Sampling as _, Severity, fds};
use sockdiag::collect::{Collector, Needs};
use sockdiag::model::{Snapshot, State};
use sockdiag::source::{FdQuestion, Kernel};

/// The snapshot as it would be if the sockets in it had been silent for this much longer.
fn seconds_later(mut snapshot: Snapshot, seconds: u32) -> Snapshot {
    let parts = snapshot.namespaces.iter_mut();
    for part in parts.filter_map(|namespace| namespace.half_closed.as_mut()) {
        for (_, group) in &mut Arc::make_mut(part).groups {
            for socket in &mut group.samples {
                socket.silent_ms = socket.silent_ms.map(|silent| silent + seconds * 1000);
            }
        }
    }
    snapshot
}

/// (held, unheld) in this state, all services together.
fn in_state(report: &NetworkReport, state: State) -> (u64, u64) {
    let groups = namespace(report).half_closed.iter();
    let groups = groups.filter(|group| group.state == state);
    groups.fold((0, 0), |(held, unheld), group| {
        (held + group.held, unheld + group.unheld)
    })
}

#[test]
fn connections_that_a_process_does_not_close_are_a_leak_once_they_are_old() {
    in_sealed_netns(|| {
        lo_up();
        let listener = TcpListener::bind("127.0.0.1:8080").expect("it is free");
        let mut collector = collector();
        let mut open = left_open(&listener, 15);
        wait_until("the clients have closed", || close_wait_count(8080) == 15);
        let before = collector.collect().expect("a snapshot");
        open.extend(left_open(&listener, 20));
        wait_until("the clients have closed", || close_wait_count(8080) == 35);
        let now = collector.collect().expect("a snapshot");

        let report = between(&before, &now);
        assert_eq!(in_state(&report, State::CloseWait), (35, 0));
        let burst = findings(&report);
        assert!(
            burst.is_empty(),
            "they may be closed in a moment: {burst:#?}"
        );

        let later = between(&before, &seconds_later(now, 10));
        let leak = only_finding(&later, "close_wait_leak");
        assert_eq!((leak.severity, leak.inferred), (Severity::Warning, true));
        assert_eq!(leak.subject, "127.0.0.1:8080");
        let owner = format!("({})", std::process::id());
        assert!(
            leak.message
                .starts_with("35 connections in CLOSE_WAIT held by ")
        );
        assert!(leak.message.contains(&owner), "{}", leak.message);
        assert!(leak.message.contains(", 20 more"), "{}", leak.message);

        drop(open);
        wait_until("none is left", || close_wait_count(8080) == 0);
        let closed = collector.collect().expect("a snapshot");
        assert_eq!(
            in_state(&between(&before, &closed), State::CloseWait),
            (0, 0)
        );
    });
}

/// They are the accept queue's: the process cannot close what it has not accepted.
#[test]
fn connections_that_wait_for_accept_are_no_leak() {
    in_netns(|| {
        lo_up();
        let _listener = listen("127.0.0.1:8080", 200);
        let mut collector = collector();
        let before = collector.collect().expect("a snapshot");
        for _ in 0..150 {
            TcpStream::connect("127.0.0.1:8080").expect("the queue has room");
        }
        wait_until("the clients have closed", || close_wait_count(8080) == 150);
        let now = collector.collect().expect("a snapshot");
        let report = between(&before, &seconds_later(now, 600));
        assert_eq!(in_state(&report, State::CloseWait), (0, 150));
        assert!(findings(&report).is_empty(), "{:#?}", report.findings);
    });
}

/// A client end in CLOSE_WAIT belongs to the service that it was connected to.
#[test]
fn a_client_that_does_not_close_is_reported_by_its_destination() {
    in_netns(|| {
        lo_up();
        let listener = TcpListener::bind("127.0.0.1:5432").expect("it is free");
        let clients: Vec<TcpStream> = (0..12)
            .map(|_| {
                let client = TcpStream::connect("127.0.0.1:5432").expect("it listens");
                drop(listener.accept().expect("a client is there"));
                client
            })
            .collect();
        drop(listener);
        let mut collector = collector();
        let now = wait_for("the server has closed", || {
            let now = collector.collect().expect("a snapshot");
            let report = between(&Snapshot::default(), &now);
            (in_state(&report, State::CloseWait).0 == 12).then_some(now)
        });
        let report = between(&Snapshot::default(), &now);
        let groups = &namespace(&report).half_closed;
        let group = groups.iter().find(|group| group.state == State::CloseWait);
        let service = group.expect("found").service.to_string();
        assert_eq!(service, "127.0.0.1:5432");
        assert!(findings(&report).is_empty(), "12, and no older");
        drop(clients);
    });
}

#[test]
fn closed_connections_that_a_peer_does_not_acknowledge_are_orphans() {
    in_netns(|| {
        lo_up();
        let listener = TcpListener::bind("127.0.0.1:8080").expect("it is free");
        let connect = |_| TcpStream::connect("127.0.0.1:8080").expect("it listens");
        let clients: Vec<TcpStream> = (0..12).map(connect).collect();
        let accept = |_| listener.accept().expect("a client is there").0;
        let accepted: Vec<TcpStream> = (0..12).map(accept).collect();
        if !add_chain("filter", "input", &["tcp dport 8080 drop"]) {
            return;
        }
        let mut collector = collector();
        let before = collector.collect().expect("a snapshot");
        drop(clients);
        let now = collector.collect().expect("a snapshot");
        let report = between(&before, &now);
        assert_eq!(in_state(&report, State::FinWait1), (0, 12));
        let orphans = now.host_network.expect("read").orphans;
        assert!(orphans >= Some(12), "of the host: {orphans:?}");
        assert!(findings(&report).is_empty(), "{:#?}", report.findings);
        drop(accepted);
    });
}

/// The fds report after each of these numbers of files was opened, all still open.
fn sampled(steps: &[usize], close_every: Option<usize>) -> fds::FdsReport {
    let needs = Needs {
        processes: Some(FdQuestion {
            pids: Some(vec![std::process::id()]),
            began: true,
            ..FdQuestion::default()
        }),
        ..Needs::default()
    };
    let mut collector = Collector::new(Kernel::new(), needs);
    let (mut samples, mut open) = (fds::Samples::default(), Vec::new());
    let mut last = fds::FdsReport::default();
    for (number, step) in steps.iter().enumerate() {
        let files = (0..*step).map(|_| File::open("/dev/null").expect("it is there"));
        open.extend(files);
        if close_every.is_some_and(|every| number % every == every - 1) {
            open.clear();
        }
        let snapshot = collector.collect().expect("a snapshot");
        last = fds::report(&snapshot, None, &fds::Selection::default());
        samples.add(&last);
    }
    samples.fill(&mut last);
    last
}

#[test]
fn descriptors_that_a_process_does_not_close_are_a_leak_and_a_sawtooth_is_none() {
    in_sealed_netns(|| {
        let leak = sampled(&[5, 5, 5, 5, 5, 5], None);
        let [finding] = &leak.findings[..] else {
            panic!("{:#?}", leak.findings);
        };
        assert_eq!(
            (finding.id, finding.severity),
            ("fd_leak", Severity::Warning)
        );
        let growth = leak.processes[0].growth.expect("sampled");
        assert_eq!((growth.samples, growth.last - growth.first), (6, 25));
        for none in [
            sampled(&[9, 9, 9, 9, 9, 9], Some(3)),
            sampled(&[5, 50, 0, 0, 0, 0], None),
            sampled(&[5, 5, 5, 5], None),
        ] {
            assert_eq!(none.findings, []);
        }
    });
}
