//! How a subcommand ended. `main` makes the exit code of it.

/// The end of a run without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It answered what was asked.
    Answered,
}
