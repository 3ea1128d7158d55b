//! Columns of `fds`, and their cells.

use sockdiag::{
    analysis::{
        Spread,
        fds::{ProcessReport, State},
    },
    model::FdTypes,
};

use crate::render::{
    Tone, names,
    table::{Align, Cell, Column, Rising, Value, View},
    text,
};

use Align::{Left, Right};
use Rising::{Bad, Flow, Neutral};

/// Columns that a full bar takes.
const BAR: usize = 10;

#[rustfmt::skip]
pub static COLUMNS: [Column<ProcessReport>; 20] = [
    Column::new("state", "STATE", Left, Neutral, state, "ok, near (80 % of the limit or more), full (open() fails with EMFILE)"),
    Column::new("use", "USE", Left, Bad, used, "share of the soft limit in use; above 100% after the limit was lowered"),
    Column::new("open", "OPEN", Right, Bad, |p, _| Cell::count(p.open), "open descriptors"),
    Column::new("minimum", "MIN", Right, Neutral, |p, _| sampled(p, |s| Value::Count(s.minimum.into())), "fewest open descriptors of all samples"),
    Column::new("mean", "MEAN", Right, Neutral, |p, _| sampled(p, |s| Value::Decimal(s.mean)), "mean of all samples"),
    Column::new("p95", "P95", Right, Neutral, |p, _| sampled(p, |s| Value::Count(s.p95.into())), "95 of 100 samples do not exceed this"),
    Column::new("maximum", "MAX", Right, Neutral, maximum, "most open descriptors of all samples"),
    Column::new("samples", "SAMPLES", Right, Neutral, |p, _| sampled(p, |s| Value::Count(s.samples.into())), "number of samples"),
    Column::new("soft", "SOFT", Right, Neutral, |p, _| Cell::count(p.soft_limit), "the limit in force"),
    Column::new("hard", "HARD", Right, Neutral, |p, _| Cell::count(p.hard_limit), "the value up to which the process may raise it"),
    Column::new("delta", "Δ", Right, Flow, |p, _| p.delta.map_or(Value::Missing, |delta| Value::Change(delta.into())).into(), "change since the previous reading"),
    Column::new("per_second", "Δ/s", Right, Flow, |p, _| p.per_second.map_or(Value::Missing, Value::Decimal).into(), "change per second since the previous reading"),
    Column::new("per_minute", "Δ/min", Right, Flow, per_minute, "change per minute, at the rate since the previous reading"),
    Column::new("full_in", "FULL IN", Right, Bad, full_in, "time until the limit is reached at this rate, in seconds in CSV; sorts soonest first"),
    Column::new("user", "USER", Left, Neutral, user, "the user it runs as"),
    Column::new("cgroup", "CGROUP", Left, Neutral, |p, _| name(p.cgroup.as_ref()), "its cgroup"),
    Column::new("unit", "UNIT", Left, Neutral, |p, _| name(p.unit.as_ref()), "systemd unit, container or pod"),
    Column::new("pid", "PID", Right, Neutral, |p, _| Cell::count(Some(p.pid)), "process id"),
    Column::new("process", "PROCESS", Left, Neutral, process, "its name, and its id"),
    Column::new("types", "TYPES", Left, Neutral, types, "descriptors by type (--types)"),
];

fn name(name: Option<&String>) -> Cell {
    name.map_or(Value::Missing, |name| Value::Text(name.clone()))
        .into()
}

fn tone(state: Option<State>) -> Tone {
    match state {
        Some(State::Full) => Tone::Bad,
        Some(State::Near) => Tone::Warning,
        Some(State::Ok) | None => Tone::Plain,
    }
}

fn state(process: &ProcessReport, _: &View) -> Cell {
    let word = process.state.map(State::word);
    let cell = Cell::from(word.map_or(Value::Missing, |word| Value::Text(word.to_owned())));
    match process.state {
        Some(State::Ok) => cell.tone(Tone::Good),
        state => cell.tone(tone(state)),
    }
}

/// ` 12% █▏`, the ratio for programs.
fn used(process: &ProcessReport, _: &View) -> Cell {
    let Some(ratio) = process.used_ratio else {
        return Value::Missing.into();
    };
    let shown = format!("{:>4} {}", text::percent(ratio), bar(ratio));
    Cell::from(Value::Both {
        shown: shown.trim_end().to_owned(),
        raw: ratio.to_string(),
        rank: Some(ratio),
    })
    .tone(tone(process.state))
}

/// In eighths of a column; full is full however much more there is.
fn bar(ratio: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (ratio.clamp(0.0, 1.0) * (BAR * 8) as f64) as usize;
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}

fn sampled(process: &ProcessReport, value: fn(&Spread) -> Value) -> Cell {
    process
        .sampled
        .as_ref()
        .map_or(Value::Missing, value)
        .into()
}

