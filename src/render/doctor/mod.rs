//! What `doctor` prints: a page for people, JSON for programs.

mod html;
mod junit;
mod markdown;
mod page;
mod words;

use std::{io, time::Duration};

use clap::ValueEnum;
use sockdiag::analysis::{Report, doctor::DoctorReport};

use super::{
    Colour, Host, json,
    sink::{Moment, Out},
    size, terminal_can_move, text,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DoctorFormat {
    /// A page to read
    Table,
    /// One JSON object
    Json,
    /// Markdown, for a ticket or a comment
    Markdown,
    /// JUnit XML, a test case for each area
    Junit,
    /// One self-contained HTML page, with the sampled queues drawn
    Html,
}

/// How the page is written.
#[derive(Debug, Clone, Copy)]
pub struct PageSettings {
    pub colour: Colour,
    /// With the evidence of each finding, and all findings of severity `info`.
    pub verbose: bool,
    /// 1 omits what could not be read, 2 everything but the problems.
    pub quiet: u8,
}

/// Writes to standard output.
pub fn write(
    report: &DoctorReport,
    format: DoctorFormat,
    settings: &PageSettings,
    host: &Host,
    elapsed: Option<Duration>,
) -> io::Result<()> {
    let written = |text: String| {
        let mut out =
            Out::new(io::IsTerminal::is_terminal(&io::stdout()).then_some(text::escape_lines));
        io::Write::write_all(&mut out, text.as_bytes())?;
        io::Write::flush(&mut out)
    };
    match format {
        DoctorFormat::Markdown => written(markdown::page(report, &host.name)),
        DoctorFormat::Junit => written(junit::document(report, elapsed.unwrap_or_default())),
        DoctorFormat::Html => {
            let (now, version) = (jiff::Timestamp::now(), env!("CARGO_PKG_VERSION"));
            let made = format!("{now:.0}, Linux {}, sockdiag {version}", host.kernel);
            written(html::page(report, &host.name, &made))
        }
        DoctorFormat::Table => {
            let colours = settings.colour.is_on(terminal_can_move());
            crossterm::style::force_color_output(colours);
            let width = size().map_or(page::USUAL_WIDTH, |(columns, _)| columns);
            let lines = page::lines(report, settings, &host.name, (width, colours));
            let mut out = Out::new(None);
            out.lines(&lines)?;
            io::Write::flush(&mut out)
        }
        DoctorFormat::Json => {
            let common = (report.incomplete(), report.findings());
            let (mut line, moment) = (Vec::new(), Moment::now(elapsed));
            json::write::<DoctorReport, _>(&mut line, host, report, common, &moment)?;
            let mut out =
                Out::new(io::IsTerminal::is_terminal(&io::stdout()).then_some(text::escape_json));
            io::Write::write_all(&mut out, &line)?;
            io::Write::flush(&mut out)
        }
    }
}
