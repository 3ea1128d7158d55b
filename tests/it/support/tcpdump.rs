//! Captures by tcpdump, and what tshark says of them.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use super::skipped::report_skipped;
use super::tools::tool_output;
use super::tree::Tree;
use super::wait::{PATIENCE, wait_until};

/// What is sent to the discard port when a capture is over. It comes after all the rest.
const LAST_WORDS: &[u8] = b"nothing after this belongs to the test";

/// It gives up its groups first, which only the real root may.
const NO_OTHER_ROOT: &str = "Couldn't change to 'root'";

/// A running tcpdump.
pub struct Tcpdump {
    tcpdump: Child,
    folder: Tree,
}

impl Tcpdump {
    /// Starts one on a device, or on `any`, and waits until it misses nothing; `None`, loudly, where
    /// tcpdump is not installed or may not run.
    pub fn start(device: &str) -> Option<Tcpdump> {
        Self::start_with(device, &[])
    }

    /// As [`Tcpdump::start`], with more options.
    pub fn start_with(device: &str, options: &[&str]) -> Option<Tcpdump> {
        let folder = Tree::new();
        let file = format!("{}/tcpdump.pcap", folder.path());
        let started = Command::new("tcpdump")
            .args(["-n", "-U", "-Z", "root", "-i", device])
            // Of packets longer than that its ring for the immediate mode would hold eight.
            .args(["--immediate-mode", "-s", "256"])
            .args(["-w", &file])
            .args(options)
            .stderr(Stdio::piped())
            .spawn();
        let mut tcpdump = match started {
            Ok(child) => child,
            Err(error) => {
                report_skipped(&format!("comparison with tcpdump: {error}"));
                return None;
            }
        };
        match until_listening(&mut tcpdump) {
            Ok(()) => Some(Tcpdump { tcpdump, folder }),
            Err(reason) => {
                report_skipped(&format!("comparison with tcpdump: {reason}"));
                let _ = tcpdump.wait();
                None
            }
        }
    }

    /// Ends it when all that was sent before is in the file. `through` is an address on the device,
    /// of this host or of another; called in the namespace of the capture.
    pub fn end(mut self, through: &str) -> TcpdumpFile {
        let path = format!("{}/tcpdump.pcap", self.folder.path());
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a port is free");
        socket
            .send_to(LAST_WORDS, (through, 9))
            .expect("the device is up");
        wait_until("tcpdump has written the last words", || {
            let file = fs::read(&path).expect("its file");
            file.windows(LAST_WORDS.len())
                .any(|bytes| bytes == LAST_WORDS)
        });
        let pid = Pid::from_child(&self.tcpdump);
        kill_process(pid, Signal::TERM).expect("it is ours");
        self.tcpdump.wait().expect("it ends");
        TcpdumpFile {
            path,
            _folder: self.folder,
        }
    }
}

/// Goes on reading afterwards, so that tcpdump can write there.
fn until_listening(tcpdump: &mut Child) -> Result<(), String> {
    let stderr = tcpdump.stderr.take().expect("stderr is piped");
    let (sender, said) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let mut all = Vec::new();
    while let Ok(line) = said.recv_timeout(PATIENCE) {
        // The filter is attached by then.
        if line.contains("listening on") {
            return Ok(());
        }
        all.push(line);
    }
    Err(all.join("\n"))
}

/// A capture that is over; the file is removed when dropped.
pub struct TcpdumpFile {
    pub path: String,
    _folder: Tree,
}

/// A TCP segment as tshark sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct TsharkSegment {
    /// From 1, over all packets of the file.
    pub number: u64,
    /// tshark's number of the connection.
    pub stream: u64,
    /// Nanoseconds since 1970.
    pub time_ns: u64,
    pub source: String,
    pub source_port: u16,
    pub destination_port: u16,
    pub flags: u16,
    pub sequence: u32,
    pub acknowledgement: u32,
    pub retransmission: bool,
    /// From the SYN to the ACK, on the packets that follow.
    pub initial_rtt_ms: Option<f64>,
    /// Of the packet, as written in the file.
    pub comment: String,
    pub payload_bytes: u32,
}

