use std::io::{self, Write as _};

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::{CaptureFile, samples::*};
use crate::model::Direction;

const ORDERS: [Order; 2] = [Order::Little, Order::Big];
const RAW: u16 = 101;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Two packets in an old file.
fn old(order: Order, magic: u32) -> Vec<u8> {
    [
        pcap_header(order, magic, RAW.into()),
        pcap_packet(order, 1_700_000_000, 5, b"first"),
        pcap_packet(order, 1_700_000_001, 6, b"second"),
    ]
    .concat()
}

/// Two packets of one interface in a new file.
fn new(order: Order) -> Vec<u8> {
    [
        section(order),
        interface(order, RAW, &option(order, 2, b"eth0")),
        packet(order, 0, 1_700_000_000_000_005, b"first", &[]),
        packet(order, 0, 1_700_000_001_000_006, b"second", &[]),
    ]
    .concat()
}

#[test]
fn an_old_file_is_read_in_either_byte_order_and_unit() {
    for order in ORDERS {
        for (magic, unit) in [(MICROSECONDS, 1000), (NANOSECONDS, 1)] {
            let packets = read_all(&old(order, magic));
            let second = Read {
                number: 2,
                time_ns: 1_700_000_001_000_000_000 + 6 * unit,
                interface: 0,
                direction: None,
                bytes: b"second".to_vec(),
                wire_bytes: 1500,
            };
            assert_eq!((packets.len(), &packets[1]), (2, &second));
            assert_eq!(packets[0].bytes, b"first");
        }
    }
}

#[test]
fn a_file_with_longer_packet_headers_is_read() {
    let mut file = pcap_header(Order::Little, MODIFIED, 101);
    let packet = pcap_packet(Order::Little, 7, 0, b"data");
    file.extend([&packet[..16], &[0; 8], &packet[16..]].concat());
    assert_eq!(read_all(&file)[0].bytes, b"data");
}

#[test]
fn what_the_highest_bits_of_a_link_type_say_is_left_aside() {
    let file = pcap_header(Order::Little, MICROSECONDS, 0x1400_0000 | 101);
    assert!(read(&file).1.is_ok());
}

#[test]
fn a_new_file_is_read_in_either_byte_order() {
    for order in ORDERS {
        let (packets, end) = read(&new(order));
        assert_eq!(packets[1].time_ns, 1_700_000_001_000_006_000);
        assert_eq!((packets[1].number, packets[1].wire_bytes), (2, 1500));
        assert_eq!(packets[1].bytes, b"second");
        assert_eq!(end.unwrap().interface_name(0), Some("eth0"));
    }
}

#[test]
fn each_interface_has_its_own_clock_and_name() {
    for order in ORDERS {
        let seconds: [u8; 8] = match order {
            Order::Little => 100_i64.to_le_bytes(),
            Order::Big => 100_i64.to_be_bytes(),
        };
        let coarse = [option(order, 9, &[0]), option(order, 14, &seconds)].concat();
        let fine = [option(order, 2, b"eth1\0"), option(order, 9, &[9])].concat();
        let file = [
            section(order),
            interface(order, RAW, &coarse),
            interface(order, RAW, &fine),
            packet(order, 1, 7, b"", &[]),
            packet(order, 0, 7, b"", &[]),
        ];
        let (packets, end) = read(&file.concat());
        assert_eq!((packets[0].interface, packets[0].time_ns), (1, 7));
        assert_eq!(packets[1].time_ns, 107_000_000_000);
        let end = end.unwrap();
        assert_eq!(
            (end.interface_name(0), end.interface_name(1)),
            (None, Some("eth1"))
        );
    }
}

#[test]
fn sections_keep_their_interfaces_apart() {
    let file = [new(Order::Little), new(Order::Big)].concat();
    let packets = read_all(&file);
    let places: Vec<_> = packets.iter().map(|p| (p.number, p.interface)).collect();
    assert_eq!(places, [(1, 0), (2, 0), (3, 1), (4, 1)]);
    assert_eq!(packets[1].time_ns, packets[3].time_ns);
}

#[test]
fn flags_tell_the_direction() {
    for order in ORDERS {
        let direction = |flags| {
            let comment = option(order, 1, b"hello");
            let options = [comment, option(order, 2, &order.four(flags))].concat();
            let odd = packet(order, 0, 0, b"12345", &options);
            read_all(&[section(order), interface(order, RAW, &[]), odd].concat())[0].direction
        };
        assert_eq!(direction(0), None);
        assert_eq!(direction(0b001), Some(Direction::Incoming));
        assert_eq!(direction(0b001_0101), Some(Direction::Incoming));
        assert_eq!(direction(0b001_0001), Some(Direction::Passing));
        assert_eq!(direction(0b010), Some(Direction::Outgoing));
    }
}

