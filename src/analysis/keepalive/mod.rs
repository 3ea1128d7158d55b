//! `keepalive`: which connections probe an idle peer, and after how long a dead one is noticed.
//!
//! The kernel reports one timer a socket (`inet_sk_diag_fill`, net/ipv4/inet_diag.c): the one of
//! keepalive only where neither data nor a zero-window probe waits. Without a timer keepalive is
//! off, as it always has one pending. TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT are in no
//! attribute.

mod detection;
mod report;
mod row;
mod samples;
#[cfg(test)]
mod tests;

pub use detection::{Defaults, SETTINGS};
pub use report::{KeepaliveReport, NamespaceReport};
pub use row::{ConnectionReport, GroupReport, Keepalive, Row};
pub use samples::Samples;
