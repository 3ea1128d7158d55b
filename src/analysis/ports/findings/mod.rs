//! The rules of `ports`: tuples that run out of ephemeral ports, what takes ports, and ranges with a
//! flaw.

#[cfg(test)]
mod tests;

use super::{By, NamespaceReport, PortsReport, Pressure, TupleReport};
use crate::{
    analysis::{
        Finding,
        Severity::{Critical, Info, Warning},
        finding::{owners, worst_first},
        rules::{
            PORT_RANGE_ODD, PORT_RANGE_OF_SOCKETS, PORT_RANGE_OVER_LISTENER,
            PORTS_BOUND_BEFORE_CONNECT, PORTS_EXHAUSTED, PORTS_HELD_BY_BIND, PORTS_HELD_PERCENT,
            PORTS_TIGHT,
        },
    },
    model::State,
};

/// What the report concludes, the worst first.
pub fn findings(report: &PortsReport) -> Vec<Finding> {
    let mut findings: Vec<Finding> = report.namespaces.iter().filter_map(held_by_bind).collect();
    findings.extend(report.tuples.iter().filter_map(|row| pressed(row, report)));
    let rules = [bound_before_connect, odd_range, range_over_listener];
    let namespaces = report.namespaces.iter();
    findings.extend(namespaces.flat_map(|one| rules.iter().filter_map(|rule| rule(one))));
    let tuples = report.tuples.iter();
    findings.extend(tuples.filter_map(|row| own_range(row, report.by)));
    findings.extend(report.elsewhere.iter().cloned());
    worst_first(&mut findings);
    findings
}

/// Many ports are taken from every destination by listeners and bind().
fn held_by_bind(report: &NamespaceReport) -> Option<Finding> {
    let (usable, blocked) = (report.range.usable, report.blocked);
    if blocked * 100 < usable * PORTS_HELD_PERCENT || usable == 0 {
        return None;
    }
    let takers = takers(report);
    let taken = format!("{blocked} of {usable} ports are taken by {takers}");
    let finding = match report.state {
        Pressure::Exhausted => {
            let message = format!("every connect() fails with EADDRNOTAVAIL: {taken}");
            PORTS_EXHAUSTED
                .of_netns(Critical, &report.netns, message)
                .because("listeners and bind() take the ports from every destination")
                .caused_by(&PORTS_HELD_BY_BIND)
        }
        _ => {
            let message = taken + ", for every destination";
            PORTS_HELD_BY_BIND.of_netns(Warning, &report.netns, message)
        }
    };
    let binder = report.binders.first();
    let descriptors = binder.map(|owner| format!("sockdiag fds --pid {} --types", owner.pid));
    let finding = finding
        .count("blocked", blocked, "ports")
        .count("range.usable", usable, "ports")
        .count("listeners", report.listeners, "ports")
        .count_known("bound_only", report.bound_only, "ports")
        .remedy("close sockets that are bound and not connected")
        .remedy("set IP_BIND_ADDRESS_NO_PORT before a bind() that only chooses the address")
        .with(descriptors, Finding::next)
        .next_in_netns("sockdiag ports -w");
    Some(finding)
}

/// `3 listeners and bind() of hoarder (412)`
fn takers(report: &NamespaceReport) -> String {
    let bind = match (report.bound_only, owners(&report.binders)) {
        (Some(0), None) => None,
        (_, None) => Some("bind()".to_owned()),
        (_, Some(binders)) => Some(format!("bind() of {binders}")),
    };
    let listeners = (report.listeners > 0).then(|| format!("{} listeners", report.listeners));
    let takers: Vec<String> = listeners.into_iter().chain(bind).collect();
    takers.join(" and ")
}

/// No port, or hardly one, is left.
fn pressed(row: &TupleReport, report: &PortsReport) -> Option<Finding> {
    let subject = subject(row, report.by);
    let finding = match row.state {
        Pressure::Exhausted => PORTS_EXHAUSTED.finding(Critical, subject, exhausted(row)),
        Pressure::LikelyExhausted => {
            let message = format!("probably no port is left, of {} used", row.used);
            PORTS_TIGHT
                .finding(Warning, subject, message)
                .likely("ports given by bind() before connect() are taken for every destination")
        }
        Pressure::Tight => PORTS_TIGHT.finding(Warning, subject, tight(row)),
        Pressure::Ok | Pressure::Busy => return None,
    };
    let finding = finding
        .in_netns(&row.netns)
        .count("used", row.used, "ports")
        .count("free", row.free, "ports")
        .count("free_likely", row.free_likely, "ports")
        .count("reusable", row.reusable, "ports")
        .decimal("used_ratio", row.used_ratio, "ratio")
        .decimal("full_in_seconds", row.full_in_seconds, "seconds");
    let finding = by_state(finding, row, report);
    Some(finding.next_in_netns("sockdiag ports --by process"))
}

fn exhausted(row: &TupleReport) -> String {
    match row.free + row.reusable {
        0 => "no port is left: connect() fails with EADDRNOTAVAIL".to_owned(),
        // The state is the worst of many samples.
        _ => "no port was left in some samples: connect() failed with EADDRNOTAVAIL".to_owned(),
    }
}

fn tight(row: &TupleReport) -> String {
    match row.free {
        0 => format!(
            "no port is free; connect() must take over one of {} TIME_WAITs, which needs TCP \
             timestamps of the peer",
            row.reusable
        ),
        free => format!("{} ports used, {free} free", row.used),
    }
}

