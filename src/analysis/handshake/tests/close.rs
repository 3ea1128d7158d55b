//! How connections end.

use super::*;

fn closes(script: &mut Script) -> Vec<Close> {
    let events = script.events().into_iter();
    events
        .filter_map(|event| match event {
            Event::Close(close) => Some(*close),
            _ => None,
        })
        .collect()
}

#[test]
fn who_sends_the_first_fin_closes() {
    let mut script = Script::new();
    script.opened(0.0).at(102.0).server("FA", after(S), C + 1);
    script.client("A", C + 1, after(S) + 1);
    assert_eq!(closes(&mut script), []);
    script.at(1102.0).client("FA", C + 1, after(S) + 1);
    let [close] = &closes(&mut script)[..] else {
        panic!("one ends");
    };
    assert_eq!((close.closed_by, close.how), (Side::Server, How::Fin));
    assert_eq!(
        (close.lived_ms, close.half_closed_ms),
        (Some(1102.0), Some(1000.0))
    );
    script.at(1103.0).server("RA", after(S), C + 2);
    assert_eq!(closes(&mut script), [], "it ends once");
}

#[test]
fn fins_that_cross_close_from_both_ends() {
    let mut script = Script::new();
    script.opened(0.0).at(10.0).client("FA", C + 1, after(S));
    script.server("FA", after(S), C + 1);
    assert_eq!(closes(&mut script)[0].closed_by, Side::Both);
}

#[test]
fn a_reset_ends_it_too() {
    let mut script = Script::new();
    script.opened(0.0).at(10.0).client("FA", C + 1, after(S));
    script.at(30.0).server("RA", after(S), C + 2);
    let [close] = &closes(&mut script)[..] else {
        panic!("one ends");
    };
    assert_eq!((close.closed_by, close.how), (Side::Client, How::Reset));
    assert_eq!(close.half_closed_ms, Some(20.0));
}

#[test]
fn a_connection_that_was_there_before_has_no_known_age() {
    let mut script = Script::new();
    script
        .at(0.0)
        .server("FA", 10, 20)
        .at(5.0)
        .client("FA", 20, 11);
    let [close] = &closes(&mut script)[..] else {
        panic!("one ends");
    };
    assert_eq!((close.lived_ms, close.closed_by), (None, Side::Server));
    assert_eq!(close.client, script.client, "it has the higher port");
}

#[test]
fn a_refused_handshake_is_no_connection_that_ends() {
    let mut script = Script::new();
    script
        .at(0.0)
        .client("S", C, 0)
        .server("RA", 0, C + 1)
        .server("RA", 0, C + 1);
    assert_eq!(closes(&mut script), []);
}

#[test]
fn a_fin_before_the_verdict_is_not_forgotten() {
    let mut script = Script::new();
    script.opened(0.0).at(5.0).client("FA", C + 1, after(S));
    assert_eq!(script.events(), [], "the server has said nothing yet");
    script.at(8.0).server("FA", after(S), C + 2);
    let [Event::Handshake(found), Event::Close(close)] = &script.events()[..] else {
        panic!("both are told");
    };
    assert!(found.confirmed);
    assert_eq!(
        (close.closed_by, close.half_closed_ms),
        (Side::Client, Some(3.0))
    );
}

#[test]
fn a_fin_of_the_connection_before_ends_nothing() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0);
    script.server("FA", 77_777, 99_999_999);
    script.opened(1.0).server("A", after(S), C + 2);
    script.at(20.0).client("FA", C + 2, after(S));
    script.at(50.0).server("FA", after(S), C + 3);
    let [close] = &closes(&mut script)[..] else {
        panic!("one ends");
    };
    assert_eq!(
        (close.closed_by, close.half_closed_ms),
        (Side::Client, Some(30.0))
    );
}
