//! A program that is blocked, and asked to end.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::capture_file::{ETHERNET, Order, ethernet, handshake_packets, pcapng};
use crate::support::netns::{in_netns, lo_up, run};
use crate::support::processes::process_status;
use crate::support::program::{PROGRAM, command};
use crate::support::terminal::Terminal;
use crate::support::tree::Tree;
use crate::support::wait::wait_until;

/// The program; ended with the test.
struct Running(Child);

impl Running {
    fn start(args: &[&str]) -> Running {
        Self::start_command(command(args))
    }

    fn start_command(mut command: Command) -> Running {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let running = Running(command.spawn().expect("the program starts"));
        let handles = |signal: Signal| running.mask("SigCgt") & bit(signal) != 0;
        wait_until("it handles signals", || {
            handles(Signal::INT) && handles(Signal::TERM)
        });
        running
    }

    /// Sends a signal and waits until it has arrived.
    fn ask_to_end(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("it is ours");
        wait_until("the signal has arrived", || {
            (self.mask("SigPnd") | self.mask("ShdPnd")) & bit(signal) == 0
        });
    }

    /// All that it writes until its end.
    fn read_stdout(&mut self) -> String {
        let mut stdout = self.0.stdout.take().expect("stdout is piped");
        let mut said = String::new();
        stdout.read_to_string(&mut said).expect("UTF-8");
        said
    }

    fn mask(&self, name: &str) -> u64 {
        u64::from_str_radix(&process_status(self.0.id(), name), 16).unwrap_or_default()
    }

    fn end(self) -> ExitStatus {
        self.end_with_stderr().0
    }

