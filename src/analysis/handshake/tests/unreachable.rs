//! ICMP errors about SYNs and SYN-ACKs.

use super::{super::outcome::Basis, *};
use crate::model::IcmpError;

impl Script {
    /// An ICMP error about a segment with this sequence number, sent by the client or the server.
    pub(super) fn error(
        &mut self,
        from_client: bool,
        sequence: u32,
        kind: u8,
        code: u8,
    ) -> &mut Self {
        let (source, destination) = match from_client {
            true => (self.client, self.server),
            false => (self.server, self.client),
        };
        self.sent += 1;
        self.told = self.tracker.icmp_error(&IcmpError {
            number: self.sent,
            time_ns: self.like.time_ns,
            sender: "10.0.0.254".parse().unwrap(),
            kind,
            code,
            source,
            destination,
            sequence,
        });
        self
    }
}

#[test]
fn a_client_that_gives_up_is_not_waited_for() {
    let mut script = Script::new();
    script
        .at(0.0)
        .client("S", C, 0)
        .at(0.1)
        .error(true, C, 3, 13);
    assert!(script.told);
    let found = script.one_by(1700.0);
    assert_eq!(found.outcome, Outcome::Unreachable);
    assert!(found.has_failed());
    let error = found.unreachable.unwrap();
    assert_eq!(
        (error.icmp_type, error.icmp_code, error.sent_by),
        (3, 13, Side::Client)
    );
    assert_eq!(error.by.to_string(), "10.0.0.254");
    assert_eq!(found.packet, 2);
    let reason = found.reason.unwrap();
    assert!(reason.text.contains("administratively prohibited"));
    assert_eq!(
        reason.basis,
        Basis::Inference,
        "a router's route may prohibit it"
    );
}

#[test]
fn only_a_firewall_calls_a_tcp_port_unreachable() {
    let mut script = Script::new();
    let found = script
        .at(0.0)
        .client("S", C, 0)
        .error(true, C, 3, 3)
        .one_by(2000.0);
    let reason = found.reason.unwrap();
    assert!(reason.text.contains("port unreachable"));
    assert_eq!(reason.basis, Basis::Evidence);
}

#[test]
fn a_client_that_goes_on_may_get_through() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0).error(true, C, 3, 1);
    script.at(1000.0).client("S", C, 0);
    assert_eq!(
        script.pass(2000.0).handshakes(),
        [],
        "the second SYN may be answered"
    );
    script.at(2001.0).server("SA", S, C + 1);
    script
        .client("A", C + 1, after(S))
        .server("A", after(S), C + 1);
    let found = script.one();
    assert_eq!(found.outcome, Outcome::Established);
    assert!(found.unreachable.is_some());
}

#[test]
fn the_error_may_be_about_the_syn_ack() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0).server("SA", S, C + 1);
    let found = script.at(1.0).error(false, S, 3, 1).one_by(2000.0);
    assert_eq!(found.outcome, Outcome::Unreachable);
    assert_eq!(found.unreachable.unwrap().sent_by, Side::Server);
}

#[test]
fn errors_about_other_segments_change_nothing() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0);
    script.error(true, C + 1, 3, 3).error(false, C, 3, 3);
    assert!(!script.told);
    let found = script.one_by(4000.0);
    assert_eq!((found.outcome, found.unreachable), (Outcome::NoReply, None));
}

#[test]
fn an_established_connection_stays_so() {
    let mut script = Script::new();
    let found = script.opened(0.0).error(true, C, 3, 3).one_by(2500.0);
    assert_eq!(found.outcome, Outcome::Established);
}
