//! The Prometheus text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

/// What may happen to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only rises, or starts anew.
    Counter,
    /// It rises and falls.
    Gauge,
}

/// A metric with all its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Full name, with its unit and, for counters, `_total`.
    pub name: &'static str,
    /// One line.
    pub help: &'static str,
    /// What may happen to it.
    pub kind: Kind,
    samples: BTreeMap<Labels, f64>,
}

/// Names and values; a name is an identifier, a value any text.
pub type Labels = Vec<(&'static str, String)>;

impl Metric {
    /// A metric without samples yet.
    pub fn new(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Metric {
            name,
            help,
            kind,
            samples: BTreeMap::new(),
        }
    }

    /// Adds to the sample with these labels, so that none stands twice.
    pub fn add(&mut self, labels: &Labels, value: f64) {
        *self.samples.entry(labels.clone()).or_default() += value;
    }

    /// Keeps the largest of the samples with these labels.
    pub fn raise(&mut self, labels: &Labels, value: f64) {
        let sample = self.samples.entry(labels.clone()).or_insert(value);
        *sample = sample.max(value);
    }
}

/// Writes the metrics that have samples.
pub fn write(out: &mut dyn Write, metrics: &[Metric]) -> io::Result<()> {
    for metric in metrics.iter().filter(|metric| !metric.samples.is_empty()) {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        writeln!(out, "# HELP {} {}", metric.name, metric.help)?;
        writeln!(out, "# TYPE {} {kind}", metric.name)?;
        for (labels, value) in &metric.samples {
            let labels: Vec<String> = labels
                .iter()
                .map(|(name, text)| format!("{name}=\"{}\"", escape(text)))
                .collect();
            match labels.is_empty() {
                true => writeln!(out, "{} {}", metric.name, value)?,
                false => writeln!(out, "{}{{{}}} {}", metric.name, labels.join(","), value)?,
            }
        }
    }
    Ok(())
}

fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_samples_of_one_name_are_added() {
        let mut metric = Metric::new("sockdiag_x", Kind::Gauge, "Something.");
        metric.add(&vec![("unit", "a\"b\\c\nd".to_owned())], 1.0);
        metric.add(&vec![("unit", "a\"b\\c\nd".to_owned())], 2.0);
        let mut out = Vec::new();
        write(
            &mut out,
            &[
                metric,
                Metric::new("sockdiag_none", Kind::Counter, "Nothing."),
            ],
        )
        .unwrap();
        let expected = "# HELP sockdiag_x Something.\n# TYPE sockdiag_x gauge\nsockdiag_x{unit=\"a\\\"b\\\\c\\nd\"} 3\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
