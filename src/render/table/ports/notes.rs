//! Lines above and under the table of `ports`.

use std::collections::BTreeSet;

use sockdiag::{
    analysis::ports::{NamespaceReport, PortsReport, Pressure, TupleReport},
    model::{Owner, State},
};

use crate::render::{table::who::names, text};

/// What may be chosen from, and what takes some of it from everybody; for each namespace.
pub fn heading(report: &PortsReport) -> Vec<String> {
    let several = report.namespaces.len() > 1;
    let line = |namespace: &NamespaceReport| {
        let name = match several {
            true => format!("{}: ", text::escape(&namespace.netns.label())),
            false => String::new(),
        };
        format!("{name}{}", range(namespace))
    };
    let is_shown = |namespace: &&NamespaceReport| {
        let mut rows = report.tuples.iter();
        !several || rows.any(|row| row.netns == namespace.netns)
    };
    report
        .namespaces
        .iter()
        .filter(is_shown)
        .map(line)
        .collect()
}

fn range(namespace: &NamespaceReport) -> String {
    let range = &namespace.range;
    let mut parts = vec![format!("{} reserved", range.reserved)];
    parts.push(match namespace.listeners {
        1 => "1 listener inside".to_owned(),
        listeners => format!("{listeners} listeners inside"),
    });
    parts.push(match namespace.bound_only {
        Some(bound) => format!("{bound} held by bind() alone for every destination"),
        None => "those held by bind() not told by this kernel".to_owned(),
    });
    parts.extend(reuse(namespace));
    let (low, high, size) = (range.low, range.high, text::grouped(range.size));
    format!("range {low}–{high}: {size} ports, {}", parts.join(", "))
}

/// What `tcp_tw_reuse` means here.
fn reuse(namespace: &NamespaceReport) -> Option<String> {
    let delay = text::duration(namespace.tcp_tw_reuse_delay_ms.unwrap_or(1000).into());
    Some(match namespace.tcp_tw_reuse? {
        1.. if namespace.tcp_timestamps == Some(0) => {
            "TIME_WAIT holds its port for 60s (tcp_timestamps 0)".to_owned()
        }
        0 => "TIME_WAIT holds its port for 60s (tcp_tw_reuse 0)".to_owned(),
        1 => format!("TIME_WAIT gives its port up after {delay} (tcp_tw_reuse 1)"),
        mode => format!(
            "TIME_WAIT holds its port for 60s, on loopback for {delay} (tcp_tw_reuse {mode})"
        ),
    })
}

/// What is exhausted and what helps, and what was inferred.
pub fn notes(report: &PortsReport) -> Vec<String> {
    let mut notes: Vec<String> = report.namespaces.iter().filter_map(blocked).collect();
    let exhausted = |row: &&TupleReport| row.state >= Pressure::LikelyExhausted;
    let worst = report.tuples.iter().filter(exhausted).take(3);
    notes.extend(worst.map(|row| failing(row, report)));
    notes.extend(report.tuples.iter().filter_map(uncertain).take(3));
    notes.extend(report.namespaces.iter().filter_map(same_parity));
    notes.extend(report.namespaces.iter().filter_map(bound_first));
    notes.extend(report.tuples.iter().filter_map(window).take(3));
    notes
}

/// Ports that bind() has taken from everybody, where they are many, and who has them.
fn blocked(namespace: &NamespaceReport) -> Option<String> {
    let usable = namespace.range.usable;
    if namespace.blocked * 10 < usable || usable == 0 {
        return None;
    }
    let binders = holders(&namespace.binders);
    let then = match namespace.state {
        Pressure::Exhausted => ": every connect() fails with EADDRNOTAVAIL",
        _ => ", for every destination",
    };
    let blocked = namespace.blocked;
    let listeners = match namespace.listeners {
        0 => String::new(),
        listeners => format!("{listeners} listeners and by "),
    };
    Some(format!(
        "{blocked} of {usable} ports are held by {listeners}bind(){binders}{then}"
    ))
}

