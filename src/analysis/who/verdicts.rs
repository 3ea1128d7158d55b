//! What bind(2) returns for each address: what it checks before it looks at other sockets, then the
//! rules about them (`__inet_bind`, net/ipv4/af_inet.c; `__inet6_bind`, net/ipv6/af_inet6.c).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Asked, Attempt, BindReport, Claim, Holder, Limits, Verdict, because::because, bind};
use crate::model::{AddressOutcome, SocketProtocol};

/// For TCP and UDP, at the addresses asked about or at the wildcards: what is to be judged.
pub fn unjudged(asked: &Asked, limits: &Limits) -> Vec<BindReport> {
    let addresses = match asked.addresses.is_empty() {
        true => wildcards(limits.v6only.is_some()),
        false => asked.addresses.clone(),
    };
    let v6only = limits.v6only.unwrap_or_default();
    let row = |protocol, address: IpAddr| BindReport {
        address,
        protocol,
        v6only: address.is_ipv6().then_some(v6only),
        plain: None,
        reuseaddr: None,
        reuseport: None,
        both: None,
        tried: false,
        because: None,
    };
    let protocols = [SocketProtocol::Tcp, SocketProtocol::Udp].into_iter();
    let rows = protocols.flat_map(|protocol| addresses.iter().map(move |at| row(protocol, *at)));
    rows.collect()
}

/// What bind() returned where it was called, else what the holders lead to.
pub fn verdicts(asked: &Asked, port: u16, limits: &Limits, holders: &[&Holder]) -> Vec<BindReport> {
    let rows = match limits.tried.is_empty() {
        true => unjudged(asked, limits),
        false => limits.tried.clone(),
    };
    let row = |row: BindReport| {
        let is_udp = row.protocol == SocketProtocol::Udp;
        let here = holders.iter().filter(|one| one.is_here);
        let of_protocol = here.filter(|one| one.is_udp() == is_udp);
        let claims: Vec<_> = of_protocol.map(|one| (*one, one.claim())).collect();
        let row = match row.tried {
            true => row,
            false => concluded(row, port, (asked, limits), &claims),
        };
        let because = match row.plain {
            Some(Verdict::InUse) => in_use(asked, &row, &claims),
            Some(Verdict::Denied) => Some(limits.denied(port)),
            Some(Verdict::NoAddress) => {
                Some("EADDRNOTAVAIL: the address is not local; IP_FREEBIND admits it".to_owned())
            }
            Some(Verdict::Ok) | None => None,
        };
        BindReport { because, ..row }
    };
    rows.into_iter().map(row).collect()
}

fn concluded(
    row: BindReport,
    port: u16,
    (asked, limits): (&Asked, &Limits),
    claims: &[(&Holder, Claim)],
) -> BindReport {
    let is_udp = row.protocol == SocketProtocol::Udp;
    let claims: Vec<Claim> = claims.iter().map(|(_, claim)| *claim).collect();
    let itself = limits.before_holders(row.address, port, is_udp);
    let v6only = row.v6only.unwrap_or_default();
    let verdict = |reuseaddr, reuseport| {
        let attempt = Attempt {
            reuseaddr,
            reuseport,
            ..Attempt::plain(row.address, v6only, asked.uid)
        };
        itself.unwrap_or_else(|| match is_udp {
            true => bind::udp(&attempt, &claims, limits.udp_wildcard_may_miss),
            false => bind::tcp(&attempt, &claims, limits.sees_bound),
        })
    };
    BindReport {
        plain: verdict(false, false),
        reuseaddr: verdict(true, false),
        reuseport: verdict(false, true),
        both: verdict(true, true),
        ..row
    }
}

/// Names a socket that excludes the plain bind by itself.
fn in_use(asked: &Asked, row: &BindReport, claims: &[(&Holder, Claim)]) -> Option<String> {
    let plain = Attempt::plain(row.address, row.v6only.unwrap_or_default(), asked.uid);
    let excludes = |claim: &Claim| match row.protocol {
        SocketProtocol::Udp => bind::udp(&plain, &[*claim], false),
        _ => bind::tcp(&plain, &[*claim], true),
    };
    let mut claims = claims.iter();
    let (holder, claim) = claims.find(|(_, claim)| excludes(claim) == Some(Verdict::InUse))?;
    Some(because(holder, claim, row, asked.uid))
}

impl Limits {
    /// What bind(2) returns before it looks at other sockets: `Some(None)` where that is not known,
    /// `None` where they decide (`__inet_bind`, `__inet6_bind`).
    pub(super) fn before_holders(
        &self,
        address: IpAddr,
        port: u16,
        is_udp: bool,
    ) -> Option<Option<Verdict>> {
        let denied = match self.is_denied(port) {
            Some(true) => Some(Some(Verdict::Denied)),
            Some(false) => None,
            None => Some(None),
        };
        match self.outcome(address, is_udp) {
            // Checked before an IPv6 address, and after an IPv4 one.
            _ if denied.is_some() && address.is_ipv6() => denied,
            Some(AddressOutcome::Absent) => Some(Some(Verdict::NoAddress)),
            Some(AddressOutcome::Refused(_)) => Some(None),
            Some(AddressOutcome::Taken) | None => denied,
        }
    }

    /// Whether the port needs a capability that the program does not have.
    pub(super) fn is_denied(&self, port: u16) -> Option<bool> {
        /// `PROT_SOCK`, include/net/sock.h: the default.
        const PRIVILEGED: u16 = 1024;
        let start = self.unprivileged_port_start;
        match self.may_bind_privileged {
            _ if port >= start.unwrap_or(PRIVILEGED) => Some(false),
            Some(false) if start.is_none() => None,
            may => may.map(|may| !may),
        }
    }

    /// Why EACCES, or EPERM, is returned.
    fn denied(&self, port: u16) -> String {
        match self.unprivileged_port_start {
            Some(start) if self.is_denied(port) != Some(false) => {
                format!("EACCES: ports below {start} need CAP_NET_BIND_SERVICE")
            }
            _ => {
                "no capability is missing: a security module (SELinux, AppArmor, Landlock), a BPF \
                  program of the cgroup or seccomp refuses it"
                    .to_owned()
            }
        }
    }

    /// `None` for a wildcard, which is always taken.
    pub(super) fn outcome(&self, address: IpAddr, is_udp: bool) -> Option<&AddressOutcome> {
        let mut trials = self.addresses.iter();
        let trial = trials.find(|trial| trial.address == address && trial.is_udp == is_udp);
        trial.map(|trial| &trial.outcome)
    }
}

/// `0.0.0.0` and `[::]` for a port alone.
fn wildcards(has_v6: bool) -> Vec<IpAddr> {
    let v4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let v6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    [Some(v4), has_v6.then_some(v6)]
        .into_iter()
        .flatten()
        .collect()
}
