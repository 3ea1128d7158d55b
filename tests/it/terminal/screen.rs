//! The program on a terminal: tables that are redrawn, and the terminal left as it was found.

use crate::support::netns::{in_sealed_netns, run};
use crate::support::screen::Screen;
use crate::support::sockets::{fill_accept_queue, listen, listen_with};
use crate::support::terminal::Terminal;
use crate::support::unanswered::{syn_flood, unanswered_syns};
use crate::support::wait::wait_until;
use rustix::process::Signal;

const SIZES: [(u16, u16); 3] = [(80, 24), (200, 50), (60, 10)];
/// What the program writes last: lines wrap, the cursor shows, the screen of before is back.
const RESTORED: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";
/// The longest address that leaves 80 columns room for the rest, and one for 60.
const LONG: &str = "[fd12:3456:789a:bcde:f012:34:7:9]:65535";
const SHORTER: &str = "[fd00:9::1]:65535";

/// Something that ends the program.
type End = fn(&mut Terminal);

/// Listeners in trouble and at peace, with a short address and the longest, more of them than fit.
struct Scene {
    addresses: Vec<String>,
    _kept: Box<dyn std::any::Any>,
}

fn scene(columns: u16, quiet: u16) -> Scene {
    unanswered_syns();
    run(
        "ip",
        &[
            "address",
            "replace",
            "fd12:3456:789a:bcde:f012:34:7:9/128",
            "dev",
            "lo",
            "nodad",
        ],
    );
    let long = if columns < 80 { SHORTER } else { LONG };
    let full = listen_with("10.9.0.1:8080", 1, |socket| {
        socket.set_reuse_address(true).expect("SO_REUSEADDR");
    });
    let clients = fill_accept_queue(&full, 2);
    syn_flood("10.9.0.1:8080", 4);
    let mut addresses = vec!["10.9.0.1:8080".to_owned(), long.to_owned()];
    let mut sockets = vec![full, listen(long, 50)];
    for port in 9000..9000 + quiet {
        let address = format!("127.0.0.1:{port}");
        sockets.push(listen(&address, 5));
        addresses.push(address);
    }
    Scene {
        addresses,
        _kept: Box::new((sockets, clients)),
    }
}

/// After the sequences that give the terminal back there is nothing but the last table, which may
/// be coloured.
fn is_restored(output: &str) -> bool {
    let moves = |rest: &str| rest.contains("\x1b[?") || rest.contains("\x1b[K");
    output
        .rsplit_once(RESTORED)
        .is_some_and(|(_, rest)| !moves(rest))
}

/// The lines of a frame that have a listener in them.
fn rows<'a>(frame: &'a [String], scene: &Scene) -> Vec<&'a str> {
    let has_address = |line: &str| {
        scene
            .addresses
            .iter()
            .any(|a| line.split(' ').any(|w| w == a))
    };
    // Findings below the table have addresses in them, too.
    let table = frame.iter().skip_while(|line| !line.contains("STATE"));
    let lines = table
        .take_while(|line| !line.is_empty())
        .map(String::as_str);
    lines.filter(|line| has_address(line)).collect()
}

#[test]
fn a_watch_takes_the_terminal_and_gives_it_back() {
    in_sealed_netns(|| {
        for size in SIZES {
            let _scene = scene(size.0, 3);
            let args = ["queues", "--watch=0.1", "--count", "3"];
            let (status, output) = Terminal::start(&args, size).end();
            assert_eq!(status.code(), Some(0), "{output:?}");
            assert!(output.starts_with("\x1b[?1049h\x1b[?25l"), "{output:?}");
            assert!(is_restored(&output), "{output:?}");
            let screen = Screen::showing(&output, size.0.into(), size.1.into());
            assert_eq!(screen.frames.len(), 3, "{size:?}");
            assert!(screen.cursor && !screen.alternate);
        }
    });
}

