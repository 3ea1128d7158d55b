//! Which columns fit a terminal.

use super::Narrower;

/// Two spaces between columns.
pub const GAP: usize = 2;
/// A name shorter than this is useless.
const SHORTEST: usize = 4;

/// Drops columns until the rest fits: `shown` are keys, `width_of` their widths. The last column
/// counts with at most the width that it may be shortened to.
pub fn fit(
    mut shown: Vec<&'static str>,
    steps: &[Narrower],
    available: usize,
    narrowest_last: usize,
    width_of: impl Fn(&str) -> usize,
) -> Vec<&'static str> {
    let total = |keys: &[&str], narrowest_last: usize| -> usize {
        let Some((last, others)) = keys.split_last() else {
            return 0;
        };
        let others: usize = others.iter().map(|key| width_of(key) + GAP).sum();
        others + width_of(last).min(narrowest_last)
    };
    for step in steps {
        let narrowest_last = match step {
            Narrower::LastResort(_) => SHORTEST,
            Narrower::Drop(_) | Narrower::Join(..) => narrowest_last,
        };
        if total(&shown, narrowest_last) <= available {
            continue;
        }
        match step {
            Narrower::Drop(key) | Narrower::LastResort(key) => {
                shown.retain(|shown| shown != key);
            }
            Narrower::Join([kept, gone], with) => {
                if shown.contains(kept) && shown.contains(gone) {
                    shown.retain(|shown| shown != gone);
                    for key in shown.iter_mut().filter(|key| *key == kept) {
                        *key = with;
                    }
                }
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [Narrower; 3] = [
        Narrower::Drop("wait"),
        Narrower::Join(["accept", "limit"], "queue"),
        Narrower::LastResort("owner"),
    ];

    fn fitted(available: usize) -> Vec<&'static str> {
        fit(
            vec!["state", "accept", "limit", "wait", "owner"],
            &STEPS,
            available,
            10,
            |_| 10,
        )
    }

    #[test]
    fn columns_go_in_their_order_and_only_as_needed() {
        assert_eq!(fitted(58), ["state", "accept", "limit", "wait", "owner"]);
        assert_eq!(fitted(57), ["state", "accept", "limit", "owner"]);
        assert_eq!(fitted(45), ["state", "queue", "owner"]);
        assert_eq!(
            fitted(28),
            ["state", "queue", "owner"],
            "four columns of it are left"
        );
        assert_eq!(fitted(27), ["state", "queue"]);
        assert_eq!(fitted(5), ["state", "queue"], "never nothing");
    }
}
