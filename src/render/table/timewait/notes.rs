//! Lines above and below the table of `timewait`.

use sockdiag::analysis::timewait::{Bar, NamespaceReport, TimewaitReport};

use crate::render::{View, table::age_note, text};

/// Width of the largest bar.
const BAR: u64 = 8;

/// The count, the limit, and a small chart of when the sockets expire.
pub fn heading(report: &TimewaitReport, view: &View) -> Vec<String> {
    if report.totals.count == 0 {
        return Vec::new();
    }
    let (count, drain) = (
        text::grouped(report.totals.count),
        text::decimal(report.drain_per_second),
    );
    let head = match (report.totals.limit, report.totals.fill_ratio) {
        (Some(limit), Some(ratio)) => {
            let (limit, share) = (text::grouped(limit), text::percent(ratio));
            format!("{count} of {limit} buckets ({share})")
        }
        _ => format!("{count} kept"),
    };
    let overflows = overflow_words(report);
    // TIME_WAIT alone is not a problem.
    let harmless = match report.findings.is_empty() {
        true => ". Harmless unless a destination of `sockdiag ports` nears its limit.",
        false => "",
    };
    let head = format!("{head}, draining {drain}/s{overflows}{harmless}");
    [vec![head], chart(&report.left, view.width)].concat()
}

fn buckets(namespace: &NamespaceReport) -> String {
    let name = namespace.netns.label();
    let count = text::grouped(namespace.totals.count);
    match namespace.totals.limit {
        Some(limit) => format!("{name}: {count} of {} buckets", text::grouped(limit)),
        None => format!("{name}: {count} of ? buckets"),
    }
}

fn overflow_words(report: &TimewaitReport) -> String {
    match (report.totals.overflows, report.totals.overflows_delta) {
        (Some(0), _) => ", none lost".to_owned(),
        (Some(all), Some(new)) => format!(", {} lost ({})", text::grouped(all), text::signed(new)),
        (Some(all), None) => format!(
            ", {} lost since the namespace was created",
            text::grouped(all)
        ),
        (None, _) => String::new(),
    }
}

/// `left  0–10s ███ 380  10–20s ███ 365`, on two lines where one is too long.
fn chart(bars: &[Bar], width: Option<usize>) -> Vec<String> {
    let largest = bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
    let bar = |bar: &Bar| {
        let length = (bar.count * BAR).div_ceil(largest) as usize;
        let (from, to, count) = (bar.from_seconds, bar.to_seconds, text::grouped(bar.count));
        match length {
            0 => format!("{from}–{to}s {count}"),
            _ => format!("{from}–{to}s {} {count}", "█".repeat(length)),
        }
    };
    let bars: Vec<String> = bars.iter().map(bar).collect();
    let whole = format!("left  {}", bars.join("  "));
    if width.is_none_or(|width| text::width(&whole) <= width) {
        return vec![whole];
    }
    let (soon, late) = bars.split_at(bars.len() / 2);
    vec![
        format!("left  {}", soon.join("  ")),
        format!("      {}", late.join("  ")),
    ]
}

pub fn notes(report: &TimewaitReport) -> Vec<String> {
    let fin_wait = Some(report.totals.fin_wait_2).filter(|count| *count > 0);
    let fin_wait = fin_wait.map(|count| {
        format!(
            "{} in FIN_WAIT2: closed here, not by the peer, and owned by no process",
            text::grouped(count)
        )
    });
    let several = report.namespaces.len() > 1;
    let namespaces = report.namespaces.iter();
    let namespaces = namespaces.filter(|namespace| several && namespace.totals.count > 0);
    age_note("sockets were read", Some(report.age_ms))
        .into_iter()
        .chain(fin_wait)
        .chain(namespaces.map(buckets))
        .collect()
}
