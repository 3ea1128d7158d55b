//! The options that decide whether another socket gets the same port.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketOptions {
    pub reuseaddr: bool,
    pub reuseport: bool,
    /// IPV6_V6ONLY; `None` for an IPv4 socket.
    pub v6only: Option<bool>,
}
