//! `sockdiag trace --read`: files that are cut short, corrupt, or no captures.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use crate::support::capture_file::{ETHERNET, Order, ethernet, handshake_packets, pcap, pcapng};
use crate::support::handshakes::assert_has;
use crate::support::program::{PROGRAM, finish, sockdiag, stderr};
use crate::support::tree::Tree;
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json as object};

/// What the program says of a file with these bytes.
#[track_caller]
fn read(file: &[u8]) -> Output {
    let tree = Tree::new();
    tree.write("capture", file);
    let path = format!("{}/capture", tree.path());
    sockdiag(&["trace", "--json", "--read", &path])
}

#[test]
fn what_is_no_capture_is_refused_and_named() {
    for (what, file) in [
        ("empty", Vec::new()),
        (
            "text",
            b"10.7.0.2.5001 > 10.7.0.1.8080: Flags [S]\n".to_vec(),
        ),
        ("zeros", vec![0; 4096]),
        ("a magic number alone", vec![0xd4, 0xc3, 0xb2, 0xa1]),
        ("gzip of nothing", gzip_of_nothing()),
    ] {
        let output = read(&file);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{what}: {said}");
        assert!(said.starts_with("sockdiag: "), "{what}: {said}");
        assert!(said.contains("capture"), "{what}: {said}");
        assert_eq!(said.lines().count(), 1, "{what}: {said}");
        assert!(output.stdout.is_empty(), "{what} printed something");
    }
}

fn gzip_of_nothing() -> Vec<u8> {
    let gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.finish().expect("memory")
}

#[test]
fn a_link_layer_that_is_not_known_is_named() {
    // USB, wireless.
    for number in [220, 105] {
        let file = pcap(
            Order::Little,
            1_000_000,
            number,
            &handshake_packets(ethernet),
        );
        let output = read(&file);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("sockdiag: "), "{said}");
        assert!(said.contains(&number.to_string()), "{said}");
    }
}

#[test]
fn a_truncated_file_tells_what_it_has_and_that_it_is_truncated() {
    for (what, file) in [
        (
            "pcap",
            pcap(
                Order::Little,
                1_000_000,
                ETHERNET,
                &handshake_packets(ethernet),
            ),
        ),
        (
            "pcapng",
            pcapng(Order::Little, 1, &handshake_packets(ethernet)),
        ),
    ] {
        // The last packet lacks a byte; three quarters of a handshake are left.
        let output = read(&file[..file.len() - 5]);
        let lines = assert_incomplete(what, &output);
        let handshake = lines[0].get("handshake");
        let handshake = handshake.unwrap_or_else(|| panic!("{what}: {lines:#?}"));
        assert_has(
            handshake,
            object!({"outcome": "established", "sequence": {"server_isn": 1001}}),
        );
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    let file = pcap(
        Order::Little,
        1_000_000,
        ETHERNET,
        &handshake_packets(ethernet),
    );
    gzip.write_all(&file).expect("memory");
    let file = gzip.finish().expect("memory");
    assert_incomplete("gzip", &read(&file[..file.len() - 20]));
}

#[test]
fn a_packet_longer_than_it_can_be_ends_the_reading() {
    let good = handshake_packets(ethernet);
    let file = pcap(Order::Little, 1_000_000, ETHERNET, &good);
    let first = file.len()
        - good
            .iter()
            .map(|(_, bytes)| bytes.len() + 16)
            .sum::<usize>();
    let second = first + 16 + good[0].1.len();
    for length in [u32::MAX, 0x7fff_ffff, 1 << 30] {
        let mut corrupt = file.clone();
        corrupt[second + 8..second + 12].copy_from_slice(&length.to_le_bytes());
        assert_incomplete(&format!("a packet of {length} bytes"), &read(&corrupt));
    }
    // The first block after the header of the section says that it is longer than the file, shorter
    // than a block, or no multiple of four.
    let file = pcapng(Order::Little, 1, &good);
    for length in [u32::MAX, 0x7fff_fffc, 8, 0, 21] {
        let mut corrupt = file.clone();
        let last =
            file.len() - u32::from_le_bytes(file[file.len() - 4..].try_into().expect("4")) as usize;
        corrupt[last + 4..last + 8].copy_from_slice(&length.to_le_bytes());
        assert_incomplete(&format!("a block of {length} bytes"), &read(&corrupt));
    }
}

/// Asserts that a run ended as it may end with half a file: as a failure that is told once, or as an
/// answer that says what is missing. Returns the lines on stdout.
#[track_caller]
fn assert_incomplete(what: &str, output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let lines: Vec<Value> = text.lines().map(parse).collect();
    let said = stderr(output);
    match output.status.code() {
        Some(1) => {
            assert!(said.starts_with("sockdiag: "), "{what}: {said}");
            assert_eq!(said.lines().count(), 1, "{what}: {said}");
        }
        Some(0) => {
            let last = lines.last().unwrap_or_else(|| panic!("{what}: nothing"));
            let incomplete = last["incomplete"].as_array().expect("incomplete[]");
            assert!(last.get("summary").is_some(), "{what}: {last:#}");
            assert!(!incomplete.is_empty(), "{what}: {last:#}");
        }
        _ => panic!("{what}: {}: {said}", output.status),
    }
    lines
}

/// A section, and the description of an interface with four million options, compressed.
fn millions_of_options() -> Vec<u8> {
    let mut file = pcapng(Order::Little, ETHERNET as u16, &[]);
    // Type, length, link type, and no limit of the length of packets.
    let length = 16 * 1024 * 1024_u32;
    let begin = [1, length, ETHERNET, 0].map(u32::to_le_bytes).concat();
    file.extend(begin);
    // For local use, and without a value.
    let option = 0x8000_u32.to_le_bytes();
    file.extend(option.repeat((length as usize - 20) / 4));
    file.extend(length.to_le_bytes());
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&file).expect("memory");
    gzip.finish().expect("memory")
}

#[test]
fn a_small_file_does_not_take_much_memory() {
    let tree = Tree::new();
    let file = millions_of_options();
    assert!(file.len() < 20_000, "{} bytes", file.len());
    tree.write("capture", file);
    let path = format!("{}/capture", tree.path());
    // The block itself takes 16 MiB, and as much again while room for it is made.
    let mut command = Command::new("prlimit");
    command.args([
        "--data=67108864",
        PROGRAM,
        "trace",
        "--json",
        "--read",
        &path,
    ]);
    let output = finish(command.stdout(Stdio::piped()));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}
