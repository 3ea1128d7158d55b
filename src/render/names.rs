//! Names for numbers (`-r`): hosts and services through the system's resolver, users from its
//! database. Each host and service is looked up once.

use std::{
    cell::RefCell,
    collections::HashMap,
    net::{IpAddr, SocketAddr},
};

use sockdiag::{analysis::queues::LocalReport, model::Address};

thread_local! {
    static ADDRESSES: RefCell<HashMap<SocketAddr, String>> = RefCell::default();
    static HOSTS: RefCell<HashMap<IpAddr, String>> = RefCell::default();
}

/// `localhost:http` for `127.0.0.1:80`. A wildcard stays a wildcard.
pub fn local(local: &LocalReport) -> String {
    let LocalReport::Inet { address, port, .. } = local else {
        return local.to_string();
    };
    let socket = SocketAddr::new(*address, *port);
    let look_up = || match dns_lookup::getnameinfo(&socket, 0) {
        Ok((_, service)) if address.is_unspecified() => format!("*:{service}"),
        Ok((host, service)) => format!("{host}:{service}"),
        Err(_) => local.to_string(),
    };
    ADDRESSES.with_borrow_mut(|known| known.entry(socket).or_insert_with(look_up).clone())
}

pub fn address(end: Address) -> String {
    local(&LocalReport::Inet {
        address: end.address,
        port: end.port,
        interface: None,
    })
}

/// The name of a host, else its address.
pub fn host(address: IpAddr) -> String {
    let look_up = || dns_lookup::lookup_addr(&address).unwrap_or_else(|_| address.to_string());
    HOSTS.with_borrow_mut(|known| known.entry(address).or_insert_with(look_up).clone())
}

/// The user's login name, else the number.
pub fn user(uid: u32) -> String {
    uzers::get_user_by_uid(uid).map_or_else(
        || uid.to_string(),
        |user| user.name().to_string_lossy().into_owned(),
    )
}
