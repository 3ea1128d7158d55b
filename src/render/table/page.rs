//! The table of a report that contains its rows: redrawn on a screen, written to a terminal or to
//! a pipe.

use std::{cell::RefCell, io};

use super::{Cell, Listed, View, column, draw, plain};
use crate::render::{
    Settings,
    notes::{self, Notes},
    sink::{Moment, Out, Writer},
    size, text,
};

pub struct Page {
    colour: bool,
    settings: Settings,
    /// The columns to show instead of the usual ones.
    named: Option<Vec<&'static str>>,
    view: View,
    head: String,
    is_first: bool,
}

impl Page {
    pub fn new(settings: &Settings, view: View, named: Option<Vec<&'static str>>) -> Self {
        Page {
            colour: settings.colours(),
            settings: settings.clone(),
            named,
            view,
            head: String::new(),
            is_first: true,
        }
    }

    fn above<T: Listed>(&self, report: &T, view: &View, on_screen: bool) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.head.is_empty() && (self.settings.header || on_screen) {
            lines.push(self.head.clone());
        }
        if self.settings.quiet < 2 {
            lines.extend(notes::fit(report.heading(view), view.width));
        }
        lines
    }

    fn below<T: Listed>(&self, report: &T, view: &View) -> Notes {
        let keys = || self.named.clone().unwrap_or_else(|| report.shown(view));
        let explain = self.settings.verbose && !report.rows().is_empty();
        notes::notes(report, view, &self.settings, explain.then(keys).as_deref())
    }

    fn table<T: Listed>(
        &self,
        report: &T,
        rows: &[&T::Row],
        view: &View,
        out: &mut Out,
    ) -> Vec<String> {
        if report.rows().is_empty() {
            let nothing = Some(report.nothing());
            return nothing
                .into_iter()
                .filter(|line| !line.is_empty())
                .collect();
        }
        let screen = out.screen.as_mut().map(RefCell::new);
        let changed = |row: &str, key: &str, cell: &Cell| {
            let column = column(T::COLUMNS, key)?;
            screen.as_ref()?.borrow_mut().change(row, column.key, cell)
        };
        let drawing = draw::Drawing {
            colour: self.colour,
            header: self.settings.header,
            columns: self.named.as_deref(),
            changed: screen.is_some().then_some(&changed),
        };
        draw::draw(report, rows, view, &drawing)
    }

    /// The table without the rows that have no problem and would scroll others away, which are
    /// counted. `others` is the number of lines above and below.
    fn visible<T: Listed>(
        &self,
        report: &T,
        view: &View,
        out: &mut Out,
        others: usize,
    ) -> Vec<String> {
        const FEWEST_ROWS: usize = 5;
        // The header, the count and the next prompt.
        let used = others + 3;
        let room = size().filter(|_| !view.all && self.settings.top.is_none());
        let room = room.map_or(usize::MAX, |(_, rows)| rows.saturating_sub(used));
        let rows = report.rows();
        if rows.len() <= room {
            return self.table(report, &rows.iter().collect::<Vec<_>>(), view, out);
        }
        let problems = rows.iter().filter(|row| !T::is_quiet(row)).count();
        let mut quiet = room.max(FEWEST_ROWS).saturating_sub(problems);
        let is_shown = |row: &&T::Row| {
            let is_quiet = T::is_quiet(row);
            let is_shown = !is_quiet || quiet > 0;
            quiet -= usize::from(is_quiet && is_shown);
            is_shown
        };
        let shown: Vec<&T::Row> = rows.iter().filter(is_shown).collect();
        let mut lines = self.table(report, &shown, view, out);
        let hidden = rows.len() - shown.len();
        let count = text::grouped(hidden as u64);
        let hidden = (hidden > 0).then(|| format!("{count} {} hidden; --all shows them", T::QUIET));
        lines.extend(hidden);
        lines
    }
}

impl<T: Listed> Writer<T> for Page {
    fn begin(&mut self, _: &mut Out, head: &str) -> io::Result<()> {
        head.clone_into(&mut self.head);
        Ok(())
    }

    fn end(&mut self, out: &mut Out, report: &T, _: &Moment) -> io::Result<()> {
        let width = size().map(|(columns, _)| columns);
        let view = View { width, ..self.view };
        let above = self.above(report, &view, out.screen.is_some());
        let below = self.below(report, &view);
        if out.screen.is_some() {
            let mut rows: Vec<&T::Row> = report.rows().iter().collect();
            // The header and the empty lines; what does not fit is cut off at the end.
            let height = above.len() + rows.len() + below.lines.len() + 3;
            if size().is_some_and(|(_, available)| height > available) {
                rows.sort_by_key(|row| T::is_quiet(row));
            }
            let lines = self.table(report, &rows, &view, out);
            let screen = out.screen.as_mut();
            return screen.map_or(Ok(()), |screen| screen.draw(&above, &lines, &below));
        }
        // Tables that follow each other are separated by an empty line.
        if !std::mem::take(&mut self.is_first) {
            out.lines(&[String::new()])?;
        }
        out.lines(&above)?;
        if width.is_none() && !self.colour && !report.rows().is_empty() {
            plain::write(
                out,
                report,
                &view,
                self.named.as_deref(),
                self.settings.header,
            )?;
        } else {
            let gap = usize::from(!below.lines.is_empty());
            let others = above.len() + gap + below.lines.len();
            let lines = self.visible(report, &view, out, others);
            out.lines(&lines)?;
        }
        if !below.lines.is_empty() {
            out.lines(&[String::new()])?;
        }
        out.lines(&below.lines)
    }
}