/// ` by hoarder (412), ftpd (733)`
fn holders(owners: &[Owner]) -> String {
    let processes = owners.iter().map(|owner| (owner.name.as_str(), owner.pid));
    let processes: BTreeSet<(&str, u32)> = processes.collect();
    match processes.is_empty() {
        true => String::new(),
        false => format!(" by {}", names(processes)),
    }
}

fn failing(row: &TupleReport, report: &PortsReport) -> String {
    let most = |(_, count): &(State, u64)| *count * 2 > row.used;
    let state = row.states.each().into_iter().find(most);
    let held = |word: &str, count: u64| format!("{count} of {} ports are in {word}: ", row.used);
    let why = match state {
        Some((State::TimeWait, count)) => {
            held("TIME_WAIT", count) + "keep connections open (a pool)" + reuse_remedy(row, report)
        }
        Some((State::CloseWait, count)) => {
            held("CLOSE_WAIT", count) + "the peer has closed them, and the process here has not"
        }
        Some((State::SynSent, count)) => {
            held("SYN_SENT", count) + "the destination does not answer"
        }
        _ => "reuse connections, widen net.ipv4.ip_local_port_range, or add addresses".to_owned(),
    };
    let fails = match row.state {
        Pressure::Exhausted => "connect() fails with EADDRNOTAVAIL",
        _ => "probably no port is left",
    };
    format!("{}: {fails}; {why}", ends(row))
}

/// Nothing where it is set already.
fn reuse_remedy(row: &TupleReport, report: &PortsReport) -> &'static str {
    let mut namespaces = report.namespaces.iter();
    let namespace = namespaces.find(|namespace| namespace.netns == row.netns);
    match namespace.and_then(|namespace| namespace.tcp_tw_reuse) {
        Some(0 | 2) => ", or net.ipv4.tcp_tw_reuse = 1",
        _ => "",
    }
}

fn ends(row: &TupleReport) -> String {
    let source = row.source.map(|source| source.to_string());
    let destination = row.destination.map(|destination| destination.to_string());
    let ends: Vec<String> = [source, destination].into_iter().flatten().collect();
    match (&row.process, ends.is_empty()) {
        (Some(process), true) => {
            format!(
                "the fullest tuple of {} {}",
                text::escape(&process.name),
                process.pid
            )
        }
        (None, true) => "the fullest tuple of connections that nobody holds".to_owned(),
        _ => ends.join(" to "),
    }
}

/// connect(2) rounds an odd number of ports down, and so overlooks one of them now and then
/// (`__inet_hash_connect`); the kernel's log asks for ends of different parity.
fn same_parity(namespace: &NamespaceReport) -> Option<String> {
    let range = &namespace.range;
    (range.size % 2 == 1 && range.size > 1).then(|| {
        format!(
            "range {}–{}: an odd number of ports, of which each connect() tries one less; make one \
             end even and the other odd",
            range.low, range.high
        )
    })
}

fn bound_first(namespace: &NamespaceReport) -> Option<String> {
    let given = match namespace.bound_first {
        0 => return None,
        1 => "1 port was".to_owned(),
        ports => format!("{ports} ports were"),
    };
    Some(format!(
        "{given} probably given by bind() before connect(), or chosen before the range was changed \
         (by their parity): what bind() gave is taken for every destination, and counted so where \
         FREE has a ~; IP_BIND_ADDRESS_NO_PORT avoids it"
    ))
}

fn window(row: &TupleReport) -> Option<String> {
    let window = row.window?;
    Some(format!(
        "{}: all ports lie within {}–{}, by a range of the sockets' own (IP_LOCAL_PORT_RANGE), which \
         FREE does not know, or by bind() to one after the other, which takes them from every \
         destination",
        ends(row),
        window.low,
        window.high
    ))
}

/// No port is free, and whether a TIME_WAIT may be taken over the kernel does not tell.
fn uncertain(row: &TupleReport) -> Option<String> {
    let is_uncertain = row.state == Pressure::Tight && row.free == 0;
    is_uncertain.then(|| {
        format!(
            "{}: no port is free; connect() must take over one of {} TIME_WAITs, which it may only \
             where the peer sends timestamps and nobody bound the port",
            ends(row),
            row.reusable
        )
    })
}
