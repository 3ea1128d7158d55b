//! Lines above and under the table of `timewait`.

use sockdiag::analysis::timewait::{Bar, NamespaceReport, TimewaitReport};

use crate::render::{View, text};

/// How wide the largest bar is.
const BAR: u64 = 8;
/// From this share on the words say that a limit is near.
const NEAR: f64 = 0.8;

/// How many of how many, and a small chart of when they run out.
pub fn heading(report: &TimewaitReport, view: &View) -> Vec<String> {
    if report.count == 0 && !lost(report) {
        return Vec::new();
    }
    let several = report.namespaces.len() > 1;
    let mut lines: Vec<String> = match several {
        true => report.namespaces.iter().map(buckets).collect(),
        false => Vec::new(),
    };
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
    lines.push(format!(
        "{head}, draining {drain}/s{overflows}. {}",
        verdict(report)
    ));
    lines.extend(chart(&report.left, view.width));
    lines
}

fn buckets(namespace: &NamespaceReport) -> String {
    let limit = namespace
        .limit
        .map_or("?".to_owned(), |limit| limit.to_string());
    let name = text::escape(&namespace.netns.label());
    format!("{name}: {} of {limit} buckets", namespace.count)
}

fn overflow_words(report: &TimewaitReport) -> String {
    match (report.overflows, report.overflows_delta) {
        (Some(0), _) => ", none lost".to_owned(),
        (Some(all), Some(new)) => format!(", {all} lost ({})", text::signed(new)),
        (Some(all), None) => format!(", {all} lost since the namespace was made"),
        (None, _) => String::new(),
    }
}

/// Buckets overflow now.
fn lost(report: &TimewaitReport) -> bool {
    report
        .namespaces
        .iter()
        .any(|namespace| match namespace.overflows_delta {
            Some(new) => new > 0,
            None => namespace.overflows > Some(0) && is_full(namespace),
        })
}

fn is_full(namespace: &NamespaceReport) -> bool {
    let count = namespace.count;
    namespace.limit.is_some_and(|limit| count >= limit.into())
}

fn is_near(report: &TimewaitReport) -> bool {
    let ratios = report
        .namespaces
        .iter()
        .filter_map(|namespace| namespace.fill_ratio);
    ratios.fold(0.0, f64::max) >= NEAR
}

/// TIME_WAIT alone is no fault.
fn verdict(report: &TimewaitReport) -> String {
    if lost(report) {
        return "The limit is reached: connections are forgotten at once, and late packets may \
                disturb new ones. Raise net.ipv4.tcp_max_tw_buckets, or let the peers close first."
            .to_owned();
    }
    if is_near(report) {
        return "The limit is near: raise net.ipv4.tcp_max_tw_buckets, or let the peers close \
                first."
            .to_owned();
    }
    match &report.fullest {
        Some(tuple) if tuple.ratio() >= NEAR => format!(
            "{} of {} ports from {} to {} are held so: see `sockdiag ports`.",
            tuple.count, tuple.usable, tuple.source, tuple.destination
        ),
        _ => "Harmless unless a destination of `sockdiag ports` nears its limit.".to_owned(),
    }
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

/// What the numbers alone do not tell.
pub fn notes(report: &TimewaitReport) -> Vec<String> {
    let fin_wait = (report.fin_wait_2 > 0).then(|| {
        format!(
            "FIN_WAIT2: {} of them, closed here and held by nobody; the peer has not closed",
            report.fin_wait_2
        )
    });
    fin_wait.into_iter().collect()
}
