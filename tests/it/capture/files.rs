//! Capture files: real ones, and those written here, as this library and as Wireshark read them.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use crate::support::tcpdump::tshark_fields;
use crate::support::tools::tool_output;
use crate::support::tree::Tree;
use sockdiag::model::{Direction, Segment};
use sockdiag::source::{CaptureFile, CaptureWriter, Cooked, Decoded, LinkType, Packet};

const CAPTURES: [&str; 4] = [
    "lo-any.pcap",
    "veth.pcapng",
    "vlan.pcap.gz",
    "cooked-cut.pcap",
];

fn capture(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/captures");
    folder.join(name)
}

/// Every TCP segment of a file, and the file at its end.
#[track_caller]
fn segments(path: &Path) -> (Vec<Segment>, CaptureFile) {
    let mut file = CaptureFile::open(path).expect("a capture file");
    let mut segments = Vec::new();
    while let Some(packet) = file.next_packet().expect("no error") {
        match packet.decode() {
            Decoded::Segment(segment) => segments.push(segment),
            Decoded::Other => {}
            unfit => panic!("{unfit:?}: {packet:?}"),
        }
    }
    assert!(!file.is_truncated());
    (segments, file)
}

/// `> S 0` for a SYN of the client without data, and so on.
fn exchange(segments: &[Segment]) -> Vec<String> {
    let letters = [(1, 'F'), (2, 'S'), (4, 'R'), (8, 'P'), (16, '.')];
    let line = |segment: &Segment| {
        let set = letters.iter().filter(|(bit, _)| segment.flags.0 & bit != 0);
        let flags: String = set.map(|(_, letter)| letter).collect();
        let data = segment.payload_bytes;
        match segment.destination.port {
            8080 | 8081 => format!("> {flags} {data}"),
            _ => format!("< {flags} {data}"),
        }
    };
    segments.iter().map(line).collect()
}

/// A connection of which the client sends five bytes, gets two, and closes.
const CONNECTION: [&str; 10] = [
    "> S 0", "< S. 0", "> . 0", "> P. 5", "< . 0", "< P. 2", "> . 0", "> F. 0", "< F. 0", "> . 0",
];

#[test]
fn a_capture_of_all_devices_is_read() {
    let (segments, file) = segments(&capture("lo-any.pcap"));
    let refused = ["> S 0", "< R. 0"];
    assert_eq!(exchange(&segments), [&CONNECTION[..], &refused].concat());
    assert!(
        segments
            .iter()
            .all(|s| s.direction == Some(Direction::Internal))
    );
    let syn = segments[0].options;
    assert_eq!((syn.mss, syn.window_scale), (Some(65495), Some(10)));
    assert!(syn.sack_permitted && syn.timestamps.is_some() && !syn.cut);
    assert_eq!((file.packets(), file.interface_name(0)), (12, None));
}

#[test]
fn a_capture_of_ethernet_is_read() {
    let (segments, file) = segments(&capture("veth.pcapng"));
    assert_eq!(exchange(&segments), [CONNECTION, CONNECTION].concat());
    assert_eq!(segments[0].source.address.to_string(), "10.0.0.2");
    assert_eq!(segments[10].source.address.to_string(), "fd00::2");
    assert_eq!(file.interface_name(segments[0].interface), Some("veth0"));
    assert_eq!((file.packets(), file.skipped()), (32, 0));
}

#[test]
fn a_compressed_capture_of_tagged_packets_is_read() {
    let (segments, _) = segments(&capture("vlan.pcap.gz"));
    assert_eq!(exchange(&segments), CONNECTION);
    assert!(segments.iter().all(|segment| segment.vlan == Some(42)));
}

#[test]
fn a_capture_of_beginnings_of_packets_is_read() {
    let (segments, _) = segments(&capture("cooked-cut.pcap"));
    assert_eq!(exchange(&segments), CONNECTION);
    let cut: Vec<_> = segments
        .iter()
        .filter(|segment| segment.options.cut)
        .collect();
    assert_eq!(cut.len(), 2);
    assert_eq!(
        (cut[0].options.mss, cut[0].options.timestamps),
        (Some(1460), None)
    );
    assert_eq!(segments[0].direction, Some(Direction::Incoming));
    assert_eq!(segments[1].direction, Some(Direction::Outgoing));
}

#[test]
fn wireshark_finds_the_same_segments() {
    for name in CAPTURES {
        compare(&capture(name));
    }
}

#[test]
fn wireshark_reads_what_is_written() {
    let tree = Tree::new();
    for name in CAPTURES {
        let path = Path::new(tree.path()).join("copy.pcapng");
        let mut original = CaptureFile::open(capture(name)).expect("a capture file");
        let mut writer = CaptureWriter::create(&path).expect("a temporary file");
        while let Some(packet) = original.next_packet().expect("no error") {
            writer.write(&packet, true).expect("room on the disk");
        }
        writer.finish().expect("room on the disk");
        assert_eq!(segments(&path).0, segments(&capture(name)).0, "{name}");
        compare(&path);
    }
}

