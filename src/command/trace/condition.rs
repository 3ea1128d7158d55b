//! Which handshakes are wanted: the filter of `sockdiag trace`.

use std::path::Path;

use sockdiag::model::{
    Filter,
    filter::{End, Subject},
};

use super::TraceArgs;
use crate::command::{
    options::{PlaceArgs, filter},
    usage,
};

impl TraceArgs {
    pub(super) fn condition(&self) -> anyhow::Result<Filter> {
        let mut all = Vec::new();
        if !self.filter.is_empty() {
            all.push(parsed(&self.filter, &self.place)?);
        }
        if !self.port.is_empty() {
            all.push(Filter::port_is_one_of(End::Local, &self.port));
        }
        if !self.host.is_empty() {
            let hosts: anyhow::Result<_> = self.host.iter().map(either_end).collect();
            all.push(Filter::Any(hosts?));
        }
        Ok(Filter::All(all))
    }
}

fn either_end(host: &String) -> anyhow::Result<Filter> {
    let filter = Filter::parse_connection(&format!("src {host} or dst {host}")).ok();
    let filter = filter.filter(|_| !host.contains(char::is_whitespace));
    filter.ok_or_else(|| {
        usage(format!(
            "--host {host}: not an address such as 10.0.0.1 or 10.0.0.0/8; names are not resolved"
        ))
    })
}

/// A lone argument may be a capture file's name.
fn parsed(words: &[String], place: &PlaceArgs) -> anyhow::Result<Filter> {
    let filter = filter(Subject::Handshake, words, place);
    filter.map_err(|error| match &words {
        [path] if Path::new(path).is_file() => {
            usage(format!("{path}: a capture file is read with --read {path}"))
        }
        _ => error,
    })
}
