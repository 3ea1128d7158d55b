//! What is asserted of the handshakes of a trace.

use jiff::Timestamp;
use serde_json::Value;

use super::program::number;
use super::wait::PATIENCE;

/// Asserts that `value` has all that `expected` has, at any depth; it may have more.
#[track_caller]
pub fn assert_has(value: &Value, expected: Value) {
    if let Some((path, found, wanted)) = difference(value, &expected, String::new()) {
        panic!("{path} is {found}, not {wanted}, in {value:#}");
    }
}

fn difference(value: &Value, expected: &Value, path: String) -> Option<(String, Value, Value)> {
    match expected {
        Value::Object(keys) => keys.iter().find_map(|(key, wanted)| {
            let found = value.get(key).unwrap_or(&Value::Null);
            if value.get(key).is_none() {
                return Some((format!("{path}/{key}"), "missing".into(), wanted.clone()));
            }
            difference(found, wanted, format!("{path}/{key}"))
        }),
        _ if value == expected => None,
        _ => Some((path, value.clone(), expected.clone())),
    }
}

/// In the order of their clients' ports, and of time.
pub fn sort_handshakes(handshakes: &mut [Value]) {
    handshakes.sort_by_key(|handshake| {
        let port = handshake["client"]["port"].as_u64();
        (port, handshake["started"].as_str().map(str::to_owned))
    });
}

/// Empty where it has none.
pub fn reason(handshake: &Value) -> &str {
    handshake["reason"].as_str().unwrap_or_default()
}

/// When a handshake began, in milliseconds since 1970.
#[track_caller]
pub fn started_ms(handshake: &Value) -> f64 {
    let text = handshake["started"].as_str().expect("a time");
    let time: Timestamp = text.parse().expect("RFC 3339");
    time.as_microsecond() as f64 / 1000.0
}

/// Asserts that all times up to the ACK are known, and that the total is their sum.
#[track_caller]
pub fn assert_latency_adds_up(handshake: &Value) {
    let halves = ["syn_to_syn_ack_ms", "syn_ack_to_ack_ms"].map(|key| number(&handshake[key]));
    let total = number(&handshake["total_ms"]);
    assert!(halves.iter().all(|half| *half >= 0.0), "{handshake:#}");
    // Each is rounded to microseconds.
    let difference = (halves[0] + halves[1] - total).abs();
    assert!(difference < 0.002, "{handshake:#}");
}

/// Asserts that no ACK ended it.
#[track_caller]
pub fn assert_no_latency(handshake: &Value) {
    for key in ["syn_ack_to_ack_ms", "total_ms"] {
        assert!(handshake[key].is_null(), "{key} in {handshake:#}");
    }
}

/// Asserts that the first retransmission came after a second; the kernel counts by ticks of its clock.
#[track_caller]
pub fn assert_after_a_second(times: &Value) {
    let first = number(&times[0]);
    assert!(
        (900.0..PATIENCE.as_secs_f64() * 1e3).contains(&first),
        "{times}"
    );
}

/// What may lie between the times of one packet at two sockets: more only where the kernel was
/// stopped in the middle of delivering it.
const SAME_PACKET_MS: f64 = 20.0;

/// Asserts that a live trace and one from a file agree on the same traffic. Where a capture
/// ends is seen only in a file, and so is a device's name only while it is there.
#[track_caller]
pub fn assert_same_handshakes(ours: &[Value], theirs: &[Value]) {
    assert_eq!(ours.len(), theirs.len(), "{ours:#?}\nand\n{theirs:#?}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        for key in [
            "client",
            "server",
            "vlan",
            "outcome",
            "syn_retransmits",
            "syn_ack_retransmits",
            "options",
            "fast_open_bytes",
            "sequence",
            "reset",
        ] {
            assert!(ours.get(key).is_some(), "no {key} in {ours:#}");
            assert_eq!(ours[key], theirs[key], "{key} of {ours:#}\nand\n{theirs:#}");
        }
        let both = format!("{ours:#}\nand\n{theirs:#}");
        // A live trace has the kernel to ask.
        assert!(
            ours["confirmed"] == true || theirs["confirmed"] == false,
            "{both}"
        );
        assert_eq!(remarks(ours), remarks(theirs), "{both}");
        assert_near(&times(ours), &times(theirs), &both);
    }
}

/// Of what was seen, not of where the capture ended.
fn remarks(handshake: &Value) -> Vec<Value> {
    let mut all = handshake["remarks"].as_array().expect("remarks[]").clone();
    all.retain(|remark| remark != "ended_early");
    all
}

/// All times of a handshake; those that are not known are no numbers.
fn times(handshake: &Value) -> Vec<Option<f64>> {
    let numbers = [
        "syn_to_syn_ack_ms",
        "syn_ack_to_ack_ms",
        "total_ms",
        "reused_after_ms",
    ];
    let mut times = vec![Some(started_ms(handshake))];
    times.extend(numbers.map(|key| handshake[key].as_f64()));
    for key in ["syn_after_ms", "syn_ack_after_ms"] {
        let all = handshake[key].as_array().expect("a list");
        times.extend(all.iter().map(Value::as_f64));
    }
    times
}

#[track_caller]
fn assert_near(ours: &[Option<f64>], theirs: &[Option<f64>], both: &str) {
    assert_eq!(ours.len(), theirs.len(), "{both}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours.is_some(), theirs.is_some(), "{both}");
        let difference = ours
            .zip(*theirs)
            .map_or(0.0, |(ours, theirs)| (ours - theirs).abs());
        assert!(
            difference < SAME_PACKET_MS,
            "{difference} ms between {both}"
        );
    }
}
