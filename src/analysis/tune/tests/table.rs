//! The table of settings itself.

use std::collections::HashSet;

use super::super::table::SETTINGS;

#[test]
fn every_setting_stands_once() {
    let keys: HashSet<&str> = SETTINGS.iter().map(|setting| setting.key).collect();
    assert_eq!(keys.len(), SETTINGS.len());
    assert!(SETTINGS.is_sorted_by_key(|setting| setting.group));
}
