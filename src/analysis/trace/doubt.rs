//! Handshakes that look established on the wire and may not be. A server that answers with SYN
//! cookies keeps nothing of a connection whose ACK finds the accept queue full, and so never sends
//! its SYN-ACK again (`cookie_v4_check`, net/ipv4/syncookies.c); but its kernel can be asked.

use super::{Handshake, Listening, Outcome};
use crate::model::State;

const NOTHING_KEPT: &str =
    "the accept queue was full: the server kept nothing, the client believes it is connected";

impl Handshake {
    /// Nothing has shown that the listener on this host took the ACK.
    pub fn is_doubtful(&self) -> bool {
        let is_here = matches!(self.listening, Some(Listening::There(_)));
        self.outcome == Outcome::Established && !self.confirmed && is_here
    }

    /// Takes the word of the server's kernel: the state of the connection there, if there is one.
    /// That there is none says something only where a queue overflowed meanwhile: the socket may
    /// be in another network namespace, which shares the address.
    pub fn judge(&mut self, state: Option<State>, has_overflowed: bool) {
        match state {
            // The request waits for an ACK that is taken.
            Some(State::SynRecv) => {}
            Some(_) => self.confirmed = true,
            None if has_overflowed => {
                self.outcome = Outcome::AckDropped;
                self.reason = Some(NOTHING_KEPT);
            }
            None => {}
        }
    }
}
