//! Why bind() is refused, in one sentence.

use super::{BindReport, Claim, Holder, Verdict};
use crate::model::SocketState;

/// `holder` excludes the plain bind.
pub fn because(holder: &Holder, claim: &Claim, row: &BindReport, uid: u32) -> String {
    let local = holder.report(None).local;
    let state = match holder.socket.state {
        SocketState::Listen => "a listener".to_owned(),
        SocketState::Bound | SocketState::Close => "a bound socket".to_owned(),
        SocketState::Connection(state) => format!("a connection in {}", state.name()),
    };
    let mut parts = vec![format!("{local} is held by {state}")];
    if row.reuseaddr == Some(Verdict::InUse) {
        let why = match (claim.listens, claim.reuseaddr) {
            (true, _) if !holder.is_udp() => "SO_REUSEADDR has no effect beside a listener",
            (_, Some(false)) => "that socket has not set SO_REUSEADDR",
            (_, None) if row.tried => "that socket or another rules out SO_REUSEADDR",
            _ => "another socket rules out SO_REUSEADDR",
        };
        parts.push(why.to_owned());
    }
    if row.reuseport == Some(Verdict::InUse) {
        let why = match (claim.reuseport, claim.uid) {
            (Some(false), _) => "that socket has not set SO_REUSEPORT".to_owned(),
            (_, Some(theirs)) if theirs != uid => {
                let of = match holder.socket.user() {
                    Some(_) => format!("belongs to uid {theirs}"),
                    None => format!("is open in no process and counts as uid {theirs}"),
                };
                format!(
                    "SO_REUSEPORT works only between sockets of one user: that socket {of}, not {uid}"
                )
            }
            (None, _) if row.tried => "that socket or another rules out SO_REUSEPORT".to_owned(),
            _ => "another socket rules out SO_REUSEPORT".to_owned(),
        };
        parts.push(why);
    }
    parts.join("; ")
}
