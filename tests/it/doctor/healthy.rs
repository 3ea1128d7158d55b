//! `sockdiag doctor`: hosts on which nothing is wrong get no finding above `info`.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use socket2::Socket;

use crate::support::meanwhile::while_repeating;
use crate::support::netns::{in_sealed_netns, lo_up};
use crate::support::program::json;
use crate::support::sockets::{accept_queue_len, listen_with};

/// Hosts that each of the four tests tries.
const MIXES: u64 = 50;

/// Numbers that look random and are the same in each run (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

/// What a server does on a usual day. Everything is closed when it is dropped.
#[derive(Default)]
struct Host {
    listeners: Vec<Socket>,
    streams: Vec<TcpStream>,
    udp: Vec<UdpSocket>,
    files: Vec<std::fs::File>,
}

impl Host {
    fn new(dice: &mut Dice) -> Self {
        let mut host = Host::default();
        for number in 0..dice.below(12) {
            host.add_listener(8000 + number as u16, dice);
        }
        for _ in 0..dice.below(4) {
            host.udp
                .push(UdpSocket::bind("127.0.0.1:0").expect("a port"));
        }
        for _ in 0..dice.below(150) {
            host.files
                .push(std::fs::File::open("/dev/null").expect("a descriptor"));
        }
        host
    }

    fn add_listener(&mut self, port: u16, dice: &mut Dice) {
        let address = format!("127.0.0.1:{port}");
        let backlog = [4, 16, 128, 511, 4096][dice.below(5) as usize];
        if dice.one_in(4) {
            let member = |_| {
                listen_with(&address, backlog, |socket| {
                    socket.set_reuse_address(true).expect("SO_REUSEADDR");
                    socket.set_reuse_port(true).expect("SO_REUSEPORT");
                })
            };
            self.listeners.extend((0..3).map(member));
            return;
        }
        // Both ends of a connection of an earlier host may be in TIME_WAIT.
        let listener = listen_with(&address, backlog, |socket| {
            socket.set_reuse_address(true).expect("SO_REUSEADDR");
        });
        for _ in 0..dice.below(20) {
            let client = TcpStream::connect(&address).expect("room");
            let (server, _) = listener.accept().expect("one is queued");
            match dice.below(3) {
                // It stays in TIME_WAIT.
                0 => drop((client, server)),
                _ => self.streams.extend([client, server.into()]),
            }
        }
        self.listeners.push(listener);
    }
}

/// A burst that fits, all of it accepted in the end, and a service that restarts.
fn work(bursts: &TcpListener, dice: &mut Dice) {
    let burst: Vec<TcpStream> = (0..=dice.below(30))
        .map(|_| TcpStream::connect("127.0.0.1:7000").expect("room"))
        .collect();
    for _ in &burst {
        bursts.accept().expect("one is queued");
    }
    // A program that starts meanwhile has a copy of the old one until its exec.
    let restarted = listen_with("127.0.0.1:7001", 16, |socket| {
        socket.set_reuse_port(true).expect("SO_REUSEPORT");
    });
    assert_eq!(accept_queue_len(&restarted), 0);
    drop(restarted);
    // The pace of the scene; nothing waits for it.
    thread::sleep(Duration::from_millis(dice.below(20)));
}

#[test]
fn fifty_healthy_hosts_give_no_alarm() {
    in_sealed_netns(|| give_no_alarm(0));
}

#[test]
fn fifty_more_healthy_hosts_give_no_alarm() {
    in_sealed_netns(|| give_no_alarm(1));
}

#[test]
fn another_fifty_healthy_hosts_give_no_alarm() {
    in_sealed_netns(|| give_no_alarm(2));
}

#[test]
fn the_last_fifty_healthy_hosts_give_no_alarm() {
    in_sealed_netns(|| give_no_alarm(3));
}

fn give_no_alarm(part: u64) {
    lo_up();
    for mix in part * MIXES + 1..=(part + 1) * MIXES {
        let mut dice = Dice(mix.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let _host = Host::new(&mut dice);
        let bursts = TcpListener::bind("127.0.0.1:7000").expect("it is free");
        let work = || work(&bursts, &mut dice);
        let report = while_repeating(work, || match mix % 4 {
            0 => json(&["doctor", "--quick"]),
            _ => json(&["doctor", "--for=100ms"]),
        });
        let findings = report["findings"].as_array().expect("an array").iter();
        let alarms: Vec<&Value> = findings
            .filter(|finding| finding["severity"] != "info")
            .collect();
        assert!(alarms.is_empty(), "mix {mix}: {alarms:#?}");
    }
}
