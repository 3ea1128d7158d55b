//! Ranges against the published rules.

use super::*;
use proptest::prelude::*;

fn range(text: &str) -> Range {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// The examples of the guidelines, with values on both sides of each bound.
#[test]
fn the_published_examples() {
    for (text, alerts, quiet) in [
        ("10", &[-0.1, 10.1][..], &[0.0, 10.0][..]),
        ("10:", &[9.9, -1.0], &[10.0, 1e9]),
        ("~:10", &[10.1], &[10.0, -1e9]),
        ("10:20", &[9.9, 20.1], &[10.0, 20.0]),
        ("@10:20", &[10.0, 15.0, 20.0], &[9.9, 20.1]),
        ("@10:", &[10.0, 1e9], &[9.9]),
        ("0", &[0.1, -0.1], &[0.0]),
        ("-5:-2", &[-5.1, -1.9], &[-5.0, -2.0]),
        ("~:", &[], &[-1e9, 0.0, 1e9]),
        ("@~:", &[-1e9, 0.0, 1e9], &[]),
        ("1.5:2.5", &[1.4, 2.6], &[1.5, 2.5]),
    ] {
        for value in alerts {
            assert!(range(text).alerts(*value), "{text}: {value}");
        }
        for value in quiet {
            assert!(!range(text).alerts(*value), "{text}: {value}");
        }
    }
}

#[test]
fn a_unit_says_what_is_compared() {
    for (text, unit, at) in [
        ("80%", Unit::Ratio, 0.8),
        ("7%", Unit::Ratio, 0.07),
        ("5/s", Unit::PerSecond, 5.0),
        ("500ms", Unit::Ms, 500.0),
        ("2s", Unit::Ms, 2000.0),
        ("1.5min", Unit::Ms, 90_000.0),
        ("1h", Unit::Ms, 3_600_000.0),
        ("12", Unit::Count, 12.0),
    ] {
        let range = range(text);
        assert_eq!(range.unit(), unit, "{text}");
        assert!(!range.alerts(at) && range.alerts(at * 1.01), "{text}");
    }
    for percent in 0..=100 {
        let ratio = f64::from(percent) / 100.0;
        assert!(!range(&format!("{percent}%")).alerts(ratio), "{percent}");
    }
    assert_eq!(range("10:20%"), range("10%:20%"));
    assert_eq!(range("10%:20"), range("10%:20%"));
}

#[test]
fn errors_say_what_was_expected() {
    for wrong in [
        "", "@", ":", ":10", "~", "@~", "ten", "10:20:30", "1e3", "inf", "nan", "10 %", "%", "--1",
        "5/m", "80%%", "~:~", "10:~", "1.2.3", "@@1", " 1",
    ] {
        let error = wrong.parse::<Range>().unwrap_err().to_string();
        assert!(
            error.contains("expected [@][START:][END]"),
            "{wrong}: {error}"
        );
    }
    for (wrong, why) in [
        ("20:10", "START must not be greater than END"),
        ("10%:5/s", "START and END must have the same unit"),
        ("500ms:2s", "START and END must have the same unit"),
    ] {
        let error = wrong.parse::<Range>().unwrap_err().to_string();
        assert!(error.contains(why), "{wrong}: {error}");
    }
}

#[test]
fn performance_data_has_percent_and_milliseconds() {
    for (text, plain) in [
        ("80%", "80"),
        ("@1s:2s", "@1000:2000"),
        ("~:5/s", "~:5"),
        ("10:", "10:"),
    ] {
        assert_eq!(range(text).plain(), plain);
    }
}

/// A value of which only a lower bound is known.
#[test]
fn a_lower_bound_alerts_where_no_higher_value_would_be_quiet() {
    assert!(range("10").alerts_from(11.0));
    assert!(!range("10").alerts_from(10.0));
    assert!(!range("10:").alerts_from(5.0), "it may be 10");
    assert!(range("@10:").alerts_from(10.0));
    assert!(!range("@10:20").alerts_from(15.0), "it may be 21");
}

const UNITS: [&str; 7] = ["", "%", "/s", "ms", "s", "min", "h"];

/// A range as it may be written, its bounds, and whether it has an `@`.
fn written() -> impl Strategy<Value = (String, Option<i32>, Option<i32>, bool)> {
    let bound = -500_i32..500;
    (
        prop::option::of(bound.clone()),
        prop::option::of(bound),
        any::<bool>(),
        0..UNITS.len(),
    )
        .prop_map(|(one, other, inside, unit)| {
            let (start, end) = match (one, other) {
                (Some(one), Some(other)) => (Some(one.min(other)), Some(one.max(other))),
                both => both,
            };
            let unit = UNITS[unit];
            let at = if inside { "@" } else { "" };
            let start_text = start.map_or("~".to_owned(), |start| format!("{start}{unit}"));
            let end_text = end.map_or(String::new(), |end| format!("{end}{unit}"));
            (format!("{at}{start_text}:{end_text}"), start, end, inside)
        })
}

proptest! {
    #[test]
    fn a_range_is_read_back_as_it_was((text, ..) in written()) {
        let range = range(&text);
        prop_assert_eq!(super::tests::range(&range.to_string()), range);
    }

    /// The published table, on whole numbers.
    #[test]
    fn alerts_are_those_of_the_published_table((text, start, end, inside) in written(), value in -600_i32..600) {
        let range = range(&text);
        let scale = match range.unit() {
            Unit::Ratio => 0.01,
            _ => range.suffix.ms(),
        };
        let is_below = start.is_some_and(|start| value < start);
        let is_above = end.is_some_and(|end| value > end);
        let expected = match inside {
            true => !is_below && !is_above,
            false => is_below || is_above,
        };
        let value = if range.unit() == Unit::Ratio { f64::from(value) / 100.0 } else { f64::from(value) * scale };
        prop_assert_eq!(range.alerts(value), expected);
        if range.alerts_from(value) {
            for more in [0.0, 1.0, 1e3, 1e9] {
                prop_assert!(range.alerts(value + more));
            }
        }
    }

    #[test]
    fn whatever_is_typed_is_an_answer(text in "[@~:0-9.%/a-z-]{0,12}") {
        if let Ok(range) = text.parse::<Range>() {
            prop_assert_eq!(range.to_string().parse::<Range>(), Ok(range));
        }
    }
}
