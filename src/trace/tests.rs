//! A trace of a capture file that holds one refused handshake.

use super::*;
use crate::analysis::{Report, handshake::Event};

const REFUSED: &str = "tests/fixtures/captures/refused.pcap";

#[test]
fn a_file_gives_its_handshakes_and_then_the_summary_with_findings() {
    let trace = Trace::file(REFUSED, Options::default()).unwrap();
    let reports: Vec<TraceReport> = trace.map(Result::unwrap).collect();
    let [handshake, summary] = &reports[..] else {
        panic!("{reports:#?}");
    };
    let Event::Handshake(handshake) = &handshake.event else {
        panic!("{handshake:#?}");
    };
    assert_eq!(handshake.outcome.word(), "refused");
    let ids: Vec<_> = summary.findings().iter().map(|one| one.id).collect();
    assert_eq!(ids, ["handshakes_refused"]);
}

#[test]
fn an_error_in_the_file_comes_after_the_summary() {
    let mut bytes = std::fs::read(REFUSED).unwrap();
    bytes.extend([0xff; 16]);
    let trace = Trace::reader("broken", std::io::Cursor::new(bytes), Options::default()).unwrap();
    let reports: Vec<Result<TraceReport>> = trace.collect();
    let [Ok(_), Ok(summary), Err(error)] = &reports[..] else {
        panic!("{reports:#?}");
    };
    assert!(matches!(summary.event, Event::Summary(_)));
    assert_eq!(error.to_string(), "reading broken");
}

#[test]
fn what_was_read_before_an_error_is_saved() {
    let name = format!("sockdiag-saved-{}.pcapng", std::process::id());
    let saved = std::env::temp_dir().join(name);
    let options = Options {
        write: Some(saved.clone()),
        ..Options::default()
    };
    let mut bytes = std::fs::read(REFUSED).unwrap();
    bytes.extend([0xff; 16]);
    let trace = Trace::reader("broken", std::io::Cursor::new(bytes), options).unwrap();
    assert_eq!(trace.filter(Result::is_err).count(), 1);
    let mut again = Trace::file(&saved, Options::default()).unwrap();
    std::fs::remove_file(&saved).unwrap();
    assert_eq!((again.by_ref().count(), again.packets()), (2, 2));
}

#[test]
fn a_filter_that_matches_nothing_reports_what_it_left_out() {
    let options = Options {
        families: crate::model::Families {
            v4: false,
            v6: true,
        },
        ..Options::default()
    };
    let reports: Vec<_> = Trace::file(REFUSED, options).unwrap().collect();
    let [Ok(summary)] = &reports[..] else {
        panic!("{reports:#?}");
    };
    assert_eq!(summary.incomplete()[0].count, Some(1));
}

#[test]
fn what_was_counted_is_still_known_after_the_end() {
    let mut trace = Trace::file(REFUSED, Options::default()).unwrap();
    let last = trace.by_ref().last().unwrap().unwrap();
    let Event::Summary(summary) = last.event else {
        panic!("the summary is the last");
    };
    assert_eq!((trace.packets(), trace.handshakes()), (2, 1));
    assert_eq!(trace.summary(), *summary);
}
