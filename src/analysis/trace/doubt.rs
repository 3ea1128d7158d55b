//! Handshakes that look established on the wire and may not be. A server that answers with SYN
//! cookies keeps nothing of a connection whose ACK finds the accept queue full, and so never sends
//! its SYN-ACK again (`cookie_v4_check`, net/ipv4/syncookies.c); but its kernel can be asked.

use super::{Handshake, Listening, Outcome};
use crate::model::State;

const NOTHING_KEPT: &str =
    "the accept queue was full: the server kept nothing, the client believes it is connected";

impl Handshake {
    /// Nothing has shown that the server took the ACK, and its accept queue was full.
    pub fn is_doubtful(&self) -> bool {
        let is_full = matches!(self.listening, Some(Listening::There(queue)) if queue.is_full());
        self.outcome == Outcome::Established && !self.confirmed && is_full
    }

    /// Takes the word of the server's kernel: the state of the connection there, if there is one.
    pub fn judge(&mut self, state: Option<State>) {
        match state {
            // The request waits for an ACK that is taken.
            Some(State::SynRecv) => {}
            Some(_) => self.confirmed = true,
            None => {
                self.outcome = Outcome::AckDropped;
                self.reason = Some(NOTHING_KEPT);
            }
        }
    }
}
