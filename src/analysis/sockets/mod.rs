//! `sockets`: every socket, with what the kernel knows of it and who holds it.

mod end;
mod group;
mod pairs;
mod report;
mod row;
#[cfg(test)]
pub mod samples;

pub use end::EndReport;
pub use group::{By, GroupName, Groups, Held};
pub use pairs::{End, Joined, join};
pub use report::{Describer, SocketsReport};
pub use row::{AcceptQueue, CommandLine, SocketReport};
