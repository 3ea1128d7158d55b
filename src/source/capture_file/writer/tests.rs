use std::{
    fs::{self, File},
    io::Read as _,
    os::fd::{AsRawFd, OwnedFd},
    path::PathBuf,
};

use pcap_parser::{OptionCode, nom, parse_option_le};
use proptest::prelude::*;
use rustix::fs::{MemfdFlags, memfd_create};

use super::*;
use crate::{
    model::Direction,
    source::{
        CaptureFile, Cooked, Decoded,
        packet::samples::{SYN_V4, packet},
    },
};

/// A file without a name.
struct Nameless(OwnedFd);

impl Nameless {
    fn new() -> Nameless {
        Nameless(memfd_create("capture", MemfdFlags::CLOEXEC).unwrap())
    }

    fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }

    fn writer(&self) -> CaptureWriter {
        CaptureWriter::create(self.path()).unwrap()
    }

    fn read(&self) -> CaptureFile {
        CaptureFile::open(self.path()).unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    /// The comments in the file's first packet.
    fn comments(&self) -> Vec<String> {
        let bytes = self.bytes();
        let mut blocks = &bytes[..];
        while blocks[0] != 6 {
            blocks = &blocks[u32::from_le_bytes(blocks[4..8].try_into().unwrap()) as usize..];
        }
        let captured = u32::from_le_bytes(blocks[20..24].try_into().unwrap()) as usize;
        let mut options = &blocks[28 + captured.next_multiple_of(4)..];
        let mut comments = Vec::new();
        loop {
            let (rest, option) = parse_option_le::<nom::error::Error<&[u8]>>(options).unwrap();
            match option.code {
                OptionCode::EndOfOpt => return comments,
                OptionCode::Comment => comments.push(option.as_str().unwrap().to_owned()),
                _ => {}
            }
            options = rest;
        }
    }
}

/// The SYN, as a live capture sees it.
fn live(number: u64) -> Packet<'static> {
    Packet {
        number,
        direction: Some(Direction::Incoming),
        cooked: Some(Cooked {
            protocol: 0x0800,
            hardware: 1,
            address: [2, 0, 0, 0, 0, 1, 0, 0],
            address_bytes: 6,
        }),
        ..packet(LinkType::Raw, &SYN_V4)
    }
}

#[test]
fn a_live_packet_gets_a_cooked_header() {
    let file = Nameless::new();
    let mut writer = file.writer();
    let named = Packet {
        interface_name: Some("eth0"),
        ..live(1)
    };
    writer.write(&named, true).unwrap();
    writer.finish().unwrap();
    let header = [
        0x08, 0x00, // IPv4
        0x00, 0x00, // reserved
        0x00, 0x00, 0x00, 0x03, // index of the device
        0x00, 0x01, // ARPHRD_ETHER
        0x00, // PACKET_HOST
        0x06, // length of the address
        0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, // address
    ];
    let mut read = file.read();
    let found = read.next_packet().unwrap().unwrap();
    assert_eq!(found.bytes, [&header[..], &SYN_V4].concat());
    assert_eq!((found.link, found.wire_bytes), (LinkType::CookedV2, 80));
    assert_eq!(found.direction, Some(Direction::Incoming));
    assert_eq!(found.time_ns, live(1).time_ns);
    assert_eq!(read.interface_name(0), Some("eth0"));
}

#[test]
fn a_tag_that_the_kernel_took_off_is_put_back() {
    let file = Nameless::new();
    let mut writer = file.writer();
    let tagged = Packet {
        vlan: Some(42),
        direction: Some(Direction::Passing),
        ..live(1)
    };
    writer.write(&tagged, true).unwrap();
    writer.finish().unwrap();
    let mut read = file.read();
    let found = read.next_packet().unwrap().unwrap();
    assert_eq!(found.bytes[..2], [0x81, 0x00]);
    assert_eq!(found.bytes[20..24], [0x00, 0x2a, 0x08, 0x00]);
    assert_eq!(found.wire_bytes, 84);
    let (Decoded::Segment(found), Decoded::Segment(mut wanted)) = (found.decode(), tagged.decode())
    else {
        panic!("no segment");
    };
    wanted.interface = 0;
    assert_eq!(found, wanted);
}

#[test]
fn a_comment_is_put_into_its_packet_before_and_after_it_is_written() {
    for is_flushed in [false, true] {
        let file = Nameless::new();
        let mut writer = file.writer();
        for number in [5, 6] {
            writer.write(&live(number), true).unwrap();
        }
        if is_flushed {
            writer.flush().unwrap();
        }
        writer.comment(5, "refused").unwrap();
        writer.write(&live(7), true).unwrap();
        writer.comment(5, "refused, after all").unwrap();
        assert_eq!(writer.uncommented(), 0);
        writer.finish().unwrap();
        assert_eq!(file.comments(), ["refused, after all"]);
        let mut read = file.read();
        while read.next_packet().unwrap().is_some() {}
        assert_eq!((read.packets(), read.is_truncated()), (3, false));
    }
}

