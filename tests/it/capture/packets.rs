//! What a live capture sees of real packets.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::capture::{
    ACK, EVERYTHING, Frames, SYN, SYN_ACK, SeenPacket, capture, capture_of, capture_until,
    capture_until_syn_to, v4_packet, v6_packet, veth_pair,
};
use crate::support::netns::{in_netns, lo_up, sysctl};
use crate::support::skipped::report_skipped;
use crate::support::wait::wait_until;
use sockdiag::model::filter::{End, Filter};
use sockdiag::model::{Direction, Families};
use sockdiag::source::Capture;

/// A connection that sends 100 kB and is closed by both ends.
fn connection(listener: &TcpListener) -> u16 {
    let address = listener.local_addr().unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    let (server, _) = listener.accept().unwrap();
    let port = client.local_addr().unwrap().port();
    let reader = std::thread::spawn(move || std::io::copy(&mut &server, &mut std::io::sink()));
    client.write_all(&[0; 100_000]).unwrap();
    drop(client);
    reader.join().unwrap().unwrap();
    port
}

/// SYN to a port where nobody listens.
fn last_syn(address: &str) {
    TcpStream::connect((address, 9)).unwrap_err();
}

#[test]
fn a_handshake_on_loopback_is_seen_once_and_without_its_data() {
    in_netns(|| {
        lo_up();
        for (address, header) in [("127.0.0.1", 20), ("::1", 40)] {
            let listener = TcpListener::bind((address, 8080)).unwrap();
            let mut capture = capture(&[]);
            let client = connection(&listener);
            last_syn(address);
            let seen = capture_until_syn_to(&mut capture, 9);
            let flags: Vec<u8> = seen.iter().map(|seen| seen.flags).collect();
            assert_eq!(flags[..3], [SYN, SYN_ACK, ACK]);
            assert_eq!((seen[0].from, seen[0].to), (client, 8080));
            assert_eq!((seen[1].from, seen[1].to), (8080, client));
            for end in [client, 8080] {
                let fin = |seen: &SeenPacket| seen.flags & 1 != 0 && seen.from == end;
                assert!(seen.iter().any(fin), "{flags:x?}");
            }
            // Headers and options, no data.
            let bare = seen.iter().filter(|seen| seen.flags == ACK);
            assert!(bare.clone().count() >= 2, "{flags:x?}");
            assert!(bare.clone().all(|seen| seen.wire_bytes <= header + 60));
            assert_eq!(capture.lost().unwrap(), 0);
        }
    });
}

#[test]
fn a_packet_has_its_number_time_direction_and_device() {
    in_netns(|| {
        lo_up();
        let since_1970 = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let mut capture = capture(&[]);
        let before = since_1970().as_nanos() as u64;
        last_syn("127.0.0.1");
        let seen = capture_until(&mut capture, "both were captured", |seen| seen.len() == 2);
        let after = since_1970().as_nanos() as u64;
        for (number, seen) in (1..).zip(&seen) {
            assert_eq!(seen.number, number);
            assert!((before..=after).contains(&seen.time_ns));
            assert_eq!(seen.direction, Some(Direction::Internal));
            assert_eq!(capture.interface_name(seen.interface), Some("lo"));
        }
        assert_eq!(capture.interface_name(4711), None);
    });
}

#[test]
fn the_kernel_drops_what_cannot_meet_the_condition() {
    in_netns(|| {
        lo_up();
        let wanted = Filter::port_is_one_of(End::Local, &[8081, 9]);
        let [other, listener] =
            [8080, 8081].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
        let mut capture = capture_of(&[], &wanted);
        connection(&other);
        let client = connection(&listener);
        last_syn("127.0.0.1");
        let seen = capture_until_syn_to(&mut capture, 9);
        assert!(seen.iter().any(|seen| seen.from == client));
        let ports = seen.iter().map(|seen| [seen.from, seen.to]);
        assert!(ports.clone().all(|ports| !ports.contains(&8080)));
    });
}

#[test]
fn a_condition_too_long_for_the_kernel_lets_everything_pass() {
    in_netns(|| {
        lo_up();
        let ports: Vec<u16> = (10_000..14_000).collect();
        let mut capture = capture_of(&[], &Filter::port_is_one_of(End::Local, &ports));
        last_syn("127.0.0.1");
        capture_until_syn_to(&mut capture, 9);
    });
}

#[test]
fn a_condition_too_large_for_the_kernels_memory_lets_everything_pass() {
    in_netns(|| {
        lo_up();
        let limit = "net/core/optmem_max";
        if !Path::new("/proc/sys").join(limit).exists() {
            return report_skipped("net.core.optmem_max is not a namespace's own on this kernel");
        }
        // What it was before Linux 6.7.
        sysctl(limit, 20480);
        let ports: Vec<u16> = (10_000..10_250).collect();
        let mut capture = capture_of(&[], &Filter::port_is_one_of(End::Local, &ports));
        last_syn("127.0.0.1");
        capture_until_syn_to(&mut capture, 9);
    });
}

