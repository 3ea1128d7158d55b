//! The end of a connection as it is reported.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::Side;
use crate::model::Address;

/// A connection that ended.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Close {
    /// Who sent the SYN; where that was not seen, the end with the higher port.
    pub client: Address,
    /// The other end.
    pub server: Address,
    /// The device; `null` where that has no name.
    pub interface: Option<Arc<str>>,
    /// Who was first to close or reset.
    pub closed_by: Side,
    /// How it ended.
    pub how: How,
    /// Who reset it; `null` when nobody did.
    pub reset_by: Option<Side>,
    /// When the last FIN or the RST was seen: RFC 3339, UTC.
    pub ended: String,
    /// Milliseconds since the SYN; `null` when that was not seen.
    pub lived_ms: Option<f64>,
    /// Milliseconds for which one end had closed and the other had not; `null` without a FIN.
    pub half_closed_ms: Option<f64>,
    /// Which packet of the capture ended it, from 1.
    pub packet: u64,
    /// The device's index.
    #[serde(skip)]
    pub interface_index: u32,
    /// When it ended, in nanoseconds since 1970.
    #[serde(skip)]
    pub ended_ns: u64,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Both ends sent FIN.
    Fin,
    /// One end sent RST.
    Reset,
}