fn maximum(process: &ProcessReport, _: &View) -> Cell {
    let reached = |sampled: &Spread| {
        process
            .soft_limit
            .is_some_and(|soft| sampled.maximum >= soft)
    };
    let full = process.sampled.as_ref().is_some_and(reached);
    sampled(process, |sampled| Value::Count(sampled.maximum.into())).tone(match full {
        true => Tone::Bad,
        false => Tone::Plain,
    })
}

fn per_minute(process: &ProcessReport, _: &View) -> Cell {
    let Some(rate) = process.per_second.map(|rate| rate * 60.0) else {
        return Value::Missing.into();
    };
    Value::Both {
        shown: text::signed(rate.round() as i128),
        raw: rate.to_string(),
        rank: Some(rate),
    }
    .into()
}

fn full_in(process: &ProcessReport, _: &View) -> Cell {
    let Some(seconds) = process.full_in_seconds else {
        return Value::Missing.into();
    };
    let shown = match seconds {
        0.0 => "now".to_owned(),
        seconds => text::duration((seconds * 1000.0) as u64),
    };
    Cell::from(Value::Both {
        shown,
        raw: seconds.to_string(),
        rank: Some(-seconds),
    })
    .tone(tone(process.state))
}

fn user(process: &ProcessReport, _: &View) -> Cell {
    let Some(uid) = process.uid else {
        return Value::Missing.into();
    };
    Value::Both {
        shown: names::user(uid),
        raw: uid.to_string(),
        rank: None,
    }
    .into()
}

fn process(process: &ProcessReport, _: &View) -> Cell {
    Value::Both {
        shown: format!("{} ({})", process.name, process.pid),
        raw: process.name.clone(),
        rank: None,
    }
    .into()
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
    let join = |between: &str, after: &str| {
        let one = |(kind, count): &(&str, u64)| format!("{kind}{between}{count}");
        kinds.iter().map(one).collect::<Vec<_>>().join(after)
    };
    Value::Both {
        shown: join(" ", ", "),
        raw: join(":", " "),
        rank: None,
    }
    .into()
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
    let sockets = types
        .sockets
        .iter()
        .map(|(protocol, count)| match protocol.as_str() {
            "unknown" => ("sockets", *count),
            protocol => (protocol, *count),
        });
    let others = types
        .others
        .iter()
        .map(|(kind, count)| (kind.as_str(), *count));
    let mut kinds: Vec<(&str, u64)> = sockets
        .chain(others)
        .chain(named)
        .filter(|(_, count)| *count > 0)
        .collect();
    kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
    kinds
}

/// A process with another number in each place.
#[cfg(test)]
pub fn example() -> ProcessReport {
    ProcessReport {
        pid: 1,
        name: "api".to_owned(),
        state: Some(State::Near),
        open: Some(2),
        soft_limit: Some(3),
        hard_limit: Some(4),
        used_ratio: Some(0.5),
        delta: Some(5),
        per_second: Some(6.5),
        full_in_seconds: Some(7.0),
        uid: Some(8),
        cgroup: Some("/c".to_owned()),
        unit: Some("u".to_owned()),
        types: None,
        why: None,
        sampled: Some(Spread {
            samples: 9,
            minimum: 10,
            mean: 11.5,
            p95: 12,
            maximum: 13,
        }),
        began: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::table::raw;

    #[test]
    fn a_bar_is_as_long_as_what_is_used() {
        for (ratio, drawn) in [
            (0.0, ""),
            (0.01, ""),
            (0.0125, "▏"),
            (0.12, "█▏"),
            (0.5, "█████"),
            (0.999, "█████████▉"),
            (1.0, "██████████"),
            (1.5, "██████████"),
        ] {
            assert_eq!(bar(ratio), drawn, "{ratio}");
        }
    }

    #[test]
    fn each_column_has_its_own_number() {
        let process = example();
        let expected = [
            "state=near",
            "use=0.5",
            "open=2",
            "minimum=10",
            "mean=11.5",
            "p95=12",
            "maximum=13",
            "samples=9",
            "soft=3",
            "hard=4",
            "delta=5",
            "per_second=6.5",
            "per_minute=390",
            "full_in=7",
            "user=8",
            "cgroup=/c",
            "unit=u",
            "pid=1",
            "process=api",
            "types=",
        ];
        assert_eq!(raw(&COLUMNS, &process), expected);
    }

    #[test]
    fn a_peak_that_reached_the_limit_is_bad() {
        let tone = |soft| {
            let process = ProcessReport {
                soft_limit: Some(soft),
                ..example()
            };
            maximum(&process, &View::default()).tone
        };
        assert_eq!((tone(13), tone(14)), (Tone::Bad, Tone::Plain));
    }
}
