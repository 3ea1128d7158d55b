//! `--try`: bind() for real.

use std::{
    collections::BTreeSet,
    io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied},
    net::SocketAddr,
};

use sockdiag::{
    analysis::who::{BindReport, Verdict, WhoReport},
    model::{Incomplete, SocketProtocol},
    source::{BindTrial, Namespace},
};

/// Replaces each verdict by what bind() returned.
pub fn try_all(report: &mut WhoReport, port: u16, here: &Namespace) -> anyhow::Result<()> {
    let mut refused = BTreeSet::new();
    let bind = &mut report.bind;
    here.enter(|| {
        for row in bind.iter_mut() {
            let mut verdict = |reuseaddr, reuseport| {
                let tried = trial(row, port, reuseaddr, reuseport).run();
                match tried.map_err(|error| (error.kind(), error)) {
                    Ok(()) => Some(Verdict::Ok),
                    Err((AddrInUse, _)) => Some(Verdict::InUse),
                    Err((PermissionDenied, _)) => Some(Verdict::Denied),
                    Err((AddrNotAvailable, _)) => Some(Verdict::NoAddress),
                    Err((_, error)) => {
                        refused.insert(format!("bind() to {}: {error}", row.address));
                        None
                    }
                }
            };
            let plain = verdict(false, false);
            let reuseaddr = verdict(true, false);
            let reuseport = verdict(false, true);
            let both = verdict(true, true);
            *row = BindReport {
                plain,
                reuseaddr,
                reuseport,
                both,
                tried: true,
                ..row.clone()
            };
        }
    })?;
    report.incomplete.retain(|missing| missing.what != "bind");
    let refused = refused
        .iter()
        .map(|why| Incomplete::new("bind", why.as_str()));
    report.incomplete.extend(refused);
    Ok(())
}

fn trial(row: &BindReport, port: u16, reuseaddr: bool, reuseport: bool) -> BindTrial {
    BindTrial {
        is_udp: row.protocol == SocketProtocol::Udp,
        address: SocketAddr::new(row.address, port),
        v6only: row.v6only.unwrap_or_default(),
        reuseaddr,
        reuseport,
    }
}