#[test]
fn no_frame_is_wider_or_higher_than_the_terminal() {
    in_sealed_netns(|| {
        for (size, quiet) in SIZES
            .iter()
            .flat_map(|size| [(*size, 0), (*size, 2), (*size, 30)])
        {
            let _scene = scene(size.0, quiet);
            for more in [
                &[][..],
                &["--color", "never"],
                &["-v"],
                &["--sort", "local"],
            ] {
                let args = [&["queues", "--watch=0.01", "--count", "2"], more].concat();
                let (status, output) = Terminal::start(&args, size).end();
                assert_eq!(status.code(), Some(0), "{output:?}");
                let screen = Screen::showing(&output, size.0.into(), size.1.into());
                let about = format!("{size:?}, {quiet} quiet, {more:?}: {:#?}", screen.frame());
                assert_eq!(screen.overruns, 0, "{about}");
                assert_eq!(screen.scrolled, 0, "{about}");
            }
        }
    });
}

#[test]
fn other_reports_fit_the_terminal_as_well() {
    in_sealed_netns(|| {
        for size in SIZES {
            let _scene = scene(60, 3);
            for args in [
                // Without notes, which are prose and may wrap.
                &["counters", "--all", "-qq"][..],
                &["counters", "--all", "--watch=0.01", "--count", "2"],
                &["counters", "--why", "--watch=0.01", "--count", "2"],
                &["queues", "-qq"],
            ] {
                let (status, output) = Terminal::start(args, size).end();
                assert_eq!(status.code(), Some(0), "{output:?}");
                let screen = Screen::showing(&output, size.0.into(), size.1.into());
                let is_watch = args.contains(&"--count");
                assert_eq!(
                    screen.overruns,
                    0,
                    "{size:?} {args:?}: {:#?}",
                    screen.lines()
                );
                assert!(!is_watch || screen.scrolled == 0, "{size:?} {args:?}");
            }
        }
        let _scene = scene(60, 3);
        let sampling = ["queues", "-qq", "--for", "30ms", "--every", "5ms"];
        let (_, output) = Terminal::start(&sampling, (80, 24)).end();
        let screen = Screen::showing(&output, 80, 24);
        assert_eq!(screen.overruns, 0, "{:#?}", screen.lines());
    });
}

#[test]
fn at_80_columns_the_columns_that_matter_are_there() {
    in_sealed_netns(|| {
        let scene = scene(80, 3);
        // A name may be cut, an id never.
        let me = format!(" ({})", std::process::id());
        for columns in [80, 200] {
            let args = ["queues", "--watch=0.01", "--count", "1"];
            let (_, output) = Terminal::start(&args, (columns, 24)).end();
            let screen = Screen::showing(&output, columns.into(), 24);
            let frame = screen.frame();
            let header = frame.iter().find(|line| line.contains("STATE"));
            let header = header.unwrap_or_else(|| panic!("no header in {frame:#?}"));
            for title in ["STATE", "LOCAL", "ACCEPT", "DROPS", "OWNER"] {
                let is_there = header.split(' ').any(|word| word == title);
                assert!(is_there, "no {title} in {header:?}");
            }
            let rows = rows(frame, &scene);
            assert_eq!(rows.len(), scene.addresses.len(), "{frame:#?}");
            // The worst comes first.
            assert!(rows[0].contains("overflowing") && rows[0].contains("10.9.0.1:8080"));
            assert!(rows[0].ends_with(&me), "no owner in {:?}", rows[0]);
        }
    });
}

#[test]
fn addresses_are_never_cut_and_what_does_not_fit_is_counted() {
    in_sealed_netns(|| {
        for (size, quiet) in SIZES.iter().flat_map(|size| [(*size, 2), (*size, 60)]) {
            let scene = scene(size.0, quiet);
            let args = ["queues", "--watch=0.01", "--count", "1"];
            let (_, output) = Terminal::start(&args, size).end();
            let screen = Screen::showing(&output, size.0.into(), size.1.into());
            let frame = screen.frame();
            let shown = rows(frame, &scene).len();
            let more = scene.addresses.len() - shown;
            let counted = frame.iter().find_map(|line| {
                line.strip_prefix("… ")?
                    .split(' ')
                    .next()?
                    .parse::<usize>()
                    .ok()
            });
            assert_eq!(counted.unwrap_or(0), more, "{size:?}: {frame:#?}");
            assert!(shown > 0, "{size:?}: {frame:#?}");
        }
    });
}

