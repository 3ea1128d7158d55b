//! The program on a terminal: a pseudoterminal of a chosen size, of which this is the other end.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Action, LocalModes, Termios, Winsize, tcflow, tcgetattr, tcsetwinsize};

use super::program::PROGRAM;
use super::screen::Screen;
use super::wait::{PATIENCE, wait_until};

/// The program, running on a terminal of its own.
pub struct Terminal {
    child: Child,
    master: File,
    /// Kept open, so that what was written last can still be read and the modes be asked.
    slave: OwnedFd,
    output: Receiver<Vec<u8>>,
    bytes: Vec<u8>,
    size: (u16, u16),
    resized: bool,
    before: Termios,
}

impl Terminal {
    /// Starts `sockdiag ARGS` on a terminal of this many columns and rows.
    pub fn start(args: &[&str], size: (u16, u16)) -> Terminal {
        Terminal::start_with(args, size, &[])
    }

    /// As [`Terminal::start`], with some of the environment set. `setsid --ctty` becomes the program, in a session
    /// that the terminal controls, so that Ctrl-C typed on it is a signal.
    pub fn start_with(args: &[&str], size: (u16, u16), environment: &[(&str, &str)]) -> Terminal {
        let (master, slave) = pair(size);
        let end = || slave.try_clone().expect("a descriptor is free");
        let before = tcgetattr(&slave).expect("it is a terminal");
        let child = Command::new("setsid")
            .args(["--ctty", PROGRAM])
            .args(args)
            .env_remove("NO_COLOR")
            .env_remove("COLUMNS")
            .env("TERM", "xterm-256color")
            .envs(environment.iter().copied())
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("setsid(1) is part of util-linux");
        let output = listen(master.try_clone().expect("a descriptor is free"));
        Terminal {
            child,
            master,
            slave,
            output,
            bytes: Vec::new(),
            size,
            resized: false,
            before,
        }
    }

    /// All that was written until the program ended, and how it ended.
    pub fn end(mut self) -> (ExitStatus, String) {
        let child = &mut self.child;
        wait_until("the program on the terminal has ended", || {
            child.try_wait().expect("it is ours").is_some()
        });
        let status = self.child.wait().expect("it is ours");
        self.assert_modes_restored();
        // What it wrote is read already or waits in the terminal; a mark of our own comes behind.
        rustix::io::write(&self.slave, b"\x1b[?end").expect("the terminal is open");
        while !self.bytes.ends_with(b"\x1b[?end") {
            self.receive("its last words");
        }
        self.bytes.truncate(self.bytes.len() - b"\x1b[?end".len());
        (status, self.text())
    }

    /// Waits until the terminal shows what is looked for, and returns what it shows then.
    pub fn until(&mut self, what: &str, mut shows: impl FnMut(&Screen) -> bool) -> Screen {
        loop {
            let screen = self.screen();
            if shows(&screen) {
                return screen;
            }
            self.receive(what);
        }
    }

    /// Types on its keyboard.
    pub fn type_in(&mut self, keys: &str) {
        self.master
            .write_all(keys.as_bytes())
            .expect("the terminal is open");
    }

    /// Sends a signal to the program alone.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it is ours");
    }

    /// The terminal takes no output, as after Ctrl-S.
    pub fn stop_output(&self) {
        tcflow(&self.slave, Action::OOff).expect("it is a terminal");
    }

    /// Waits for the end of the program, and lets the terminal take output again.
    pub fn resume_output_after_the_end(&mut self) {
        let child = &mut self.child;
        wait_until("the program on the terminal has ended", || {
            child.try_wait().expect("it is ours").is_some()
        });
        tcflow(&self.slave, Action::OOn).expect("it is a terminal");
    }

    /// Gives it another size. From then on only the last whole frame is shown, as frames for the
    /// size before may still be on their way.
    pub fn resize(&mut self, size: (u16, u16)) {
        self.size = size;
        self.resized = true;
        tcsetwinsize(&self.master, winsize(size)).expect("it is a terminal");
    }

    /// The process id of the program.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// The state of the program's process: `S` sleeps, `T` is stopped.
    pub fn process_state(&self) -> String {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(path).expect("it runs");
        let (_, after_name) = stat.rsplit_once(") ").expect("PID (NAME) STATE");
        after_name[..1].to_owned()
    }

    /// What is typed is shown and comes in lines, as a shell expects it.
    #[track_caller]
    pub fn assert_modes_restored(&self) {
        let now = tcgetattr(&self.slave).expect("it is a terminal");
        assert_eq!(
            now.local_modes, self.before.local_modes,
            "modes of the terminal"
        );
        assert!(
            now.local_modes
                .contains(LocalModes::ECHO | LocalModes::ICANON)
        );
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn screen(&self) -> Screen {
        let (columns, rows) = self.size;
        let text = self.text();
        let shown = if self.resized {
            last_frame(&text)
        } else {
            &text
        };
        Screen::showing(shown, columns.into(), rows.into())
    }

    /// A character that is cut short at the end waits for the rest of it.
    fn text(&self) -> String {
        let whole = match std::str::from_utf8(&self.bytes) {
            Ok(_) => self.bytes.len(),
            Err(error) => {
                assert!(error.error_len().is_none(), "not UTF-8 on the terminal");
                error.valid_up_to()
            }
        };
        String::from_utf8_lossy(&self.bytes[..whole]).into_owned()
    }

    fn receive(&mut self, what: &str) {
        match self.output.recv_timeout(PATIENCE) {
            Ok(bytes) => self.bytes.extend(bytes),
            Err(_) => panic!("gave up waiting for {what} after\n{:?}", self.text()),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program on a terminal that hangs up once something is written on it.
pub fn end_by_hang_up(args: &[&str]) -> ExitStatus {
    let (mut master, slave) = pair((80, 24));
    let end = || slave.try_clone().expect("a descriptor is free");
    let mut command = Command::new("setsid");
    command.args(["--ctty", PROGRAM]).args(args);
    command.env("TERM", "xterm-256color");
    command.stdin(end()).stdout(end()).stderr(end());
    let mut child = command.spawn().expect("setsid(1) is part of util-linux");
    drop((command, slave));
    let read = master.read(&mut [0; 256]).expect("the program writes");
    assert!(read > 0);
    drop(master);
    wait_until("the program without a terminal has ended", || {
        child.try_wait().expect("it is ours").is_some()
    });
    child.wait().expect("it is ours")
}

/// What stands between the last two marks of a frame, with the marks.
fn last_frame(text: &str) -> &str {
    let (begin, end) = ("\x1b[?2026h", "\x1b[?2026l");
    let whole = text.rfind(end).map_or("", |at| &text[..at + end.len()]);
    &whole[whole.rfind(begin).unwrap_or(whole.len())..]
}

fn pair(size: (u16, u16)) -> (File, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).expect("a pseudoterminal");
    grantpt(&master).expect("a pseudoterminal");
    unlockpt(&master).expect("a pseudoterminal");
    let name = ptsname(&master, Vec::new()).expect("a pseudoterminal");
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(name, flags, Mode::empty()).expect("the other end of it");
    tcsetwinsize(&master, winsize(size)).expect("it is a terminal");
    (File::from(master), slave)
}

fn winsize((columns, rows): (u16, u16)) -> Winsize {
    Winsize {
        ws_col: columns,
        ws_row: rows,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// Reads it until the test lets go of the terminal.
fn listen(mut master: File) -> Receiver<Vec<u8>> {
    let (sender, output) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = master.read(&mut buffer) {
            if sender.send(buffer[..read].to_vec()).is_err() {
                break;
            }
        }
    });
    output
}
