//! Retransmissions and resets.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};

use crate::support::netns::{in_netns, lo_up};
use crate::support::network_reports::{findings, namespace, only_finding, report_of};
use crate::support::tools::nstat;
use crate::support::traffic::{lose_one_in_four, send_until, tcp};
use sockdiag::analysis::Severity;

#[test]
fn segments_that_a_firewall_drops_are_retransmissions() {
    in_netns(|| {
        lo_up();
        let listener = TcpListener::bind("127.0.0.1:8080").expect("it is free");
        let before = tcp("OutSegs");
        let clean = report_of(|| send_until(&listener, || tcp("OutSegs") > before + 500));
        assert!(findings(&clean).is_empty(), "{:#?}", clean.findings);

        if !lose_one_in_four() {
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
