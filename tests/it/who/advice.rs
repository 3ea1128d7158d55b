//! What `who` says and advises, of sockets that are there.

use serde_json::Value;
use socket2::Socket;

use crate::support::bind_verdicts::verdicts;
use crate::support::netns::{in_sealed_netns, lo_up};
use crate::support::program::json as report;
use crate::support::sockets::{listen, listen_with};
use crate::support::time_waits::server_time_waits;

fn advice(report: &Value) -> Vec<&str> {
    let advice = report["advice"].as_array().expect("advice[]");
    advice.iter().filter_map(Value::as_str).collect()
}

/// It would take all the others along.
#[test]
fn process_1_is_not_to_be_ended() {
    in_sealed_netns(|| {
        assert_eq!(std::process::id(), 1, "the first of its namespace");
        lo_up();
        let _listener = listen("127.0.0.1:2222", 5);
        let report = report(&["who", ":2222"]);
        assert_eq!(report["holders"][0]["owners"][0]["pid"], 1);
        let advice = advice(&report);
        assert!(advice[0].contains("(1) is process 1"), "{advice:#?}");
        assert!(
            !advice.iter().any(|line| line.contains("kill")),
            "{advice:#?}"
        );
    });
}

#[test]
fn nothing_holds_an_address_while_another_one_is_held() {
    in_sealed_netns(|| {
        lo_up();
        let _listener = listen("127.0.0.2:8080", 5);
        let answer = |target: &str| report(&["who", target])["answer"].clone();
        let free = answer("127.0.0.1:8080");
        let free = free.as_str().expect("a sentence");
        assert!(free.ends_with("holds 127.0.0.1:8080"), "{free}");
        let held = answer(":8080");
        let held = held.as_str().expect("a sentence");
        assert!(held.starts_with("port 8080 is held by"), "{held}");
    });
}

/// Whether the option suffices is known from bind() alone: a TIME_WAIT does not show its own.
#[test]
fn what_to_do_follows_from_bind_where_it_was_called() {
    in_sealed_netns(|| {
        lo_up();
        let has_option = |socket: &Socket| socket.set_reuse_address(true).expect("an option");
        for (address, options) in [
            ("127.0.0.1:8080", &has_option as &dyn Fn(&Socket)),
            ("127.0.0.1:8081", &|_| ()),
        ] {
            let listener = listen_with(address, 5, options);
            server_time_waits(&listener, 1);
        }
        let admitted = report(&["who", ":8080", "--try"]);
        assert_eq!(verdicts(&admitted, "tcp", "0.0.0.0")[1], "ok");
        let set = "set SO_REUSEADDR before bind(): bind() then succeeds";
        assert_eq!(advice(&admitted)[1..], [set]);
        let refused = report(&["who", ":8081", "--try"]);
        assert_eq!(verdicts(&refused, "tcp", "0.0.0.0")[1], "in_use");
        assert_eq!(advice(&refused)[1..], ["bind another port or address"]);
        let because = refused["bind"][0]["because"].to_string();
        assert!(because.contains("rules out SO_REUSEADDR"), "{because}");
    });
}
