//! What the kernel said, as plain data in our words. No I/O, no text for people.

mod counters;
mod endpoint;
mod incomplete;
mod limits;
mod owner;
mod socket;

pub use counters::{CounterId, Counters};
pub use endpoint::{Endpoint, Family};
pub use incomplete::Incomplete;
pub use limits::ListenLimits;
pub use owner::{Netns, Owner, Owners, is_process};
pub use socket::{Listener, Local, Protocol, Queue, RequestSocket, Waiting};
