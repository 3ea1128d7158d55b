//! The page as HTML: one file without anything else, to attach to a ticket.

use std::fmt::Write as _;

use sockdiag::analysis::{
    Finding, Severity,
    doctor::{DoctorReport, Series, Verdict},
};

use super::words::{area, id, owners, place, severity, unseen, verdict};
use crate::render::{findings::seen, text};

/// Queues that are drawn.
const DRAWN: usize = 8;
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 60.0;

const STYLE: &str = "\
:root{color-scheme:light dark;--bad:#c62828;--warning:#9a5b00;--good:#2e7d32;--line:#8886}\
@media(prefers-color-scheme:dark){:root{--bad:#ff8a80;--warning:#ffb74d;--good:#81c784}}\
body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}\
h1{font-size:1.3rem;margin:0}h2{font-size:1.05rem;margin:1.6rem 0 .3rem}p{margin:.2rem 0 .5rem}small,dt{opacity:.75}\
section{border-left:4px solid var(--line);padding:.1rem 0 .1rem .9rem;margin:1.4rem 0}section h2{margin:0}\
section.critical{border-color:var(--bad)}section.warning{border-color:var(--warning)}\
b.critical,td.critical{color:var(--bad)}b.warning,td.warning{color:var(--warning)}td.ok{color:var(--good)}\
code{font:13px ui-monospace,monospace;white-space:pre-wrap}\
dl{display:grid;grid-template-columns:3rem 1fr;gap:.15rem .6rem;margin:.3rem 0}dt{grid-column:1}dd{grid-column:2;margin:0}\
dd span{display:inline-block;margin-right:1.2rem;font-size:13px;opacity:.75}\
figure{margin:.6rem 0 1rem}svg{display:block;width:100%;height:4rem;border-bottom:1px solid var(--line)}\
polyline{fill:none;stroke:currentColor;stroke-width:1.5;vector-effect:non-scaling-stroke}polygon{fill:currentColor;opacity:.12}\
polyline.limit{stroke:var(--bad);stroke-dasharray:6 5}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .9rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}\
th,td:nth-child(-n+2){white-space:nowrap}td:last-child{width:8rem;padding-right:0}\
.bar{height:.7rem;margin-top:.35rem;background:var(--line);print-color-adjust:exact}.bar i{display:block;height:100%;background:currentColor}\
@media print{body{max-width:none;margin:0}section,figure,tr{break-inside:avoid}h2{break-after:avoid}}";

/// `made` says when and on what the report was made. A policy forbids the page to load or run
/// anything, whatever names it shows.
pub fn page(report: &DoctorReport, host: &str, made: &str) -> String {
    let verdict = escape(&verdict(report, host));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>sockdiag: {verdict}</title>\
         <style>{STYLE}</style></head><body>\n<h1>{verdict}</h1>\n<p><small>{}</small></p>\n",
        escape(made)
    );
    for finding in &report.findings {
        page += &block(finding);
    }
    let drawn: Vec<&Series> = report.series.iter().take(DRAWN).collect();
    if !drawn.is_empty() {
        page += "<h2>Accept queues while they were watched</h2>\n";
        drawn.into_iter().for_each(|series| page += &chart(series));
    }
    page += &areas(report);
    if !report.incomplete.is_empty() {
        page += "<h2>What could not be seen</h2>\n";
    }
    for missing in &report.incomplete {
        _ = writeln!(page, "<p>{}</p>", escape(&unseen(missing)));
    }
    page + "</body></html>\n"
}