#[test]
fn a_long_comment_is_cut_between_characters() {
    let file = Nameless::new();
    let mut writer = file.writer();
    writer.write(&live(1), true).unwrap();
    writer.comment(1, &"€".repeat(50)).unwrap();
    writer.finish().unwrap();
    assert_eq!(file.comments(), ["€".repeat(42)]);
}

#[test]
fn a_comment_without_room_is_counted() {
    let file = Nameless::new();
    let mut writer = file.writer();
    writer.write(&live(1), false).unwrap();
    writer.comment(1, "no room").unwrap();
    writer.comment(2, "not written").unwrap();
    assert_eq!(writer.uncommented(), 2);
}

#[test]
fn what_a_pipe_takes_cannot_be_commented_on() {
    let (mut reader, pipe) = std::io::pipe().unwrap();
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let mut writer = CaptureWriter::create(path).unwrap();
    drop(pipe);
    writer.write(&live(1), true).unwrap();
    writer.comment(1, "lost").unwrap();
    assert_eq!(writer.uncommented(), 1);
    writer.finish().unwrap();
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    let mut file = CaptureFile::from_reader("pipe", io::Cursor::new(bytes)).unwrap();
    assert_eq!(file.next_packet().unwrap().unwrap().bytes[20..], SYN_V4);
    assert!(file.next_packet().unwrap().is_none());
}

#[test]
fn what_was_flushed_is_a_whole_file() {
    let file = Nameless::new();
    let mut writer = file.writer();
    let read = |wanted| {
        let mut read = file.read();
        while read.next_packet().unwrap().is_some() {}
        assert_eq!((read.packets(), read.is_truncated()), (wanted, false));
    };
    read(0);
    writer.write(&live(1), true).unwrap();
    writer.flush().unwrap();
    writer.write(&live(2), true).unwrap();
    read(1);
}

#[test]
fn a_full_disk_is_reported() {
    let Err(error) = CaptureWriter::create("/dev/full") else {
        panic!("nothing can be written there");
    };
    assert_eq!(error.to_string(), "writing /dev/full");
    assert_eq!(error.io().kind(), io::ErrorKind::StorageFull);
}

#[test]
fn an_old_file_is_emptied() {
    let file = Nameless::new();
    let mut old = File::create(file.path()).unwrap();
    old.write_all(&[1; 10_000]).unwrap();
    file.writer().finish().unwrap();
    assert!(file.bytes().len() < 1000);
}

/// What a packet of a file is made of: number of its interface, link type, time, direction, data
/// and how much was cut off.
type Made = (u32, LinkType, u64, Option<Direction>, Vec<u8>, u16);

fn made() -> impl Strategy<Value = Made> {
    let link = prop::sample::select(vec![LinkType::Ethernet, LinkType::Raw, LinkType::CookedV1]);
    let direction = prop::sample::select(vec![
        None,
        Some(Direction::Incoming),
        Some(Direction::Outgoing),
        Some(Direction::Passing),
    ]);
    let data = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        Just(SYN_V4.to_vec())
    ];
    (0..3_u32, link, any::<u64>(), direction, data, any::<u16>())
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        all in prop::collection::vec(made(), 0..20),
        comment in "\\PC{0,60}",
    ) {
        let file = Nameless::new();
        let mut writer = file.writer();
        let mut places = Vec::new();
        for (number, (interface, link, time_ns, direction, bytes, cut)) in (1..).zip(&all) {
            let name = interface.to_string();
            let packet = Packet {
                number,
                time_ns: *time_ns,
                interface: *interface,
                interface_name: Some(&name),
                direction: *direction,
                wire_bytes: bytes.len() as u32 + u32::from(*cut),
                ..packet(*link, bytes)
            };
            writer.write(&packet, true).unwrap();
            writer.comment(number, &comment).unwrap();
            if !places.contains(&(*interface, *link)) {
                places.push((*interface, *link));
            }
        }
        writer.finish().unwrap();

        let mut read = file.read();
        for (interface, link, time_ns, direction, bytes, cut) in &all {
            let found = read.next_packet().unwrap().unwrap();
            let place = places.iter().position(|place| *place == (*interface, *link)).unwrap();
            prop_assert_eq!((found.time_ns, found.direction), (*time_ns, *direction));
            prop_assert_eq!((found.link, found.interface), (*link, place as u32));
            prop_assert_eq!(found.bytes, &bytes[..]);
            prop_assert_eq!(found.wire_bytes, bytes.len() as u32 + u32::from(*cut));
            let name = interface.to_string();
            prop_assert_eq!(read.interface_name(place as u32), Some(&name[..]));
        }
        prop_assert!(read.next_packet().unwrap().is_none() && !read.is_truncated());
    }
}

#[test]
fn only_the_latest_are_remembered() {
    let most = Rooms::MOST as u64;
    let mut rooms = Rooms::default();
    for number in 1..=most + 2 {
        rooms.add(number * 2, number * 100);
    }
    assert_eq!(rooms.find(4), None);
    assert_eq!(rooms.find(6), Some(300));
    assert_eq!(rooms.find(7), None);
    assert_eq!(rooms.find(most * 2), Some(most * 100));
}
