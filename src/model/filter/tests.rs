use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::model::{Address, Endpoint, Family, Local, SocketState, State, StateSet};

fn accepts(filter: &str, address: &str, port: u16) -> bool {
    let address: IpAddr = address.parse().unwrap();
    let family = if address.is_ipv4() {
        Family::V4
    } else {
        Family::V6
    };
    let local = Local::Inet(Endpoint {
        family,
        address,
        port,
        interface: 0,
    });
    Filter::parse(filter).unwrap().accepts(&local)
}

#[test]
fn a_bare_port_means_the_local_port() {
    assert!(accepts(":8080", "127.0.0.1", 8080));
    assert!(!accepts(":8080", "127.0.0.1", 8081));
    assert!(accepts("*:8080", "::", 8080));
}

#[test]
fn an_address_is_that_which_the_socket_is_bound_to() {
    assert!(accepts("127.0.0.1:80", "127.0.0.1", 80));
    assert!(!accepts("127.0.0.1:80", "0.0.0.0", 80));
    assert!(accepts("[::1]:80", "::1", 80));
    assert!(accepts("::1", "::1", 80));
    assert!(accepts("src 10.0.0.0/8", "10.200.3.4", 1));
    assert!(!accepts("10.0.0.0/8", "11.0.0.1", 1));
    assert!(accepts("0.0.0.0/0:443", "11.0.0.1", 443));
    assert!(accepts("[2001:db8::]/32", "2001:db8:1::1", 1));
    assert!(accepts("2001:db8::/32", "2001:db8:1::1", 1));
    assert!(!accepts("2001:db8::/32", "2001:db9::1", 1));
    assert!(accepts("2001:db8::/32:443", "2001:db8:1::1", 443));
    assert!(!accepts("2001:db8::/32:443", "2001:db8:1::1", 80));
    assert!(accepts("10.0.0.1", "::ffff:10.0.0.1", 1));
    assert!(accepts("[2001:db8::/32]", "2001:db8:1::1", 1));
    assert!(accepts("[2001:db8::/32]:443", "2001:db8:1::1", 443));
    assert!(!accepts("[2001:db8::/32]:443", "2001:db8:1::1", 80));
    assert!(accepts("*:*", "::1", 80));
    assert!(accepts("*:*", "10.0.0.1", 80));
}

#[test]
fn ports_can_be_compared() {
    assert!(accepts("sport >= :1024 and sport < 2000", "::", 1024));
    assert!(!accepts("sport >= :1024 and sport < 2000", "::", 2000));
    assert!(accepts("sport = :80 or sport eq 443", "::", 443));
    assert!(accepts("sport != :80", "::", 443));
    assert!(accepts("sport gt 79 sport le 80", "::", 80));
}

#[test]
fn and_binds_closer_than_or() {
    assert!(accepts(":1 or :2 and 10.0.0.1", "::", 1));
    assert!(!accepts("(:1 or :2) and 10.0.0.1", "::", 1));
    assert!(accepts("not :2 and not (:3 or :4)", "::", 1));
    assert!(accepts("! :2", "::", 1));
}

#[test]
fn a_path_is_a_unix_socket() {
    let path = |filter: &str, name: &[u8]| {
        Filter::parse(filter)
            .unwrap()
            .accepts(&Local::Unix(name.to_vec()))
    };
    assert!(path("/run/x.sock", b"/run/x.sock"));
    assert!(path("/run/*.sock", b"/run/a/b.sock"));
    assert!(!path("/run/*.sock", b"/run/a/b.socket"));
    assert!(path("src @abstract*", b"\0abstract-1"));
    assert!(!path(":80", b"/run/x.sock"));
    assert!(!path("*:*", b"/run/x.sock"));
    assert!(path("not :80", b"/run/x.sock"));
}

#[test]
fn a_connection_has_two_ends() {
    let holds = |filter: &str, peer: &str, local: &str| {
        let end = |text: &str| {
            let end: std::net::SocketAddr = text.parse().unwrap();
            Address {
                address: end.ip(),
                port: end.port(),
            }
        };
        let ends = Ends {
            local: end(local),
            peer: end(peer),
        };
        Filter::parse_connection(filter).unwrap().accepts(&ends)
    };
    let (client, server) = ("10.1.0.1:40000", "10.2.0.1:443");
    for filter in [
        ":443",
        "sport = :443 and dport >= :32768",
        "src 10.2.0.0/16",
        "dst 10.1.0.0/16",
        "dst 10.1.0.1:40000",
        "not dst 10.3.0.1",
    ] {
        assert!(holds(filter, client, server), "{filter}");
        assert!(
            !holds(&format!("not ({filter})"), client, server),
            "{filter}"
        );
    }
    assert!(
        !holds(":443", server, client),
        "the client's port is another"
    );
}

