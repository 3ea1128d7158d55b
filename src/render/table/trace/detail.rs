//! What `-v` shows under a handshake.

use sockdiag::analysis::handshake::{FastOpen, Handshake, Offer};

use crate::render::text;

pub fn detail(handshake: &Handshake) -> Vec<String> {
    let offered = |side: &str, offer: Option<Offer>| Some(format!("{side}: {}", options(&offer?)));
    let fast_open = |bytes| format!("fast open: the server accepted {bytes} bytes in the SYN");
    let more = [
        offered("client", handshake.options.client),
        offered("server", handshake.options.server),
        retransmitted("SYN", &handshake.syn_after_ms),
        retransmitted("SYN-ACK", &handshake.syn_ack_after_ms),
        handshake.fast_open_bytes.map(fast_open),
    ];
    let first = std::iter::once(sequence_numbers(handshake));
    first.chain(more.into_iter().flatten()).collect()
}

/// `SYN seq 1 → SYN-ACK seq 2 ack 2 → ACK seq 2 ack 3`
fn sequence_numbers(handshake: &Handshake) -> String {
    let sequence = handshake.sequence;
    let next = |number: u32| number.wrapping_add(1);
    let mut segments = Vec::new();
    segments.extend(sequence.client_isn.map(|own| format!("SYN seq {own}")));
    if let Some((own, peer)) = sequence.server_isn.zip(sequence.client_isn) {
        segments.push(format!("SYN-ACK seq {own} ack {}", next(peer)));
        if handshake.syn_ack_to_ack_ms.is_some() || handshake.confirmed {
            segments.push(format!("ACK seq {} ack {}", next(peer), next(own)));
        }
    }
    segments.join(" → ")
}

fn options(offer: &Offer) -> String {
    let flag = |is_set: bool, word: &str| is_set.then(|| word.to_owned());
    let fast_open = offer.fast_open.map(|option| match option {
        FastOpen::CookieRequested => "fast open cookie requested".to_owned(),
        FastOpen::Cookie => "fast open cookie".to_owned(),
    });
    let all = [
        offer.mss.map(|mss| format!("mss {mss}")),
        offer.window_scale.map(|scale| format!("wscale {scale}")),
        flag(offer.sack, "sack"),
        flag(offer.timestamps, "timestamps"),
        flag(offer.ecn, "ecn"),
        flag(offer.mptcp, "mptcp"),
        fast_open,
        flag(offer.cut, "more options cut off"),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    match all.is_empty() {
        true => "no options".to_owned(),
        false => all.join(", "),
    }
}

fn retransmitted(what: &str, times: &[f64]) -> Option<String> {
    let times: Vec<String> = times.iter().map(|time| text::latency(*time)).collect();
    (!times.is_empty()).then(|| format!("{what} retransmitted after {}", times.join(", ")))
}
