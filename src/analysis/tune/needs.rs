//! Which settings to read.

use super::table::{NEEDED, OF_FIRST_NETNS, OF_INTERFACES, SETTINGS};

/// The names and patterns of the settings that the report is made from: all, as some are judged by
/// others.
pub fn keys() -> Vec<String> {
    let (prefix, suffix) = OF_INTERFACES;
    let settings = SETTINGS.iter().map(|setting| setting.key);
    let keys = settings.chain(NEEDED).chain([OF_FIRST_NETNS]);
    let keys = keys.map(str::to_owned);
    keys.chain([format!("{prefix}*{suffix}")]).collect()
}
