//! What TCP knows of one connection: `struct tcp_info` (include/uapi/linux/tcp.h).

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// The bytes that the newest known kernel sends (6.18).
const LONGEST: usize = 280;

/// The struct as this kernel sent it. Each generation of the kernel appended fields, so that one
/// past the end is unknown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TcpInfo {
    bytes: [u8; LONGEST],
    length: usize,
}

/// How a field is printed: its width in bytes and what one is worth.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Byte,
    Short,
    Word,
    Long,
    /// A word in milliseconds, as it stands.
    Milliseconds,
    /// The same, counted from an event of the connection.
    Since,
    /// A word or a long in microseconds, printed as milliseconds.
    Microseconds,
    LongMicroseconds,
    /// A word in microseconds that was measured.
    Measured,
}

impl Kind {
    fn is_time_in_microseconds(self) -> bool {
        matches!(self, Microseconds | LongMicroseconds | Measured)
    }
}

use Kind::{
    Byte, Long, LongMicroseconds, Measured, Microseconds, Milliseconds, Short, Since, Word,
};

/// `TCP_SYN_SENT`, as the first byte.
const SYN_SENT: u8 = 2;

/// The kernel's names without `tcpi_`, with their units, at their offsets.
const FIELDS: [(&str, usize, Kind); 56] = [
    ("ca_state", 1, Byte),
    ("retransmits", 2, Byte),
    ("probes", 3, Byte),
    ("backoff", 4, Byte),
    ("options", 5, Byte),
    ("rto_ms", 8, Microseconds),
    ("ato_ms", 12, Microseconds),
    ("snd_mss", 16, Word),
    ("rcv_mss", 20, Word),
    ("unacked", 24, Word),
    ("sacked", 28, Word),
    ("lost", 32, Word),
    ("retrans", 36, Word),
    ("last_data_sent_ms", 44, Since),
    ("last_data_recv_ms", 52, Since),
    ("last_ack_recv_ms", 56, Since),
    ("pmtu", 60, Word),
    ("rcv_ssthresh", 64, Word),
    ("rtt_ms", 68, Measured),
    ("rttvar_ms", 72, Microseconds),
    ("snd_ssthresh", 76, Word),
    ("snd_cwnd", 80, Word),
    ("advmss", 84, Word),
    ("reordering", 88, Word),
    ("rcv_rtt_ms", 92, Measured),
    ("rcv_space", 96, Word),
    ("total_retrans", 100, Word),
    ("pacing_rate", 104, Long),
    ("max_pacing_rate", 112, Long),
    ("bytes_acked", 120, Long),
    ("bytes_received", 128, Long),
    ("segs_out", 136, Word),
    ("segs_in", 140, Word),
    ("notsent_bytes", 144, Word),
    ("min_rtt_ms", 148, Measured),
    ("data_segs_in", 152, Word),
    ("data_segs_out", 156, Word),
    ("delivery_rate", 160, Long),
    ("busy_time_ms", 168, LongMicroseconds),
    ("rwnd_limited_ms", 176, LongMicroseconds),
    ("sndbuf_limited_ms", 184, LongMicroseconds),
    ("delivered", 192, Word),
    ("delivered_ce", 196, Word),
    ("bytes_sent", 200, Long),
    ("bytes_retrans", 208, Long),
    ("dsack_dups", 216, Word),
    ("reord_seen", 220, Word),
    ("rcv_ooopack", 224, Word),
    ("snd_wnd", 228, Word),
    ("rcv_wnd", 232, Word),
    ("rehash", 236, Word),
    ("total_rto", 240, Short),
    ("total_rto_recoveries", 242, Short),
    ("total_rto_time_ms", 244, Milliseconds),
    ("received_ce", 248, Word),
    ("delivered_e1_bytes", 252, Word),
];

impl TcpInfo {
    /// Of an `INET_DIAG_INFO` attribute.
    pub fn new(sent: &[u8]) -> Self {
        let length = sent.len().min(LONGEST);
        let mut bytes = [0; LONGEST];
        bytes[..length].copy_from_slice(&sent[..length]);
        TcpInfo { bytes, length }
    }