/// Adds cause and remedy, where most of a tuple's ports are in one state. A group's sums and a
/// process's share do not show that of one tuple.
fn by_state(finding: Finding, row: &TupleReport, report: &PortsReport) -> Finding {
    let is_tuple = row.tuples <= 1 && report.by != By::Process;
    let most = |(_, count): &(State, u64)| is_tuple && *count * 2 > row.used;
    let most_in = |state: &str, count: u64| format!("{count} of {} ports are in {state}", row.used);
    match row.states.each().into_iter().find(most) {
        Some((State::TimeWait, count)) => finding
            .count("states.time_wait", count, "ports")
            .because(most_in(
                "TIME_WAIT: connections are short and closed from this end first",
                count,
            ))
            .remedy("keep connections open (a pool)")
            .with(reuse(row, report), Finding::remedy_in_netns)
            .next_in_netns("sockdiag timewait --by destination"),
        Some((State::CloseWait, count)) => finding
            .count("states.close_wait", count, "ports")
            .because(most_in(
                "CLOSE_WAIT: the peer has closed them, the process here has not",
                count,
            ))
            .remedy("close connections that the peer has closed (a leak in the application)"),
        Some((State::SynSent, count)) => unanswered(finding, row, most_in("SYN_SENT", count))
            .count("states.syn_sent", count, "ports"),
        _ => finding
            .remedy("reuse connections")
            .remedy("widen net.ipv4.ip_local_port_range, or add source addresses"),
    }
}

/// Many SYN_SENT may also be a burst of connections that began at once.
fn unanswered(finding: Finding, row: &TupleReport, most: String) -> Finding {
    let destination = row.destination;
    let trace =
        destination.map(|to| format!("sockdiag trace --host {} --port {}", to.address, to.port));
    finding
        .likely(
            most + ": the destination does not answer, a firewall drops SYNs, or many connections \
                    began at once",
        )
        .remedy("check that the destination answers, and shorten the connect timeout")
        .with(trace, Finding::next_in_netns)
}

/// `None` where it is set already, or unknown.
fn reuse(row: &TupleReport, report: &PortsReport) -> Option<&'static str> {
    let mut namespaces = report.namespaces.iter();
    let namespace = namespaces.find(|namespace| namespace.netns == row.netns)?;
    matches!(namespace.tcp_tw_reuse, Some(0 | 2)).then_some("sysctl -w net.ipv4.tcp_tw_reuse=1")
}

fn subject(row: &TupleReport, by: By) -> String {
    let source = row.source.map(|source| source.to_string());
    let destination = row.destination.map(|destination| destination.to_string());
    let ends: Vec<String> = [source, destination].into_iter().flatten().collect();
    match (&row.process, by) {
        (Some(process), _) => format!("{} ({})", process.name, process.pid),
        (None, By::Process) => "connections without an owner".to_owned(),
        _ => ends.join(" → "),
    }
}

/// A port that a socket was bound to is taken for every destination. The parity of ports shows that
/// they were bound, or that the range was another one then.
fn bound_before_connect(report: &NamespaceReport) -> Option<Finding> {
    let given = match report.bound_first {
        0 => return None,
        1 => "1 port was".to_owned(),
        ports => format!("{ports} ports were"),
    };
    let message = format!("{given} probably bound before connect()");
    let finding = PORTS_BOUND_BEFORE_CONNECT
        .of_netns(Info, &report.netns, message)
        .count("bound_first", report.bound_first, "ports")
        .likely(
            "bind() before connect(), with port 0 or a port of the application's choice; or the \
             range was changed since",
        )
        .remedy("set IP_BIND_ADDRESS_NO_PORT before a bind() that only chooses the address")
        .next_in_netns("sockdiag ports --sort bound_first");
    Some(finding)
}

/// `__inet_hash_connect` rounds an odd number of ports down, so it leaves one untried; the kernel's
/// log recommends a range whose ends differ in parity.
fn odd_range(report: &NamespaceReport) -> Option<Finding> {
    let (low, high, size) = (report.range.low, report.range.high, report.range.size);
    (size % 2 == 1 && size > 1).then(|| {
        let message = format!(
            "the range {low}–{high} has an odd number of ports: each connect() leaves one untried"
        );
        let range = format!("{low} {}", high - 1);
        PORT_RANGE_ODD
            .of_netns(Info, &report.netns, message)
            .count("range.size", size, "ports")
            .because("connect() rounds an odd number of ports down")
            .remedy_in_netns(format!("sysctl -w net.ipv4.ip_local_port_range='{range}'"))
    })
}

fn range_over_listener(report: &NamespaceReport) -> Option<Finding> {
    let (low, high) = (report.range.low, report.range.high);
    let ports = match report.listeners {
        0 => return None,
        1 => "1 port of a listener is".to_owned(),
        ports => format!("{ports} ports of listeners are"),
    };
    let message = format!("{ports} inside the range {low}–{high}");
    let command = format!("sockdiag queues 'sport >= :{low} and sport <= :{high}'");
    let finding = PORT_RANGE_OVER_LISTENER
        .of_netns(Info, &report.netns, message)
        .count("listeners", report.listeners, "ports")
        .remedy("add them to net.ipv4.ip_local_reserved_ports")
        .next_in_netns(command);
    Some(finding)
}

fn own_range(row: &TupleReport, by: By) -> Option<Finding> {
    let window = row.window?;
    let message = format!("all ports lie within {}–{}", window.low, window.high);
    let finding = PORT_RANGE_OF_SOCKETS
        .finding(Info, subject(row, by), message)
        .in_netns(&row.netns)
        .count("window.low", window.low, "port")
        .count("window.high", window.high, "port")
        .count("used", row.used, "ports")
        .likely(
            "the sockets have a range of their own (IP_LOCAL_PORT_RANGE), which FREE does not \
             account for; or bind() chose one port after the other, each taken for every \
             destination",
        )
        .next_in_netns("sockdiag ports --by process");
    Some(finding)
}
