//! `sockdiag queues`: who waits in the accept queue, how long, and who has given up.

use std::io::Write as _;

use crate::support::netns::{in_netns, lo_up};
use crate::support::program::{Watch, count, json, listener, number};
use crate::support::sockets::{
    accept_queue_len, close_wait_count, fill_accept_queue, listen, listen_with, unread_bytes,
};
use crate::support::wait::wait_until;

const SERVER: &str = "127.0.0.1:8080";

#[test]
fn the_oldest_wait_grows_while_nobody_accepts() {
    in_netns(|| {
        lo_up();
        let (server, _idle) = (listen(SERVER, 9), listen("127.0.0.1:8081", 9));
        let _clients = fill_accept_queue(&server, 2);
        let mut watch = Watch::new(&["queues", "--watch=0.05"]);
        let report = watch.report();
        let first = number(&listener(&report, SERVER)["accept_queue"]["oldest_wait_ms"]);
        let idle = &listener(&report, "127.0.0.1:8081")["accept_queue"];
        assert!(idle["oldest_wait_ms"].is_null(), "nobody waits: {idle}");

        wait_until("the wait has grown by 200 ms", || {
            let report = watch.report();
            // Readings this close look at it only now and then where looking takes long.
            let wait = listener(&report, SERVER)["accept_queue"]["oldest_wait_ms"].as_f64();
            wait.is_some_and(|wait| wait >= first + 200.0)
        });
    });
}

#[test]
fn the_oldest_of_many_is_told_and_not_the_newest() {
    in_netns(|| {
        lo_up();
        let server = listen(SERVER, 9);
        let oldest =
            || number(&listener(&json(&["queues"]), SERVER)["accept_queue"]["oldest_wait_ms"]);
        let _early = fill_accept_queue(&server, 1);
        wait_until("it has waited for 300 ms", || oldest() >= 300.0);
        let _late = fill_accept_queue(&server, 3);
        assert!(oldest() >= 300.0);
    });
}

#[test]
fn a_connection_that_is_accepted_waits_no_longer() {
    in_netns(|| {
        lo_up();
        let server = listen(SERVER, 9);
        let mut early = fill_accept_queue(&server, 1);
        early[0].write_all(b"request").expect("a client may send");
        wait_until("the request has arrived", || unread_bytes(8080) == 7);
        let _accepted = server.accept().expect("one is queued");
        let report = json(&["queues"]);
        let queue = &listener(&report, SERVER)["accept_queue"];
        assert_eq!(queue["length"], 0);
        assert!(queue["oldest_wait_ms"].is_null(), "{queue}");
        // What an accepted connection has not read yet is none of the listener's business.
        assert_eq!(queue["waiting_bytes"].as_u64().unwrap_or(0), 0);

        let _late = fill_accept_queue(&server, 1);
        let report = json(&["queues"]);
        let queue = &listener(&report, SERVER)["accept_queue"];
        assert_eq!(queue["length"], 1);
        assert_eq!(queue["waiting_bytes"], 0);
    });
}

#[test]
fn the_bytes_that_wait_are_those_the_clients_sent() {
    in_netns(|| {
        lo_up();
        let (server, other) = (listen(SERVER, 9), listen("127.0.0.1:8081", 9));
        let (mut clients, mut others) =
            (fill_accept_queue(&server, 3), fill_accept_queue(&other, 1));
        clients[0].write_all(&[b'x'; 1000]).expect("room for it");
        clients[1].write_all(&[b'x'; 234]).expect("room for it");
        others[0].write_all(&[b'x'; 50]).expect("room for it");
        wait_until("the bytes have arrived", || {
            (unread_bytes(8080), unread_bytes(8081)) == (1234, 50)
        });
        let report = json(&["queues"]);
        let waiting = |address| listener(&report, address)["accept_queue"]["waiting_bytes"].clone();
        assert_eq!(waiting(SERVER), 1234);
        assert_eq!(waiting("127.0.0.1:8081"), 50);
    });
}

