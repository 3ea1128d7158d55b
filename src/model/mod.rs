//! What the kernel said, as plain data in our words. No I/O, no text for people.

mod ability;
mod activity;
mod address;
mod address_trial;
mod configured;
mod connection;
mod countdown;
mod counters;
mod descriptors;
mod endpoint;
pub mod filter;
pub(crate) mod glob;
mod icmp_error;
mod incomplete;
pub(crate) mod key_pattern;
mod limits;
mod listen_address;
mod other_socket;
mod owner;
mod port_set;
mod release;
mod segment;
pub mod snapshot;
mod socket;
mod socket_options;
mod socket_row;
mod state_set;
mod sysctl;
mod system_call;
mod tcp_info;
mod unit;

pub use ability::{Ability, Found};
pub use activity::{
    CpuQuota, Freezer, HostPressure, MemoryLimit, Pressure, ProcessActivity, Stalled,
    ThreadActivity,
};
pub use address::Address;
pub use address_trial::{AddressOutcome, AddressTrial};
pub use configured::{ConfiguredLimits, Login, Relative, Setting, UnitLimits};
pub use connection::{Connection, Holder, State};
pub use countdown::Countdown;
pub use counters::{CounterId, Counters, kernel_name};
pub use descriptors::{FdLimits, FdPath, FdPeer, FdTypes, ProcessFds, SystemFds};
pub use endpoint::{Endpoint, Families, Family};
pub use filter::Filter;
pub use icmp_error::IcmpError;
pub use incomplete::Incomplete;
pub use limits::{ListenLimits, PortLimits};
pub use listen_address::{ListenAddress, ListenAddresses};
pub use other_socket::{OtherEnd, OtherSocket, SocketType};
pub use owner::{Netns, Owner, OwnerSource, Owners, is_process, is_unit};
pub use port_set::PortSet;
pub use release::{has_fix, is_at_least};
pub use segment::{Direction, Flags, Segment, TcpOptions, Timestamps, Tunnel};
pub use snapshot::{NetnsSnapshot, Snapshot};
pub use socket::{Listener, Local, Protocol, Queue, RequestSocket, Waiting};
pub use socket_options::{KeepaliveOptions, PortOptions};
pub use socket_row::{SocketMemory, SocketProtocol, SocketRow, SocketTimer, TimerKind};
pub use state_set::{SocketState, StateSet};
pub use sysctl::{
    BootLine, BootSettings, HostSettings, Place, Sysctl, Sysctls, canonical_key, sysctl_key,
    sysctl_path,
};
pub use system_call::{CallKind, Doing, SystemCall};
pub use tcp_info::TcpInfo;
pub use unit::unit_of;