#[test]
fn packets_of_older_kinds_are_read() {
    for order in ORDERS {
        let file = [
            section(order),
            interface(order, RAW, &[]),
            obsolete_packet(order, 0, 5, b"old"),
            simple_packet(order, 6, b"simple\0\0"),
            simple_packet(order, 1500, b"cut off!"),
        ];
        let packets = read_all(&file.concat());
        assert_eq!(
            (packets[0].time_ns, &packets[0].bytes[..]),
            (5000, &b"old"[..])
        );
        assert_eq!(
            (packets[1].time_ns, &packets[1].bytes[..]),
            (5000, &b"simple"[..])
        );
        assert_eq!(
            (packets[2].wire_bytes, &packets[2].bytes[..]),
            (1500, &b"cut off!"[..])
        );
    }
}

#[test]
fn compressed_files_are_read_member_by_member() {
    let file = new(Order::Little);
    assert_eq!(read_all(&gzip(&file)).len(), 2);
    let (first, second) = file.split_at(file.len() / 2);
    assert_eq!(read_all(&[gzip(first), gzip(second)].concat()).len(), 2);
}

#[test]
fn a_compressed_file_that_is_cut_is_truncated() {
    let whole = gzip(&new(Order::Little).repeat(100));
    let (packets, end) = read(&whole[..whole.len() - 20]);
    assert!(end.unwrap().is_truncated() && packets.len() < 200);
    let (packets, end) = read(&whole[..whole.len() - 4]);
    assert!(end.unwrap().is_truncated() && packets.len() == 200);
}

#[test]
fn a_damaged_compressed_file_is_an_error() {
    let mut damaged = gzip(&new(Order::Little));
    damaged[12] ^= 0x55;
    damaged[20] ^= 0x55;
    assert!(read(&damaged).1.is_err());
}

#[test]
fn a_file_cut_anywhere_is_truncated_and_no_error() {
    let old = (old(Order::Little, MICROSECONDS), &[24, 45][..]);
    let new = (new(Order::Big), &[28, 56, 96][..]);
    for (file, boundaries) in [old, new] {
        let whole = read_all(&file);
        for length in 24..file.len() {
            let (packets, end) = read(&file[..length]);
            assert_eq!(packets, whole[..packets.len()], "{length}");
            let is_truncated = end.unwrap().is_truncated();
            assert_eq!(is_truncated, !boundaries.contains(&length), "{length}");
        }
    }
}

#[test]
fn lengths_that_cannot_be_are_named_with_their_place() {
    let mut file = old(Order::Little, MICROSECONDS);
    file[24 + 16 + 5 + 8..][..4].copy_from_slice(&[0xff; 4]);
    assert_eq!(
        complaint(&file),
        "packet 2, byte 45: a packet of 4294967295 bytes"
    );

    let header = [section(Order::Little), interface(Order::Little, RAW, &[])].concat();
    let with = |bytes: &[u8]| complaint(&[&header[..], bytes].concat());
    let at = header.len();
    let claim = |length: u32| [6_u32.to_le_bytes(), length.to_le_bytes(), [0; 4]].concat();
    for length in [0, 8, 33, 16 * 1024 * 1024 + 4, u32::MAX] {
        let wanted = format!("packet 1, byte {at}: a block of {length} bytes");
        assert_eq!(with(&claim(length)), wanted);
    }
    let mut block = packet(Order::Little, 0, 0, b"data", &[]);
    block[20] = 5;
    let wanted = format!("packet 1, byte {at}: 5 bytes of a packet in a block of 36");
    assert_eq!(with(&block), wanted);
    *block.last_mut().unwrap() = 1;
    assert!(with(&block).ends_with("another length than it begins with"));
    let foreign = packet(Order::Little, 1, 0, b"data", &[]);
    assert!(with(&foreign).ends_with("interface 1, which is not described"));
    assert!(with(&super::samples::block(Order::Little, 6, b"")).contains("without room"));
    assert!(with(&super::samples::block(Order::Little, 3, b"")).contains("without room"));
}

#[test]
fn after_an_error_the_file_has_ended() {
    let bytes = [section(Order::Little), vec![0xff; 40]].concat();
    let mut file = CaptureFile::from_reader("test", io::Cursor::new(bytes)).unwrap();
    assert!(file.next_packet().is_err());
    assert!(file.next_packet().unwrap().is_none());
}