#[test]
fn a_bare_port_is_that_of_the_end_which_matters() {
    let ends = |local: &str, peer: &str| {
        let end = |text: &str| {
            let end: std::net::SocketAddr = text.parse().unwrap();
            Address {
                address: end.ip(),
                port: end.port(),
            }
        };
        Ends {
            local: end(local),
            peer: end(peer),
        }
    };
    let (outgoing, incoming) = (
        ends("10.1.0.1:40000", "10.2.0.1:443"),
        ends("10.2.0.1:443", "10.1.0.1:40000"),
    );
    for (subject, accepted) in [
        (Subject::Handshake, [false, true]),
        (Subject::Destination, [true, false]),
        (Subject::Closed, [true, true]),
    ] {
        for text in [":443", "10.2.0.1:443", "10.2.0.0/16", "not :40001 and :443"] {
            let filter = Filter::parse_for(subject, text, &NoNames).unwrap();
            let found = [outgoing, incoming].map(|ends| filter.accepts(&ends));
            assert_eq!(found, accepted, "{subject:?} {text}");
        }
    }
    let refused = Filter::parse_for(Subject::Destination, ":443 and sport = :1", &NoNames);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("use src, dst or dport"), "{refused}");
}

#[test]
fn a_port_may_have_the_name_of_its_service() {
    let parse = |text: &str| Filter::parse_for(Subject::Handshake, text, &SomeNames);
    for text in ["sport = :http-alt", "sport = http-alt", "*:http-alt"] {
        assert_eq!(parse(text), parse(":8080"), "{text}");
    }
    assert_eq!(parse("10.0.0.1:http-alt"), parse("10.0.0.1:8080"));
    let error = parse("not :gopher").unwrap_err().to_string();
    assert!(error.starts_with("not a port"), "{error}");
    assert!(error.ends_with(&format!("\n{:7}^", "")), "{error}");
    assert!(parse(":99999").is_err() && parse(":-1").is_err());
}

#[test]
fn a_connection_has_no_path() {
    let error = Filter::parse_connection("/run/x.sock").unwrap_err();
    assert!(error.to_string().starts_with("a unix socket"), "{error}");
}

#[test]
fn a_port_that_every_accepted_socket_has_is_known() {
    let port = |filter: &str| {
        let filter = Filter::parse_connection(filter).unwrap();
        [End::Local, End::Peer].map(|end| filter.required_port(end))
    };
    assert_eq!(port("10.0.0.1:80 and dport = :9"), [Some(80), Some(9)]);
    assert_eq!(port(":80 or :81"), [None, None]);
    assert_eq!(port("not :80"), [None, None]);
    assert_eq!(port("sport >= :80"), [None, None]);
}

fn error(text: &str) -> String {
    Filter::parse(text).unwrap_err().to_string()
}

#[test]
fn the_caret_stands_under_the_place() {
    assert_eq!(
        error("sport = :80 or sport = :x"),
        format!(
            "not a port: a number from 0 to 65535, or the name of a service\n  sport = :80 or sport = :x\n{:25}^",
            ""
        )
    );
    assert!(error("10.0.0.1:8x").ends_with("\n  10.0.0.1:8x\n           ^"));
    assert!(error("(:80").ends_with("\n  (:80\n      ^"));
    assert!(error(":80)").ends_with("\n  :80)\n     ^"));
    assert!(error("not").ends_with("\n  not\n     ^"));
}

#[test]
fn what_is_no_filter_is_refused() {
    for text in [
        "",
        "dport = :80",
        "10.0.0.0/33",
        "[::1]/129",
        "[::1/129]",
        "[fd00::/8]/8",
        ":99999",
        "src < 10.0.0.1",
        "frog",
        "8080",
        ":80 :443",
        "[::1",
        "or :80",
        ":80 and",
    ] {
        assert!(Filter::parse(text).is_err(), "{text}");
    }
    assert!(error(&"(".repeat(1000)).starts_with("nested too deeply"));
}

#[test]
fn two_ports_clash_and_one_port_named_twice_does_not() {
    assert!(error(":80 :443").starts_with("no socket has two ports"));
    assert!(error(":80 10.0.0.1 :443").starts_with("no socket has two ports"));
    assert!(Filter::parse(":80 127.0.0.1:80").is_ok());
    assert!(Filter::parse(":80 or :443").is_ok());
}

#[test]
fn spaces_around_signs_are_not_needed() {
    assert_eq!(Filter::parse("sport>=:80"), Filter::parse("sport >= :80"));
    assert_eq!(
        Filter::parse("!(:80 or :81)"),
        Filter::parse("not ( :80 || :81 )")
    );
}

