//! Lines of the table of commands for those that go on for seconds.

use comfy_table::Table;

use crate::cases::Watch;
use crate::format::{self, code};
use crate::table::unmeasured;

pub fn add(table: &mut Table, watches: &[Watch]) {
    table.add_rows(watches.iter().map(watched));
}

fn watched(watch: &Watch) -> Vec<String> {
    match (&watch.outcome, watch.core_share()) {
        (Ok(cost), Some(share)) => vec![
            code(watch.name),
            format::duration(cost.wall),
            format::duration(cost.cpu),
            format::bytes(cost.peak_bytes),
            format!("{} of a core", format::percent(share)),
        ],
        (Err(why), _) => unmeasured(watch.name, why),
        (Ok(_), None) => unmeasured(watch.name, "took no time"),
    }
}
