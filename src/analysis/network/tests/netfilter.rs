//! Connection tracking and the reverse-path filter.

use super::*;

fn conntrack(count: u64, drops: u64, early_drops: u64, insert_failed: u64) -> NamespaceReport {
    let limit = 1000;
    NamespaceReport {
        conntrack: Some(ConntrackReport {
            count,
            limit: Some(limit),
            fill_ratio: Some(count as f64 / limit as f64),
            drops: Some(drops),
            early_drops: Some(early_drops),
            insert_failed: Some(insert_failed),
            insert_failed_per_second: Some(insert_failed as f64 / SECONDS as f64),
        }),
        ..NamespaceReport::default()
    }
}

#[test]
fn a_conntrack_table_is_full_at_its_limit_or_where_entries_were_evicted() {
    let full = [("conntrack_full", Critical)];
    let near = [("conntrack_near_limit", Warning)];
    assert_eq!(of_namespace(conntrack(799, 0, 0, 0)), []);
    assert_eq!(of_namespace(conntrack(800, 0, 0, 0)), near);
    assert_eq!(of_namespace(conntrack(999, 0, 0, 0)), near);
    assert_eq!(of_namespace(conntrack(1000, 0, 0, 0)), full);
    assert_eq!(
        of_namespace(conntrack(10, 0, 1, 0)),
        full,
        "it has drained since"
    );
    let inferred = |namespace| concluded(HostReport::default(), namespace)[0].inferred;
    assert!(!inferred(conntrack(1000, 5, 0, 0)));
    assert_eq!(of_namespace(conntrack(950, 1, 0, 0)), full);
    assert!(inferred(conntrack(950, 1, 0, 0)));
}

/// Two packets of one flow at once are dropped with room in the table.
#[test]
fn drops_with_room_in_the_table_are_not_put_down_to_it() {
    assert_eq!(
        of_namespace(conntrack(949, 1, 0, 0)),
        [("conntrack_near_limit", Warning)]
    );
    assert_eq!(
        of_namespace(conntrack(10, 1, 0, 1)),
        [("conntrack_insert_failed", Info)]
    );
    assert_eq!(
        of_namespace(conntrack(10, 3, 0, 3)),
        [("conntrack_insert_failed", Warning)]
    );
    assert_eq!(
        of_namespace(conntrack(1000, 2, 0, 2)),
        [("conntrack_full", Critical)]
    );
}

#[test]
fn without_a_limit_or_an_interval_nothing_is_full() {
    let mut unlimited = conntrack(1_000_000, 0, 0, 0);
    let table = unlimited.conntrack.as_mut().unwrap();
    (table.limit, table.fill_ratio) = (None, None);
    assert_eq!(of_namespace(unlimited), []);
    let totals = ConntrackTotals {
        drop: 9,
        early_drop: 9,
        insert_failed: 9,
    };
    let mut first = Snapshot::default();
    first.namespaces.push(NetnsSnapshot {
        network: Some(NetnsNetwork {
            conntrack: Some(Conntrack {
                count: 1,
                max: Some(0),
                totals: Some(totals),
            }),
            ..NetnsNetwork::default()
        }),
        ..NetnsSnapshot::default()
    });
    let alone = report(&first, None);
    assert_eq!(
        rules(&alone.findings),
        [],
        "since the namespace was created"
    );
    let table = alone.namespaces[0].conntrack.unwrap();
    assert_eq!((table.limit, table.drops), (None, None), "0 is no limit");
}

#[test]
fn rp_filter_drops_are_a_warning_at_the_rate_of_a_client_that_is_cut_off() {
    let dropped = |drops: u64, seconds: u64| {
        of_namespace(NamespaceReport {
            rp_filter_drops: Some(drops),
            rp_filter_drops_per_second: Some(drops as f64 / seconds as f64),
            ..NamespaceReport::default()
        })
    };
    assert_eq!(dropped(0, 2), []);
    assert_eq!(dropped(2, 1), [("rp_filter_drops", Info)]);
    assert_eq!(
        dropped(3, 4),
        [("rp_filter_drops", Info)],
        "scattered forged sources"
    );
    assert_eq!(dropped(3, 3), [("rp_filter_drops", Warning)]);
}

#[test]
fn the_remedy_loosens_the_strict_filter() {
    let filter = |interface: &str, mode| ReversePathFilter {
        interface: interface.into(),
        mode,
    };
    let remedy = |rp_filter| {
        let namespace = NamespaceReport {
            rp_filter_drops: Some(9),
            rp_filter,
            ..NamespaceReport::default()
        };
        concluded(HostReport::default(), namespace)[0].remedy[0].clone()
    };
    let strict = remedy(vec![filter("eth0", 2), filter("eth1.100", 1)]);
    assert!(
        strict.starts_with("sysctl -w net/ipv4/conf/eth1.100/rp_filter=2 "),
        "{strict}"
    );
    assert!(remedy(vec![filter("eth0", 2)]).starts_with("add a route"));
    let hostile = remedy(vec![filter("a;reboot", 1)]);
    assert!(
        hostile.contains("'net/ipv4/conf/a;reboot/rp_filter=2'"),
        "{hostile}"
    );
}

#[test]
fn a_command_of_another_tool_names_the_namespace() {
    let namespace = NamespaceReport {
        netns: Netns {
            inode: Some(1),
            name: Some("my ns".into()),
            ..Netns::default()
        },
        ..conntrack(1000, 0, 0, 0)
    };
    let found = concluded(HostReport::default(), namespace);
    assert_eq!(found[0].next, ["ip netns exec 'my ns' conntrack -S"]);
}
