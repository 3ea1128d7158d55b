//! Lines above and under the table of `timewait`.

use sockdiag::analysis::timewait::{Bar, NamespaceReport, TimewaitReport};

use crate::render::{View, text};

/// How wide the largest bar is.
const BAR: u64 = 8;
/// From this share on the words say that a limit is near.
const NEAR: f64 = 0.8;

/// How many of how many, and a small chart of when they run out.
pub fn heading(report: &TimewaitReport, view: &View) -> Vec<String> {
    if report.count == 0 && !report.namespaces.iter().any(is_lost) {
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

/// Buckets overflow now.
fn is_lost(namespace: &NamespaceReport) -> bool {
    let is_full = || {
        namespace
            .limit
            .is_some_and(|limit| namespace.count >= limit.into())
    };
    match namespace.overflows_delta {
        Some(new) => new > 0,
        None => namespace.overflows > Some(0) && is_full(),
    }
}

fn is_near(namespace: &NamespaceReport) -> bool {
    namespace.fill_ratio >= Some(NEAR)
}

/// ` in web, db`, where there are several of which it may be.
fn those(report: &TimewaitReport, concerns: fn(&NamespaceReport) -> bool) -> Option<String> {
    let concerned = report
        .namespaces
        .iter()
        .filter(|namespace| concerns(namespace));
    let names: Vec<String> = concerned
        .map(|namespace| text::escape(&namespace.netns.label()))
        .collect();
    match (names.is_empty(), report.namespaces.len()) {
        (true, _) => None,
        (false, 1) => Some(String::new()),
        _ => Some(format!(" in {}", names.join(", "))),
    }
}

/// TIME_WAIT alone is no fault.
fn verdict(report: &TimewaitReport) -> String {
    if let Some(those) = those(report, is_lost) {
        return format!(
            "The limit is reached{those}: connections are forgotten at once, and late packets may \
             disturb new ones. Raise net.ipv4.tcp_max_tw_buckets, or let the peers close first."
        );
    }
    if let Some(those) = those(report, is_near) {
        return format!(
            "The limit is near{those}: raise net.ipv4.tcp_max_tw_buckets, or let the peers close \
             first."
        );
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
    let several = report.namespaces.len() > 1;
    let namespaces = report.namespaces.iter().filter(|_| several);
    let is_there = |namespace: &&NamespaceReport| namespace.count > 0;
    let namespaces = namespaces.filter(is_there).map(buckets);
    fin_wait.into_iter().chain(namespaces).collect()
}