/// What one socket is.
struct Socket {
    state: SocketState,
    interface: u32,
    mark: u32,
    rtt: Option<u64>,
}

impl View for Socket {
    fn address(&self, _: End) -> Option<Address> {
        Some(Address {
            address: "10.0.0.1".parse().unwrap(),
            port: 80,
        })
    }

    fn state(&self) -> Option<SocketState> {
        Some(self.state)
    }

    fn interface(&self) -> Option<u32> {
        Some(self.interface)
    }

    fn mark(&self) -> Option<u32> {
        Some(self.mark)
    }

    fn cgroup(&self) -> Option<u64> {
        Some(77)
    }

    fn measure(&self, what: Measure) -> Option<u64> {
        match what {
            Measure::Fill => Some(9000),
            Measure::Rtt => self.rtt,
            _ => None,
        }
    }
}

const OPEN: Socket = Socket {
    state: SocketState::Connection(State::Established),
    interface: 3,
    mark: 0x11,
    rtt: Some(60_000),
};

struct SomeNames;

impl Names for SomeNames {
    fn service(&self, name: &str) -> Option<u16> {
        (name == "http-alt").then_some(8080)
    }

    fn host(&self, name: &str) -> Vec<IpAddr> {
        match name {
            "two.example" => ["10.0.0.1", "fd00::1"]
                .map(|text| text.parse().unwrap())
                .to_vec(),
            _ => Vec::new(),
        }
    }

    fn interface(&self, name: &str) -> Option<u32> {
        (name == "eth0").then_some(3)
    }

    fn cgroup(&self, path: &str) -> Result<u64, String> {
        match path {
            "/web.slice" => Ok(77),
            path => Err(format!("{path}: no such cgroup")),
        }
    }

    fn file(&self, path: &str) -> Result<String, String> {
        match path {
            "good" => Ok("state established\nand not dport = :443\n".to_owned()),
            "bad" => Ok("state established\n  and sport = :x\n".to_owned()),
            "nested" => Ok("@good".to_owned()),
            path => Err(format!("{path}: no such file")),
        }
    }
}

fn of_sockets(text: &str) -> Result<Filter, String> {
    Filter::parse_for(Subject::Socket, text, &SomeNames).map_err(|error| error.to_string())
}

#[test]
fn all_that_the_kernel_tells_of_a_socket_may_be_asked_for() {
    for (text, holds) in [
        ("state established", true),
        ("state syn-sent", false),
        ("state time-wait state established", true),
        ("state connected exclude established", false),
        ("exclude listening exclude time-wait", true),
        ("not state big", false),
        ("state synchronized and sport = :80", true),
        ("dev eth0", true),
        ("dev = 3", true),
        ("dev != eth0", false),
        ("fwmark 0x11", true),
        ("fwmark = 0x01/0x03", true),
        ("fwmark 1", false),
        ("fwmark != 17", false),
        ("cgroup /web.slice", true),
        ("cgroup != /web.slice", false),
        ("src two.example", true),
        ("src = two.example:80", true),
        ("src inet:10.0.0.1", true),
        ("src inet6:*", false),
        ("src *", true),
        ("@good", true),
        ("not (@good or state closed)", false),
        ("autobound", false),
    ] {
        assert_eq!(
            of_sockets(text).map(|filter| filter.accepts(&OPEN)),
            Ok(holds),
            "{text}"
        );
    }
}

#[test]
fn what_is_wrong_with_a_condition_is_told_with_its_place() {
    for (text, why, column) in [
        ("state open", "not a state", 6),
        ("state", "not a state", 5),
        ("dev eth9", "not an interface", 4),
        ("dev < eth0", "dev can only be equal or not", 4),
        ("fwmark 0x", "not a mark", 7),
        ("cgroup /x", "/x: no such cgroup", 7),
        ("src nobody.example", "not an address", 4),
        (":80 or @missing", "missing: no such file", 7),
    ] {
        let error = of_sockets(text).unwrap_err();
        assert!(error.starts_with(why), "{error}");
        let caret = error.lines().last().unwrap().len() - 3;
        assert_eq!(caret, column, "{error}");
    }
    let in_file = of_sockets(":80 or @bad").unwrap_err();
    let expected = "bad:2: not a port: a number from 0 to 65535, or the name of a service\n    and sport = :x\n                ^";
    assert_eq!(in_file, expected);
    assert!(
        of_sockets("@nested")
            .unwrap_err()
            .starts_with("nested:1: a filter file cannot name another")
    );
}

