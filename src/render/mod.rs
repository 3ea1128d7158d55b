//! Output: tables for people, JSON, CSV and metrics for programs.

pub mod article;
pub mod check;
mod csv;
pub mod doctor;
mod emit;
mod findings;
mod json;
mod junit;
mod names;
mod notes;
mod progress;
mod prom;
mod screen;
mod settings;
mod sink;
pub mod table;
mod terminal;
pub mod text;

pub use check::{CheckFormat, Destination};
pub use doctor::{DoctorFormat, PageSettings};
pub use emit::Emit;
pub use json::{print_each, schema};
pub use notes::Notes;
pub use progress::{Progress, elapsed_of};
pub use screen::{Change, Screen, close_screen_at_once};
pub use settings::{Format, Settings};
pub use sink::{Host, Moment, Sink, Writer};
pub use table::{Cell, Column, ColumnError, Listed, Readings, Tabular, View, column_help};
pub use terminal::{Colour, Tone, size, terminal_can_move};
