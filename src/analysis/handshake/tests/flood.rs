//! A flood of SYNs does not make it grow without limit.

use std::net::Ipv4Addr;

use super::*;

fn flood(script: &mut Script, sources: u32) {
    for source in 0..sources {
        script.client.address = Ipv4Addr::from_bits(0x0b00_0000 + source).into();
        script.at(f64::from(source) / 1000.0).client("S", source, 0);
    }
}

#[test]
fn spoofed_sources_are_counted_and_forgotten() {
    let mut script = Script::new();
    flood(&mut script, 200_000);
    let short = script.tracker.shortcomings();
    assert_eq!(short.evicted, 200_000 - 65_536);
    script.tracker.finish();
    assert_eq!(script.handshakes().len(), 65_536);
}

#[test]
fn a_handshake_that_goes_on_in_a_flood_is_told() {
    let mut script = Script::new();
    script.opened(0.0);
    let client = script.client;
    flood(&mut script, 100_000);
    script.client = client;
    let found = script.one();
    assert_eq!(
        (found.outcome, found.client),
        (Outcome::Established, client)
    );
    assert_eq!(found.remarks, [Remark::Evicted]);
}

#[test]
fn handshakes_at_one_moment_leave_no_trail_of_deadlines() {
    let mut script = Script::new();
    for port in 0..50_000u32 {
        script.client = address(CLIENT, 1000 + (port % 20_000) as u16);
        let isn = port * 1000;
        script
            .at(0.0)
            .client("S", isn, 0)
            .server("RA", 0, isn.wrapping_add(1));
    }
    assert_eq!(script.handshakes().len(), 50_000);
    assert!(script.tracker.deadlines.len() < 2000);
}
