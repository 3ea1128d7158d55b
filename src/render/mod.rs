//! Everything that is written for people and machines.

mod csv;
mod findings;
mod json;
mod names;
mod notes;
mod output;
mod prom;
mod screen;
mod stream;
mod style;
pub mod table;
mod terminal;
pub mod text;

pub use json::schema;
pub use output::{
    Format, Look, Moment, NoSuchColumn, Output, Settings, chosen, help as table_help,
};
pub use prom::{Kind, Labels, Metric};
pub use screen::Screen;
pub use stream::{Layout, Stream};
pub use style::{Colour, Tone};
pub use table::{Cell, Rising, Tabular, View};
pub use terminal::{size, terminal_can_move};
