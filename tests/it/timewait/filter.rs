//! `sockdiag timewait [FILTER]`: which groups are shown.

use std::fs;

use serde_json::Value;

use crate::support::netns::in_netns;
use crate::support::program::{assert_failed, json, sockdiag};
use crate::support::sockets::listen;
use crate::support::time_waits::{client_time_waits, server_time_waits};
use crate::support::tree::Tree;
use crate::support::unanswered::unanswered_syns;

/// The services that connections were closed towards, or of which they were.
fn services(filter: &str) -> Vec<String> {
    let report = json(&["timewait", "--no-owners", filter]);
    let groups = report["groups"].as_array().expect("groups[]").iter();
    let key = |group: &Value| group["key"].as_str().expect("a service").to_owned();
    let mut services: Vec<String> = groups.map(key).collect();
    services.sort();
    services
}

#[test]
fn a_condition_chooses_the_side_that_it_names() {
    in_netns(|| {
        unanswered_syns();
        const SERVED: &str = "10.9.0.1:8080";
        const CALLED: &str = "10.9.0.2:8080";
        const HTTP: &str = "10.9.0.2:80";
        const SIX: &str = "[fd00:9::1]:8081";
        let [served, called, http, six] = [SERVED, CALLED, HTTP, SIX].map(|at| listen(at, 9));
        server_time_waits(&served, 2);
        client_time_waits(&called, 3);
        client_time_waits(&http, 4);
        client_time_waits(&six, 1);
        let folder = Tree::new();
        folder.write("filter", "dport = :http\nor src [fd00:9::/64]\n");
        let file = format!("@{}/filter", folder.path());
        for (filter, expected) in [
            ("sport = :8080", &[SERVED][..]),
            ("dport = :8080", &[CALLED]),
            (":8080", &[SERVED, CALLED]),
            ("not sport = :8080", &[HTTP, CALLED, SIX]),
            ("not :8080 and dst 10.9.0.0/24", &[HTTP]),
            ("dport = :http or dport = :8081", &[HTTP, SIX]),
            (":http", &[HTTP]),
            ("src 10.9.0.1", &[SERVED]),
            ("dst [fd00:9::1]", &[SIX]),
            (&file, &[HTTP, SIX]),
            ("sport = :80", &[]),
        ] {
            assert_eq!(services(filter), expected, "{filter}");
        }
        let why = "connections are counted by address and port, whatever else they are; sockdiag \
                   sockets takes this condition";
        for (filter, column) in [
            (":8080 and dev lo", 10),
            ("state time-wait", 0),
            ("autobound", 0),
        ] {
            let said = format!(
                "sockdiag: in the filter: {why}\n  {filter}\n  {:column$}^\n",
                ""
            );
            assert_failed(&sockdiag(&["timewait", filter]), 2, &[&said]);
        }
        fs::remove_file(&file[1..]).expect("it is there");
        let said = format!("{}: No such file or directory", &file[1..]);
        assert_failed(&sockdiag(&["timewait", &file]), 2, &[&said]);
    });
}
