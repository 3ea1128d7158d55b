//! Numbers of bytes, on the circle of all 2^32 (RFC 9293, section 3.4).

/// More data does not pass before a bare acknowledgement of it does: a number further ahead is that
/// of an old connection, or made up.
pub const MOST_UNSEEN: u32 = 1 << 24;

/// How far `to` is behind `from`; negative when it is before.
pub fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from).cast_signed()
}

/// A number is behind another, and not so far that something must have been seen between.
pub fn is_soon_after(number: u32, other: u32) -> bool {
    number.wrapping_sub(other.wrapping_add(1)) <= MOST_UNSEEN
}
