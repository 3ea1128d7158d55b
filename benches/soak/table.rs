//! How the commands fared, in Markdown.

use comfy_table::Table;

use crate::course;
use crate::format::{self, code};
use crate::limit::markdown;
use crate::watched::Ended;

pub fn courses(all: &[Ended]) -> Table {
    let mut table = markdown([
        "command",
        "lines",
        "CPU",
        "of a core",
        "memory after the warm-up",
        "in the end",
        "",
        "descriptors",
        "in the end",
    ]);
    table.add_rows(all.iter().map(row));
    table
}

fn row(ended: &Ended) -> [String; 9] {
    let (memory, descriptors) = (course::memory(ended), course::descriptors(ended));
    [
        code(ended.name),
        format::count(ended.lines),
        format::duration(ended.cpu),
        format::percent(ended.cpu.as_secs_f64() / ended.wall.as_secs_f64()),
        format::bytes(memory.early),
        format::bytes(memory.late),
        format::times(memory.ratio()),
        format::count(descriptors.early),
        format::count(descriptors.late),
    ]
}
