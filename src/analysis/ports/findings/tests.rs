//! The rules on reports written by hand.

use super::*;
use crate::{
    analysis::{
        Sampling,
        ports::{ProcessReport, RangeReport, Samples, States, Window},
    },
    model::{Address, Netns, Owner},
};

/// A range of 100 ports of which 20 are reserved, in a namespace of this name.
fn place(name: &str) -> NamespaceReport {
    NamespaceReport {
        netns: Netns {
            name: Some(name.to_owned()),
            ..Netns::default()
        },
        range: RangeReport {
            low: 100,
            high: 199,
            size: 100,
            reserved: 20,
            usable: 80,
        },
        listeners: 0,
        bound_only: Some(0),
        blocked: 0,
        state: Pressure::Ok,
        binders: Vec::new(),
        bound_first: 0,
        tcp_timestamps: Some(1),
        tcp_tw_reuse: Some(0),
        tcp_tw_reuse_delay_ms: None,
        active_opens_per_second: None,
    }
}

fn of_place(change: impl FnOnce(&mut NamespaceReport)) -> Vec<Finding> {
    let mut namespace = place("web");
    change(&mut namespace);
    findings(&PortsReport {
        namespaces: vec![namespace],
        ..PortsReport::default()
    })
}

fn tuple(state: Pressure) -> TupleReport {
    TupleReport {
        netns: place("web").netns,
        source: Some([10, 0, 0, 5].into()),
        destination: Some(Address {
            address: [10, 0, 0, 9].into(),
            port: 5432,
        }),
        tuples: 1,
        state,
        used: 4,
        ..TupleReport::default()
    }
}

fn of_tuple(row: TupleReport) -> Vec<Finding> {
    of_group(row, By::Tuple)
}

fn of_group(row: TupleReport, by: By) -> Vec<Finding> {
    findings(&PortsReport {
        by,
        tuples: vec![row],
        namespaces: vec![place("web")],
        ..PortsReport::default()
    })
}

fn ids(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.id).collect()
}

#[test]
fn each_pressure_has_its_finding() {
    let of = |state| ids(&of_tuple(tuple(state)));
    assert_eq!(of(Pressure::Exhausted), ["ports_exhausted"]);
    assert_eq!(of(Pressure::LikelyExhausted), ["ports_tight"]);
    assert_eq!(of(Pressure::Tight), ["ports_tight"]);
    assert!(of(Pressure::Busy).is_empty());
    let exhausted = of_tuple(tuple(Pressure::Exhausted)).remove(0);
    assert_eq!(exhausted.severity, Critical);
    assert_eq!(exhausted.subject, "10.0.0.5 → 10.0.0.9:5432");
    assert_eq!(
        exhausted.message,
        "no port is left: connect() fails with EADDRNOTAVAIL"
    );
}

/// What rests on the parity of ports is no failure that was seen.
#[test]
fn what_is_likely_exhausted_is_inferred_and_no_more_than_a_warning() {
    let likely = of_tuple(tuple(Pressure::LikelyExhausted)).remove(0);
    assert!(likely.inferred && likely.severity == Warning);
    assert!(likely.message.starts_with("probably no port is left"));
}

/// The state of a line is the worst of all samples (`--for`).
#[test]
fn what_was_exhausted_in_a_sample_is_said_so() {
    let row = TupleReport {
        free: 1,
        ..tuple(Pressure::Exhausted)
    };
    assert!(
        of_tuple(row)[0]
            .message
            .starts_with("no port was left in some samples")
    );
}

#[test]
fn findings_are_made_after_all_samples() {
    let report = |state| PortsReport {
        tuples: vec![TupleReport {
            free: 9,
            ..tuple(state)
        }],
        namespaces: vec![place("web")],
        ..PortsReport::default()
    };
    let mut samples = Samples::default();
    samples.add(&report(Pressure::Exhausted));
    let mut last = report(Pressure::Ok);
    samples.fill(&mut last);
    assert_eq!(ids(&last.findings), ["ports_exhausted"]);
}

#[test]
fn a_tuple_that_only_time_waits_leave_ports_to_says_what_that_needs() {
    let message = |free| {
        let row = TupleReport {
            free,
            reusable: 4,
            ..tuple(Pressure::Tight)
        };
        of_tuple(row).remove(0).message
    };
    assert!(message(0).contains("take over one of 4 TIME_WAITs"));
    assert_eq!(message(3), "4 ports used, 3 free");
}