#[test]
fn a_condition_that_a_report_cannot_know_is_refused() {
    for (subject, text) in [
        (Subject::Listener, "state established"),
        (Subject::Listener, "fwmark 1"),
        (Subject::Destination, "dev eth0"),
        (Subject::Closed, "state time-wait"),
        (Subject::Handshake, "cgroup /web.slice"),
        (Subject::Handshake, "autobound"),
    ] {
        let refused = Filter::parse_for(subject, text, &SomeNames);
        assert!(refused.is_err(), "{subject:?} {text}");
    }
    assert!(Filter::parse_for(Subject::Listener, "dev eth0", &SomeNames).is_ok());
}

#[test]
fn numbers_are_compared() {
    for (text, holds) in [
        ("fill>80%", true),
        ("fill > 90%", false),
        ("fill>=90% and rtt<1s", true),
        ("rtt>50ms", true),
        ("rtt!=60ms", false),
        ("idle>10m", false),
        ("(drops>0 or fill>1%) && rtt<=60ms", true),
        ("not rtt>50ms", false),
        ("not rtt>70ms", true),
        ("not (rtt<50ms or not fill>80%)", true),
        ("not (rtt=60ms and fill=90%)", false),
        ("not idle>10m", false),
        ("not (not idle>10m and fill>80%)", false),
        ("not (idle>10m and rtt>70ms)", true),
    ] {
        let filter = Filter::parse_measures(text).unwrap();
        assert_eq!(filter.accepts(&OPEN), holds, "{text}");
    }
    for (text, why) in [
        ("", "a number to compare is missing"),
        ("weight>1", "a number to compare is missing"),
        ("rtt", "a comparison is missing"),
        ("rtt>", "a time, as 50ms"),
        ("fill>80", "a percentage"),
        ("sport = :80", "a number to compare is missing"),
    ] {
        let error = Filter::parse_measures(text).unwrap_err().to_string();
        assert!(error.starts_with(why), "{text}: {error}");
    }
}

#[test]
fn conditions_on_the_state_become_requests() {
    let requests = |text: &str| {
        let requests = of_sockets(text).unwrap().by_state(StateSet::ALL);
        let shown = |(states, rest): (StateSet, Filter)| {
            (
                states
                    .each()
                    .map(SocketState::name)
                    .collect::<Vec<_>>()
                    .join(" "),
                rest,
            )
        };
        requests.into_iter().map(shown).collect::<Vec<_>>()
    };
    let port = |text| of_sockets(text).unwrap();
    assert_eq!(
        requests("state time-wait and :80"),
        [("time_wait".to_owned(), port(":80"))]
    );
    assert_eq!(
        requests("state listening or state closed"),
        [("listen close".to_owned(), Filter::ALL)]
    );
    assert_eq!(requests("state closed and not state closed"), []);
    assert_eq!(requests(":80 or not state connected"), [
        ("listen close bound".to_owned(), Filter::ALL),
        ("established syn_sent syn_recv fin_wait1 fin_wait2 time_wait close_wait last_ack closing".to_owned(), port(":80")),
    ]);
}

proptest! {
    #[test]
    fn of_a_comparison_and_its_opposite_one_holds(
        is in prop::sample::select(Comparison::ALL.to_vec()),
        left in 0u64..3,
        right in 0u64..3,
    ) {
        prop_assert_ne!(is.holds(left, right), is.opposite().holds(left, right));
    }

    #[test]
    fn requests_by_state_accept_what_the_filter_accepts(
        filter in samples::filter_on_sockets(),
        state in prop::sample::select(SocketState::ALL.to_vec()),
        interface in 0u32..4,
        mark in 0u32..4,
    ) {
        let socket = Socket { state, interface, mark, rtt: None };
        let asked = filter.by_state(StateSet::ALL);
        let found = asked.iter().filter(|(states, rest)| states.contains(state) && rest.accepts(&socket));
        prop_assert_eq!(found.count(), usize::from(filter.accepts(&socket)));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        for subject in [Subject::Listener, Subject::Socket] {
            let _ = Filter::parse_for(subject, &text, &SomeNames).map_err(|error| error.to_string());
        }
        let _ = Filter::parse_measures(&text).map_err(|error| error.to_string());
    }

    #[test]
    fn words_of_the_language_in_any_order_do_not_make_it_panic(
        words in prop::collection::vec(prop::sample::select(vec!["(", ")", "not", "and", "or", "sport", "src", "=", "<", ":80", "10.0.0.1", "[::1]:9", "/x", "!", "state", "exclude", "bucket", "dev", "fwmark", "0x1/3", "@good", "@bad", "autobound"]), 0..12)
    ) {
        for subject in [Subject::Listener, Subject::Socket] {
            let _ = Filter::parse_for(subject, &words.join(" "), &SomeNames).map_err(|error| error.to_string());
        }
    }
}