    /// Smoothed round-trip time, microseconds; `None` before the first is measured.
    pub fn rtt_us(&self) -> Option<u32> {
        self.measured(68)
    }

    /// Congestion window, segments.
    pub fn congestion_window(&self) -> Option<u32> {
        self.word(80)
    }

    /// Segments retransmitted since the connection was made.
    pub fn total_retransmits(&self) -> Option<u32> {
        self.word(100)
    }

    pub fn last_data_sent_ms(&self) -> Option<u32> {
        self.since(44)
    }

    pub fn last_data_received_ms(&self) -> Option<u32> {
        self.since(52)
    }

    /// Since data was last sent or received, milliseconds.
    pub fn idle_ms(&self) -> Option<u32> {
        Some(self.last_data_sent_ms()?.min(self.last_data_received_ms()?))
    }

    /// Milliseconds since an acknowledgement came. One that answers a keepalive probe counts, a
    /// probe of the peer does not.
    pub fn last_ack_received_ms(&self) -> Option<u32> {
        self.since(56)
    }

    /// The retransmission timeout, microseconds. A retransmission doubles it, a probe of a closed
    /// window does not.
    pub fn timeout_us(&self) -> Option<u32> {
        self.word(8)
    }

    /// How often the wait for an answer was doubled.
    pub fn backoff(&self) -> Option<u8> {
        self.sent().get(4).copied()
    }

    /// The shortest round-trip time of the last minutes, microseconds; `None` before the first.
    pub fn min_rtt_us(&self) -> Option<u32> {
        self.measured(148)
    }

    /// How long there was data to send or to be acknowledged, microseconds.
    pub fn busy_us(&self) -> Option<u64> {
        self.long(168)
    }

    /// How much of that time the peer's receive window stopped it.
    pub fn receive_window_limited_us(&self) -> Option<u64> {
        self.long(176)
    }

    /// How much of that time the send buffer stopped it.
    pub fn send_buffer_limited_us(&self) -> Option<u64> {
        self.long(184)
    }

    pub fn bytes_acked(&self) -> Option<u64> {
        self.long(120)
    }

    /// Bytes sent, with what was retransmitted.
    pub fn bytes_sent(&self) -> Option<u64> {
        self.long(200)
    }

    pub fn bytes_received(&self) -> Option<u64> {
        self.long(128)
    }

    /// Bytes per second at which data was acknowledged most recently.
    pub fn delivery_rate(&self) -> Option<u64> {
        self.long(160)
    }

    fn word(&self, at: usize) -> Option<u32> {
        let bytes = self.sent().get(at..)?;
        Some(u32::from_ne_bytes(*bytes.first_chunk()?))
    }

    /// Before the connection is made there was no event, and the kernel counts from its own start.
    fn since(&self, at: usize) -> Option<u32> {
        self.word(at).filter(|_| self.bytes[0] != SYN_SENT)
    }

    /// Before the first measurement, the kernel has 0, or for a minimum the largest number.
    fn measured(&self, at: usize) -> Option<u32> {
        self.word(at).filter(|us| ![0, u32::MAX].contains(us))
    }

    fn long(&self, at: usize) -> Option<u64> {
        let bytes = self.sent().get(at..)?;
        Some(u64::from_ne_bytes(*bytes.first_chunk()?))
    }

    fn sent(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn integer(&self, at: usize, kind: Kind) -> Option<u64> {
        match kind {
            Byte => self.sent().get(at).copied().map(u64::from),
            Short => {
                let bytes = self.sent().get(at..)?;
                Some(u16::from_ne_bytes(*bytes.first_chunk()?).into())
            }
            Word | Milliseconds | Microseconds => self.word(at).map(u64::from),
            Since => self.since(at).map(u64::from),
            Measured => self.measured(at).map(u64::from),
            Long | LongMicroseconds => self.long(at),
        }
    }
}

impl std::fmt::Debug for TcpInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fields = FIELDS.map(|(name, at, kind)| (name, self.integer(at, kind)));
        f.debug_map().entries(fields).finish()
    }
}

