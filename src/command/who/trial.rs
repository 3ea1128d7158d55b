//! `--try`: bind() for real.

use std::{
    collections::BTreeSet,
    io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied},
    net::SocketAddr,
};

use sockdiag::{
    analysis::who::{BindReport, Verdict},
    model::{Incomplete, SocketProtocol},
    source::{BindTrial, Namespace},
};

/// Calls bind() for each row. Returns the rows with what it returned, and errors that are no verdict.
pub fn try_all(
    rows: Vec<BindReport>,
    port: u16,
    here: &Namespace,
) -> anyhow::Result<(Vec<BindReport>, Vec<Incomplete>)> {
    let mut refused = BTreeSet::new();
    let row = |row: BindReport| {
        let mut verdict = |reuseaddr, reuseport| {
            let tried = trial(&row, port, reuseaddr, reuseport).run();
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
        BindReport {
            plain: verdict(false, false),
            reuseaddr: verdict(true, false),
            reuseport: verdict(false, true),
            both: verdict(true, true),
            tried: true,
            ..row
        }
    };
    let tried = here.enter(|| rows.into_iter().map(row).collect())?;
    let refused = refused.iter();
    let refused = refused.map(|why| Incomplete::new("bind", why.as_str()));
    Ok((tried, refused.collect()))
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
