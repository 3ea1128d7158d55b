//! The table of a report that contains its rows: redrawn on a screen, written to a terminal or to
//! a pipe.

use std::{cell::RefCell, io};

use super::{Cell, Listed, View, column, draw, plain};
use crate::render::{
    Settings,
    notes::{self, Notes},
    sink::{Moment, Out, Writer},
    size,
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

    fn table<T: Listed>(&self, report: &T, view: &View, out: &mut Out) -> Vec<String> {
        if report.rows().is_empty() {
            return vec![report.nothing()];
        }
        let screen = out.screen.as_mut().map(RefCell::new);
        let changed = |row: &str, key: &str, cell: &Cell| {
            let column = column(T::COLUMNS, key)?;
            let mut screen = screen.as_ref()?.borrow_mut();
            screen.change(row, column.key, cell, column.rising)
        };
        let drawing = draw::Drawing {
            colour: self.colour,
            header: self.settings.header,
            columns: self.named.as_deref(),
            changed: screen.is_some().then_some(&changed),
        };
        draw::draw(report, view, &drawing)
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
            let lines = self.table(report, &view, out);
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
            let lines = self.table(report, &view, out);
            out.lines(&lines)?;
        }
        if !below.lines.is_empty() {
            out.lines(&[String::new()])?;
        }
        out.lines(&below.lines)
    }
}