#[test]
fn wireshark_shows_comments_on_live_packets() {
    let tree = Tree::new();
    let path = Path::new(tree.path()).join("live.pcapng");
    write_live(&path);
    let fields = [
        "frame.number",
        "frame.comment",
        "frame.interface_name",
        "sll.ifindex",
        "vlan.id",
        "tcp.dstport",
        "_ws.malformed",
    ];
    let Some(shown) = tshark(&path, "tcp", &fields) else {
        return;
    };
    let wanted = [
        "1||eth0|3||8080|",
        "2|refused: “nobody listens”|eth1|4|42|8080|",
        "3|no reply|eth0|3||8080|",
    ];
    assert_eq!(shown, wanted);
    let outgoing = tshark(
        &path,
        "frame.packet_flags_direction == 2",
        &["frame.number"],
    );
    assert_eq!(outgoing, Some(vec!["2".to_owned()]));
    let path = path.to_str().expect("a path in UTF-8");
    let Some(summary) = tool_output("capinfos", &[path]) else {
        return;
    };
    let program = concat!("Capture application: sockdiag ", env!("CARGO_PKG_VERSION"));
    assert!(summary.contains(program), "{summary}");
    assert!(
        summary.contains("Number of interfaces in file: 2"),
        "{summary}"
    );
    assert!(summary.contains("Number of packets:   3\n"), "{summary}");
}

/// Three packets as a live capture has them, of two devices; two get a comment.
fn write_live(path: &Path) {
    let mut original = CaptureFile::open(capture("veth.pcapng")).expect("a capture file");
    let syn = loop {
        let packet = original.next_packet().expect("no error").expect("a SYN");
        if let Decoded::Segment(_) = packet.decode() {
            break packet;
        }
    };
    let live = |number, interface, vlan, direction| Packet {
        number,
        interface,
        vlan,
        direction: Some(direction),
        link: LinkType::Raw,
        bytes: &syn.bytes[14..],
        wire_bytes: syn.wire_bytes - 14,
        cooked: Some(Cooked {
            protocol: 0x0800,
            hardware: 1,
            address: [2, 0, 0, 0, 0, 1, 0, 0],
            address_bytes: 6,
        }),
        ..syn
    };
    let mut writer = CaptureWriter::create(path).expect("a temporary file");
    let mut write = |packet: &Packet<'_>, name| {
        let named = Packet {
            interface_name: Some(name),
            ..*packet
        };
        writer.write(&named, true).expect("room");
    };
    write(&live(1, 3, None, Direction::Incoming), "eth0");
    write(&live(2, 4, Some(42), Direction::Outgoing), "eth1");
    write(&live(3, 3, None, Direction::Incoming), "eth0");
    writer
        .comment(2, "refused: “nobody listens”")
        .expect("room");
    writer.flush().expect("room");
    writer.comment(3, "no reply").expect("room");
    writer.finish().expect("room");
}

/// Some fields of the packets that a filter of Wireshark wants, where it is installed.
fn tshark(path: &Path, filter: &str, fields: &[&str]) -> Option<Vec<String>> {
    let path = path.to_str().expect("a path in UTF-8");
    let text = tshark_fields(path, filter, fields)?;
    Some(text.lines().map(|line| line.replace('\t', "|")).collect())
}

/// Asserts that Wireshark finds the same segments in a file, where it is installed.
#[track_caller]
fn compare(path: &Path) {
    let fields = [
        "frame.number",
        "frame.time_epoch",
        "vlan.id",
        "ip.src",
        "ipv6.src",
        "tcp.srcport",
        "tcp.dstport",
        "tcp.seq_raw",
        "tcp.ack_raw",
        "tcp.flags",
        "tcp.window_size_value",
        "tcp.len",
        "tcp.options.mss_val",
        "tcp.options.wscale.shift",
    ];
    let Some(shown) = tshark(path, "tcp", &fields) else {
        return;
    };
    let found: Vec<String> = segments(path).0.iter().map(as_tshark).collect();
    assert_eq!(found, shown, "{}", path.display());
}

fn as_tshark(segment: &Segment) -> String {
    let (seconds, ns) = (
        segment.time_ns / 1_000_000_000,
        segment.time_ns % 1_000_000_000,
    );
    let source = segment.source.address;
    let options = segment.options;
    [
        segment.number.to_string(),
        format!("{seconds}.{ns:09}"),
        or_empty(segment.vlan),
        or_empty(source.is_ipv4().then_some(source)),
        or_empty(source.is_ipv6().then_some(source)),
        segment.source.port.to_string(),
        segment.destination.port.to_string(),
        segment.sequence.to_string(),
        segment.acknowledgement.to_string(),
        format!("{:#06x}", segment.flags.0),
        segment.window.to_string(),
        segment.payload_bytes.to_string(),
        or_empty(options.mss),
        or_empty(options.window_scale),
    ]
    .join("|")
}

fn or_empty(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
