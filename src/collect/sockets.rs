//! Sockets as a stream: none is kept.

use std::{
    collections::BTreeMap,
    ops::{ControlFlow, RangeInclusive},
};

use super::{Namespaces, walk::flaws};
use crate::{
    Result,
    model::{Families, Filter, Incomplete, Netns, SocketProtocol, SocketRow},
    source::{Kernel, SockDiag, SocketRequest, interfaces},
};

/// Which sockets, and what of each.
#[derive(Debug, Clone, Default)]
pub struct SocketNeeds {
    pub protocols: Vec<SocketProtocol>,
    pub families: Families,
    pub filter: Filter,
    /// `struct tcp_info`.
    pub info: bool,
    /// Memory and drops.
    pub memory: bool,
}

/// The namespace that sockets are in.
#[derive(Debug, Clone, Default)]
pub struct Place {
    pub netns: Netns,
    /// Names of interfaces by index.
    pub interfaces: BTreeMap<u32, String>,
    /// `ip_local_port_range`, where it can be read.
    pub ephemeral: Option<RangeInclusive<u16>>,
}

/// Receives sockets as they come.
pub trait SocketSink {
    /// Those that follow are in this namespace.
    fn enter(&mut self, place: Place);

    /// `Break` ends the reading.
    fn socket(&mut self, socket: SocketRow) -> ControlFlow<()>;

    /// Whether no further namespace is to be read.
    fn is_over(&self) -> bool {
        false
    }
}

/// Reads the sockets of these namespaces, and returns what could not be read.
pub fn read_sockets(
    kernel: &Kernel,
    namespaces: &Namespaces,
    needs: &SocketNeeds,
    sink: &mut dyn SocketSink,
) -> Result<Vec<Incomplete>> {
    let mut missing = Vec::new();
    let mut unread = Vec::new();
    let mut is_over = false;
    namespaces.ask(kernel, &mut unread, |namespace| {
        if is_over || sink.is_over() {
            return Ok(());
        }
        // A socket stays in the namespace in which it was opened.
        let (diag, interfaces, limits) =
            namespace.enter(|| (SockDiag::open(), interfaces(), kernel.port_limits()))?;
        sink.enter(Place {
            netns: namespace.id.clone(),
            interfaces: interfaces.into_iter().collect(),
            ephemeral: limits.ok().and_then(|limits| limits.range),
        });
        let mut diag = diag?;
        for protocol in &needs.protocols {
            let request = SocketRequest {
                protocol: *protocol,
                families: needs.families,
                filter: &needs.filter,
                info: needs.info,
                memory: needs.memory,
            };
            let walk = diag.sockets(&request, |socket| sink.socket(socket))?;
            missing.extend(flaws("sockets", walk));
            is_over = walk.stopped;
            if is_over {
                break;
            }
        }
        Ok(())
    })?;
    missing.extend(unread);
    Ok(missing)
}