#[test]
fn the_cause_is_what_most_ports_do() {
    let of = |states| {
        of_tuple(TupleReport {
            states,
            ..tuple(Pressure::Exhausted)
        })
        .remove(0)
    };
    let time_wait = of(States {
        time_wait: 3,
        established: 1,
        ..States::default()
    });
    assert!(
        time_wait
            .cause
            .unwrap()
            .starts_with("3 of 4 ports are in TIME_WAIT")
    );
    assert_eq!(
        time_wait.remedy[1],
        "ip netns exec web sysctl -w net.ipv4.tcp_tw_reuse=1"
    );
    assert_eq!(
        time_wait.next[0],
        "sockdiag timewait --by destination --netns web"
    );
    let close_wait = of(States {
        close_wait: 3,
        established: 1,
        ..States::default()
    });
    assert!(close_wait.cause.unwrap().contains("CLOSE_WAIT") && !close_wait.inferred);
    let syn_sent = of(States {
        syn_sent: 4,
        ..States::default()
    });
    assert!(syn_sent.inferred, "a firewall, or many begun at once");
    assert_eq!(
        syn_sent.next[0],
        "sockdiag trace --host 10.0.0.9 --port 5432 --netns web"
    );
    let half = of(States {
        close_wait: 2,
        syn_sent: 2,
        ..States::default()
    });
    assert_eq!(
        (half.cause, half.remedy[0].as_str()),
        (None, "reuse connections")
    );
}

/// Sums of a group and the share of a process are not the states of the tuple that is pressed.
#[test]
fn a_group_has_no_cause() {
    let row = || TupleReport {
        states: States {
            close_wait: 4,
            ..States::default()
        },
        ..tuple(Pressure::Exhausted)
    };
    let group = TupleReport { tuples: 2, ..row() };
    assert_eq!(of_group(group, By::Destination)[0].cause, None);
    let process = TupleReport {
        process: Some(ProcessReport {
            pid: 7,
            name: "api".to_owned(),
        }),
        ..row()
    };
    let found = of_group(process, By::Process).remove(0);
    assert_eq!((found.cause, found.subject.as_str()), (None, "api (7)"));
    assert_eq!(
        of_group(row(), By::Process)[0].subject,
        "connections without an owner"
    );
}

#[test]
fn a_remedy_is_for_the_namespace_that_lacks_it() {
    let row = TupleReport {
        states: States {
            time_wait: 4,
            ..States::default()
        },
        ..tuple(Pressure::Exhausted)
    };
    let mut reusing = place("web");
    reusing.tcp_tw_reuse = Some(1);
    let found = findings(&PortsReport {
        tuples: vec![row],
        namespaces: vec![place("db"), reusing],
        ..PortsReport::default()
    });
    assert_eq!(found[0].remedy, ["keep connections open (a pool)"]);
}

#[test]
fn what_bind_takes_matters_from_a_tenth_on() {
    let held = |usable, blocked| {
        ids(&of_place(|one| {
            (one.range.usable, one.blocked) = (usable, blocked)
        }))
    };
    assert_eq!(held(80, 8), ["ports_held_by_bind"]);
    assert!(held(80, 7).is_empty());
    assert!(held(0, 0).is_empty());
}

/// Exhausted by what bind() takes, and not by what was inferred or by a tuple's own connections.
#[test]
fn a_range_that_bind_takes_is_exhausted_for_every_destination() {
    let found = of_place(|one| {
        (one.blocked, one.state) = (80, Pressure::Exhausted);
        one.binders = vec![Owner {
            pid: 7,
            name: "hoarder".to_owned(),
            fd: 3,
        }];
    });
    assert_eq!(ids(&found), ["ports_exhausted"]);
    assert_eq!(found[0].cause_id, Some("ports_held_by_bind"));
    assert_eq!(
        found[0].message,
        "every connect() fails with EADDRNOTAVAIL: 80 of 80 ports are taken by bind() of hoarder (7)"
    );
    assert_eq!(found[0].next[0], "sockdiag fds --pid 7 --types");
}

#[test]
fn an_odd_range_a_listener_inside_and_ports_bound_first_are_facts() {
    let odd = |size| ids(&of_place(|one| one.range.size = size));
    assert_eq!([1, 2, 3, 100].map(|size| odd(size).len()), [0, 0, 1, 0]);
    let inside = of_place(|one| one.listeners = 1);
    assert_eq!(ids(&inside), ["port_range_over_listener"]);
    assert_eq!(
        inside[0].next[0],
        "sockdiag queues 'sport >= :100 and sport <= :199' --netns web"
    );
    let bound = of_place(|one| one.bound_first = 2);
    assert_eq!(ids(&bound), ["ports_bound_before_connect"]);
    assert!(bound[0].inferred, "or the range was changed");
    let all = [inside, bound, of_place(|one| one.range.size = 3)].concat();
    assert!(all.iter().all(|finding| finding.severity == Info));
}

#[test]
fn ports_that_lie_close_together_may_be_a_range_of_the_sockets() {
    let row = TupleReport {
        window: Some(Window {
            low: 110,
            high: 119,
        }),
        ..tuple(Pressure::Ok)
    };
    let found = of_tuple(row);
    assert_eq!(ids(&found), ["port_range_of_sockets"]);
    assert!(found[0].inferred, "or bind() chose one after the other");
    assert_eq!(found[0].severity, Info);
}
