//! Packets that were captured more than once are no retransmissions.

use super::*;
use crate::model::Timestamps;

impl Script {
    pub fn marked(&mut self, ip_id: Option<u16>, timestamp: Option<u32>) -> &mut Self {
        self.like.ip_id = ip_id;
        let option = timestamp.map(|value| Timestamps { value, echo: 0 });
        self.like.options.timestamps = option;
        self
    }
}

/// SYN retransmissions of a handshake whose SYN passes a second time, so marked, so much later.
fn retransmits(
    first: (Option<u16>, Option<u32>),
    then: (Option<u16>, Option<u32>),
    ms: f64,
) -> u32 {
    let mut script = Script::new();
    script.at(0.0).marked(first.0, first.1).client("S", C, 0);
    script.at(ms).marked(then.0, then.1).client("S", C, 0);
    script
        .at(ms + 0.1)
        .marked(None, None)
        .server("SA", S, C + 1);
    script.at(ms + 0.2).client("A", C + 1, after(S));
    script.one_by(ms + 2000.0).syn_retransmits
}

#[test]
fn the_same_packet_at_the_same_place_is_a_copy() {
    for marks in [
        (Some(7), Some(1000)),
        (Some(7), None),
        (Some(0), Some(1000)),
        (None, Some(1000)),
        (Some(0), None),
        (None, None),
    ] {
        assert_eq!(retransmits(marks, marks, 0.002), 0, "{marks:?}");
        assert_eq!(retransmits(marks, marks, 199.0), 0, "{marks:?}");
        assert_eq!(retransmits(marks, marks, 1000.0), 1, "{marks:?}");
    }
}

#[test]
fn a_new_identification_or_timestamp_is_a_retransmission_however_soon() {
    let first = (Some(7), Some(1000));
    for then in [
        (Some(8), Some(1000)),
        (Some(7), Some(1010)),
        (Some(8), Some(1010)),
    ] {
        assert_eq!(retransmits(first, then, 10.0), 1, "{then:?}");
    }
}

#[test]
fn copies_of_every_packet_leave_nothing_late() {
    let mut script = Script::new();
    for (ms, direction) in [(0.0, Direction::Incoming), (0.003, Direction::Outgoing)] {
        script.on(0, Some(direction)).at(ms).client("S", C, 0);
    }
    for (ms, direction) in [(0.2, Direction::Incoming), (0.203, Direction::Outgoing)] {
        script.on(0, Some(direction)).at(ms).server("SA", S, C + 1);
    }
    script.at(0.3).client("A", C + 1, after(S));
    script.at(0.302).client("A", C + 1, after(S));
    let found = script.one_by(2000.0);
    assert_eq!((found.syn_retransmits, found.syn_ack_retransmits), (0, 0));
    assert_eq!(found.outcome, Outcome::Established);
    assert_eq!(found.reason, None);
    assert_eq!(
        found.captured_on,
        Some(CapturedOn::Between),
        "it was forwarded"
    );
}

#[test]
fn a_copy_of_a_retransmission_is_none_either() {
    let mut script = Script::new();
    for (ms, id) in [
        (0.0, 1),
        (0.002, 1),
        (1000.0, 2),
        (1000.002, 2),
        (3000.0, 3),
    ] {
        script.at(ms).marked(Some(id), None).client("S", C, 0);
    }
    let found = script.one_by(9000.0);
    assert_eq!(found.syn_retransmits, 2);
    assert_eq!(found.syn_after_ms, [1000.0, 3000.0]);
}

#[test]
fn a_syn_ack_with_another_sequence_number_is_no_copy() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0);
    script.at(1.0).server("SA", S, C + 1);
    script.at(2.0).server("SA", S - 9999, C + 1);
    script.at(3.0).client("A", C + 1, S - 9998);
    let found = script.one_by(3000.0);
    assert_eq!(found.remarks, [Remark::ServerSequenceChanged]);
}