#[test]
fn only_the_wanted_family_is_seen() {
    in_netns(|| {
        lo_up();
        for (v4, version, wanted) in [(true, 4, "127.0.0.1"), (false, 6, "::1")] {
            let families = Families { v4, v6: !v4 };
            let mut capture = Capture::open(&[], &EVERYTHING, families, false).unwrap();
            for address in ["127.0.0.1", "::1", wanted] {
                last_syn(address);
            }
            let seen = capture_until(&mut capture, "both were captured", |seen| seen.len() >= 4);
            assert!(seen.iter().all(|seen| seen.version == version));
        }
    });
}

#[test]
fn tags_of_vlans_are_taken_off_and_the_outermost_is_told() {
    in_netns(|| {
        veth_pair("near0", "far0");
        let mut capture = capture(&["far0"]);
        let mut frames = Frames::on("near0");
        let scenes: [&[(u16, u16)]; 4] = [
            &[],
            &[(0x8100, 0x2007)],
            &[(0x88a8, 0x4009), (0x8100, 0x6007)],
            &[(0x8100, 0x400a), (0x8100, 0x6007)],
        ];
        for tags in scenes {
            frames.send(tags, &v4_packet(80, SYN));
            frames.send(tags, &v6_packet(80, SYN));
        }
        let seen = capture_until(&mut capture, "all were captured", |seen| seen.len() == 8);
        let vlans: Vec<Option<u16>> = seen.iter().map(|seen| seen.vlan).collect();
        let expected = [None, Some(7), Some(9), Some(10)];
        assert_eq!(vlans, expected.map(|vlan| [vlan; 2]).concat());
        for (seen, version) in seen.iter().zip([4, 6].into_iter().cycle()) {
            assert_eq!((seen.version, seen.to, seen.flags), (version, 80, SYN));
            assert_eq!(seen.wire_bytes, if version == 4 { 40 } else { 60 });
            assert_eq!(seen.direction, Some(Direction::Passing));
        }
    });
}

#[test]
fn tagged_frames_on_the_way_out_begin_with_their_ip_header() {
    in_netns(|| {
        veth_pair("near0", "far0");
        let mut capture = capture(&["near0"]);
        let mut frames = Frames::on("near0");
        for packet in [v4_packet(80, SYN), v6_packet(80, SYN)] {
            frames.send(&[(0x8100, 7)], &packet);
            frames.send(&[(0x88a8, 7), (0x8100, 8)], &packet);
        }
        let seen = capture_until(&mut capture, "all were captured", |seen| seen.len() == 4);
        for (seen, version) in seen.iter().zip([4, 4, 6, 6]) {
            assert_eq!((seen.version, seen.to, seen.flags), (version, 80, SYN));
            assert_eq!(seen.direction, Some(Direction::Outgoing));
            // Kernels before 6.10 do not tell it.
            assert!([None, Some(7)].contains(&seen.vlan), "{:?}", seen.vlan);
        }
    });
}

#[test]
fn fragments_are_captured_and_other_protocols_are_not() {
    in_netns(|| {
        veth_pair("near0", "far0");
        let mut capture = capture(&["far0"]);
        let mut frames = Frames::on("near0");
        let mut fragment = v4_packet(81, ACK);
        fragment[6] = 0x20;
        let mut udp = v4_packet(82, SYN);
        udp[9] = 17;
        for packet in [fragment, udp, v4_packet(80, SYN)] {
            frames.send(&[], &packet);
        }
        let seen = capture_until_syn_to(&mut capture, 80);
        let ports: Vec<u16> = seen.iter().map(|seen| seen.to).collect();
        assert_eq!(ports, [81, 80]);
    });
}

#[test]
fn what_the_ring_has_no_room_for_is_counted() {
    in_netns(|| {
        veth_pair("near0", "far0");
        let mut capture = capture(&["far0"]);
        let mut frames = Frames::on("near0");
        // A reset is not answered.
        let reset = v4_packet(80, 0x04);
        let sent = 200_000;
        for _ in 0..sent {
            frames.send(&[], &reset);
        }
        let mut received = 0;
        wait_until("every packet was captured or lost", || {
            capture.each_packet(|_| received += 1);
            received + capture.lost().unwrap() == sent
        });
        let lost = capture.lost().unwrap();
        assert!(lost > 0 && received > 0, "{received} received, {lost} lost");
        frames.send(&[], &reset);
        let seen = capture_until(&mut capture, "one more was captured", |seen| {
            !seen.is_empty()
        });
        assert_eq!(seen[0].number, received + 1);
        assert_eq!(capture.lost().unwrap(), lost);
    });
}