impl Serialize for TcpInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(FIELDS.len()))?;
        for (name, at, kind) in FIELDS {
            let value = self.integer(at, kind);
            match kind.is_time_in_microseconds() {
                true => map.serialize_entry(name, &value.map(|us| us as f64 / 1000.0))?,
                false => map.serialize_entry(name, &value)?,
            }
        }
        map.end()
    }
}

impl JsonSchema for TcpInfo {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TcpInfo".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut properties = Schema::default();
        for (name, _, kind) in FIELDS {
            let number = match kind.is_time_in_microseconds() {
                true => "number",
                false => "integer",
            };
            let field = json_schema!({"type": [number, "null"], "minimum": 0});
            properties.insert(name.to_owned(), field.to_value());
        }
        json_schema!({
            "description": "`struct tcp_info`; what this kernel does not send is `null`.",
            "type": "object",
            "properties": properties,
            "required": FIELDS.map(|(name, ..)| name).to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn width(kind: Kind) -> usize {
        match kind {
            Byte => 1,
            Short => 2,
            Word | Milliseconds | Microseconds | Since | Measured => 4,
            Long | LongMicroseconds => 8,
        }
    }

    /// Bytes that are their own offsets, as far as a byte goes.
    fn sent(length: usize) -> TcpInfo {
        let bytes: Vec<u8> = (0..length).map(|at| at as u8).collect();
        TcpInfo::new(&bytes)
    }

    #[test]
    fn each_generation_of_the_kernel_sends_whole_fields() {
        // 3.14, 3.15, 4.1, 4.2, 4.6, 4.9, 4.10, 4.18, 4.19, 5.4, 6.2, 6.7, 6.18
        let lengths = [
            104, 120, 136, 144, 160, 168, 192, 200, 224, 232, 240, 248, 280,
        ];
        for length in lengths {
            let info = sent(length);
            for (name, at, kind) in FIELDS {
                let width = width(kind);
                assert_eq!(
                    info.integer(at, kind).is_some(),
                    at < length,
                    "{name} of {length}"
                );
                assert!(
                    at >= length || at + width <= length,
                    "{name} is cut at {length}"
                );
                assert_eq!(at % width, 0, "{name} is aligned");
            }
        }
    }

    #[test]
    fn what_is_longer_or_shorter_than_known_is_read_as_far_as_it_goes() {
        assert_eq!(sent(400).rtt_us(), sent(280).rtt_us());
        assert_eq!(sent(70).rtt_us(), None, "half of the field came");
        assert_eq!(sent(0).bytes_acked(), None);
        assert_eq!(
            sent(72).rtt_us(),
            Some(u32::from_ne_bytes([68, 69, 70, 71]))
        );
    }

    #[test]
    fn what_did_not_happen_yet_is_unknown() {
        let mut bytes = [7; LONGEST];
        let idle = |bytes: &[u8]| {
            let info = TcpInfo::new(bytes);
            [
                info.last_data_sent_ms(),
                info.last_data_received_ms(),
                info.last_ack_received_ms(),
            ]
        };
        assert!(idle(&bytes).iter().all(Option::is_some));
        bytes[0] = SYN_SENT;
        assert_eq!(idle(&bytes), [None; 3]);
        let json = serde_json::to_value(TcpInfo::new(&bytes)).unwrap();
        assert!(json["last_data_sent_ms"].is_null() && json["total_rto_time_ms"].is_u64());
        for (byte, field) in [(0, "rtt_ms"), (0, "rcv_rtt_ms"), (0xff, "min_rtt_ms")] {
            let json = serde_json::to_value(TcpInfo::new(&[byte; LONGEST])).unwrap();
            assert!(json[field].is_null(), "{field}");
        }
        assert_eq!(TcpInfo::new(&[0; LONGEST]).rtt_us(), None);
    }

    #[test]
    fn fields_do_not_overlap() {
        let mut taken = [false; LONGEST];
        for (name, at, kind) in FIELDS {
            for byte in &mut taken[at..at + width(kind)] {
                assert!(!*byte, "{name}");
                *byte = true;
            }
        }
    }
}
