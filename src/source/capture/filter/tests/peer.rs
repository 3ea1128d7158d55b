//! The filter against one of tcpdump's for the same packets.

use std::{
    collections::BTreeSet,
    io::Write as _,
    process::{Command, Stdio},
};

use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};

use super::{
    packets::{Addresses, segment_between},
    *,
};

/// What the filter does with IPv4, in the words of man 7 pcap-filter.
const SAME: &str = "ip proto 6 and (ip[6:2] & 0x3fff != 0 or tcp[13] & 7 != 0 or \
    (tcp[13] & 16 != 0 and ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2) = 0))";

fn random_packets(count: usize) -> Vec<Built> {
    let fragment = prop_oneof![9 => Just(None), 1 => any::<u16>().prop_map(Some)];
    let flags = prop_oneof![Just(SYN), Just(ACK), Just(PSH_ACK), any::<u8>()];
    let packet = (0u8..=10, 0u8..=10, fragment, flags, 0usize..3).prop_map(
        |(options, tcp_options, fragment, flags, data)| {
            let mut ip = Ip::with(Addresses::V4([10, 0, 0, 1], [10, 0, 0, 2]));
            (ip.options, ip.fragment) = (options, fragment);
            ip.carries(&segment_between(1, 2, tcp_options, flags, data))
        },
    );
    let mut runner = TestRunner::deterministic();
    let mut next = || packet.new_tree(&mut runner).unwrap().current();
    (0..count).map(|_| next()).collect()
}

/// A capture file of raw IPv4 packets, the second of each being its number.
fn file(packets: &[Built]) -> Vec<u8> {
    let mut file = Vec::new();
    let words = |file: &mut Vec<u8>, words: &[u32]| {
        file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    };
    words(&mut file, &[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65535, 101]);
    for (number, packet) in (0..).zip(packets) {
        let length = packet.bytes.len() as u32;
        words(&mut file, &[number, 0, length, length]);
        file.extend(&packet.bytes);
    }
    file
}

fn numbers_of(program: &mut Command, input: &[u8]) -> Option<BTreeSet<usize>> {
    let mut child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let seconds = text
        .lines()
        .filter_map(|line| line.split('.').next()?.parse().ok());
    Some(seconds.collect())
}

#[test]
fn tcpdump_with_the_same_words_picks_the_same_packets() {
    let packets = random_packets(2000);
    let mut tcpdump = Command::new("tcpdump");
    tcpdump.args(["-n", "-tt", "-q", "-r", "-", SAME]);
    let Some(theirs) = numbers_of(&mut tcpdump, &file(&packets)) else {
        return; // it is not installed
    };
    let ours = packets.iter().enumerate();
    let ours: BTreeSet<usize> = ours
        .filter_map(|(number, packet)| accepts(&Filter::ALL, BOTH, packet).then_some(number))
        .collect();
    assert!(ours.len() > 500);
    assert_eq!(ours, theirs);
}
