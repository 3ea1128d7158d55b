//! What is left after privileges were given up.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::support::capture::{BOTH, EVERYTHING, capture_until_syn_to};
use crate::support::netns::{in_netns, lo_up};
use crate::support::skipped::report_skipped;
use crate::support::tree::Tree;
use sockdiag::model::is_at_least;
use sockdiag::source::{
    Capture, Kernel, SockDiag, all_interfaces_are_down, confine, drop_privileges,
};

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

/// Linux has it since 5.13; `false`, loudly, before.
fn has_landlock() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc is there");
    let has_it = is_at_least(&release, (5, 13)).expect("a release begins with two numbers");
    if !has_it {
        report_skipped("opening other files: Linux has no Landlock before 5.13");
    }
    has_it
}

/// What the kernel answers when a file is opened like this; 0 when it is.
fn opening(options: &mut OpenOptions, path: &str) -> i32 {
    let error = options.open(path).err();
    error.map_or(0, |error| error.raw_os_error().expect("an errno"))
}

#[test]
fn a_confined_process_reads_one_folder_and_starts_nothing() {
    in_netns(|| {
        lo_up();
        let tree = Tree::new();
        tree.write("secret", "x");
        let secret = format!("{}/secret", tree.path());
        let mut open = File::create(format!("{}/open", tree.path())).expect("it is ours");
        let names = ["lo".to_owned()];
        let mut capture = Capture::open(&names, &EVERYTHING, BOTH, false).unwrap();
        drop_privileges().unwrap();
        confine(Some(Path::new("/proc"))).unwrap();

        let (mut reading, mut writing) = (OpenOptions::new(), OpenOptions::new());
        reading.read(true);
        assert_eq!(opening(&mut reading, "/proc/thread-self/net/snmp"), 0);
        if has_landlock() {
            assert_eq!(opening(&mut reading, &secret), libc::EACCES);
            assert_eq!(opening(&mut reading, "/etc/passwd"), libc::EACCES);
            let unlinked = fs::remove_file(&secret).expect_err("Landlock forbids it");
            assert_eq!(unlinked.raw_os_error(), Some(libc::EACCES));
        }
        writing.write(true);
        for path in [&secret, "/proc/self/comm", "/dev/null", "/tmp/none"] {
            assert_eq!(opening(&mut writing, path), libc::EPERM, "{path}");
        }
        writing.create_new(true);
        assert_eq!(opening(&mut writing, "/proc/new"), libc::EPERM);
        let started = Command::new("/bin/true").status();
        assert!(started.is_err(), "a program was started");
        let connected = TcpStream::connect("127.0.0.1:9").expect_err("no such socket");
        assert_eq!(connected.raw_os_error(), Some(libc::EPERM));

        // What it was opened for goes on.
        open.write_all(b"saved").expect("it was open before");
        assert_eq!(capture.lost().unwrap(), 0);
        let mut listeners = Vec::new();
        let mut diag = SockDiag::open().expect("netlink is allowed");
        diag.listeners(BOTH, &mut listeners)
            .expect("netlink is allowed");
        assert!(Kernel::new().counters().is_ok());
        assert!(!all_interfaces_are_down());
        assert_eq!(capture.interface_name(1), Some("lo"));
    });
}
