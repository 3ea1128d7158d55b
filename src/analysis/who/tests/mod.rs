//! `who` from values: no kernel. `tests/it/who/verdicts.rs` compares the same rules with bind(2).

mod before_holders;
mod ending;
mod rules;
mod tried;
mod unlisted;
mod words;

use std::net::IpAddr;

use super::{Attempt, Claim};

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A plain bind by user 1000.
fn attempt(at: &str) -> Attempt {
    Attempt::plain(address(at), false, 1000)
}

/// A bound socket of the same user without options.
fn claim(at: &str) -> Claim {
    Claim {
        address: address(at),
        v6only: Some(false),
        reuseaddr: Some(false),
        reuseport: Some(false),
        uid: Some(1000),
        listens: false,
        is_connection: false,
        interface: 0,
    }
}
