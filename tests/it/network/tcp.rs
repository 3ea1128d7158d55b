//! Retransmissions and resets.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::firewall::add_chain;
use crate::support::netns::{in_netns, lo_up};
use crate::support::network_reports::{findings, namespace, only_finding, report_of};
use crate::support::tools::{kernel_counter, nstat};
use crate::support::wait::wait_until;
use sockdiag::analysis::Severity;

fn tcp(name: &str) -> u64 {
    kernel_counter("snmp", "Tcp", name)
}

/// Sends small segments to a reader at this listener until `is_done`.
fn send_until(listener: &TcpListener, is_done: impl FnMut() -> bool) {
    let address = listener.local_addr().expect("it is bound");
    let mut client = TcpStream::connect(address).expect("it listens");
    client.set_nodelay(true).expect("TCP_NODELAY");
    let (mut server, _) = listener.accept().expect("a client is there");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                client.write_all(&[7; 100]).expect("the server reads");
            }
            drop(client);
        });
        scope.spawn(|| {
            let mut buffer = [0; 4096];
            while server.read(&mut buffer).expect("the client writes") > 0 {}
        });
        wait_until("enough was sent", is_done);
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn segments_that_a_firewall_drops_are_retransmissions() {
    in_netns(|| {
        lo_up();
        let listener = TcpListener::bind("127.0.0.1:8080").expect("it is free");
        let before = tcp("OutSegs");
        let clean = report_of(|| send_until(&listener, || tcp("OutSegs") > before + 500));
        assert!(findings(&clean).is_empty(), "{:#?}", clean.findings);

        let drop = "tcp dport 8080 tcp flags & (syn | rst) == 0 numgen inc mod 4 == 0 drop";
        if !add_chain("filter", "input", &[drop]) {
            return;
        }
        let before = tcp("RetransSegs");
        let report = report_of(|| send_until(&listener, || tcp("RetransSegs") >= before + 60));
        let finding = only_finding(&report, "retransmissions_high");
        assert_eq!(
            (finding.severity, finding.inferred),
            (Severity::Warning, true)
        );
        let traffic = &namespace(&report).traffic;
        assert!(traffic.retransmitted >= Some(40), "{traffic:?}");
        let Some(nstat) = nstat() else {
            return;
        };
        // Since the namespace was created, so that they bound the interval.
        let all = nstat["TcpRetransSegs"].as_u64().expect("a number");
        assert!(traffic.retransmitted <= Some(all), "{traffic:?} {all}");
    });
}

#[test]
fn connects_to_closed_ports_are_resets_and_orderly_ones_are_not() {
    in_netns(|| {
        lo_up();
        let listener = TcpListener::bind("127.0.0.1:8080").expect("it is free");
        let orderly = report_of(|| {
            for _ in 0..200 {
                let client = TcpStream::connect("127.0.0.1:8080").expect("it listens");
                drop(listener.accept().expect("a client is there"));
                drop(client);
            }
        });
        assert!(findings(&orderly).is_empty(), "{:#?}", orderly.findings);

        let refused = report_of(|| {
            for _ in 0..2000 {
                TcpStream::connect("127.0.0.1:8081").expect_err("nobody listens");
            }
        });
        let finding = only_finding(&refused, "resets_sent");
        assert_eq!(finding.severity, Severity::Warning);
        let traffic = &namespace(&refused).traffic;
        assert_eq!(traffic.resets_sent, Some(2000));
        assert_eq!(traffic.resets_by_processes, Some(0));
        let cause = finding.cause.as_deref().expect("a candidate");
        assert!(cause.contains("nothing listens"), "{cause}");

        let unread = report_of(|| {
            for _ in 0..2000 {
                let mut client = TcpStream::connect("127.0.0.1:8080").expect("it listens");
                client.write_all(b"x").expect("it is connected");
                let (server, _) = listener.accept().expect("a client is there");
                // Returns when the byte is there, and leaves it.
                server.peek(&mut [0]).expect("a byte comes");
                drop(server);
                drop(client);
            }
        });
        let finding = only_finding(&unread, "resets_sent");
        let cause = finding.cause.as_deref().expect("a candidate");
        assert!(cause.contains("unread data"), "{cause}");
    });
}
