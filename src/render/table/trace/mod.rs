//! The table of `trace`: a line for each handshake that ended and each connection that closed.

mod cells;
mod columns;
mod detail;
mod metrics;
mod summary;

pub use columns::{COLUMNS, NARROWER, USUAL, shown, single};
pub use detail::detail;
pub use metrics::metrics;
pub use summary::summary;