const FIELDS: [&str; 14] = [
    "frame.number",
    "tcp.stream",
    "frame.time_epoch",
    "ip.src",
    "ipv6.src",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.flags",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.analysis.retransmission",
    "tcp.analysis.initial_rtt",
    "frame.comment",
    "tcp.len",
];

/// The TCP segments of a file, where tshark is installed.
pub fn tshark(path: &str) -> Option<Vec<TsharkSegment>> {
    let text = tshark_fields(path, "tcp", &FIELDS)?;
    Some(text.lines().map(seen).collect())
}

/// These fields of each packet that a display filter leaves, with tabulators between.
pub fn tshark_fields(path: &str, filter: &str, fields: &[&str]) -> Option<String> {
    // With tshark's default preferences, whoever runs the tests.
    let mut args = vec![
        "HOME=/nonexistent",
        "XDG_CONFIG_HOME=/nonexistent",
        "tshark",
    ];
    tool_output("tshark", &["--version"])?;
    args.extend(["-n", "-r", path, "-Y", filter, "-T", "fields"]);
    args.extend(fields.iter().flat_map(|field| ["-e", field]));
    tool_output("env", &args)
}

/// What tcpdump prints of a file; `None`, loudly, where it is not installed or may not run.
pub fn tcpdump_lines(path: &str, filter: &str) -> Option<Vec<String>> {
    let ran = Command::new("tcpdump")
        .args(["-n", "-Z", "root", "-r", path, filter])
        .output();
    let reason = match ran {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            return Some(text.lines().map(str::to_owned).collect());
        }
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    assert!(
        !reason.contains("tcpdump:") || reason.contains(NO_OTHER_ROOT),
        "{reason}"
    );
    report_skipped(&format!("comparison with tcpdump: {reason}"));
    None
}

fn seen(line: &str) -> TsharkSegment {
    let column: Vec<&str> = line.split('\t').collect();
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text} in {line}"));
    let port = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text} in {line}"));
    let hexadecimal = column[7].trim_start_matches("0x");
    TsharkSegment {
        number: number(column[0]),
        stream: number(column[1]),
        time_ns: epoch_nanoseconds(column[2]),
        source: format!("{}{}", column[3], column[4]),
        source_port: port(column[5]),
        destination_port: port(column[6]),
        flags: u16::from_str_radix(hexadecimal, 16).expect("hexadecimal flags"),
        sequence: number(column[8]) as u32,
        acknowledgement: number(column[9]) as u32,
        retransmission: !column[10].is_empty(),
        initial_rtt_ms: column[11].parse().ok().map(|seconds: f64| seconds * 1000.0),
        comment: column[12].to_owned(),
        payload_bytes: number(column[13]) as u32,
    }
}

/// `1763647293.123456789`, exactly.
pub fn epoch_nanoseconds(epoch: &str) -> u64 {
    let (seconds, fraction) = epoch.split_once('.').unwrap_or((epoch, ""));
    let seconds: u64 = seconds.parse().expect("seconds since 1970");
    let fraction: u64 = format!("{fraction:0<9}").parse().expect("nanoseconds");
    seconds * 1_000_000_000 + fraction
}

/// `S`, `S.`, `.`, `F.`, `R`, `R.` and so on, as tcpdump writes flags; `P` is left out, for when data
/// is pushed is no matter here.
pub fn flag_letters(flags: u16) -> String {
    let names = [(0x02, 'S'), (0x01, 'F'), (0x04, 'R'), (0x10, '.')];
    let set = names.iter().filter(|(bit, _)| flags & bit != 0);
    set.map(|(_, letter)| letter).collect()
}
