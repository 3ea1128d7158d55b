//! The page as HTML: one file without anything else, to attach to a ticket.

use std::fmt::Write as _;

use sockdiag::analysis::{
    Finding, Severity,
    doctor::{DoctorReport, Series, Verdict},
};

use super::words::{area, owners, place, severity, unseen, verdict};
use crate::render::{findings::seen, text};

/// Queues that are drawn.
const DRAWN: usize = 8;
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 60.0;

const STYLE: &str = "\
:root{color-scheme:light dark;--bad:#c62828;--warning:#b26a00;--good:#2e7d32;--line:#8884}\
body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.3rem}h2{font-size:1.05rem;margin:0 0 .3rem}\
section{border-left:4px solid var(--line);padding:.2rem 0 .2rem .9rem;margin:1.2rem 0}\
.critical{border-color:var(--bad)}.warning{border-color:var(--warning)}\
b.critical,td.critical{color:var(--bad)}b.warning,td.warning{color:var(--warning)}td.ok{color:var(--good)}\
code{font:13px ui-monospace,monospace;overflow-wrap:anywhere}small{opacity:.75}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}\
dl{display:grid;grid-template-columns:4rem 1fr;gap:.1rem .6rem;margin:.3rem 0}dt{opacity:.75}dd{margin:0}\
svg{display:block;width:100%;height:4rem}polyline{fill:none;stroke:currentColor;stroke-width:1.5;vector-effect:non-scaling-stroke}\
.limit{stroke:var(--bad);stroke-dasharray:4 3}.bar{height:.7rem;background:var(--line)}.bar i{display:block;height:100%;background:currentColor}";

/// `time` is when the report was made.
pub fn page(report: &DoctorReport, host: &str, time: &str) -> String {
    let verdict = escape(&verdict(report, host));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>sockdiag: {verdict}</title>\
         <style>{STYLE}</style></head><body>\n<h1>{verdict}</h1>\n<p><small>{}</small></p>\n",
        escape(time)
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
    for missing in &report.incomplete {
        _ = writeln!(
            page,
            "<p><small>not seen: {}</small></p>",
            escape(&unseen(missing))
        );
    }
    page + "</body></html>\n"
}

fn block(finding: &Finding) -> String {
    let class = match finding.severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let owners = owners(finding).unwrap_or_default();
    let mut block = format!(
        "<section class=\"{class}\" id=\"{}\"><h2><b class=\"{class}\">{}</b> {} <small>{} · {}</small></h2>\n\
         <p>{}</p>\n<dl>",
        finding.id,
        severity(finding),
        escape(&place(finding)),
        escape(owners),
        finding.id,
        escape(&finding.message)
    );
    let cause = if finding.inferred { "likely" } else { "why" };
    let causes = finding.cause.iter().map(|text| (cause, escape(text)));
    let remedies = finding.remedy.iter().map(|text| ("do", escape(text)));
    let code = |text: &String| ("next", format!("<code>{}</code>", escape(text)));
    let evidence: Vec<String> = finding.evidence.iter().map(seen).collect();
    let evidence = (!evidence.is_empty()).then(|| ("seen", escape(&evidence.join(", "))));
    let parts = causes.chain(remedies).chain(finding.next.iter().map(code));
    for (label, text) in parts.chain(evidence) {
        _ = write!(block, "<dt>{label}</dt><dd>{text}</dd>");
    }
    block + "</dl></section>\n"
}

/// The length of a queue over time, and what it takes.
fn chart(series: &Series) -> String {
    let capacity = f64::from(series.limit) + 1.0;
    let longest = series.samples.iter().map(|sample| sample.1).max();
    let top = f64::from(longest.unwrap_or(0)).max(capacity) * 1.05;
    let end = series.samples.last().map_or(1, |sample| sample.0).max(1) as f64;
    let height = |length: f64| HEIGHT - length / top * HEIGHT;
    let point = |(at, length): &(u64, u32)| {
        let x = *at as f64 / end * WIDTH;
        format!("{x:.1},{:.1}", height(f64::from(*length)))
    };
    let points: Vec<String> = series.samples.iter().map(point).collect();
    let limit = height(capacity);
    let (subject, seconds) = (escape(&series.subject), end / 1000.0);
    format!(
        "<p><code>{subject}</code> <small>longest {} of {capacity} in {seconds:.1} s</small></p>\n\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"length of the accept queue of {subject}\">\
         <polyline class=\"limit\" points=\"0,{limit:.1} {WIDTH},{limit:.1}\"/>\
         <polyline points=\"{}\"/></svg>\n",
        longest.unwrap_or(0),
        points.join(" ")
    )
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
