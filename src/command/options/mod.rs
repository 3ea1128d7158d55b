//! Flags that several subcommands share, each declared once.

mod filter;
mod output;
mod select;
mod time;

pub use filter::{filter, measures, port};
pub use output::{FormatArgs, OutputArgs, RowArgs, SsArgs, wants_columns};
pub use select::{FamilyArgs, NameArgs, OwnedByArgs, OwnerArgs, PlaceArgs, has_process, has_unit};
pub use time::{TimeArgs, Timing, WatchArgs, duration};

use clap::{
    Args,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};

// What every report has.
#[derive(Debug, Args)]
pub struct ReportArgs {
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub time: TimeArgs,
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// The values of a flag: what is typed, what it stands for, and its help.
pub type Choices<T> = &'static [(&'static str, T, &'static str)];

pub fn one_of<T>(choices: Choices<T>) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    let described = choices
        .iter()
        .map(|(name, _, help)| PossibleValue::new(*name).help(*help));
    PossibleValuesParser::new(described).map(move |typed| {
        let mut choices = choices.iter();
        let chosen = choices.find(|(name, ..)| *name == typed);
        chosen.expect("clap accepts only these names").1
    })
}
