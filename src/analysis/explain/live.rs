//! The numbers of this host that belong to an article.

use schemars::JsonSchema;
use serde::Serialize;

use super::Article;
use crate::{
    analysis::{
        counters::entry,
        queues::{ListenerReport, QueueReport, State},
    },
    model::{CounterId, Snapshot},
};

/// How many listeners are shown.
const LISTENERS: usize = 3;

/// What has to be read for an article.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    pub counters: Vec<String>,
    /// By key: `net.core.somaxconn`.
    pub sysctls: Vec<String>,
    pub queues: bool,
}

/// A number of this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Live {
    /// What it is the value of.
    pub name: String,
    /// `null` where this host has no such counter or sysctl, or does not show it.
    pub value: Option<LiveValue>,
    /// The value up to which a queue takes connections; `null` for all but queues.
    pub limit: Option<u64>,
}

/// A value of [`Live`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum LiveValue {
    Number(i128),
    Text(String),
}

impl Wanted {
    pub fn by(article: &Article) -> Self {
        let mut wanted = Wanted::default();
        for name in &article.live {
            match name.as_str() {
                "queues" => wanted.queues = true,
                name if entry(name).is_some() => wanted.counters.push(name.to_owned()),
                name => wanted.sysctls.push(name.to_owned()),
            }
        }
        wanted
    }
}

impl Live {
    /// The value of a sysctl, as its file has it.
    pub fn sysctl(key: &str, text: Option<&str>) -> Self {
        let value = text.map(|text| {
            let words: Vec<&str> = text.split_whitespace().collect();
            let text = words.join(" ");
            text.parse()
                .map_or(LiveValue::Text(text), LiveValue::Number)
        });
        Live {
            name: key.to_owned(),
            value,
            limit: None,
        }
    }

    /// The value of a counter in the first namespace of the snapshot.
    pub fn counter(kernel_name: &str, snapshot: &Snapshot) -> Self {
        let id = CounterId::from(kernel_name);
        let mut counters = snapshot.namespaces.iter().map(|netns| &netns.counters);
        let value = counters.find_map(|counters| counters.value(&id.table, &id.name));
        Live {
            name: kernel_name.to_owned(),
            value: value.map(LiveValue::Number),
            limit: None,
        }
    }

    /// Both queues of the listeners that need attention most, else of the first one.
    pub fn queues(report: &QueueReport) -> Vec<Live> {
        let tcp = report
            .listeners
            .iter()
            .filter(|listener| listener.syn_queue.is_some());
        let busy = tcp.clone().filter(|listener| listener.state > State::Idle);
        let shown = match busy.clone().next() {
            Some(_) => busy.take(LISTENERS).collect::<Vec<_>>(),
            None => tcp.take(1).collect(),
        };
        shown.into_iter().flat_map(of_listener).collect()
    }
}

fn of_listener(listener: &ListenerReport) -> Vec<Live> {
    let line = |queue, length: Option<u32>, limit| Live {
        name: format!("{queue} of {}", listener.local),
        value: length.map(|length| LiveValue::Number(length.into())),
        limit,
    };
    let syn = listener.syn_queue.as_ref();
    let accept = listener.accept_queue.as_ref();
    let syn = syn.map(|queue| line("SYN queue", queue.length, queue.limit));
    let accept =
        accept.map(|queue| line("accept queue", Some(queue.length), Some(queue.limit.into())));
    syn.into_iter().chain(accept).collect()
}
