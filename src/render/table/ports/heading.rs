//! Lines above the table of `ports`.

use sockdiag::analysis::ports::{NamespaceReport, PortsReport};

use crate::render::text;

/// For each namespace: the port range, and what takes ports of it for every destination.
pub fn heading(report: &PortsReport) -> Vec<String> {
    let several = report.namespaces.len() > 1;
    let line = |namespace: &NamespaceReport| match several {
        true => format!("{}: {}", namespace.netns.label(), range(namespace)),
        false => range(namespace),
    };
    let is_shown = |namespace: &&NamespaceReport| {
        let mut rows = report.tuples.iter();
        !several || rows.any(|row| row.netns == namespace.netns)
    };
    let namespaces = report.namespaces.iter();
    namespaces.filter(is_shown).map(line).collect()
}

fn range(namespace: &NamespaceReport) -> String {
    let range = &namespace.range;
    let mut parts = vec![format!("{} reserved", text::grouped(range.reserved))];
    parts.push(match namespace.listeners {
        1 => "1 listener inside".to_owned(),
        listeners => format!("{} listeners inside", text::grouped(listeners)),
    });
    parts.push(match namespace.bound_only {
        Some(bound) => {
            let bound = text::grouped(bound);
            format!("{bound} taken by bind() alone for every destination")
        }
        None => "ports taken by bind() not reported by this kernel".to_owned(),
    });
    parts.extend(reuse(namespace));
    let (low, high, size) = (range.low, range.high, text::grouped(range.size));
    format!("range {low}–{high}: {size} ports, {}", parts.join(", "))
}

/// The effect of `tcp_tw_reuse` with the other settings.
fn reuse(namespace: &NamespaceReport) -> Option<String> {
    let delay = text::duration(namespace.tcp_tw_reuse_delay_ms.unwrap_or(1000).into());
    Some(match namespace.tcp_tw_reuse? {
        1.. if namespace.tcp_timestamps == Some(0) => {
            "TIME_WAIT keeps its port for 60s (tcp_timestamps 0)".to_owned()
        }
        0 => "TIME_WAIT keeps its port for 60s (tcp_tw_reuse 0)".to_owned(),
        1 => format!("TIME_WAIT gives its port up after {delay} (tcp_tw_reuse 1)"),
        mode => format!(
            "TIME_WAIT keeps its port for 60s, on loopback for {delay} (tcp_tw_reuse {mode})"
        ),
    })
}
