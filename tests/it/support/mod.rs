//! What tests share: network namespaces of their own, the built program, sockets in every kind of
//! problem, and the tools whose answers the program's are compared with.

pub mod capture;
pub mod capture_file;
pub mod check;
pub mod clients;
pub mod compared_trace;
pub mod firewall;
pub mod forged;
pub mod handshakes;
pub mod helper_process;
pub mod host;
pub mod kernel_parts;
pub mod link;
pub mod listener_owners;
pub mod netns;
pub mod network_reports;
pub mod processes;
pub mod program;
pub mod queue_readings;
pub mod scenes;
pub mod schema;
pub mod screen;
pub mod skipped;
pub mod sockets;
pub mod tcpdump;
pub mod terminal;
pub mod time_waits;
pub mod tools;
pub mod tracing;
pub mod tree;
pub mod tuples;
pub mod unanswered;
pub mod users;
pub mod wait;
