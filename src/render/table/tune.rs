//! The table of `tune`.

use std::io;

use sockdiag::analysis::tune::{SettingReport, SettingValue, TuneReport, Verdict};

use super::{Align, Cell, Column, Listed, Narrower, Tabular, Value, View, keys, several};
use crate::render::{
    Tone,
    prom::{self, Labels, Series},
    text,
};

use Align::Left;

#[rustfmt::skip]
static COLUMNS: [Column<SettingReport>; 14] = [
    Column::new("netns", "NETNS", Left, |s, _| Cell::known(s.netns.as_ref(), |netns| Value::Text(netns.label())), "network namespace: its name, or its inode number"),
    Column::new("verdict", "VERDICT", Left, verdict, "change, note or ok"),
    Column::new("setting", "SETTING", Left, |s, _| Cell::text(&s.key), "sysctl, or RLIMIT_NOFILE of a unit's processes"),
    Column::new("value", "VALUE", Left, |s, _| value(s.value.as_ref()), "the value in force; several numbers are separated by spaces"),
    Column::new("default", "DEFAULT", Left, |s, _| value(s.default.as_ref()), "the kernel's default for this release and memory"),
    Column::new("suggested", "SUGGESTED", Left, |s, _| value(s.suggested.as_ref()), "the value to set"),
    Column::new("scope", "SCOPE", Left, |s, _| Cell::word(s.scope.word()), "netns: each network namespace has its own; host: not of a network namespace"),
    Column::new("unit", "UNIT", Left, |s, _| Cell::known(s.unit.clone(), Value::Text), "systemd unit, container or process whose limit it is"),
    Column::new("boot", "AT BOOT", Left, |s, _| value(s.boot.as_ref().map(|boot| &boot.value)), "the value that a file sets at boot (--drift)"),
    Column::new("place", "SET BY", Left, place, "file and line that set it at boot (--drift)"),
    Column::new("group", "GROUP", Left, |s, _| Cell::known(s.group, |group| Value::Word(group.word())), "what it is about"),
    Column::new("takes_effect", "EFFECT", Left, |s, _| Cell::known(s.takes_effect, Value::Word), "when a new value takes effect"),
    Column::new("cost", "COST", Left, |s, _| Cell::known(s.cost, Value::Word), "what a larger value costs"),
    Column::new("reason", "REASON", Left, |s, _| Cell::text(&s.reason), "why, with the number that shows it"),
];

#[rustfmt::skip]
static SERIES: [Series<SettingReport>; 2] = [
    Series::gauge("sockdiag_setting", "Value of a setting that is one number.", labels, |setting| setting.value.as_ref()?.number().map(|number| number as f64)),
    Series::gauge("sockdiag_setting_to_change", "1 where the observed load or the value shows harm.", labels, |setting| Some(f64::from(u8::from(setting.verdict == Verdict::Change)))),
];

impl Tabular for TuneReport {
    type Row = SettingReport;

    const COLUMNS: &'static [Column<SettingReport>] = &COLUMNS;

    const NARROWER: &'static [Narrower] = &[Narrower::Drop("scope suggested default")];

    /// The reasons of all rows that were asked for by name, otherwise of those that are not ok, unless
    /// a finding or a column has them.
    fn notes(&self, view: &View) -> Vec<String> {
        let is_told = |setting: &&SettingReport| {
            let is_elsewhere = setting.severity.is_some() || self.of_boot || view.all;
            !is_elsewhere && (self.is_named || setting.verdict != Verdict::Ok)
        };
        let reasons = self.settings.iter().filter(is_told);
        let reason = |setting: &SettingReport| match &setting.unit {
            Some(unit) => format!("{} of {unit}: {}", setting.key, setting.reason),
            None => format!("{}: {}", setting.key, setting.reason),
        };
        let mut notes: Vec<String> = reasons.map(reason).collect();
        if self.hidden > 0 && !self.settings.is_empty() {
            notes.push(others(self));
        }
        notes
    }

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        prom::write(out, &SERIES, &self.settings)
    }
}

impl Listed for TuneReport {
    const QUIET: &'static str = "ok";

    const NARROWEST_LAST: usize = 20;

    fn rows(&self) -> &[SettingReport] {
        &self.settings
    }

    fn rows_mut(&mut self) -> &mut Vec<SettingReport> {
        &mut self.settings
    }

    fn shown(&self, view: &View) -> Vec<&'static str> {
        let has = |is: fn(&SettingReport) -> bool| self.settings.iter().any(is);
        let differ = |a: &SettingReport, b: &SettingReport| {
            a.netns.is_some() && b.netns.is_some() && a.netns != b.netns
        };
        keys(&[
            (several(&self.settings, differ), "netns"),
            (
                !self.of_boot,
                "verdict setting value default suggested scope",
            ),
            (self.of_boot, "setting value boot place"),
            (has(|setting| setting.unit.is_some()), "unit"),
            (view.all, "reason"),
        ])
    }

    fn is_quiet(row: &SettingReport) -> bool {
        row.verdict == Verdict::Ok
    }

    fn identity(row: &SettingReport) -> String {
        let netns = row.netns.as_ref().and_then(|netns| netns.inode);
        format!("{netns:?} {} {:?}", row.key, row.unit)
    }

    fn nothing(&self) -> String {
        match (self.of_boot, self.hidden) {
            (true, 0) => "no file sets anything at boot".to_owned(),
            (false, 0) => "no setting could be read".to_owned(),
            _ => others(self),
        }
    }
}

/// Counts what is left out.
fn others(report: &TuneReport) -> String {
    let count = text::grouped(report.hidden as u64);
    let (what, is) = match (report.settings.is_empty(), report.hidden) {
        (true, _) => ("settings", "are"),
        (false, 1) => ("other", "is"),
        (false, _) => ("others", "are"),
    };
    let how = match report.of_boot {
        true => "as set at boot",
        false => "ok",
    };
    format!("{count} {what} {is} {how} (--all)")
}

fn verdict(setting: &SettingReport, _: &View) -> Cell {
    let tone = match setting.verdict {
        Verdict::Change => Tone::Warning,
        Verdict::Note | Verdict::Ok => Tone::Plain,
    };
    Cell::word(setting.verdict.word()).tone(tone)
}

/// Numbers are written as they are typed, and sort as numbers.
fn value(value: Option<&SettingValue>) -> Cell {
    let value = value.map(|value| match value {
        SettingValue::Number(number) => {
            Value::ranked(number.to_string(), number.to_string(), *number as f64)
        }
        SettingValue::Text(text) if text.is_empty() => Value::ranked("none", "", 0.0),
        SettingValue::Text(text) => Value::Text(text.clone()),
    });
    Cell::known(value, |value| value)
}

fn place(setting: &SettingReport, _: &View) -> Cell {
    let place = setting.boot.as_ref().map(|boot| &boot.place);
    Cell::known(place, |place| {
        Value::Text(format!("{}:{}", place.file, place.line))
    })
}

fn labels(setting: &SettingReport) -> Labels {
    let netns = setting.netns.as_ref().map(|netns| netns.label());
    vec![
        ("setting", setting.key.clone()),
        ("netns", netns.unwrap_or_default()),
        ("unit", setting.unit.clone().unwrap_or_default()),
    ]
}
