//! Columns of `ports`, and their cells.

use sockdiag::analysis::ports::{Pressure, TupleReport};

use crate::render::{
    Tone, names,
    table::{Align, Cell, Column, Value, View, owners::owners},
};

use Align::{Left, Right};

#[rustfmt::skip]
pub static COLUMNS: [Column<TupleReport>; 31] = [
    Column::new("netns", "NETNS", Left, |t, _| Cell::text(t.netns.label()), "network namespace: its name, or its inode number"),
    Column::new("state", "STATE", Left, state, "ok, busy (half in use), tight (nine of ten), exhausted (connect() fails with EADDRNOTAVAIL); likely_exhausted where that is inferred"),
    Column::new("source", "SOURCE", Left, source, "local address of the connections"),
    Column::new("destination", "DESTINATION", Left, destination, "address and port that the connections go to"),
    Column::new("interface", "INTERFACE", Left, |t, _| Cell::known(t.interface.clone(), Value::Text), "the interface that the sockets are bound to"),
    Column::new("process", "PROCESS", Left, process, "the process that owns the sockets; a TIME_WAIT socket has no owner"),
    Column::new("tuples", "TUPLES", Right, |t, _| Cell::count(Some(t.tuples)), "number of tuples of source and destination; FREE and USE are of the fullest tuple"),
    Column::new("used", "USED", Right, |t, _| Cell::count(Some(t.used)), "local ports of the range in use towards the destination, in any state"),
    Column::new("free", "FREE", Right, free, "ports that connect() may still choose; ~ where ports that were probably bound before connect() count as taken"),
    Column::new("free_likely", "FREE LIKELY", Right, |t, _| Cell::count(Some(t.free_likely)), "free, where ports that were probably bound before connect() count as taken"),
    Column::new("use", "USE", Right, ratio, "share of the usable ports that is not free; ~ as FREE"),
    Column::new("reusable", "REUSABLE", Right, |t, _| Cell::count(Some(t.reusable)), "TIME_WAIT sockets whose port connect() may reuse (tcp_tw_reuse)"),
    Column::new("time_wait", "TIME_WAIT", Right, |t, _| Cell::count(Some(t.states.time_wait)), "ports in use by closed connections, for a minute"),
    Column::new("established", "ESTAB", Right, |t, _| Cell::count(Some(t.states.established)), "open connections"),
    Column::new("syn_sent", "SYN_SENT", Right, |t, _| Cell::count(Some(t.states.syn_sent)), "connect() waits for an answer"),
    Column::new("syn_recv", "SYN_RECV", Right, |t, _| Cell::count(Some(t.states.syn_recv)), "simultaneous open: both ends sent a SYN"),
    Column::new("fin_wait_1", "FIN_WAIT1", Right, |t, _| Cell::count(Some(t.states.fin_wait_1)), "closed here; the FIN is not yet acknowledged"),
    Column::new("fin_wait_2", "FIN_WAIT2", Right, |t, _| Cell::count(Some(t.states.fin_wait_2)), "closed here, not by the peer"),
    Column::new("close_wait", "CLOSE_WAIT", Right, |t, _| Cell::count(Some(t.states.close_wait)), "closed by the peer, not here"),
    Column::new("last_ack", "LAST_ACK", Right, |t, _| Cell::count(Some(t.states.last_ack)), "closed by the peer, then here; the last ACK is missing"),
    Column::new("closing", "CLOSING", Right, |t, _| Cell::count(Some(t.states.closing)), "closed by both at once"),
    Column::new("bound_first", "BOUND FIRST", Right, |t, _| Cell::count(t.bound_first), "ports that were probably bound before connect(), inferred from their parity"),
    Column::sampled("minimum", "USED MIN", Right, |t, _| Cell::known(t.sampled.as_ref(), |s| Value::count(s.minimum)), "fewest ports used, of all samples"),
    Column::sampled("mean", "MEAN", Right, |t, _| Cell::known(t.sampled.as_ref(), |s| Value::Decimal(s.mean)), "mean number of ports used"),
    Column::sampled("p95", "P95", Right, |t, _| Cell::known(t.sampled.as_ref(), |s| Value::count(s.p95)), "95 of 100 samples do not exceed this"),
    Column::sampled("maximum", "MAX", Right, |t, _| Cell::known(t.sampled.as_ref(), |s| Value::count(s.maximum)), "most ports used, of all samples"),
    Column::sampled("samples", "SAMPLES", Right, |t, _| Cell::known(t.sampled.as_ref(), |s| Value::count(s.samples)), "number of samples"),
    Column::change("delta", "Δ", Right, |t, _| Cell::known(t.delta, Value::change), "change of USED since the previous reading"),
    Column::change("per_second", "/s", Right, |t, _| Cell::known(t.per_second, Value::Decimal), "ports newly taken per second, including ports that were released since"),
    Column::change("full_in", "FULL IN", Right, full_in, "time until no port is left, at the net growth since the previous reading; blank without a clear one"),
    Column::new("owner", "OWNER", Left, owner, "owners of the eight oldest connections"),
];