fn block(finding: &Finding) -> String {
    let class = match finding.severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let whose = owners(finding).map(|names| format!("{} · ", escape(names)));
    let mut block = format!(
        "<section class=\"{class}\"><h2><b class=\"{class}\">{}</b> {}</h2>\n\
         <p><small>{}{}</small></p>\n<p>{}</p>\n<dl>",
        severity(finding),
        escape(&place(finding)),
        whose.unwrap_or_default(),
        id(finding),
        escape(&finding.message)
    );
    let texts = |texts: &[String]| texts.iter().map(|text| escape(text)).collect();
    let cause: Vec<String> = finding.cause.iter().map(|text| escape(text)).collect();
    let code = |command: &String| format!("<code>{}</code>", escape(command));
    let evidence = finding.evidence.iter().filter(|one| one.name != "owners");
    let evidence = evidence.map(|one| format!("<span>{}</span>", escape(&seen(one))));
    let seen: Vec<String> = evidence.collect();
    let label = if finding.inferred { "likely" } else { "why" };
    for (label, items) in [
        (label, cause),
        ("do", texts(&finding.remedy)),
        ("next", finding.next.iter().map(code).collect()),
        (
            "seen",
            seen.into_iter()
                .reduce(|all, one| all + " " + &one)
                .into_iter()
                .collect(),
        ),
    ] {
        if !items.is_empty() {
            _ = write!(block, "<dt>{label}</dt>");
        }
        for item in items {
            _ = write!(block, "<dd>{item}</dd>");
        }
    }
    block + "</dl></section>\n"
}

/// The length of a queue over time, and what it takes.
fn chart(series: &Series) -> String {
    let capacity = f64::from(series.limit) + 1.0;
    let longest = series.samples.iter().map(|sample| sample.1).max();
    let longest = longest.unwrap_or(0);
    let top = f64::from(longest).max(capacity) * 1.05;
    let end = series.samples.last().map_or(1, |sample| sample.0).max(1) as f64;
    let height = |length: f64| HEIGHT - length / top * HEIGHT;
    let points = steps(&series.samples, end, height);
    let limit = height(capacity);
    let place = series.netns.name.as_deref();
    let place = place.map_or(String::new(), |name| format!(" in {}", escape(name)));
    let (subject, seconds) = (escape(&series.subject), end / 1000.0);
    format!(
        "<figure><figcaption><code>{subject}</code>{place} <small>at most {longest} of {capacity} \
         connections (dashed) in {seconds:.1} s</small></figcaption>\n\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"length of the accept queue of {subject}\">\
         <polygon points=\"0,{HEIGHT} {points} {WIDTH},{HEIGHT}\"/><polyline points=\"{points}\"/>\
         <polyline class=\"limit\" points=\"0,{limit:.1} {WIDTH},{limit:.1}\"/></svg></figure>\n"
    )
}

/// A length holds until the next sample.
fn steps(samples: &[(u64, u32)], end: f64, height: impl Fn(f64) -> f64) -> String {
    let mut points = String::new();
    let mut last = None;
    for (at, length) in samples {
        if last == Some(*length) {
            continue;
        }
        let x = *at as f64 / end * WIDTH;
        for length in last.iter().chain([length]) {
            _ = write!(points, "{x:.1},{:.1} ", height(f64::from(*length)));
        }
        last = Some(*length);
    }
    let y = height(f64::from(last.unwrap_or(0)));
    points + &format!("{WIDTH},{y:.1}")
}

fn areas(report: &DoctorReport) -> String {
    let mut table =
        "<h2>What was looked at</h2>\n<table><tr><th>area<th>verdict<th>what was seen<th></tr>\n"
            .to_owned();
    for looked in &report.looked_at {
        let word = match looked.verdict {
            Verdict::Unknown => "not seen",
            known => known.word(),
        };
        let bar = looked.ratio.map_or(String::new(), |ratio| {
            let width = (ratio * 100.0).clamp(0.0, 100.0);
            format!("<div class=\"bar\"><i style=\"width:{width:.0}%\"></i></div>")
        });
        let (area, summary) = (area(looked.area), escape(&looked.summary));
        _ = writeln!(
            table,
            "<tr><td>{area}<td class=\"{word}\">{word}<td>{summary}<td>{bar}</tr>"
        );
    }
    table + "</table>\n"
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text::escape(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
