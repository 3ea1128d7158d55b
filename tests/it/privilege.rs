//! What is left after privileges were given up.

use std::fs;
use std::net::TcpStream;

use crate::support::capture::{BOTH, EVERYTHING, capture_until_syn_to};
use crate::support::netns::{in_netns, lo_up};
use sockdiag::source::{Capture, drop_privileges};

/// A line of what the kernel says of the calling thread.
fn status(name: &str) -> String {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim_start_matches(':').trim().to_owned()
}

const SETS: [&str; 5] = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];

#[test]
fn an_open_capture_outlives_the_privilege_to_open_another() {
    in_netns(|| {
        lo_up();
        let names = ["lo".to_owned()];
        let mut capture = Capture::open(&names, &EVERYTHING, BOTH, false).unwrap();
        assert_ne!(u64::from_str_radix(&status("CapEff"), 16), Ok(0));
        drop_privileges().unwrap();
        for set in SETS {
            assert_eq!(u64::from_str_radix(&status(set), 16), Ok(0), "{set}");
        }
        assert_eq!(status("NoNewPrivs"), "1");
        let error = Capture::open(&[], &EVERYTHING, BOTH, false).err().unwrap();
        assert_eq!(error.io().raw_os_error(), Some(libc::EPERM));
        assert_eq!(error.to_string(), "opening a packet socket");
        TcpStream::connect("127.0.0.1:9").unwrap_err();
        capture_until_syn_to(&mut capture, 9);
        assert_eq!(capture.lost().unwrap(), 0);
        assert_eq!(capture.interface_name(1), Some("lo"));
    });
}

#[test]
fn nothing_to_give_up_is_no_error() {
    in_netns(|| {
        drop_privileges().unwrap();
        drop_privileges().unwrap();
    });
}
