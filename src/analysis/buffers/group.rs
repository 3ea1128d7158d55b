//! One row of the report: connections that have something in common.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    analysis::{Spread, sockets::GroupName},
    model::{Owner, SocketMemory, SocketRow, TcpInfo},
};

/// Connections that have something in common.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct GroupReport {
    #[serde(flatten)]
    pub name: GroupName,
    /// Processes that have the connection open, with `--by socket`.
    pub owners: Vec<Owner>,
    /// Connections.
    pub sockets: u64,
    /// Memory of received data that was not read (`rmem_alloc`).
    pub receive_bytes: u64,
    /// The receive buffers together, as SO_RCVBUF reads them.
    pub receive_limit_bytes: u64,
    /// Memory of data in the send queues: not yet sent, or sent and not acknowledged (`wmem_queued`).
    pub send_bytes: u64,
    /// The send buffers together, as SO_SNDBUF reads them.
    pub send_limit_bytes: u64,
    /// Memory reserved for more data (`fwd_alloc`).
    pub forward_bytes: u64,
    /// All three ÷ the highest of `tcp_mem`; `null` where that cannot be read.
    pub tcp_mem_ratio: Option<f64>,
    /// Share of the time with data to send in which the window of the peer stopped it, since the
    /// connections were made; `null` where nothing was sent, or the kernel does not say (before
    /// 4.10).
    pub limited_by_receive_window_ratio: Option<f64>,
    /// Share of the time with data to send in which the send buffer stopped it; as above.
    pub limited_by_send_buffer_ratio: Option<f64>,
    /// Time with data to send, of all connections together; `null` where the kernel does not say
    /// (before 4.10).
    pub busy_ms: Option<f64>,
    /// Largest delivery rate × shortest round-trip time of a connection: what was in flight when
    /// data was acknowledged last. The path may carry more. `null` where nothing was delivered.
    pub bandwidth_delay_bytes: Option<u64>,
    /// `receive_bytes`, `send_bytes` and `forward_bytes` together over many samples (`--for`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Spread>,
}

/// How long connections had data to send, and what stopped it, microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Busy {
    busy: u64,
    by_receive_window: u64,
    by_send_buffer: u64,
}

impl Busy {
    /// `None` where one of the times is unknown: the shares would be wrong without it.
    fn of(info: &TcpInfo) -> Option<Self> {
        Some(Busy {
            busy: info.busy_us()?,
            by_receive_window: info.receive_window_limited_us()?,
            by_send_buffer: info.send_buffer_limited_us()?,
        })
    }
}

/// A group that grows.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub row: GroupReport,
    busy: Option<Busy>,
}

impl Tally {
    pub fn add(&mut self, socket: &SocketRow, memory: &SocketMemory) {
        let row = &mut self.row;
        row.sockets += 1;
        row.receive_bytes += u64::from(memory.receive_bytes);
        row.receive_limit_bytes += u64::from(memory.receive_limit_bytes);
        row.send_bytes += u64::from(memory.queued_bytes);
        row.send_limit_bytes += u64::from(memory.send_limit_bytes);
        row.forward_bytes += u64::from(memory.forward_bytes);
        let Some(info) = &socket.info else { return };
        row.bandwidth_delay_bytes = row.bandwidth_delay_bytes.max(bandwidth_delay(info));
        if let Some(busy) = Busy::of(info) {
            let all = self.busy.get_or_insert_default();
            all.busy = all.busy.saturating_add(busy.busy);
            all.by_receive_window = all.by_receive_window.saturating_add(busy.by_receive_window);
            all.by_send_buffer = all.by_send_buffer.saturating_add(busy.by_send_buffer);
        }
    }

    /// `highest`: of `tcp_mem`, bytes.
    pub fn finish(self, highest: Option<u64>) -> GroupReport {
        let busy = self.busy.filter(|busy| busy.busy > 0);
        let share =
            |of: fn(&Busy) -> u64| busy.map(|busy| (of(&busy) as f64 / busy.busy as f64).min(1.0));
        let highest = highest.filter(|highest| *highest > 0);
        GroupReport {
            tcp_mem_ratio: highest.map(|highest| self.row.total_bytes() as f64 / highest as f64),
            limited_by_receive_window_ratio: share(|busy| busy.by_receive_window),
            limited_by_send_buffer_ratio: share(|busy| busy.by_send_buffer),
            busy_ms: self.busy.map(|busy| busy.busy as f64 / 1000.0),
            ..self.row
        }
    }
}

impl GroupReport {
    pub fn total_bytes(&self) -> u64 {
        self.receive_bytes + self.send_bytes + self.forward_bytes
    }
}

fn bandwidth_delay(info: &TcpInfo) -> Option<u64> {
    let (rate, rtt) = (info.delivery_rate()?, info.min_rtt_us()?);
    let bytes = u128::from(rate) * u128::from(rtt) / 1_000_000;
    u64::try_from(bytes).ok().filter(|bytes| *bytes > 0)
}
