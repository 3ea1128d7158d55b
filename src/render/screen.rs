//! A table that is redrawn in place: the alternate screen, one write per frame, the terminal
//! restored at the end.

use std::{
    collections::HashMap,
    io::{self, Write, stdin, stdout},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use crossterm::{
    QueueableCommand, cursor,
    terminal::{
        BeginSynchronizedUpdate, Clear, ClearType, DisableLineWrap, EndSynchronizedUpdate,
        EnterAlternateScreen,
    },
};
use rustix::{
    stdio,
    termios::{self, LocalModes, OptionalActions, Termios},
};

use super::{Cell, notes::Notes, size, text};

/// The terminal's original input modes, while a screen is open.
static FOUND: Mutex<Option<Termios>> = Mutex::new(None);
/// Leaving the alternate screen a second time would move the cursor.
static OPEN: AtomicBool = AtomicBool::new(false);

/// `EnableLineWrap`, `Show` and `LeaveAlternateScreen`, ready for a signal handler.
const CLOSE: &[u8] = b"\x1b[?7h\x1b[?25h\x1b[?1049l";

/// A table keeps its header, a row, and the count of the others.
const FEWEST_LINES: usize = 3;

/// How a number differs from the previous frame's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Up,
    Down,
}

impl Change {
    pub fn mark(self) -> char {
        match self {
            Change::Up => '▲',
            Change::Down => '▼',
        }
    }
}

#[derive(Default)]
pub struct Screen {
    last: Vec<String>,
    shown: HashMap<(String, &'static str), Cell>,
    drawing: HashMap<(String, &'static str), Cell>,
}

impl Screen {
    /// Opens the alternate screen without echo. A panic closes it before its message is printed.
    pub fn open() -> io::Result<Self> {
        let speak = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            close();
            speak(panic);
        }));
        let screen = Screen::default();
        screen.resume()?;
        Ok(screen)
    }

    /// Takes over the terminal, at the start and after a suspension.
    pub fn resume(&self) -> io::Result<()> {
        silence_input();
        OPEN.store(true, Ordering::SeqCst);
        let mut start = Vec::new();
        start
            .queue(EnterAlternateScreen)?
            .queue(cursor::Hide)?
            .queue(DisableLineWrap)?;
        write_out(&start)
    }

    pub fn close(mut self) -> Vec<String> {
        std::mem::take(&mut self.last)
    }

    pub fn suspend(&self) {
        close();
    }

    /// How a cell differs from the previous frame's; remembers it for the next frame. A row that is
    /// new has not changed.
    pub fn change(&mut self, row: &str, key: &'static str, cell: &Cell) -> Option<Change> {
        let place = (row.to_owned(), key);
        self.drawing.insert(place.clone(), cell.clone());
        let before = self.shown.get(&place)?;
        // `45m` that is still `45m` has not changed for a reader.
        if before.value.shown() == cell.value.shown() {
            return None;
        }
        let (then, now) = (before.value.number()?, cell.value.number()?);
        Some(if now > then { Change::Up } else { Change::Down })
    }

    /// Draws a frame for the terminal's present size. Lines that do not fit are counted in the last
    /// one.
    pub fn draw(&mut self, head: &[String], lines: &[String], notes: &Notes) -> io::Result<()> {
        self.shown = std::mem::take(&mut self.drawing);
        let (columns, rows) = size().unwrap_or((80, 24));
        let mut frame = Vec::new();
        frame
            .queue(BeginSynchronizedUpdate)?
            .queue(cursor::MoveTo(0, 0))?;
        let fitted = |line: &String| match line.contains('\x1b') {
            true => line.clone(), // laid out for this width
            false => text::shorten(line, columns),
        };
        self.last = page(head, lines, notes, rows).iter().map(fitted).collect();
        for (index, line) in self.last.iter().enumerate() {
            if index > 0 {
                frame.write_all(b"\r\n")?;
            }
            frame.write_all(line.as_bytes())?;
            // At the end of a full line the cursor stands on its last character.
            if text::width_without_styles(line) < columns {
                frame.queue(Clear(ClearType::UntilNewLine))?;
            }
        }
        if self.last.len() < rows {
            frame.write_all(b"\r\n")?;
            frame.queue(Clear(ClearType::FromCursorDown))?;
        }
        frame.queue(EndSynchronizedUpdate)?;
        write_out(&frame)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        close();
    }
}

/// The lines that fit. Of a long table the end is cut: rows give way before findings, and other
/// notes keep a third of the room.
fn page(head: &[String], lines: &[String], notes: &Notes, rows: usize) -> Vec<String> {
    let below = lines.len() + notes.lines.len() + 2;
    let for_head = (rows / 3 + 1).max(rows.saturating_sub(below));
    let mut page = head[..head.len().min(for_head)].to_vec();
    page.push(String::new());
    let room = rows.saturating_sub(page.len());
    let for_lines = room - room_for(notes, room);
    page.extend(cut(
        lines,
        for_lines,
        "more (--top, --sort and filters choose)",
    ));
    let left = rows.saturating_sub(page.len());
    if left > 1 && !notes.lines.is_empty() {
        page.push(String::new());
        let more = "more lines (-q, or a larger terminal)";
        page.extend(cut(&notes.lines, left - 1, more));
    }
    page.truncate(rows);
    page
}

/// At most `room` lines, the last of which counts those that do not fit.
fn cut(lines: &[String], room: usize, more: &str) -> Vec<String> {
    if lines.len() <= room {
        return lines.to_vec();
    }
    let kept = room.saturating_sub(1);
    let count = format!("… {} {more}", lines.len() - kept);
    [&lines[..kept], &[count]].concat()
}

