//! `sockdiag trace`: connections whose addresses this host translates, by REDIRECT to another port
//! and by DNAT to another host.

use crate::support::firewall::add_chain;
use crate::support::handshakes::{assert_has, reason};
use crate::support::host::{Host, VethEnd, connect_by_veth};
use crate::support::link::{HERE, Link};
use crate::support::netns::{in_netns, in_netns_of_root, run, sysctl};
use crate::support::scenes::{
    CLIENT, SERVER, connect_from_peer, fill_from_peer, start_connect_from_peer,
    wait_for_syn_retransmit,
};
use crate::support::sockets::listen;
use crate::support::tools::tcp_ext;
use crate::support::tracing::Tracing;
use crate::support::wait::wait_until;
use serde_json::{Value, json as object};

const REDIRECTED: &str = "10.7.0.1:80";

/// A handshake with port 80, which is redirected to a listener whose accept queue is full; `None`
/// where there is no nft.
fn unanswered_behind_redirect() -> Option<Value> {
    let link = Link::new();
    let listener = listen(SERVER, 1);
    if !add_chain("nat", "prerouting", &["tcp dport 80 redirect to :8080"]) {
        return None;
    }
    let _queued = fill_from_peer(&link, &listener, 2);
    let mut live = Tracing::start(&["--port", "80"]);
    let client = start_connect_from_peer(&link, CLIENT, REDIRECTED);
    wait_for_syn_retransmit(&link, &client);
    drop(client);
    wait_until("it is dropped", || tcp_ext("ListenOverflows") >= 1);
    Some(live.handshake())
}

/// As the real root, who may read the table of tracked connections.
#[test]
fn behind_a_redirect_the_listener_of_the_other_port_is_judged() {
    in_netns_of_root(|| {
        let Some(handshake) = unanswered_behind_redirect() else {
            return;
        };
        assert_has(
            &handshake,
            object!({
                "outcome": "no_reply",
                "server": {"address": HERE, "port": 80},
                "translated": {"server": {"address": HERE, "port": 8080}},
                "listener_queue": {"length": 2, "limit": 1},
            }),
        );
        // The other port is known only once the handshake has ended.
        assert_eq!(
            reason(&handshake),
            "likely the accept queue, which was full at another time"
        );
    });
}

/// Only the real root may read the table.
#[test]
fn a_redirect_that_cannot_be_looked_up_leaves_no_certain_cause() {
    in_netns(|| {
        let Some(handshake) = unanswered_behind_redirect() else {
            return;
        };
        assert_has(&handshake, object!({"outcome": "no_reply"}));
        assert!(
            !reason(&handshake).contains("nobody listens"),
            "{handshake:#}"
        );
    });
}

/// A host behind this one, at 10.8.0.2.
fn behind() -> Host {
    let behind = Host::new();
    let [near, far] = [("inner", 3, "10.8.0.1/24"), ("outer", 4, "10.8.0.2/24")];
    let end = |(device, hardware, address)| VethEnd {
        device,
        hardware,
        addresses: Box::leak(Box::new([address])),
    };
    connect_by_veth(&end(near), &behind, &end(far));
    behind.run(|| run("ip", &["route", "add", "default", "via", "10.8.0.1"]));
    sysctl("net/ipv4/conf/all/forwarding", 1);
    behind
}

#[test]
fn a_connection_to_a_host_behind_is_counted_once_and_judged_there() {
    in_netns(|| {
        let link = Link::new();
        let behind = behind();
        let rule = "tcp dport 80-81 dnat ip to 10.8.0.2";
        if !add_chain("nat", "prerouting", &[rule]) {
            return;
        }
        // Whoever listens at the outer address has nothing to do with it.
        let _unasked = listen(REDIRECTED, 5);
        let _asked = behind.run(|| listen("10.8.0.2:80", 5));
        let mut live = Tracing::start(&[]);
        let _connected = connect_from_peer(&link, CLIENT, REDIRECTED);
        let established = live.handshake();
        let refused = start_connect_from_peer(&link, "10.7.0.2:5002", "10.7.0.1:81");
        let failed = live.handshake();
        drop(refused);
        for (handshake, port, outcome) in
            [(&established, 80, "established"), (&failed, 81, "refused")]
        {
            assert_has(
                handshake,
                object!({
                    "outcome": outcome,
                    "captured_on": "between",
                    "server": {"address": HERE, "port": port},
                    "translated": {"server": {"address": "10.8.0.2", "port": port}},
                    "listener_queue": Value::Null,
                    "syn_retransmits": 0,
                }),
            );
        }
        let traced = live.end();
        assert_has(&traced.summary, object!({"handshakes": 2, "shown": 2}));
        assert!(
            !reason(&failed).contains("a socket listens there"),
            "{failed:#}"
        );
    });
}
