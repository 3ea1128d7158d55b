//! What a terminal gets and a pipe does not: colours, marks, sequences that move the cursor.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::support::netns::{in_netns, in_netns_with_core_sysctls, in_sealed_netns, lo_up, sysctl};
use crate::support::program::{command, finish, stderr};
use crate::support::screen::Screen;
use crate::support::sockets::{fill_accept_queue, listen};
use crate::support::terminal::Terminal;
use crate::support::unanswered::{syn_flood, unanswered_syns};

const SERVER: &str = "10.9.0.1:8080";
const ESCAPE: char = '\x1b';

/// A full listener that has dropped something.
fn overflowing() -> impl Sized {
    unanswered_syns();
    let server = listen(SERVER, 1);
    let clients = fill_accept_queue(&server, 2);
    syn_flood(SERVER, 2);
    (server, clients)
}

/// stdout of a run into a pipe.
#[track_caller]
fn piped(command: &mut Command) -> String {
    let output = finish(command.stdout(Stdio::piped()));
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    String::from_utf8(output.stdout).expect("UTF-8 on stdout")
}

/// What a run that ends by itself wrote on a terminal of 100 columns, and what it looks like.
#[track_caller]
fn shown(args: &[&str], environment: &[(&str, &str)]) -> (String, Screen) {
    let (status, output) = Terminal::start_with(args, (100, 30), environment).end();
    assert_eq!(status.code(), Some(0), "{output}");
    let screen = Screen::showing(&output, 100, 30);
    assert_eq!((screen.overruns, screen.scrolled), (0, 0), "{output:?}");
    (output, screen)
}

#[test]
fn nothing_but_text_goes_into_a_pipe() {
    in_netns(|| {
        let _scene = overflowing();
        for args in [
            &["queues"][..],
            &["queues", "-v"],
            &["queues", "--watch=0.01", "--count", "2"],
            &["queues", "--watch=0.01", "--count", "2", "--json"],
            &["queues", "--for", "20ms", "--every", "5ms"],
            &["counters", "--all"],
            &["counters", "--watch=0.01", "--count", "2"],
        ] {
            let text = piped(&mut command(args));
            assert!(!text.is_empty(), "{args:?}");
            let control = |c: char| c.is_control() && c != '\n';
            assert!(!text.contains(control), "{args:?}: {text:?}");
        }
    });
}

#[test]
fn colours_in_a_pipe_are_asked_for_and_change_nothing_else() {
    // Namespaces of other tests, which come and go, would be counted.
    in_sealed_netns(|| {
        let _scene = overflowing();
        for subcommand in ["queues", "counters"] {
            // The wait grows from one run to the next.
            let columns = ["--columns", "state,local,drops"];
            let more = if subcommand == "queues" {
                &columns[..]
            } else {
                &[]
            };
            let args = [&[subcommand, "--color"], more].concat();
            let with = |when| {
                let mut args = args.clone();
                args.insert(2, when);
                piped(&mut command(&args))
            };
            let (plain, coloured) = (with("never"), with("always"));
            assert!(coloured.contains(ESCAPE), "{coloured:?}");
            assert!(!plain.contains(ESCAPE), "{plain:?}");
            let screen = Screen::showing(&coloured.replace('\n', "\r\n"), 300, 60);
            assert!(screen.coloured || subcommand == "counters");
            let lines: Vec<&str> = plain.lines().collect();
            assert_eq!(screen.lines()[..lines.len()], lines);
            // Asking is stronger than the environment.
            let mut asked = command(&[subcommand, "--color", "always"]);
            assert!(piped(asked.env("NO_COLOR", "1")).contains(ESCAPE));
        }
    });
}

#[test]
fn a_single_table_on_a_terminal_is_coloured_and_takes_no_screen() {
    in_netns(|| {
        let _scene = overflowing();
        for subcommand in ["queues", "counters"] {
            let (output, screen) = shown(&[subcommand], &[]);
            assert!(screen.coloured || subcommand == "counters", "{output:?}");
            for sequence in ["\x1b[?", "\x1b[H", "\x1b[J", "\x1b[K"] {
                assert!(!output.contains(sequence), "{sequence:?} in {output:?}");
            }
            let json = Terminal::start(&[subcommand, "--json"], (100, 30));
            assert!(!json.end().1.contains(ESCAPE));
        }
    });
}

#[test]
fn no_color_and_dumb_terminals_get_no_colour() {
    in_netns(|| {
        let _scene = overflowing();
        let watch = ["queues", "--watch=0.01", "--count", "2"];
        for (environment, args, coloured) in [
            (&[][..], &["queues"][..], true),
            (&[("NO_COLOR", "1")], &["queues"], false),
            (&[("NO_COLOR", "")], &["queues"], true),
            (&[("TERM", "dumb")], &["queues"], false),
            (&[], &["queues", "--color", "never"], false),
            (&[], &watch, true),
            (&[("NO_COLOR", "1")], &watch, false),
            (&[("NO_COLOR", "1")], &["counters"], false),
        ] {
            let (output, screen) = shown(args, environment);
            assert_eq!(
                screen.coloured, coloured,
                "{environment:?} {args:?}: {output:?}"
            );
            // Not even bold.
            assert_eq!(
                output.contains('m') && styled(&output),
                coloured,
                "{output:?}"
            );
            let is_told = |line: &String| line.contains(SERVER) || line.contains("ListenDrops");
            assert!(
                screen
                    .frames
                    .iter()
                    .flatten()
                    .chain(&screen.lines())
                    .any(is_told)
            );
        }
    });
}

