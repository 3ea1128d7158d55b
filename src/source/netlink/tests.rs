//! Datagrams written by hand.

use super::*;
use proptest::prelude::*;

const HEADER: usize = 16;

/// A netlink message: length, type, flags, sequence, port, payload.
fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = ((HEADER + payload.len()) as u32).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

const ROW: u16 = 20;

fn run(datagram: &[u8]) -> (io::Result<ControlFlow<()>>, DumpEnd, Vec<Vec<u8>>) {
    let (mut end, mut seen) = (DumpEnd::default(), Vec::new());
    let flow = walk(
        datagram,
        7,
        &mut |payload| {
            seen.push(payload.to_vec());
            if payload == b"bad!" {
                Err(Undecodable)
            } else {
                Ok(ControlFlow::Continue(()))
            }
        },
        &mut end,
    );
    (flow, end, seen)
}

#[test]
fn rows_are_handed_out_until_done() {
    let bytes = [
        message(ROW, 2, 7, b"one"),
        message(ROW, 2, 7, b"two!"),
        message(NLMSG_DONE, 2, 7, &[0; 4]),
    ]
    .concat();
    let (flow, end, seen) = run(&bytes);
    assert!(flow.unwrap().is_break());
    assert_eq!(seen, [b"one".to_vec(), b"two!".to_vec()]);
    assert_eq!(end, DumpEnd::default());
}

#[test]
fn a_datagram_without_done_wants_another() {
    assert!(run(&message(ROW, 2, 7, b"one")).0.unwrap().is_continue());
}

#[test]
fn answers_to_an_earlier_request_are_passed_over() {
    let bytes = [
        message(ROW, 2, 6, b"old"),
        message(NLMSG_DONE, 2, 6, &[0; 4]),
        message(ROW, 2, 7, b"new"),
    ]
    .concat();
    let (flow, _, seen) = run(&bytes);
    assert!(flow.unwrap().is_continue());
    assert_eq!(seen, [b"new".to_vec()]);
}

#[test]
fn an_error_reply_is_the_kernels_errno() {
    let refused = message(NLMSG_ERROR, 0, 7, &(-2i32).to_ne_bytes());
    assert_eq!(run(&refused).0.unwrap_err().raw_os_error(), Some(2));
    let failed_at_the_end = message(NLMSG_DONE, 2, 7, &(-12i32).to_ne_bytes());
    assert_eq!(
        run(&failed_at_the_end).0.unwrap_err().raw_os_error(),
        Some(12)
    );
    let hostile = message(NLMSG_ERROR, 0, 7, &i32::MIN.to_ne_bytes());
    assert!(run(&hostile).0.is_err());
}

#[test]
fn an_interrupted_dump_is_noticed() {
    let (_, end, _) = run(&message(ROW, NLM_F_DUMP_INTR | 2, 7, b"one"));
    assert!(end.interrupted);
}

#[test]
fn a_message_that_cannot_be_decoded_is_counted_and_the_next_is_read() {
    let bytes = [message(ROW, 2, 7, b"bad!"), message(ROW, 2, 7, b"good")].concat();
    let (_, end, seen) = run(&bytes);
    assert_eq!(end.undecodable, 1);
    assert_eq!(seen.len(), 2);
}

#[test]
fn a_message_cut_short_is_an_error_not_a_loop() {
    let whole = message(ROW, 2, 7, b"something");
    for cut in 1..whole.len() - 3 {
        assert!(run(&whole[..cut]).0.is_err(), "cut at {cut}");
    }
    let mut no_length = whole;
    no_length[..4].fill(0);
    assert!(run(&no_length).0.is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = run(&bytes);
    }

    #[test]
    fn no_mangled_message_makes_it_panic(payload in prop::collection::vec(any::<u8>(), 0..80), at in 0usize..96, byte: u8) {
        let mut bytes = message(ROW, 2, 7, &payload);
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = run(&bytes);
    }
}
