//! Colours. They repeat a word that stands there anyway.

use clap::ValueEnum;
use comfy_table::Color;

/// When to colour.
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
    /// Whether to colour, decided once.
    pub fn is_on(self, terminal_can: bool) -> bool {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        match self {
            Colour::Auto => terminal_can && !no_color,
            Colour::Always => true,
            Colour::Never => false,
        }
    }
}

/// What a colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Nothing in particular.
    #[default]
    Plain,
    /// As it should be, or getting better.
    Good,
    /// Worth a look.
    Warning,
    /// Trouble, or getting worse.
    Bad,
    /// Less important than the rest.
    Quiet,
}

impl Tone {
    /// One of the eight colours every terminal has, in its own palette.
    pub fn color(self) -> Option<Color> {
        self.palette().map(|(in_tables, _)| in_tables)
    }

    /// The same where no table is drawn.
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
