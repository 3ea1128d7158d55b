//! Finds out why TCP connections fail on a Linux server.
//!
//! - [`model`]: what the kernel reports, as plain data; a [`model::Snapshot`] is one reading of the
//!   host;
//! - [`source`]: reads the kernel, one file per interface; all I/O is here;
//! - [`collect`]: takes snapshots, and asks the kernel for no more than is needed;
//! - [`analysis`]: pure functions: snapshots in, reports and findings out;
//! - [`trace`]: TCP handshakes of a live capture or a capture file, as they end;
//! - [`Error`]: which kernel interface could not be read, and why.
//!
//! Which listeners are in trouble, and what they conclude:
//!
//! ```
//! use sockdiag::{analysis::queues, collect::{Collector, Needs}, source::Kernel};
//!
//! let snapshot = Collector::new(Kernel::new(), Needs::queues()).collect()?;
//! let report = queues::report(&snapshot, None, &queues::Selection::default());
//! for listener in &report.listeners {
//!     println!("{} is {}", listener.local, listener.state.word());
//! }
//! # Ok::<(), sockdiag::Error>(())
//! ```
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

#[cfg(not(target_os = "linux"))]
compile_error!("sockdiag reads the Linux kernel and runs nowhere else");

pub mod analysis;
pub mod collect;
mod error;
pub mod model;
pub mod source;
pub mod trace;

pub use error::{Error, Result};
