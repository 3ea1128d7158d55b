//! Flags of the output.

use clap::{ArgAction, ArgMatches, Args, ValueHint, builder::NonEmptyStringValueParser};

use crate::{
    command::usage,
    render::{Colour, Format, Settings},
};

// How every report is written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct FormatArgs {
    /// Output format
    #[arg(
        short,
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "table"
    )]
    output: Format,
    /// Print JSON, one object per line (= --output json)
    #[arg(long, conflicts_with = "output")]
    json: bool,
    /// Show only these columns (comma-separated); `--columns help` lists them
    #[arg(long, value_name = "LIST", value_hint = ValueHint::Other, value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    columns: Option<Vec<String>>,
    /// Omit the header line
    #[arg(long)]
    no_header: bool,
    /// When to use colors
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Colour,
    /// Show numbers instead of names (the default)
    #[arg(short, long)]
    numeric: bool,
}

impl FormatArgs {
    pub fn is_table(&self) -> bool {
        !self.json && self.output == Format::Table
    }

    pub fn settings(&self) -> anyhow::Result<Settings> {
        let format = if self.json { Format::Json } else { self.output };
        if !format.is_for_rows() && (self.columns.is_some() || self.no_header) {
            return Err(usage(
                "--columns and --no-header apply to tables and CSV only",
            ));
        }
        Ok(Settings {
            format,
            colour: self.color,
            header: !self.no_header,
            quiet: 0,
            verbose: false,
            sort: None,
            top: None,
            columns: self.columns.clone(),
        })
    }
}

// How a report is written whose rows can be sorted.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    #[command(flatten)]
    format: FormatArgs,
    /// Sort by this column, largest first; `-KEY` reverses the order; `--sort help` lists the keys
    #[arg(long, value_name = "KEY", allow_hyphen_values = true, value_hint = ValueHint::Other, value_parser = NonEmptyStringValueParser::new())]
    sort: Option<String>,
    /// Show only the first N rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    top: Option<u64>,
    /// Show cause, remedy and evidence of each finding, and explain the columns
    #[arg(short, long)]
    verbose: bool,
    /// Omit the lines on incomplete data; -qq omits everything but the table
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose")]
    quiet: u8,
}

// How many rows a table on a terminal has.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct RowArgs {
    /// Show all rows on a terminal, also those without a problem that do not fit
    #[arg(short, long)]
    pub all: bool,
}

// What `ss` has to be asked for.
#[derive(Debug, Args)]
pub struct SsArgs {
    /// Show owners (the default)
    #[arg(short = 'p', hide = true, conflicts_with = "no_owners")]
    processes: bool,
    /// Show TCP sockets (the default)
    #[arg(short = 't', hide = true)]
    tcp: bool,
}

impl OutputArgs {
    pub fn is_table(&self) -> bool {
        self.format.is_table()
    }

    pub fn settings(&self) -> anyhow::Result<Settings> {
        let settings = self.format.settings()?;
        if settings.format == Format::Prom && (self.sort.is_some() || self.top.is_some()) {
            return Err(usage(
                "--sort and --top do not apply to -o prom, which has all series",
            ));
        }
        Ok(Settings {
            quiet: self.quiet,
            verbose: self.verbose,
            sort: self.sort.clone(),
            top: self.top.map(|top| top as usize),
            ..settings
        })
    }
}

/// Whether the list of columns is asked for instead of a report.
pub fn wants_columns(matches: &ArgMatches) -> bool {
    let flags = ["columns", "sort"].into_iter();
    let named = flags.flat_map(|flag| matches.try_get_many::<String>(flag).ok().flatten());
    named.flatten().any(|column| column == "help")
}
