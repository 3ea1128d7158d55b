//! Sockets as a stream: none is kept.

use std::{
    collections::BTreeMap,
    io,
    ops::{ControlFlow, RangeInclusive},
};

use super::{Namespaces, walk::flaws};
use crate::{
    Error, Result,
    model::{
        Families, Filter, Incomplete, ListenAddresses, Netns, OtherSocket, SocketProtocol,
        SocketRow, SocketState, StateSet, Sysctls,
    },
    source::{
        Kernel, Namespace, OtherRequest, SockDiag, SocketFile, SocketRequest, Walk, interfaces,
        reports_bound,
    },
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
    /// The addresses of TCP listeners.
    pub listening: bool,
    /// Settings to read in each namespace.
    pub sysctls: &'static [&'static str],
}

/// The namespace that sockets are in.
#[derive(Debug, Clone, Default)]
pub struct Place {
    pub netns: Netns,
    /// Names of interfaces by index.
    pub interfaces: BTreeMap<u32, String>,
    /// `ip_local_port_range`, where it can be read.
    pub ephemeral: Option<RangeInclusive<u16>>,
    /// Why it could not be read.
    pub why_no_range: Option<String>,
    /// The addresses of TCP listeners, if asked for.
    pub listening: ListenAddresses,
    /// The settings that were asked for.
    pub sysctls: Sysctls,
}

/// Receives sockets as they come.
pub trait SocketSink {
    /// Sockets that follow are in this namespace.
    fn enter(&mut self, place: Place);

    /// `Break` ends the reading.
    fn socket(&mut self, socket: SocketRow) -> ControlFlow<()>;

    /// The same for a socket of another family than the internet's.
    fn other(&mut self, _: OtherSocket) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

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
        let (diag, interfaces, limits, sysctls) = namespace.enter(|| {
            let sysctls = kernel.sysctls(needs.sysctls.iter().copied());
            (
                SockDiag::open(),
                interfaces(),
                kernel.port_limits(),
                sysctls,
            )
        })?;
        let mut diag = diag?;
        let (ephemeral, why_no_range) = match limits.map(|limits| limits.range) {
            Ok(Some(range)) => (Some(range), None),
            Ok(None) => (
                None,
                Some("net.ipv4.ip_local_port_range is not there".to_owned()),
            ),
            Err(error) => (None, Some(error.to_string())),
        };
        let mut listeners = Vec::new();
        if needs.listening {
            let end = diag.listeners(Families::BOTH, &mut listeners)?;
            missing.extend(flaws("listeners", end));
        }
        sink.enter(Place {
            netns: namespace.id.clone(),
            interfaces: interfaces.into_iter().collect(),
            ephemeral,
            why_no_range,
            listening: ListenAddresses::of(&listeners),
            sysctls,
        });
        let mut reading = Reading {
            kernel,
            namespace,
            needs,
            diag,
        };
        for protocol in &needs.protocols {
            match reading.read(*protocol, sink)? {
                Some(walk) => {
                    missing.extend(flaws("sockets", walk));
                    is_over = walk.stopped;
                }
                None if needs.protocols.len() == 1 => return Err(unknown(*protocol)),
                None => missing.push(Incomplete::new(protocol.name(), UNKNOWN)),
            }
            if is_over {
                break;
            }
        }
        Ok(())
    })?;
    missing.extend(unread);
    Ok(missing)
}

/// What a reading of these sockets lacks where the kernel does not report those that are only bound.
pub fn unseen_bound(needs: &SocketNeeds) -> Option<Incomplete> {
    let bound = StateSet::of(&[SocketState::Bound]);
    let is_asked =
        needs.protocols.contains(&SocketProtocol::Tcp) && !needs.filter.by_state(bound).is_empty();
    let why = "TCP sockets that are only bound are reported from Linux 6.8 on";
    (is_asked && !reports_bound()).then(|| Incomplete::new("bound", why))
}

const UNKNOWN: &str = "this kernel lacks the diag module of this protocol";

fn unknown(protocol: SocketProtocol) -> Error {
    let cause = io::Error::new(io::ErrorKind::Unsupported, UNKNOWN);
    Error::Netlink(protocol.name(), cause)
}

/// One namespace.
struct Reading<'a> {
    kernel: &'a Kernel,
    namespace: &'a Namespace,
    needs: &'a SocketNeeds,
    diag: SockDiag,
}

impl Reading<'_> {
    /// `None` where the kernel has neither the diag module of a protocol nor a file with what the
    /// filter asks.
    fn read(
        &mut self,
        protocol: SocketProtocol,
        sink: &mut dyn SocketSink,
    ) -> Result<Option<Walk>> {
        let SocketNeeds {
            families,
            filter,
            info,
            memory,
            ..
        } = self.needs;
        if !protocol.is_inet() {
            let request = OtherRequest {
                protocol,
                filter,
                memory: *memory,
            };
            let dumped = self.diag.others(&request, |socket| sink.other(socket))?;
            return match dumped {
                Some(walk) => Ok(Some(walk)),
                None => self.files(protocol, |file| {
                    file.others(filter, |socket| sink.other(socket))
                }),
            };
        }
        let request = SocketRequest {
            protocol,
            families: *families,
            filter,
            info: *info,
            memory: *memory,
        };
        match self.diag.sockets(&request, |socket| sink.socket(socket)) {
            Ok(walk) => Ok(Some(walk)),
            Err(error)
                if protocol == SocketProtocol::Raw
                    && error.io().kind() == io::ErrorKind::NotFound =>
            {
                match filter.is_on_addresses() {
                    true => self.files(protocol, |file| {
                        file.raw(filter, |socket| sink.socket(socket))
                    }),
                    false => Ok(None),
                }
            }
            Err(error) => Err(error),
        }
    }

    fn files(
        &self,
        protocol: SocketProtocol,
        mut read: impl FnMut(&SocketFile) -> Walk,
    ) -> Result<Option<Walk>> {
        let open = || self.kernel.socket_files(protocol, self.needs.families);
        let files = self.namespace.enter(open)??;
        let mut end: Option<Walk> = None;
        for file in &files {
            let walk = read(file);
            end = Some(end.unwrap_or_default().and(walk));
            if walk.stopped {
                break;
            }
        }
        Ok(end)
    }
}
