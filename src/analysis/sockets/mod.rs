//! `sockets`: every socket, with what the kernel knows of it and who holds it.

mod end;
mod report;
mod row;

pub use end::EndReport;
pub use report::{Describer, SocketsReport};
pub use row::{AcceptQueue, SocketReport};
