//! Devices that are named, go down, go, come and change during a capture.

use crate::support::capture::{
    BOTH, EVERYTHING, Frames, SYN, SeenPacket, capture, is_readable, take_packets, v4_packet,
    veth_pair,
};
use crate::support::netns::{in_netns, in_sealed_netns, run};
use crate::support::wait::wait_until;
use sockdiag::Error;
use sockdiag::model::Direction;
use sockdiag::source::{Capture, Kernel};

/// Sends SYNs to this port again and again until one is captured.
#[track_caller]
fn syn_comes_through(capture: &mut Capture, device: &str, port: u16) -> SeenPacket {
    let mut frames = Frames::on(device);
    let mut seen = Vec::new();
    let is_it = |seen: &&SeenPacket| seen.to == port && seen.flags == SYN;
    wait_until("a SYN is captured", || {
        frames.send(&[], &v4_packet(port, SYN));
        take_packets(capture, &mut seen);
        seen.iter().any(|seen| is_it(&seen))
    });
    seen.iter().find(is_it).unwrap().clone()
}

#[test]
fn a_name_that_no_device_has_is_told() {
    in_netns(|| {
        let names = ["lo", "nosuch0"].map(str::to_owned);
        let error = Capture::open(&names, &EVERYTHING, BOTH, false).err();
        let Some(Error::Interface(name, cause)) = error else {
            panic!("{error:?}");
        };
        assert_eq!(name, "nosuch0");
        assert_eq!(cause.raw_os_error(), Some(libc::ENODEV));
    });
}

#[test]
fn only_the_named_devices_are_captured_in_order_of_time() {
    in_netns(|| {
        veth_pair("near0", "far0");
        veth_pair("near1", "far1");
        let mut capture = capture(&["near0", "far0", "far1", "far0"]);
        let [mut a, mut c] = ["near0", "near1"].map(Frames::on);
        for _ in 0..20 {
            a.send(&[], &v4_packet(80, SYN));
            c.send(&[], &v4_packet(80, SYN));
        }
        let mut seen = Vec::new();
        wait_until("all were captured", || {
            let mut ready = Vec::new();
            take_packets(&mut capture, &mut ready);
            assert!(ready.is_sorted_by_key(|seen| seen.time_ns));
            seen.extend(ready);
            seen.len() == 60
        });
        assert!(seen.is_sorted_by_key(|seen| seen.number));
        let mut count = |name: &str, direction: Direction| {
            let of_it = seen.iter().filter(|seen| {
                capture.interface_name(seen.interface) == Some(name)
                    && seen.direction == Some(direction)
            });
            of_it.count()
        };
        assert_eq!(count("near0", Direction::Outgoing), 20);
        assert_eq!(count("far0", Direction::Passing), 20);
        assert_eq!(count("far1", Direction::Passing), 20);
    });
}

#[test]
fn a_named_device_is_captured_again_when_it_comes_up() {
    in_netns(|| {
        veth_pair("near0", "far0");
        let mut capture = capture(&["far0"]);
        syn_comes_through(&mut capture, "near0", 80);
        run("ip", &["link", "set", "far0", "down"]);
        assert!(is_readable(&capture), "the error is reported");
        wait_until("it sleeps again", || {
            take_packets(&mut capture, &mut Vec::new());
            !is_readable(&capture)
        });
        run("ip", &["link", "set", "far0", "up"]);
        syn_comes_through(&mut capture, "near0", 81);
    });
}

#[test]
fn a_named_device_may_be_down_at_first() {
    in_netns(|| {
        veth_pair("near0", "far0");
        run("ip", &["link", "set", "far0", "down"]);
        let mut capture = capture(&["far0"]);
        take_packets(&mut capture, &mut Vec::new());
        assert!(!is_readable(&capture));
        run("ip", &["link", "set", "far0", "up"]);
        syn_comes_through(&mut capture, "near0", 80);
    });
}

