//! The published JSON Schemas.

use serde_json::Value;

use super::program::{reports, text};

fn schema(name: &str) -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(&text(&["schema", name])).expect("a schema is JSON");
    jsonschema::validator_for(&schema).expect("a schema that can be used")
}

/// What each of these commands prints is valid.
pub fn assert_valid(name: &str, commands: &[&[&str]]) {
    let schema = schema(name);
    for args in commands {
        for report in reports(args) {
            if let Err(error) = schema.validate(&report) {
                panic!("{args:?}: {error} at {}", error.instance_path());
            }
        }
    }
}

/// A report in which the value at one of these pointers is replaced is not valid.
pub fn assert_refused(name: &str, report: &Value, wrong: &[(&str, Value)]) {
    let schema = schema(name);
    assert!(schema.is_valid(report), "{report:#}");
    for (pointer, wrong) in wrong {
        let mut report = report.clone();
        let place = report.pointer_mut(pointer);
        *place.unwrap_or_else(|| panic!("no {pointer}")) = wrong.clone();
        assert!(!schema.is_valid(&report), "{pointer} may be anything");
    }
}
