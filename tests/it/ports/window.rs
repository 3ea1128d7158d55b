//! `sockdiag ports`: a window that an application set for its sockets (IP_LOCAL_PORT_RANGE), which
//! the kernel tells nobody.

use crate::support::clients::{
    bound_first, clients, connect_with, exhaust_ports_with, from_port_window, port_range,
};
use crate::support::kernel_parts::has_port_windows;
use crate::support::netns::in_netns;
use crate::support::program::{count, json};
use crate::support::sockets::listen;
use crate::support::tuples::tuple;
use crate::support::unanswered::unanswered_syns;

const SERVER: &str = "10.9.0.1:8080";
const OTHER: &str = "10.9.0.1:8081";

#[test]
fn a_full_window_is_suspected() {
    in_netns(|| {
        if !has_port_windows() {
            return;
        }
        unanswered_syns();
        let _servers = (listen(SERVER, 100), listen(OTHER, 100));
        let held = exhaust_ports_with(SERVER, from_port_window(40000, 40063));
        assert_eq!(held.len(), 64, "the scene is set");
        let _few = clients(OTHER, 64);
        let report = json(&["ports"]);
        let window = &tuple(&report, SERVER)["window"];
        assert_eq!(
            (count(&window["low"]), count(&window["high"])),
            (40000, 40063)
        );
        assert_eq!(tuple(&report, SERVER)["used"], 64);
        // As many ports, taken from all over the range.
        assert!(tuple(&report, OTHER)["window"].is_null());
    });
}

#[test]
fn a_range_that_is_nearly_full_is_no_window() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40063);
        let _server = listen(SERVER, 100);
        let _held = clients(SERVER, 60);
        assert!(tuple(&json(&["ports"]), SERVER)["window"].is_null());
    });
}

#[test]
fn a_few_connections_are_no_window() {
    in_netns(|| {
        unanswered_syns();
        let _server = listen(SERVER, 100);
        for port in [50000, 50001] {
            let address = format!("10.9.0.1:{port}");
            std::mem::forget(connect_with(SERVER, bound_first(&address)).expect("it is free"));
        }
        assert!(tuple(&json(&["ports"]), SERVER)["window"].is_null());
    });
}
