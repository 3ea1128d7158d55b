//! Colors. A color repeats what a word says already.

use clap::ValueEnum;
use comfy_table::Color;

/// When to use colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Colour {
    pub fn is_on(self, terminal_can: bool) -> bool {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        match self {
            Colour::Auto => terminal_can && !no_color,
            Colour::Always => true,
            Colour::Never => false,
        }
    }
}

/// What a color means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    #[default]
    Plain,
    /// As it should be, or improving.
    Good,
    Warning,
    /// A problem, or getting worse.
    Bad,
    Quiet,
}

impl Tone {
    /// One of the eight colors every terminal has.
    pub fn color(self) -> Option<Color> {
        self.palette().map(|(in_tables, _)| in_tables)
    }

    /// The color for text outside of tables.
    pub fn terminal_color(self) -> Option<crossterm::style::Color> {
        self.palette().map(|(_, in_lines)| in_lines)
    }

    fn palette(self) -> Option<(Color, crossterm::style::Color)> {
        use crossterm::style::Color as Plain;
        match self {
            Tone::Plain => None,
            Tone::Good => Some((Color::DarkGreen, Plain::DarkGreen)),
            Tone::Warning => Some((Color::DarkYellow, Plain::DarkYellow)),
            Tone::Bad => Some((Color::DarkRed, Plain::DarkRed)),
            Tone::Quiet => Some((Color::DarkGrey, Plain::DarkGrey)),
        }
    }
}