#[test]
fn what_is_no_capture_file_is_refused() {
    for bytes in [&b""[..], b"\x7fELF....", b"12:00 IP a > b", b"\x0a\x0d"] {
        assert_eq!(complaint(bytes), "not a pcap or pcapng file");
    }
    assert_eq!(
        complaint(&old(Order::Little, NANOSECONDS)[..20]),
        "the file ends in its header"
    );
    let mut later = section(Order::Little);
    later[12] = 2;
    assert_eq!(complaint(&later), "packet 1, byte 0: version 2.0 of pcapng");
}

#[test]
fn link_types_that_are_not_known_are_refused_when_there_is_no_other() {
    let wanted = "link type 105 is not supported";
    assert_eq!(
        complaint(&pcap_header(Order::Little, MICROSECONDS, 105)),
        wanted
    );
    let file = [section(Order::Little), interface(Order::Little, 105, &[])];
    assert_eq!(complaint(&file.concat()), wanted);
}

#[test]
fn packets_of_other_link_types_are_skipped_but_numbered() {
    let order = Order::Little;
    let file = [
        section(order),
        interface(order, 105, &[]),
        interface(order, RAW, &[]),
        packet(order, 0, 0, b"", &[]),
        block(order, 9, b"MESSAGE="), // an entry of the journal
        packet(order, 1, 0, b"", &[]),
    ];
    let (packets, end) = read(&file.concat());
    assert_eq!(packets.len(), 1);
    assert_eq!((packets[0].number, packets[0].interface), (3, 1));
    let end = end.unwrap();
    assert_eq!((end.packets(), end.skipped()), (3, 1));
}

#[test]
fn devices_told_by_cooked_headers_are_kept_apart() {
    let order = Order::Little;
    let cooked = |index: u8| {
        let mut header = [0; 20];
        header[7] = index;
        packet(order, 0, 0, &header, &[])
    };
    let any = interface(order, 276, &option(order, 2, b"any"));
    let file = [
        section(order),
        any,
        cooked(3),
        cooked(2),
        cooked(3),
        cooked(2),
    ];
    let (packets, end) = read(&file.concat());
    let numbers: Vec<_> = packets.iter().map(|packet| packet.interface).collect();
    assert_eq!(numbers, [0, 1, 0, 1]);
    assert_eq!(end.unwrap().interface_name(1), Some("any"));
}

#[test]
fn a_stream_may_come_in_bits() {
    struct Trickle(io::Cursor<Vec<u8>>);
    impl io::Read for Trickle {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let little = room.len().min(1);
            self.0.read(&mut room[..little])
        }
    }
    for bytes in [new(Order::Little), gzip(&new(Order::Little))] {
        let mut file = CaptureFile::from_reader("test", Trickle(io::Cursor::new(bytes))).unwrap();
        assert_eq!(file.next_packet().unwrap().unwrap().bytes, b"first");
        assert_eq!(file.next_packet().unwrap().unwrap().bytes, b"second");
        assert!(file.next_packet().unwrap().is_none() && !file.is_truncated());
    }
}

#[test]
fn a_file_longer_than_the_window_is_read_to_its_end() {
    let large = vec![7; 200_000];
    let order = Order::Little;
    let mut file = pcap_header(order, NANOSECONDS, 101);
    for second in 0..20 {
        file.extend(pcap_packet(order, second, 0, &large));
        file.extend(pcap_packet(order, second, 1, b"small"));
    }
    let packets = read_all(&file);
    assert_eq!(packets.len(), 40);
    assert!(
        packets
            .iter()
            .step_by(2)
            .all(|packet| packet.bytes == large)
    );
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let Err(error) = CaptureFile::open("/proc/self/fd") else {
        panic!("a directory is no file");
    };
    assert_eq!(error.to_string(), "reading /proc/self/fd");
    assert_eq!(error.io().kind(), io::ErrorKind::IsADirectory);
}

proptest! {
    #[test]
    fn no_bytes_make_it_fail(
        magic in prop::sample::select(vec![[0xd4, 0xc3, 0xb2, 0xa1], [0x0a, 0x0d, 0x0d, 0x0a]]),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = read(&[&magic[..], &bytes].concat());
    }

    #[test]
    fn no_change_makes_it_fail(
        is_new: bool,
        order in prop::sample::select(ORDERS.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let mut file = if is_new { new(order) } else { old(order, MICROSECONDS) };
        for (at, byte) in changes {
            *at.get_mut(&mut file) = byte;
        }
        let (packets, _) = read(&file);
        prop_assert!(packets.len() <= file.len() / 12);
    }
}
