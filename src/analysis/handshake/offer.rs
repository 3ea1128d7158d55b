//! The TCP options that both ends offer in their SYNs.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{Flags, Segment};

/// The options of both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Options {
    /// In the SYN; `null` when it was not captured.
    pub client: Option<Offer>,
    /// In the SYN-ACK; `null` when it was not captured.
    pub server: Option<Offer>,
}

/// The options of one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Offer {
    /// Largest segment that it accepts, in bytes.
    pub mss: Option<u16>,
    /// Left shift of its window.
    pub window_scale: Option<u8>,
    /// Selective acknowledgements.
    pub sack: bool,
    /// Timestamps.
    pub timestamps: bool,
    /// Explicit congestion notification (RFC 3168).
    pub ecn: bool,
    /// TCP Fast Open (RFC 7413).
    pub fast_open: Option<FastOpen>,
    /// Multipath TCP (RFC 8684).
    pub mptcp: bool,
    /// Options are missing: the capture cut them off, or they are malformed.
    pub cut: bool,
}

/// The TCP Fast Open option of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FastOpen {
    /// An empty option, which requests a cookie.
    CookieRequested,
    /// A cookie.
    Cookie,
}

impl Offer {
    /// The options of a SYN or SYN-ACK.
    pub fn of(segment: &Segment) -> Self {
        let options = &segment.options;
        let offers_ecn = match segment.flags.has(Flags::ACK) {
            true => segment.flags.has(Flags::ECE),
            false => segment.flags.has(Flags::ECE.and(Flags::CWR)),
        };
        Offer {
            mss: options.mss,
            window_scale: options.window_scale,
            sack: options.sack_permitted,
            timestamps: options.timestamps.is_some(),
            ecn: offers_ecn,
            fast_open: options.fast_open_cookie.map(|bytes| match bytes {
                0 => FastOpen::CookieRequested,
                1.. => FastOpen::Cookie,
            }),
            mptcp: options.mptcp.is_some(),
            cut: options.cut,
        }
    }
}
