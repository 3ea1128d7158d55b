//! What drops packets before they reach a socket, how TCP fares, what bounds the memory of sockets,
//! and connections that a process does not close.

mod findings;
mod half_closed;
mod report;
#[cfg(test)]
mod tests;
mod traffic;

pub(super) use findings::orphans_near_limit;
pub use half_closed::HalfClosedReport;
pub use report::{
    ConntrackReport, HostReport, InterfaceReport, MemoryReport, NamespaceReport, NetworkReport,
    SoftnetReport, report,
};
pub use traffic::{MemoryEvents, Traffic};
