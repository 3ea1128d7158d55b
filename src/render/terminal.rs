//! The terminal: its size, and colors. A color only repeats what a word shows.

use std::io::{IsTerminal, stdout};

use clap::ValueEnum;
use crossterm::style::Color;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Colour {
    pub fn is_on(self, terminal_can: bool) -> bool {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        match self {
            Colour::Auto => terminal_can && !no_color,
            Colour::Always => true,
            Colour::Never => false,
        }
    }
}

/// The state of what a cell shows; never a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    #[default]
    Plain,
    /// As it should be.
    Good,
    Warning,
    /// A problem.
    Bad,
}

impl Tone {
    /// One of the eight colors every terminal has: in tables, and outside of them.
    pub fn color(self) -> Option<(comfy_table::Color, Color)> {
        use comfy_table::Color as InTable;
        match self {
            Tone::Plain => None,
            Tone::Good => Some((InTable::DarkGreen, Color::DarkGreen)),
            Tone::Warning => Some((InTable::DarkYellow, Color::DarkYellow)),
            Tone::Bad => Some((InTable::DarkRed, Color::DarkRed)),
        }
    }
}

/// Columns and rows of the terminal; `None` if stdout is not one. A size of 0, as on serial lines,
/// counts as 80 × 24.
pub fn size() -> Option<(usize, usize)> {
    let or = |size: u16, usual| if size > 0 { size.into() } else { usual };
    stdout().is_terminal().then(|| {
        let size = rustix::termios::tcgetwinsize(stdout()).ok();
        size.map_or((80, 24), |size| (or(size.ws_col, 80), or(size.ws_row, 24)))
    })
}

/// Whether stdout is a terminal that understands control sequences.
pub fn terminal_can_move() -> bool {
    stdout().is_terminal() && !is_dumb()
}

pub fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}
