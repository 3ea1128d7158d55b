//! One connection under the addresses before and behind a translation.

use super::*;

/// A SYN for the outer server on its way in, and then for the inner one on its way out.
fn through() -> Script {
    let mut script = Script::new();
    let inner = address("10.8.0.2", 8080);
    script
        .on(2, Some(Direction::Incoming))
        .marked(Some(7), Some(1))
        .at(0.0);
    script.client("S", C, 0);
    script.server = inner;
    script
        .on(3, Some(Direction::Outgoing))
        .at(0.01)
        .client("S", C, 0);
    script
}

fn answered(script: &mut Script, flags: &str, sequence: u32) {
    let inner = script.server;
    script
        .on(3, Some(Direction::Incoming))
        .at(1.0)
        .server(flags, sequence, C + 1);
    script.server = address(SERVER, 80);
    script
        .on(2, Some(Direction::Outgoing))
        .at(1.01)
        .server(flags, sequence, C + 1);
    script.server = inner;
}

#[test]
fn it_is_counted_once_with_both_addresses() {
    let mut script = through();
    answered(&mut script, "SA", S);
    let inner = script.server;
    script.server = address(SERVER, 80);
    script
        .on(2, Some(Direction::Incoming))
        .at(2.0)
        .client("A", C + 1, after(S));
    script.server = inner;
    script
        .on(3, Some(Direction::Outgoing))
        .at(2.5)
        .client("A", C + 1, after(S));
    let found = script.one_by(4000.0);
    assert_eq!(found.outcome, Outcome::Established);
    assert_eq!(found.server, address(SERVER, 80));
    assert_eq!(found.translated.unwrap().server, inner);
    assert_eq!(found.captured_on, Some(CapturedOn::Between));
    assert_eq!((found.syn_retransmits, found.total_ms), (0, Some(2.5)));
}

#[test]
fn the_server_behind_is_judged_and_not_who_listens_before() {
    let mut script = Script::new();
    script.listeners(-1.0, &[listener(9, 0)]).at(0.0);
    script.on(2, Some(Direction::Incoming)).client("S", C, 0);
    script.server = address("10.8.0.2", 8080);
    script.on(3, Some(Direction::Outgoing)).client("S", C, 0);
    script
        .on(3, Some(Direction::Incoming))
        .at(1.0)
        .server("RA", 0, C + 1);
    let found = script.one();
    assert_eq!(found.outcome, Outcome::Refused);
    assert_eq!(found.listener_queue, None);
    assert!(
        found
            .reason
            .unwrap()
            .text
            .starts_with("nobody listens there, or")
    );
}

#[test]
fn a_scan_of_many_ports_with_one_sequence_number_is_many_handshakes() {
    let mut script = Script::new();
    script.on(2, Some(Direction::Incoming));
    for (port, id) in [(80, 11), (81, 4711), (82, 815)] {
        script.server = address(SERVER, port);
        script
            .marked(Some(id), None)
            .at(f64::from(port) / 100.0)
            .client("S", C, 0);
    }
    assert_eq!(script.pass(9000.0).handshakes().len(), 3);
}

#[test]
fn without_marks_a_translated_packet_is_known_by_its_way() {
    for (interface, direction, expected) in [
        (3, Direction::Outgoing, 1),
        (2, Direction::Outgoing, 1),
        (2, Direction::Incoming, 2),
    ] {
        let mut script = Script::new();
        script
            .on(2, Some(Direction::Incoming))
            .at(0.0)
            .client("S", C, 0);
        script.server = address("10.8.0.2", 8080);
        script
            .on(interface, Some(direction))
            .at(0.01)
            .client("S", C, 0);
        assert_eq!(
            script.pass(9000.0).handshakes().len(),
            expected,
            "{interface}"
        );
    }
}

#[test]
fn a_masqueraded_client_is_joined_as_well() {
    let mut script = Script::new();
    script
        .on(2, Some(Direction::Incoming))
        .marked(Some(7), None)
        .at(0.0);
    script.client("S", C, 0);
    script.client = address("192.0.2.1", 40_000);
    script
        .on(3, Some(Direction::Outgoing))
        .at(0.01)
        .client("S", C, 0);
    let found = script.one_by(9000.0);
    assert_eq!(found.client, address(CLIENT, 40_000));
    assert_eq!(
        found.translated.unwrap().client,
        address("192.0.2.1", 40_000)
    );
}
