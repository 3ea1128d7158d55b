//! The Prometheus text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use super::{
    sink::{Moment, Out, Writer},
    table::Tabular,
};

pub struct Prom;

impl<T: Tabular> Writer<T> for Prom {
    fn end(&mut self, out: &mut Out, report: &T, _: &Moment) -> io::Result<()> {
        report.write_metrics(out)
    }
}

pub type Labels = Vec<(&'static str, String)>;

/// A metric of rows of one type: an entry of a static table, like a column.
pub struct Series<R: 'static> {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    combine: fn(f64, f64) -> f64,
    labels: fn(&R) -> Labels,
    value: fn(&R) -> Option<f64>,
}

impl<R> Series<R> {
    /// A value that rises and falls. Rows with equal labels are added up.
    pub const fn gauge(
        name: &'static str,
        help: &'static str,
        labels: fn(&R) -> Labels,
        value: fn(&R) -> Option<f64>,
    ) -> Self {
        Series {
            name,
            kind: "gauge",
            help,
            combine: |one, other| one + other,
            labels,
            value,
        }
    }

    /// A value that only rises, until it restarts at 0. Its name ends in `_total`.
    pub const fn counter(
        name: &'static str,
        help: &'static str,
        labels: fn(&R) -> Labels,
        value: fn(&R) -> Option<f64>,
    ) -> Self {
        Series {
            kind: "counter",
            ..Series::gauge(name, help, labels, value)
        }
    }

    /// Of rows with equal labels takes the largest value instead of the sum.
    pub const fn largest(self) -> Self {
        Series {
            combine: f64::max,
            ..self
        }
    }
}

pub fn no_labels<R>(_: &R) -> Labels {
    Labels::new()
}

pub fn write<'a, R>(
    out: &mut dyn Write,
    series: &[Series<R>],
    rows: impl IntoIterator<Item = &'a R> + Clone,
) -> io::Result<()> {
    for series in series {
        let mut samples: BTreeMap<Labels, f64> = BTreeMap::new();
        for row in rows.clone() {
            let Some(value) = (series.value)(row) else {
                continue;
            };
            let sample = samples.entry((series.labels)(row));
            let sample = sample.and_modify(|sample| *sample = (series.combine)(*sample, value));
            sample.or_insert(value);
        }
        let (name, help, kind) = (series.name, series.help, series.kind);
        if !samples.is_empty() {
            writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
        }
        for (labels, value) in &samples {
            sample(out, name, labels, *value)?;
        }
    }
    Ok(())
}

fn sample(out: &mut dyn Write, name: &str, labels: &Labels, value: f64) -> io::Result<()> {
    let label = |(name, text): &(&str, String)| format!("{name}=\"{}\"", escape(text));
    let labels: Vec<String> = labels.iter().map(label).collect();
    match labels.is_empty() {
        true => writeln!(out, "{name} {value}"),
        false => writeln!(out, "{name}{{{}}} {value}", labels.join(",")),
    }
}

fn escape(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_rows_with_equal_labels_are_combined() {
        let labels = |_: &f64| vec![("unit", "a\"b\\c\nd".to_owned())];
        let series = [
            Series::gauge("sockdiag_x", "Something.", labels, |x| Some(*x)),
            Series::gauge("sockdiag_y", "Largest.", no_labels, |x| Some(*x)).largest(),
            Series::counter("sockdiag_none_total", "Nothing.", labels, |_| None),
        ];
        let mut out = Vec::new();
        write(&mut out, &series, &[1.0, 2.0]).unwrap();
        let expected = "# HELP sockdiag_x Something.\n# TYPE sockdiag_x gauge\n\
            sockdiag_x{unit=\"a\\\"b\\\\c\\nd\"} 3\n\
            # HELP sockdiag_y Largest.\n# TYPE sockdiag_y gauge\nsockdiag_y 2\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