#[test]
fn clients_that_hung_up_in_the_queue_are_abandoned_and_still_take_their_place() {
    in_netns(|| {
        lo_up();
        let server = listen(SERVER, 9);
        let mut clients = fill_accept_queue(&server, 5);
        let report = json(&["queues"]);
        assert_eq!(listener(&report, SERVER)["accept_queue"]["abandoned"], 0);

        clients[0].write_all(b"GET /").expect("room for it");
        clients.drain(..2);
        wait_until("both have hung up", || close_wait_count(8080) == 2);
        let report = json(&["queues"]);
        let queue = &listener(&report, SERVER)["accept_queue"];
        assert_eq!(queue["length"], 5);
        assert_eq!(queue["abandoned"], 2);
        // The end of the connection is not a byte of the request.
        assert_eq!(queue["waiting_bytes"], 5);
    });
}

#[test]
fn v4_clients_of_a_dual_stack_listener_wait_in_its_queue() {
    in_netns(|| {
        lo_up();
        let dual = listen_with("[::]:8080", 9, |socket| {
            socket.set_only_v6(false).expect("IPV6_V6ONLY");
        });
        let mut mapped = std::net::TcpStream::connect(SERVER).expect("room for it");
        wait_until("it is queued", || accept_queue_len(&dual) == 1);
        mapped.write_all(b"hello").expect("room for it");
        wait_until("the bytes have arrived", || unread_bytes(8080) == 5);
        let report = json(&["queues"]);
        let queue = &listener(&report, "[::]:8080")["accept_queue"];
        assert_eq!(queue["length"], 1);
        assert_eq!(queue["waiting_bytes"], 5);
        assert!(number(&queue["oldest_wait_ms"]) >= 0.0);
    });
}

#[test]
fn sampling_sees_a_burst_that_comes_and_goes() {
    in_netns(|| {
        lo_up();
        let server = listen(SERVER, 4);
        let report = std::thread::scope(|scope| {
            let sampling = scope.spawn(|| json(&["queues", "--for", "300ms", "--every", "10ms"]));
            // Five at once, each time gone after some samples, and then quiet for as long.
            while !sampling.is_finished() {
                let burst = fill_accept_queue(&server, 5);
                let begun = std::time::Instant::now();
                wait_until("the burst is over", || begun.elapsed().as_millis() >= 20);
                for _ in burst {
                    server.accept().expect("five are queued");
                }
                wait_until("it was quiet", || begun.elapsed().as_millis() >= 40);
            }
            sampling.join().expect("the program answers")
        });
        let sampled = &listener(&report, SERVER)["accept_queue"]["sampled"];
        assert!(count(&sampled["samples"]) >= 2, "{sampled}");
        assert_eq!(sampled["minimum"], 0);
        assert_eq!(sampled["maximum"], 5);
        let mean = number(&sampled["mean"]);
        assert!(0.0 < mean && mean < 5.0, "{sampled}");
        let p95 = number(&sampled["p95"]);
        assert!(mean <= p95 && p95 <= 5.0, "{sampled}");
        // Full is five of the limit of four.
        let full = number(&sampled["full_ratio"]);
        assert!(0.0 < full && full < 1.0, "{sampled}");
    });
}

#[test]
fn sampling_tells_of_listeners_that_were_closed_meanwhile() {
    in_netns(|| {
        lo_up();
        let _server = listen(SERVER, 4);
        let report = std::thread::scope(|scope| {
            let sampling = scope.spawn(|| json(&["queues", "--for", "300ms", "--every", "5ms"]));
            while !sampling.is_finished() {
                // A process that is just being started has a copy of the one before.
                let _short = listen_with("127.0.0.1:8081", 4, |socket| {
                    socket.set_reuse_port(true).expect("SO_REUSEPORT");
                });
                let begun = std::time::Instant::now();
                wait_until("it was seen", || begun.elapsed().as_millis() >= 20);
            }
            sampling.join().expect("the program answers")
        });
        let incomplete = report["incomplete"].as_array().expect("incomplete[]");
        let closed = incomplete
            .iter()
            .find(|missing| missing["what"] == "listeners");
        let closed = closed.unwrap_or_else(|| panic!("nothing was closed in {report:#}"));
        assert!(count(&closed["count"]) >= 1, "{closed}");
        assert!(listener(&report, SERVER)["accept_queue"]["sampled"].is_object());
    });
}