#[test]
fn a_named_device_that_was_deleted_is_captured_when_it_is_made_again() {
    in_netns(|| {
        veth_pair("near0", "far0");
        let names = ["far0".to_owned()];
        let mut capture = Capture::open(&names, &EVERYTHING, BOTH, true).unwrap();
        let before = syn_comes_through(&mut capture, "near0", 80);
        assert_eq!(capture.interface_name(before.interface), Some("far0"));
        run("ip", &["link", "delete", "far0"]);
        wait_until("it sleeps again", || {
            take_packets(&mut capture, &mut Vec::new());
            !is_readable(&capture)
        });
        run("ip", &["link", "add", "other", "type", "veth"]);
        veth_pair("near0", "far0");
        let after = syn_comes_through(&mut capture, "near0", 81);
        assert_ne!(before.interface, after.interface);
        assert_eq!(capture.interface_name(before.interface), Some("far0"));
        assert_eq!(capture.interface_name(after.interface), Some("far0"));
        assert!(is_promiscuous("far0"));
    });
}

#[test]
fn a_device_made_again_with_the_same_index_is_captured() {
    in_netns(|| {
        let make = || {
            let device = "link add near0 type veth peer name far0 index 77";
            run("ip", &device.split(' ').collect::<Vec<_>>());
            for device in ["near0", "far0"] {
                run("ip", &["link", "set", device, "up"]);
            }
        };
        make();
        let mut capture = capture(&["far0"]);
        syn_comes_through(&mut capture, "near0", 80);
        run("ip", &["link", "delete", "far0"]);
        make();
        syn_comes_through(&mut capture, "near0", 81);
    });
}

#[test]
fn devices_that_come_are_captured_when_none_is_named() {
    in_netns(|| {
        let mut capture = capture(&[]);
        veth_pair("near0", "far0");
        let first = syn_comes_through(&mut capture, "near0", 80);
        run("ip", &["link", "delete", "far0"]);
        veth_pair("near0", "far0");
        let second = syn_comes_through(&mut capture, "near0", 81);
        assert_ne!(first.interface, second.interface);
    });
}

#[test]
fn the_name_of_a_device_is_followed() {
    in_netns(|| {
        veth_pair("near0", "far0");
        let mut capture = capture(&["far0"]);
        let index = syn_comes_through(&mut capture, "near0", 80).interface;
        assert_eq!(capture.interface_name(index), Some("far0"));
        run("ip", &["link", "set", "far0", "down"]);
        run("ip", &["link", "set", "far0", "name", "renamed"]);
        run("ip", &["link", "set", "renamed", "up"]);
        wait_until("the new name is known", || {
            capture.interface_name(index) == Some("renamed")
        });
        syn_comes_through(&mut capture, "near0", 81);
    });
}

fn is_promiscuous(device: &str) -> bool {
    run("ip", &["-d", "link", "show", device]).contains("promiscuity 1")
}

#[test]
fn devices_are_promiscuous_only_when_that_is_asked_for() {
    in_netns(|| {
        veth_pair("near0", "far0");
        for (promiscuous, interfaces) in [
            (false, &["far0".to_owned()][..]),
            (true, &["far0".to_owned()]),
            (true, &[]),
        ] {
            let capture = Capture::open(interfaces, &EVERYTHING, BOTH, promiscuous).unwrap();
            let expected = promiscuous && !interfaces.is_empty();
            assert_eq!(is_promiscuous("far0"), expected);
            assert!(!is_promiscuous("near0"));
            drop(capture);
            assert!(!is_promiscuous("far0"));
        }
    });
}

#[test]
fn a_capture_of_another_namespace_knows_its_devices() {
    in_sealed_netns(|| {
        run("ip", &["netns", "add", "other"]);
        let device = "-n other link add far0 index 99 type veth";
        run("ip", &device.split(' ').collect::<Vec<_>>());
        let other = Kernel::new().namespace("other").unwrap();
        let mut capture = other.enter(|| capture(&["far0"])).unwrap();
        assert_eq!(capture.interface_name(99), Some("far0"));
    });
}
