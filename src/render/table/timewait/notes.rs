//! Facts above and under the table of `timewait`.

use sockdiag::analysis::timewait::{Bar, NamespaceReport, TimewaitReport};

use crate::render::{View, text};

/// How wide the largest bar is.
const BAR: u64 = 8;

/// How many of how many, and a small chart of when they run out.
pub fn heading(report: &TimewaitReport, view: &View) -> Vec<String> {
    if report.count == 0 {
        return Vec::new();
    }
    let mut lines = Vec::new();
    let drain = text::decimal(report.drain_per_second);
    let head = match (report.limit, report.fill_ratio) {
        (Some(limit), Some(ratio)) => {
            let share = text::percent(ratio);
            let limit = text::grouped(limit.into());
            format!(
                "{} of {limit} buckets ({share})",
                text::grouped(report.count)
            )
        }
        _ => format!("{} kept", text::grouped(report.count)),
    };
    let overflows = overflow_words(report);
    // TIME_WAIT alone is no fault.
    let harmless = match report.findings.is_empty() {
        true => ". Harmless unless a destination of `sockdiag ports` nears its limit.",
        false => "",
    };
    lines.push(format!("{head}, draining {drain}/s{overflows}{harmless}"));
    lines.extend(chart(&report.left, view.width));
    lines
}

fn buckets(namespace: &NamespaceReport) -> String {
    let limit = namespace
        .limit
        .map_or("?".to_owned(), |limit| text::grouped(limit.into()));
    let name = text::escape(&namespace.netns.label());
    format!(
        "{name}: {} of {limit} buckets",
        text::grouped(namespace.count)
    )
}

fn overflow_words(report: &TimewaitReport) -> String {
    match (report.overflows, report.overflows_delta) {
        (Some(0), _) => ", none lost".to_owned(),
        (Some(all), Some(new)) => format!(", {} lost ({})", grouped(all), text::signed(new)),
        (Some(all), None) => format!(", {} lost since the namespace was made", grouped(all)),
        (None, _) => String::new(),
    }
}

fn grouped(number: i128) -> String {
    text::grouped(u64::try_from(number).unwrap_or(u64::MAX))
}

/// `left  0–10s ███ 380  10–20s ███ 365`, on two lines where one is too long.
fn chart(bars: &[Bar], width: Option<usize>) -> Vec<String> {
    let largest = bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
    let bar = |bar: &Bar| {
        let length = (bar.count * BAR).div_ceil(largest) as usize;
        let (from, to, count) = (bar.from_seconds, bar.to_seconds, bar.count);
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
    let fin_wait = (report.fin_wait_2 > 0).then(|| {
        format!(
            "{} in FIN_WAIT2: closed here, not by the peer, and owned by no process",
            report.fin_wait_2
        )
    });
    let several = report.namespaces.len() > 1;
    let namespaces = report.namespaces.iter().filter(|_| several);
    let is_there = |namespace: &&NamespaceReport| namespace.count > 0;
    let namespaces = namespaces.filter(is_there).map(buckets);
    fin_wait.into_iter().chain(namespaces).collect()
}
