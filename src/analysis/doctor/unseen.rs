//! What could not be seen of the chosen areas.

use std::collections::BTreeSet;

use super::Reports;
use crate::{
    analysis::finding::Area::{self, *},
    model::Incomplete,
};

/// The areas that lack something of this name. What is not listed may concern any.
static CONCERNED: [(&str, &[Area]); 28] = [
    ("unix", &[AcceptQueue]),
    ("waiting", &[AcceptQueue]),
    // What owners of listeners do.
    ("activity", &[AcceptQueue]),
    ("threads", &[AcceptQueue]),
    ("pressure", &[AcceptQueue]),
    ("syn_queue", &[SynQueue]),
    ("ports", &[Ports]),
    ("bound_first", &[Ports]),
    ("bound_only", &[Ports]),
    ("timewait", &[TimeWait]),
    ("likely_owners", &[TimeWait]),
    ("processes", &[Descriptors]),
    ("system", &[Descriptors]),
    ("open", &[Descriptors]),
    ("limits", &[Descriptors]),
    ("types", &[Descriptors]),
    ("connections", &[Connections]),
    ("leaks", &[Connections]),
    ("stuck sockets", &[Connections]),
    (
        "connections, ports and timewait",
        &[SynQueue, Ports, TimeWait, Connections],
    ),
    ("udp", &[Memory]),
    ("host_network", &[Connections, Memory, Network]),
    ("network", &[Network]),
    ("interfaces", &[Network]),
    ("conntrack", &[Network]),
    ("settings", &[Settings]),
    ("boot settings", &[Settings]),
    ("net.*", &[Settings]),
];

/// Each report repeats what the snapshot lacks, and adds what it could not see itself.
pub fn unseen(reports: &Reports, areas: &BTreeSet<Area>) -> Vec<Incomplete> {
    let parts: [(&[Incomplete], &[Area]); 7] = [
        (&reports.queues.incomplete, &[AcceptQueue, SynQueue, Memory]),
        (&reports.ports.incomplete, &[Ports]),
        (&reports.timewait.incomplete, &[TimeWait]),
        (&reports.fds.incomplete, &[Descriptors]),
        (&reports.network.incomplete, &[Connections, Memory, Network]),
        (&reports.leaks.incomplete, &[Connections]),
        (&reports.tune.incomplete, &[Settings]),
    ];
    let is_chosen = |of: &[Area]| of.iter().any(|area| areas.contains(area));
    let chosen = parts.into_iter().filter(|(_, of)| is_chosen(of));
    let mut all: Vec<Incomplete> = Vec::new();
    for missing in chosen.flat_map(|(missing, _)| missing) {
        let concerned = CONCERNED.iter().find(|(what, _)| *what == missing.what);
        let is_wanted = concerned.is_none_or(|(_, of)| is_chosen(of));
        if is_wanted && !all.contains(missing) {
            all.push(missing.clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whats(reports: &Reports, areas: &[Area]) -> Vec<String> {
        let areas = areas.iter().copied().collect();
        let unseen = unseen(reports, &areas).into_iter();
        unseen.map(|missing| missing.what).collect()
    }

    #[test]
    fn what_the_chosen_areas_lack_is_listed_once_and_nothing_else() {
        let of_snapshot = ["netns", "waiting", "conntrack"].map(|what| Incomplete::new(what, ""));
        let mut reports = Reports::default();
        reports.queues.incomplete = of_snapshot.to_vec();
        reports.ports.incomplete = of_snapshot.to_vec();
        reports.network.incomplete = of_snapshot.to_vec();
        reports.ports.incomplete.push(Incomplete::new("owners", ""));
        assert_eq!(whats(&reports, &[AcceptQueue]), ["netns", "waiting"]);
        assert_eq!(whats(&reports, &[Ports]), ["netns", "owners"]);
        assert_eq!(whats(&reports, &[Network]), ["netns", "conntrack"]);
        let all = [AcceptQueue, Ports, Network];
        let expected = ["netns", "waiting", "conntrack", "owners"];
        assert_eq!(whats(&reports, &all), expected);
    }
}
