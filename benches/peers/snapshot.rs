//! All parts of a snapshot at once, as a program that uses the library takes it: what every report
//! together costs.

use sockdiag::collect::{Collector, Needs};
use sockdiag::source::Kernel;

pub fn run() -> anyhow::Result<()> {
    let snapshot = Collector::new(Kernel::new(), Needs::everything()).collect()?;
    let namespace = &snapshot.namespaces[0];
    let ports = namespace.port_holders.as_ref();
    println!(
        "{} listeners, {} tuples, {} processes",
        namespace.sockets().len(),
        ports.map_or(0, |ports| ports.tuples.len()),
        snapshot.processes.map_or(0, |all| all.processes.len()),
    );
    Ok(())
}