/// Room for notes, with the empty line before them and the count of those left out.
fn room_for(notes: &Notes, room: usize) -> usize {
    let findings = match notes.findings {
        0 => 0,
        findings => (findings + 2).min(room.saturating_sub(FEWEST_LINES)),
    };
    match notes.lines.len() {
        0 => 0,
        lines => (lines + 1).min(findings.max(room / 3)),
    }
}

/// Typed characters must not scroll the screen. Keyboard signals keep working.
fn silence_input() {
    let Ok(found) = termios::tcgetattr(stdin()) else {
        return;
    };
    let mut quiet = found.clone();
    quiet.local_modes -= LocalModes::ECHO | LocalModes::ICANON;
    // In the background the terminal belongs to another process group.
    let in_front =
        termios::tcgetpgrp(stdin()).is_ok_and(|group| group == rustix::process::getpgrp());
    if in_front && termios::tcsetattr(stdin(), OptionalActions::Now, &quiet).is_ok() {
        keep(Some(found));
    }
}

/// Closes the screen if one is open. Writes to the descriptor itself, as another thread may
/// have locked stdout while this one panics.
fn close() {
    if !OPEN.swap(false, Ordering::SeqCst) {
        return;
    }
    if let Some(found) = keep(None) {
        // An error means that the terminal is gone.
        let _ = termios::tcsetattr(stdin(), OptionalActions::Flush, &found);
    }
    let _ = write_out(CLOSE);
}

/// [`close`] for a signal handler: allocates nothing and waits for no lock, and not for output that
/// the terminal does not take.
pub fn close_screen_at_once() {
    if !OPEN.swap(false, Ordering::SeqCst) {
        return;
    }
    if let Ok(mut kept) = FOUND.try_lock()
        && let Some(found) = kept.take()
    {
        let _ = termios::tcsetattr(stdio::stdin(), OptionalActions::Now, &found);
    }
    let _ = rustix::io::write(stdio::stdout(), CLOSE);
}

fn keep(found: Option<Termios>) -> Option<Termios> {
    let kept = FOUND.lock();
    let mut kept = kept.unwrap_or_else(|poisoned| poisoned.into_inner());
    std::mem::replace(&mut kept, found)
}

fn write_out(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(stdout(), bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::table::Value;
    use crossterm::terminal::{EnableLineWrap, LeaveAlternateScreen};

    fn lines(count: usize) -> Vec<String> {
        (0..count).map(|line| line.to_string()).collect()
    }

    fn notes(findings: usize, others: usize) -> Notes {
        Notes {
            lines: lines(findings + others),
            findings,
        }
    }

    #[test]
    fn a_signal_handler_closes_the_screen_as_everybody_else() {
        let mut end = Vec::new();
        end.queue(EnableLineWrap).unwrap();
        end.queue(cursor::Show).unwrap();
        end.queue(LeaveAlternateScreen).unwrap();
        assert_eq!(end, CLOSE);
    }

    #[test]
    fn rows_give_way_before_findings() {
        let page_of = |findings, others| page(&lines(1), &lines(20), &notes(findings, others), 12);
        // One line of head and an empty one; the table's header, a row and a count.
        assert_eq!(
            page_of(6, 9)[2..6],
            ["0", "1", "… 18 more (--top, --sort and filters choose)", ""]
        );
        assert_eq!(page_of(6, 9).len(), 12);
        assert_eq!(page_of(0, 9)[9], "");
    }

    #[test]
    fn a_page_is_never_higher_than_the_terminal() {
        for rows in 0..30 {
            for (head, count) in [(1, 0), (3, 1), (1, 5), (2, 27), (1, 28), (9, 29), (1, 100)] {
                for findings in [0, 3, 40] {
                    let page = page(&lines(head), &lines(count), &notes(findings, 3), rows);
                    assert!(page.len() <= rows);
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_counted_and_notes_keep_their_room() {
        let page_of = |count| page(&lines(1), &lines(count), &notes(0, 1), 10);
        assert_eq!(
            page_of(20)[7],
            "… 15 more (--top, --sort and filters choose)"
        );
        assert_eq!(page_of(20).last().unwrap(), "0");
        assert_eq!(page_of(6).last().unwrap(), "0");
        assert_eq!(page_of(7)[7], "… 2 more (--top, --sort and filters choose)");
    }

    #[test]
    fn a_change_has_a_direction() {
        let mut screen = Screen::default();
        let cell = |number| Cell::from(Value::Count(number));
        assert_eq!(screen.change("a", "drops", &cell(1)), None);
        screen.shown = std::mem::take(&mut screen.drawing);
        assert_eq!(screen.change("a", "drops", &cell(2)), Some(Change::Up));
        assert_eq!(screen.change("b", "drops", &cell(2)), None);
        screen.shown = std::mem::take(&mut screen.drawing);
        assert_eq!(screen.change("a", "drops", &cell(1)), Some(Change::Down));
        assert_eq!(screen.change("b", "drops", &cell(2)), None);
        let waited = |milliseconds| Cell::from(Value::Milliseconds(milliseconds));
        assert_eq!(screen.change("a", "wait", &waited(2_700_000)), None);
        screen.shown = std::mem::take(&mut screen.drawing);
        assert_eq!(screen.change("a", "wait", &waited(2_702_000)), None);
        std::mem::forget(screen);
    }
}