fn tone(pressure: Pressure) -> Tone {
    match pressure {
        Pressure::Ok => Tone::Good,
        Pressure::Busy => Tone::Plain,
        Pressure::Tight => Tone::Warning,
        Pressure::LikelyExhausted | Pressure::Exhausted => Tone::Bad,
    }
}

fn state(tuple: &TupleReport, _: &View) -> Cell {
    let shown = match tuple.state {
        Pressure::LikelyExhausted => "exhausted?",
        other => other.word(),
    };
    Cell::name(shown, tuple.state.word()).tone(tone(tuple.state))
}

fn source(tuple: &TupleReport, view: &View) -> Cell {
    match tuple.source {
        None => Value::Missing.into(),
        Some(address) if view.names => Cell::name(names::host(address), address.to_string()),
        Some(address) => Cell::text(address.to_string()),
    }
}

fn destination(tuple: &TupleReport, view: &View) -> Cell {
    match tuple.destination {
        None => Value::Missing.into(),
        Some(end) if view.names => Cell::name(names::address(end), end.to_string()),
        Some(end) => Cell::text(end.to_string()),
    }
}

fn process(tuple: &TupleReport, _: &View) -> Cell {
    match &tuple.process {
        Some(process) => {
            let raw = format!("{}:{}", process.name, process.pid);
            Cell::process(&process.name, process.pid, raw)
        }
        None if tuple.states.time_wait == tuple.used => Cell::name("(no owner)", ""),
        None => Cell::name("(owner unknown)", ""),
    }
}

fn free(tuple: &TupleReport, _: &View) -> Cell {
    let likely = tuple.free_likely;
    if tuple.free == likely {
        return Cell::count(Some(tuple.free));
    }
    Value::ranked(format!("~{likely}"), tuple.free.to_string(), likely as f64).into()
}

fn ratio(tuple: &TupleReport, _: &View) -> Cell {
    let mut value = Value::Ratio(tuple.used_ratio);
    if tuple.free != tuple.free_likely {
        let usable = tuple.free as f64 / (1.0 - tuple.used_ratio);
        let likely = 1.0 - tuple.free_likely as f64 / usable;
        let shown = format!("~{}", Value::Ratio(likely).shown());
        value = Value::ranked(shown, value.raw(), likely);
    }
    Cell::from(value).tone(tone(tuple.state))
}

fn owner(tuple: &TupleReport, _: &View) -> Cell {
    match tuple.owners.is_empty() && tuple.states.time_wait == tuple.used {
        true => Cell::name("(TIME_WAIT only)", ""),
        false => owners(&tuple.owners),
    }
}

fn full_in(tuple: &TupleReport, _: &View) -> Cell {
    let cell = Cell::known(tuple.full_in_seconds, |seconds| match seconds > 0.0 {
        true => Value::Milliseconds((seconds * 1000.0) as u64),
        false => Value::ranked("now", "0", 0.0),
    });
    cell.tone_if(tuple.full_in_seconds.is_some(), Tone::Warning)
}
