//! Whether stdout is a terminal, and its size.

use std::io::{IsTerminal, stdout};

/// Columns and rows of the terminal; `None` when stdout is none. A size of 0, as on serial lines,
/// counts as 80 × 24.
pub fn size() -> Option<(usize, usize)> {
    stdout_is_terminal().then(|| {
        let size = rustix::termios::tcgetwinsize(stdout()).ok();
        let or =
            |size: Option<u16>, usual| size.filter(|size| *size > 0).map_or(usual, usize::from);
        (
            or(size.map(|s| s.ws_col), 80),
            or(size.map(|s| s.ws_row), 24),
        )
    })
}

pub fn stdout_is_terminal() -> bool {
    stdout().is_terminal()
}

/// Stdout is a terminal that understands control sequences.
pub fn terminal_can_move() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    stdout_is_terminal() && !dumb
}