/// There is a sequence `ESC [ … m`.
fn styled(output: &str) -> bool {
    output.split("\x1b[").skip(1).any(|rest| {
        let end = rest.find(|c: char| c.is_ascii_alphabetic());
        end.is_some_and(|end| &rest[end..=end] == "m")
    })
}

#[test]
fn a_number_that_grew_is_marked_until_it_stands_still() {
    in_netns(|| {
        let _scene = overflowing();
        let watch = ["queues", "--watch=0.2", "--columns", "local,drops"];
        let mut terminal = Terminal::start_with(&watch, (80, 24), &[("NO_COLOR", "1")]);
        let drops = |frame: &Vec<String>| {
            let line = frame.iter().find(|line| line.contains(SERVER))?;
            line.split_whitespace().nth(1).map(str::to_owned)
        };
        // The frames in their order, as several may come at once.
        let ends_with = |screen: &Screen, end: &[&str]| {
            let mut seen: Vec<String> = screen.frames.iter().filter_map(drops).collect();
            seen.dedup();
            seen.ends_with(
                &end.iter()
                    .map(|drops| drops.to_string())
                    .collect::<Vec<_>>(),
            )
        };
        terminal.until("its drops", |screen| ends_with(screen, &["2"]));
        syn_flood(SERVER, 3);
        terminal.until("more drops, then rest", |screen| {
            ends_with(screen, &["5▲", "5"])
        });
        terminal.type_in("q");
        assert_eq!(terminal.end().0.code(), Some(0));
    });
}

#[test]
fn a_watch_at_the_end_of_its_input_goes_on() {
    in_netns(|| {
        let _scene = overflowing();
        let args = ["queues", "--watch=0.01", "--count", "3", "--json"];
        let mut child = command(&args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // A `q` that comes through a pipe was not typed.
        let mut stdin = child.stdin.take().expect("stdin is piped");
        stdin.write_all(b"q").expect("nobody reads it, and it fits");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8(output.stdout).expect("UTF-8 on stdout");
        assert_eq!(text.lines().count(), 3, "{text}");
    });
}

#[test]
fn idle_listeners_give_way_to_those_with_a_problem() {
    in_netns(|| {
        let _scene = overflowing();
        let _idle: Vec<_> = (20_000..20_040)
            .map(|port| listen(&format!("127.0.0.1:{port}"), 5))
            .collect();
        let on_terminal = |args: &[&str]| {
            let (_, output) = Terminal::start(args, (100, 24)).end();
            assert!(
                !output.contains("\x1b[90m") && !output.contains("38;5;8m"),
                "bright black"
            );
            output.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let lines = on_terminal(&["queues", "-q"]);
        assert!(lines.len() < 24, "{lines:#?}");
        assert!(lines[1].contains(SERVER), "{lines:#?}");
        let rows = lines
            .iter()
            .filter(|line| line.contains(" 127.0.0.1:200"))
            .count();
        let hidden = format!("{} idle hidden; --all shows them", 40 - rows);
        assert!(
            rows > 5 && lines.iter().any(|line| line.trim() == hidden),
            "{lines:#?}"
        );
        let lines = on_terminal(&["queues", "-q", "--all"]);
        assert!(lines.len() > 41, "{lines:#?}");
        // Nothing is hidden in a pipe.
        let piped = piped(&mut command(&["queues", "-qq"]));
        assert_eq!(piped.lines().count(), 42, "{piped}");
    });
}

#[test]
fn large_numbers_are_grouped_in_tables_and_nowhere_else() {
    in_netns_with_core_sysctls(|| {
        unanswered_syns();
        sysctl("net/core/somaxconn", 20_000);
        let _server = listen("127.0.0.1:20000", 12_345);
        let queues = |format: &[&str]| piped(&mut command(&[&["queues", "-qq"], format].concat()));
        let table = queues(&[]);
        assert!(table.contains("  12\u{a0}345  "), "{table}");
        // A port is a name, not a number.
        assert!(table.contains("127.0.0.1:20000"), "{table}");
        for format in ["json", "csv", "prom"] {
            let text = queues(&["-o", format]);
            assert!(text.contains("12345") && !text.contains('\u{a0}'), "{text}");
        }
    });
}

#[test]
fn narrow_tables_drop_what_is_empty_and_keep_process_ids() {
    in_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:5432", 50);
        let clients: Vec<_> = (0..3)
            .map(|_| TcpStream::connect("127.0.0.1:5432").expect("room for it"))
            .collect();
        for columns in [60, 80] {
            let (_, output) = Terminal::start(&["ports", "-qq"], (columns, 24)).end();
            let screen = Screen::showing(&output, columns.into(), 24);
            let lines = screen.lines();
            assert_eq!(screen.overruns, 0, "{lines:#?}");
            assert!(!lines[0].contains("TIME_WAIT"), "{lines:#?}");
            let has_established = lines[0].contains("ESTAB");
            assert!(has_established || columns < 80, "{lines:#?}");
            let id = format!("({})", std::process::id());
            assert!(lines[1].contains(&id), "{lines:#?}");
        }
        drop((server, clients));
    });
}
