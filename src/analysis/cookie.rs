//! What names a socket for ever.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

/// A 64-bit socket cookie, in decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, JsonSchema)]
pub struct Cookie(#[schemars(with = "String", regex(pattern = "^[0-9]+$"))] pub u64);

impl Serialize for Cookie {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
