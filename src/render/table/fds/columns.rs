//! Columns of `fds`, and their cells.

use sockdiag::{
    analysis::fds::{ProcessReport, State},
    model::FdTypes,
};

use crate::render::{
    Tone, names,
    table::{Align, Cell, Column, Value, View},
    text,
};

use Align::{Left, Right};

/// Width of a full bar.
const BAR: usize = 10;

#[rustfmt::skip]
pub static COLUMNS: [Column<ProcessReport>; 21] = [
    Column::new("state", "STATE", Left, state, "ok, near (80 % of the limit or more), full (open() fails with EMFILE)"),
    Column::new("use", "USE", Left, used, "share of the soft limit in use; above 100% after the limit was lowered"),
    Column::new("open", "OPEN", Right, |p, _| Cell::count(p.open), "open descriptors"),
    Column::sampled("minimum", "MIN", Right, |p, _| Cell::known(p.sampled.as_ref(), |s| Value::count(s.minimum)), "fewest open descriptors of all samples"),
    Column::sampled("mean", "MEAN", Right, |p, _| Cell::known(p.sampled.as_ref(), |s| Value::Decimal(s.mean)), "mean number of open descriptors"),
    Column::sampled("p95", "P95", Right, |p, _| Cell::known(p.sampled.as_ref(), |s| Value::count(s.p95)), "95 of 100 samples do not exceed this"),
    Column::sampled("maximum", "MAX", Right, maximum, "most open descriptors of all samples"),
    Column::sampled("samples", "SAMPLES", Right, |p, _| Cell::known(p.sampled.as_ref(), |s| Value::count(s.samples)), "number of samples"),
    Column::new("soft", "SOFT", Right, |p, _| Cell::count(p.soft_limit), "the limit in force"),
    Column::new("hard", "HARD", Right, |p, _| Cell::count(p.hard_limit), "the value up to which the process may raise it"),
    Column::change("delta", "Δ", Right, |p, _| Cell::known(p.delta, Value::change), "change since the previous reading"),
    Column::change("per_second", "Δ/s", Right, |p, _| Cell::known(p.per_second, Value::Decimal), "change per second since the previous reading"),
    Column::change("per_minute", "Δ/min", Right, |p, _| Cell::known(p.per_second, per_minute), "change per minute, at the rate since the previous reading"),
    Column::change("full_in", "FULL IN", Right, full_in, "time until the limit is reached at this rate, in seconds in CSV; sorts soonest first"),
    Column::new("user", "USER", Left, |p, _| Cell::known(p.uid, user), "user that the process runs as"),
    Column::new("cgroup", "CGROUP", Left, |p, _| Cell::known(p.cgroup.clone(), Value::Text), "cgroup of the process"),
    Column::new("unit", "UNIT", Left, |p, _| Cell::known(p.unit.clone(), Value::Text), "systemd unit, container or pod"),
    Column::new("pid", "PID", Right, |p, _| Cell::id(p.pid), "process id"),
    Column::new("process", "PROCESS", Left, |p, _| Cell::process(&p.name, p.pid, p.name.clone()), "name and process id"),
    Column::new("command", "COMMAND", Left, |p, _| Cell::known(p.command_line.clone(), Value::Command), "command line; shown where processes have the same name"),
    Column::new("types", "TYPES", Left, types, "descriptors by type (--types)"),
];

fn tone(state: Option<State>) -> Tone {
    match state {
        Some(State::Full) => Tone::Bad,
        Some(State::Near) => Tone::Warning,
        Some(State::Ok) | None => Tone::Plain,
    }
}

fn state(process: &ProcessReport, _: &View) -> Cell {
    let cell = Cell::known(process.state, |state| Value::Word(state.word()));
    match process.state {
        Some(State::Ok) => cell.tone(Tone::Good),
        state => cell.tone(tone(state)),
    }
}

/// ` 12% █▏`, the ratio for programs.
fn used(process: &ProcessReport, _: &View) -> Cell {
    let cell = Cell::known(process.used_ratio, |ratio| {
        let shown = format!("{:>4} {}", text::percent(ratio), bar(ratio));
        Value::ranked(shown.trim_end(), ratio.to_string(), ratio)
    });
    cell.tone(tone(process.state))
}

/// In eighths of a column; a ratio above 1 draws a full bar.
pub fn bar(ratio: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (ratio.clamp(0.0, 1.0) * (BAR * 8) as f64) as usize;
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}

pub fn maximum(process: &ProcessReport, _: &View) -> Cell {
    let maximum = process.sampled.as_ref().map(|sampled| sampled.maximum);
    let limit = process.soft_limit.unwrap_or(u64::MAX);
    Cell::count(maximum).tone_if(maximum.is_some_and(|most| most >= limit), Tone::Bad)
}

fn per_minute(per_second: f64) -> Value {
    let rate = per_second * 60.0;
    Value::ranked(text::signed(rate.round() as i128), rate.to_string(), rate)
}

fn full_in(process: &ProcessReport, _: &View) -> Cell {
    let cell = Cell::known(process.full_in_seconds, |seconds| {
        let shown = match seconds {
            0.0 => "now".to_owned(),
            seconds => text::duration((seconds * 1000.0) as u64),
        };
        Value::ranked(shown, seconds.to_string(), -seconds)
    });
    cell.tone(tone(process.state))
}

fn user(uid: u32) -> Value {
    Cell::name(names::user(uid), uid.to_string()).value
}

/// `tcp 40, unix 12, files 3`, most first; `tcp:40 …` for programs.
fn types(process: &ProcessReport, _: &View) -> Cell {
    let Some(types) = &process.types else {
        return Value::Missing.into();
    };
    let kinds = kinds(types);
    if kinds.is_empty() {
        return Cell::text("none");
    }
    let join = |one: fn(&(&str, u64)) -> String, between: &str| {
        kinds.iter().map(one).collect::<Vec<_>>().join(between)
    };
    let shown = join(
        |(kind, count)| format!("{kind} {}", text::grouped(*count)),
        ", ",
    );
    Cell::name(shown, join(|(kind, count)| format!("{kind}:{count}"), " "))
}

fn kinds(types: &FdTypes) -> Vec<(&str, u64)> {
    let named = [
        ("files", types.files),
        ("directories", types.directories),
        ("devices", types.devices),
        ("pipes", types.pipes),
        ("epoll", types.epoll),
        ("eventfd", types.eventfd),
        ("timerfd", types.timerfd),
        ("signalfd", types.signalfd),
        ("inotify", types.inotify),
        ("io_uring", types.io_uring),
    ];
    let sockets = types.sockets.iter().map(|(protocol, count)| {
        let is_known = protocol != "unknown";
        (if is_known { protocol } else { "sockets" }, *count)
    });
    let others = types.others.iter();
    let others = others.map(|(kind, count)| (kind.as_str(), *count));
    let all = sockets.chain(others).chain(named);
    let mut kinds: Vec<(&str, u64)> = all.filter(|(_, count)| *count > 0).collect();
    kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
    kinds
}
