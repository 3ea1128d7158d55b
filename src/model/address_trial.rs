//! Whether bind(2) takes an address, whatever the port.

use std::net::IpAddr;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressTrial {
    pub is_udp: bool,
    pub address: IpAddr,
    pub outcome: AddressOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressOutcome {
    Taken,
    /// EADDRNOTAVAIL: it is on no interface, no local route has it, and `ip_nonlocal_bind` is off.
    Absent,
    /// Another error.
    Refused(String),
}
