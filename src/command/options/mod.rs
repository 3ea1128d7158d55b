//! Flags that several subcommands share, each declared once.

mod output;
mod select;
mod time;

pub use output::{FormatArgs, OutputArgs, wants_columns};
pub use select::{FamilyArgs, NameArgs, OwnedByArgs, OwnerArgs, PlaceArgs};
pub use time::{TimeArgs, Timing, duration};
