//! Descriptors for a scraper.

use sockdiag::analysis::fds::{FdsReport, ProcessReport, State};

use crate::render::{Kind, Labels, Metric};

/// Of processes that share a unit and a name, the one nearest to its limit counts: a sum would hide
/// it.
pub fn metrics(report: &FdsReport) -> Vec<Metric> {
    let mut open = Metric::new(
        "sockdiag_process_open_descriptors",
        Kind::Gauge,
        "Open descriptors of the process that has most.",
    );
    let mut used = Metric::new(
        "sockdiag_process_descriptors_used_ratio",
        Kind::Gauge,
        "Open descriptors by soft limit, of the process nearest to it; 1 is full.",
    );
    let mut full = Metric::new(
        "sockdiag_processes_at_descriptor_limit",
        Kind::Gauge,
        "Processes that have as many descriptors open as they may.",
    );
    for process in &report.processes {
        let labels = labels(process);
        if let Some(count) = process.open {
            open.raise(&labels, count as f64);
        }
        if let Some(ratio) = process.used_ratio {
            used.raise(&labels, ratio);
            let is_full = process.state == Some(State::Full);
            full.add(&Labels::new(), f64::from(u8::from(is_full)));
        }
    }
    system(report)
        .into_iter()
        .chain([open, used, full])
        .collect()
}

fn system(report: &FdsReport) -> [Metric; 3] {
    let gauge = |name, help, value: Option<u64>| {
        let mut metric = Metric::new(name, Kind::Gauge, help);
        if let Some(value) = value {
            metric.add(&Labels::new(), value as f64);
        }
        metric
    };
    [
        gauge(
            "sockdiag_open_files",
            "Open files of the host.",
            report.system.open,
        ),
        gauge(
            "sockdiag_open_files_limit",
            "fs.file-max.",
            report.system.limit,
        ),
        gauge("sockdiag_nr_open", "fs.nr_open.", report.system.nr_open),
    ]
}

/// What stays the same over restarts, so that series do not multiply: sessions (`session-3.scope`)
/// are counted up.
fn labels(process: &ProcessReport) -> Labels {
    let unit = process
        .unit
        .clone()
        .filter(|unit| !unit.ends_with(".scope"));
    vec![
        ("unit", unit.unwrap_or_default()),
        ("process", process.name.clone()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{prom, table::fds::columns::example};

    #[test]
    fn sessions_have_no_label_and_only_the_full_are_counted() {
        let mut above = example();
        above.unit = Some("session-3.scope".to_owned());
        above.used_ratio = Some(1.5);
        let report = FdsReport {
            processes: vec![above],
            ..FdsReport::default()
        };
        let mut text = Vec::new();
        prom::write(&mut text, &metrics(&report)).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(!text.contains("session-3"), "{text}");
        assert!(
            text.contains("sockdiag_processes_at_descriptor_limit 0"),
            "{text}"
        );
    }
}