    fn end_with_stderr(mut self) -> (ExitStatus, String) {
        wait_until("the program has ended", || {
            self.0.try_wait().expect("it is ours").is_some()
        });
        let (mut stderr, mut said) = (self.0.stderr.take(), String::new());
        let stderr = stderr.as_mut().expect("stderr is piped");
        stderr.read_to_string(&mut said).expect("UTF-8");
        (self.0.wait().expect("it is ours"), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn bit(signal: Signal) -> u64 {
    1 << (signal.as_raw() - 1)
}

fn fifo(tree: &Tree) -> String {
    let path = format!("{}/fifo", tree.path());
    run("mkfifo", &[&path]);
    path
}

#[test]
fn a_second_signal_ends_what_waits_for_the_other_end_of_a_fifo() {
    in_netns(|| {
        lo_up();
        let tree = Tree::new();
        let path = fifo(&tree);
        for flag in ["--read", "--write"] {
            for signal in [Signal::INT, Signal::TERM] {
                let running = Running::start(&["trace", flag, &path]);
                running.ask_to_end(signal);
                running.ask_to_end(signal);
                assert_eq!(running.end().signal(), Some(signal.as_raw()), "{flag}");
            }
        }
    });
}

#[test]
fn a_second_signal_ends_what_nobody_reads() {
    in_netns(|| {
        lo_up();
        let args = ["counters", "--all", "--watch=0.001", "--json"];
        let running = Running::start(&args);
        let stdout = running.0.stdout.as_ref().expect("stdout is piped");
        let room = rustix::pipe::fcntl_getpipe_size(stdout).expect("a pipe");
        wait_until("the pipe is full", || {
            rustix::io::ioctl_fionread(stdout).expect("a pipe") == room as u64
        });
        running.ask_to_end(Signal::INT);
        running.ask_to_end(Signal::TERM);
        assert_eq!(running.end().signal(), Some(Signal::TERM.as_raw()));
    });
}

#[test]
fn the_first_signal_ends_the_reading_of_a_file_that_stalls() {
    let tree = Tree::new();
    let path = fifo(&tree);
    let mut running = Running::start(&["trace", "--json", "--read", &path]);
    let mut writer = OpenOptions::new().write(true).open(&path).expect("a FIFO");
    let mut file = pcapng(Order::Little, ETHERNET as u16, &handshake_packets(ethernet));
    // Blocks of no known kind, and the beginning of another.
    let unknown = [7, 16, 0, 16_u32].map(u32::to_le_bytes).concat();
    file.extend(unknown.repeat(1000));
    file.extend(&unknown[..6]);
    writer.write_all(&file).expect("it reads");
    wait_until("all is read", || {
        rustix::io::ioctl_fionread(&writer).expect("a pipe") == 0
    });
    running.ask_to_end(Signal::INT);
    let said = running.read_stdout();
    assert_eq!(running.end().code(), Some(0));
    let summary: serde_json::Value =
        serde_json::from_str(said.lines().last().expect("a summary")).expect("JSON");
    assert!(summary["summary"].is_object(), "{said}");
    // It was not the file that ended there.
    assert_eq!(summary["incomplete"], serde_json::json!([]));
}

#[test]
fn a_reading_that_is_stopped_at_once_does_not_judge_the_file() {
    let tree = Tree::new();
    let path = fifo(&tree);
    let running = Running::start(&["trace", "--read", &path]);
    let _writer = OpenOptions::new().write(true).open(&path).expect("a FIFO");
    running.ask_to_end(Signal::INT);
    let (status, said) = running.end_with_stderr();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("stopped before the first packet"), "{said}");
}

/// nohup(1) redirects a terminal's streams and does the same.
#[test]
fn a_hang_up_that_was_ignored_before_is_ignored() {
    in_netns(|| {
        lo_up();
        for args in [
            "trace --json",
            "trace --json --summary",
            "queues --json --watch=9",
        ] {
            let script = format!("trap '' HUP; exec {PROGRAM} {args}");
            let mut shell = Command::new("sh");
            shell.args(["-c", &script]);
            let mut running = Running::start_command(shell);
            assert_ne!(running.mask("SigIgn") & bit(Signal::HUP), 0, "{args}");
            running.ask_to_end(Signal::HUP);
            running.ask_to_end(Signal::TERM);
            assert!(!running.read_stdout().is_empty(), "{args}");
            assert_eq!(running.end().code(), Some(0), "{args}");
        }
    });
}

/// timeout(1) sends each signal to the process, and then to its group.
#[test]
fn a_signal_that_comes_twice_at_once_leaves_time_for_the_summary() {
    in_netns(|| {
        lo_up();
        let mut running = Running::start(&["trace", "--json", "--summary"]);
        for _ in 0..2 {
            kill_process(Pid::from_child(&running.0), Signal::TERM).expect("it is ours");
        }
        let said = running.read_stdout();
        assert_eq!(running.end().code(), Some(0));
        assert!(said.contains("\"summary\""), "{said}");
    });
}

#[test]
fn the_modes_of_a_terminal_that_takes_no_output_are_restored() {
    let mut terminal = Terminal::start(&["fds", "--watch=0.02"], (80, 24));
    terminal.until("a table", |screen| {
        screen.lines().iter().any(|line| line.contains("PROCESS"))
    });
    terminal.stop_output();
    // Sooner or later it waits for the terminal, and further signals find it there.
    for _ in 0..2 {
        terminal.signal(Signal::INT);
        wait_until("the signal has arrived", || {
            process_status(terminal.process_id(), "ShdPnd") == "0000000000000000"
        });
    }
    terminal.resume_output_after_the_end();
    let (status, _) = terminal.end();
    assert_eq!(status.signal(), Some(Signal::INT.as_raw()));
}

#[test]
fn a_watch_whose_rows_are_written_as_they_come_ends_with_a_whole_reading() {
    in_netns(|| {
        lo_up();
        for signal in [Signal::INT, Signal::TERM] {
            let mut running = Running::start(&["sockets", "--watch=0.01", "--json"]);
            running.ask_to_end(signal);
            let said = running.read_stdout();
            assert!(said.ends_with("}\n"), "{said}");
            for line in said.lines() {
                serde_json::from_str::<serde_json::Value>(line).expect("JSON");
            }
            assert!(running.end().success(), "{signal:?}");
        }
    });
}
