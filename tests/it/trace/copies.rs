//! `sockdiag trace` of files in which packets stand more than once.

use crate::support::clients::bound_first;
use crate::support::handshakes::assert_has;
use crate::support::host::behind_bridge;
use crate::support::netns::in_netns_for_tcpdump;
use crate::support::scenes::{SERVER, exchange_byte};
use crate::support::sockets::listen;
use crate::support::tcpdump::Tcpdump;
use crate::support::time_waits::connected_pair;
use crate::support::tracing::trace;
use serde_json::{Value, json as object};

/// With `-i any` and the first version of its header, a file names no interface.
#[test]
fn a_bridge_captured_on_all_devices_at_once_retransmits_nothing() {
    in_netns_for_tcpdump(|| {
        let there = behind_bridge();
        let listener = listen(SERVER, 5);
        let Some(tcpdump) = Tcpdump::start_with("any", &["-y", "LINUX_SLL"]) else {
            return;
        };
        for port in 5001..5010 {
            let client = format!("10.7.0.2:{port}");
            exchange_byte(&there.run(|| connected_pair(&listener, bound_first(&client))));
        }
        let file = tcpdump.end("10.7.0.2");
        let handshakes = trace(&["--read", &file.path]).handshakes();
        assert_eq!(handshakes.len(), 9);
        for handshake in handshakes {
            assert_has(
                &handshake,
                object!({
                    "outcome": "established",
                    "reason": Value::Null,
                    "syn_retransmits": 0,
                    "syn_ack_retransmits": 0,
                }),
            );
        }
    });
}
