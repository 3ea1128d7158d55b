//! What `-v` tells under a handshake.

use sockdiag::analysis::handshake::{FastOpen, Handshake, Offer};

use crate::render::text;

/// Lines about options, numbers and times.
pub fn detail(handshake: &Handshake) -> Vec<String> {
    let options = &handshake.options;
    let mut lines = vec![legs(handshake)];
    lines.extend(
        options
            .client
            .map(|offer| format!("client: {}", offered(&offer))),
    );
    lines.extend(
        options
            .server
            .map(|offer| format!("server: {}", offered(&offer))),
    );
    lines.extend(again("SYN", &handshake.syn_after_ms));
    lines.extend(again("SYN-ACK", &handshake.syn_ack_after_ms));
    if let Some(bytes) = handshake.fast_open_bytes {
        lines.push(format!(
            "fast open: {bytes} bytes of the SYN's data were taken"
        ));
    }
    lines
}

/// `SYN seq 1 → SYN-ACK seq 2 ack 2 → ACK seq 2 ack 3`
fn legs(handshake: &Handshake) -> String {
    let sequence = handshake.sequence;
    let next = |number: u32| number.wrapping_add(1);
    let mut legs = Vec::new();
    legs.extend(sequence.client_isn.map(|own| format!("SYN seq {own}")));
    if let Some((own, peer)) = sequence.server_isn.zip(sequence.client_isn) {
        legs.push(format!("SYN-ACK seq {own} ack {}", next(peer)));
        if handshake.syn_ack_to_ack_ms.is_some() || handshake.confirmed {
            legs.push(format!("ACK seq {} ack {}", next(peer), next(own)));
        }
    }
    legs.join(" → ")
}

fn offered(offer: &Offer) -> String {
    let mut parts = Vec::new();
    parts.extend(offer.mss.map(|mss| format!("mss {mss}")));
    parts.extend(offer.window_scale.map(|scale| format!("wscale {scale}")));
    let words = [
        (offer.sack, "sack"),
        (offer.timestamps, "timestamps"),
        (offer.ecn, "ecn"),
        (offer.mptcp, "mptcp"),
        (
            offer.fast_open == Some(FastOpen::CookieRequested),
            "fast open cookie wanted",
        ),
        (
            offer.fast_open == Some(FastOpen::Cookie),
            "fast open cookie",
        ),
        (offer.cut, "more options cut off"),
    ];
    let said = words.iter().filter(|(holds, _)| *holds);
    parts.extend(said.map(|(_, word)| (*word).to_owned()));
    match parts.is_empty() {
        true => "no options".to_owned(),
        false => parts.join(", "),
    }
}

fn again(what: &str, times: &[f64]) -> Option<String> {
    let times: Vec<String> = times.iter().map(|time| text::latency(*time)).collect();
    (!times.is_empty()).then(|| format!("{what} again after {}", times.join(", ")))
}