#[test]
fn a_screen_that_is_too_low_shows_the_problems_in_any_order() {
    in_sealed_netns(|| {
        let scene = scene(80, 30);
        let args = ["queues", "--watch=0.01", "--count", "1", "--sort", "-local"];
        let frame = |rows: u16| {
            let (_, output) = Terminal::start(&args, (80, rows)).end();
            Screen::showing(&output, 80, rows.into()).frame().to_vec()
        };
        let (low, high) = (frame(24), frame(60));
        assert!(rows(&low, &scene)[0].contains("overflowing"), "{low:#?}");
        let last = rows(&high, &scene).len() - 1;
        assert!(
            rows(&high, &scene)[last].contains("overflowing"),
            "{high:#?}"
        );
    });
}

#[test]
fn whatever_ends_a_watch_leaves_the_terminal_as_it_was() {
    in_sealed_netns(|| {
        let _scene = scene(80, 1);
        let ends: [(&str, End); 5] = [
            ("SIGTERM", |terminal| terminal.signal(Signal::TERM)),
            ("SIGINT", |terminal| terminal.signal(Signal::INT)),
            ("SIGHUP", |terminal| terminal.signal(Signal::HUP)),
            ("Ctrl-C", |terminal| terminal.type_in("\x03")),
            ("q", |terminal| terminal.type_in("q")),
        ];
        for (name, end) in ends {
            for command in ["queues", "counters"] {
                let mut terminal = Terminal::start(&[command, "--watch=30"], (80, 24));
                terminal.until("a frame", |screen| !screen.frames.is_empty());
                end(&mut terminal);
                let (status, output) = terminal.end();
                assert_eq!(status.code(), Some(0), "{command}, {name}: {status}");
                assert!(is_restored(&output), "{command}, {name}: {output:?}");
            }
        }
    });
}

#[test]
fn ctrl_z_lends_the_terminal_to_the_shell() {
    in_sealed_netns(|| {
        let _scene = scene(80, 1);
        let mut terminal = Terminal::start(&["queues", "--watch=30"], (80, 24));
        terminal.until("a frame", |screen| !screen.frames.is_empty());
        terminal.type_in("\x1a");
        wait_until("it is stopped", || terminal.process_state() == "T");
        terminal.assert_modes_restored();
        let screen = terminal.until("the shell's screen", |screen| !screen.alternate);
        assert!(screen.cursor);
        let frames = screen.frames.len();

        terminal.signal(Signal::CONT);
        let again = terminal.until("a frame", |screen| screen.frames.len() > frames);
        assert!(again.alternate && !again.cursor);
        terminal.type_in("q");
        let (status, output) = terminal.end();
        assert_eq!(status.code(), Some(0));
        assert!(is_restored(&output), "{output:?}");
    });
}

#[test]
fn a_watch_follows_the_size_of_the_terminal() {
    in_sealed_netns(|| {
        let scene = scene(60, 30);
        // The next reading is far away: a new size alone redraws.
        let mut terminal = Terminal::start(&["queues", "--watch=600"], (60, 10));
        let narrow = terminal.until("a frame", |screen| !screen.frames.is_empty());
        assert!(rows(narrow.frame(), &scene).len() < 10);
        for size in [(200, 50), (80, 24), (60, 10)] {
            terminal.resize(size);
            // A frame for another size is too wide, too high or leaves most of the rows empty.
            let fits = |screen: &Screen| {
                let last = screen.frame().iter().rposition(|line| !line.is_empty());
                let is_used = last.is_some_and(|last| last * 3 > usize::from(size.1) * 2);
                screen.overruns == 0 && screen.scrolled == 0 && is_used
            };
            terminal.until(&format!("a frame of {size:?}"), fits);
        }
    });
}
