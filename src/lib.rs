//! Reads what the Linux kernel says of its sockets and draws conclusions from it.
//!
//! - [`model`]: what the kernel said, as plain data;
//! - [`source`]: reads the kernel, one file per interface; all I/O is here;
//! - [`analysis`]: pure functions, `Reading` in, `Report` out;
//! - [`Error`]: which kernel interface could not be read, and why.
//!
//! ```
//! use sockdiag::source::Kernel;
//!
//! let kernel = Kernel::new();
//! let counters = kernel.counters().expect("/proc is mounted");
//! assert!(counters.value("TcpExt", "ListenDrops").is_some());
//! ```
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

#[cfg(not(target_os = "linux"))]
compile_error!("sockdiag reads the Linux kernel and runs nowhere else");

pub mod analysis;
pub mod collect;
mod error;
pub mod model;
pub mod source;

pub use error::{Error, Result};
