//! Why a handshake failed, as far as its segments and the listener's queue tell.

use super::{CapturedOn, Handshake, Listening, Outcome};

impl Handshake {
    /// The cause in words, or the causes that are possible; `None` where nothing failed or was late.
    pub fn cause(&self) -> Option<&'static str> {
        match self.outcome {
            Outcome::Established => self.delayed(),
            Outcome::Refused => Some(self.refused()),
            Outcome::NoReply => Some(self.no_reply()),
            Outcome::SynAckUnanswered => Some(self.unanswered()),
            Outcome::AckDropped => Some(self.ack_dropped()),
            Outcome::ResetByServer => Some(self.reset_by_server()),
            Outcome::ResetByClient => Some(self.reset_by_client()),
            Outcome::SimultaneousOpen | Outcome::SelfConnect | Outcome::Incomplete => None,
        }
    }

    /// Its outcome is a failure. Who opens a connection and throws it away at once did not fail.
    pub fn has_failed(&self) -> bool {
        let was_open = self.reset.is_some_and(|reset| reset.after_ack);
        self.outcome.is_failure() && !(self.outcome == Outcome::ResetByClient && was_open)
    }

    fn server_is_here(&self) -> bool {
        self.captured_on.is_some_and(CapturedOn::has_server)
    }

    fn queue_is_full(&self) -> Option<bool> {
        self.listener_queue.map(|queue| queue.is_full())
    }

    fn delayed(&self) -> Option<&'static str> {
        let again = self.syn_after_ms.first()?;
        if self.syn_to_syn_ack_ms? < *again {
            return None;
        }
        Some(match (self.queue_is_full(), self.server_is_here()) {
            (Some(true), _) => "late: the accept queue was full",
            (_, true) => "late: a SYN before was not answered, as when the accept queue is full",
            (_, false) => "late: a SYN before, or its answer, was lost",
        })
    }

    fn refused(&self) -> &'static str {
        match self.listening {
            Some(Listening::There(_)) => "somebody listens there, so a firewall rejected it",
            Some(Listening::Elsewhere) => "at that port somebody listens on another address only",
            Some(Listening::Nowhere) => "nobody listened there",
            None => "nobody listens there, or a firewall rejects it",
        }
    }

    fn no_reply(&self) -> &'static str {
        match (self.listening, self.queue_is_full()) {
            (_, Some(true)) => "the accept queue was full",
            (_, Some(false)) => {
                "a firewall, a full SYN queue, or no route back; the accept queue had room"
            }
            (Some(_), None) => "a firewall: nobody listens there, and no reset was sent",
            (None, None) if self.server_is_here() => {
                "a firewall, a full accept queue, a full SYN queue, or no route back"
            }
            (None, None) => "lost on the way, a firewall, or a full accept queue of the server",
        }
    }

    fn unanswered(&self) -> &'static str {
        match self.captured_on {
            Some(CapturedOn::Client) => "this host did not answer it: a firewall of its own",
            _ => {
                "the client did not get it, or never sent the SYN: no route back, a spoofed address"
            }
        }
    }

    fn ack_dropped(&self) -> &'static str {
        match self.queue_is_full() {
            Some(true) => "the accept queue was full",
            Some(false) => "the accept queue was full before, or TCP_DEFER_ACCEPT waits for data",
            None => {
                "the server's accept queue was full, the ACK was lost, or TCP_DEFER_ACCEPT waits for data"
            }
        }
    }

    fn reset_by_server(&self) -> &'static str {
        match self.reset.map(|reset| (reset.with_ack, reset.after_ack)) {
            Some((false, true)) => {
                "the ACK was refused: tcp_abort_on_overflow, a bad SYN cookie, or a listener that went"
            }
            _ => "closed before anything was sent: the listener went, or closed it at once",
        }
    }

    fn reset_by_client(&self) -> &'static str {
        match self.reset.map(|reset| (reset.with_ack, reset.after_ack)) {
            Some((false, false)) => {
                "the client did not want it: a port scan, a spoofed address, or it gave up"
            }
            Some((true, false)) => "the client went away before it was open",
            _ => "the client opened it and threw it away: a health check, or an abort",
        }
    }
}
