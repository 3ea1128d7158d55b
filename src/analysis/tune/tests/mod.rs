//! `tune` from values: no kernel.

mod defaults;
mod drift;
mod judgements;
mod scene;
mod table;
