//! Whether stdout is a terminal, and its size.

use std::io::{IsTerminal, stdout};

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
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    stdout().is_terminal() && !dumb
}
