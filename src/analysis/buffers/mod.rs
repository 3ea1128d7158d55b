//! `buffers`: the memory of TCP connections, beside its limits and what limited their sending.
//!
//! A connection is limited by a buffer only where the kernel counted time for it (`busy_time`,
//! `rwnd_limited`, `sndbuf_limited` of `struct tcp_info`; `tcp_chrono_start`,
//! net/ipv4/tcp_output.c). A full buffer alone is no such sign: it is where data waits.

mod group;
mod limits;
mod report;
mod samples;
#[cfg(test)]
mod tests;

pub use group::GroupReport;
pub use limits::{BufferSizes, Limits, SETTINGS};
pub use report::{BuffersReport, NamespaceReport};
pub use samples::Samples;
