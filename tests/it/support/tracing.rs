//! `sockdiag trace` running while the test makes traffic.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::handshakes::sort_handshakes;
use super::processes::{packet_sockets_receive, process_status};
use super::program::{command, text};
use super::tree::Tree;
use super::wait::{PATIENCE, wait_for, wait_until};

/// A running `sockdiag trace --json`; ended when dropped.
pub struct Tracing {
    child: Child,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
    schema: jsonschema::Validator,
}

/// What it said in the end.
pub struct Traced {
    /// All lines that were not asked for before, the summary excepted.
    pub lines: Vec<Value>,
    /// The payload of the last line.
    pub summary: Value,
    /// The envelope's list.
    pub incomplete: Value,
    /// The envelope's list.
    pub findings: Value,
    /// What it wrote on stderr.
    pub stderr: String,
}

impl Tracing {
    /// Starts it in the namespace of the calling thread; it misses nothing from now on.
    pub fn start(args: &[&str]) -> Tracing {
        let mut tracing = Tracing::spawn(args);
        let packets = format!("/proc/{}/net/packet", tracing.child.id());
        tracing.wait_until_ready(&packets);
        tracing
    }

    /// As [`Tracing::start`], where the program enters the namespace of the calling thread by itself.
    pub fn start_elsewhere(args: &[&str]) -> Tracing {
        let mut tracing = Tracing::spawn(args);
        tracing.wait_until_ready("/proc/thread-self/net/packet");
        tracing
    }

    fn spawn(args: &[&str]) -> Tracing {
        let mut child = command(&["trace", "--json"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut stderr = child.stderr.take().expect("stderr is piped");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let errors = thread::spawn(move || {
            let mut all = String::new();
            let _ = stderr.read_to_string(&mut all);
            all
        });
        Tracing {
            child,
            lines,
            errors: Some(errors),
            schema: trace_schema(),
        }
    }

    /// It gives up its rights when all its sockets are open, and they receive from then on.
    fn wait_until_ready(&mut self, packets: &str) {
        let pid = self.child.id();
        wait_for("the trace is ready", || {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                panic!("the trace ended: {status}: {}", self.errors());
            }
            (process_status(pid, "CapPrm") == "0000000000000000"
                && packet_sockets_receive(pid, packets))
            .then_some(())
        });
    }

    /// Returns when its packet sockets receive again after a device has come back.
    pub fn wait_until_receiving(&self) {
        let packets = format!("/proc/{}/net/packet", self.pid());
        wait_until("the trace receives", || {
            packet_sockets_receive(self.pid(), &packets)
        });
    }

    fn errors(&mut self) -> String {
        let errors = self.errors.take().expect("asked for once");
        errors.join().expect("stderr can be read")
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line.
    #[track_caller]
    pub fn line(&mut self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("another line");
        self.parse(&line)
    }

    /// The next line, which is a handshake.
    #[track_caller]
    pub fn handshake(&mut self) -> Value {
        payload(&self.line(), "handshake")
    }

    /// The next line, which is the end of a connection.
    #[track_caller]
    pub fn close(&mut self) -> Value {
        payload(&self.line(), "close")
    }

    /// So many handshakes, in the order of their clients' ports.
    #[track_caller]
    pub fn handshakes(&mut self, count: usize) -> Vec<Value> {
        let mut all: Vec<Value> = (0..count).map(|_| self.handshake()).collect();
        sort_handshakes(&mut all);
        all
    }

    /// Ends it as Ctrl-C would; it must succeed.
    #[track_caller]
    pub fn end(self) -> Traced {
        self.end_by(Signal::INT)
    }

    /// As [`Tracing::end`], with another signal.
    #[track_caller]
    pub fn end_by(self, signal: Signal) -> Traced {
        kill_process(Pid::from_child(&self.child), signal).expect("it is ours");
        self.ended()
    }

    /// Waits until it ends by itself, which must be a success.
    #[track_caller]
    pub fn ended(mut self) -> Traced {
        let status = wait_for("the trace has ended", || {
            self.child.try_wait().expect("it is ours")
        });
        let stderr = self.errors();
        assert_eq!(status.code(), Some(0), "{stderr}");
        let mut lines: Vec<Value> = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            lines.push(self.parse(&line));
        }
        traced(lines, stderr)
    }

    #[track_caller]
    fn parse(&self, line: &str) -> Value {
        valid(&self.schema, line)
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `sockdiag trace --json ARGS` to its end, which must be a success: for reading files.
#[track_caller]
pub fn trace(args: &[&str]) -> Traced {
    let text = text(&[&["trace", "--json"], args].concat());
    let schema = trace_schema();
    let lines = text.lines().map(|line| valid(&schema, line)).collect();
    traced(lines, String::new())
}

/// As [`trace`], of a file with these bytes.
#[track_caller]
pub fn trace_bytes(file: &[u8]) -> Traced {
    let tree = Tree::new();
    tree.write("capture", file);
    trace(&["--read", &format!("{}/capture", tree.path())])
}

#[track_caller]
fn traced(mut lines: Vec<Value>, stderr: String) -> Traced {
    let last = lines.pop().expect("a summary");
    assert!(
        lines.iter().all(|line| line.get("summary").is_none()),
        "more than one summary in {lines:#?}"
    );
    Traced {
        lines,
        summary: payload(&last, "summary"),
        incomplete: last["incomplete"].clone(),
        findings: last["findings"].clone(),
        stderr,
    }
}

impl Traced {
    /// The handshakes among the lines, in the order of their clients' ports.
    #[track_caller]
    pub fn handshakes(&self) -> Vec<Value> {
        let lines = self.lines.iter();
        let mut all: Vec<Value> = lines
            .filter_map(|line| line.get("handshake").cloned())
            .collect();
        sort_handshakes(&mut all);
        all
    }

    /// The one handshake.
    #[track_caller]
    pub fn handshake(&self) -> Value {
        let mut all = self.handshakes();
        assert_eq!(all.len(), 1, "handshakes in {:#?}", self.lines);
        all.remove(0)
    }
}

/// What a line is about, and that it is about nothing else.
#[track_caller]
fn payload(line: &Value, key: &str) -> Value {
    let kinds = ["handshake", "close", "summary"];
    let found: Vec<_> = kinds
        .into_iter()
        .filter(|kind| line.get(kind).is_some())
        .collect();
    assert_eq!(found, [key], "{line:#}");
    line[key].clone()
}

/// By which every line is checked.
pub fn trace_schema() -> jsonschema::Validator {
    let schema = text(&["schema", "trace"]);
    let schema: Value = serde_json::from_str(&schema).expect("a schema is JSON");
    jsonschema::validator_for(&schema).expect("a schema that can be used")
}

#[track_caller]
fn valid(schema: &jsonschema::Validator, line: &str) -> Value {
    let value: Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
    assert_eq!(value["schema"], "sockdiag/trace/v1");
    if let Err(error) = schema.validate(&value) {
        panic!("{error} at {} in {line}", error.instance_path());
    }
    value
}
