//! Which columns fit a terminal.

use super::Narrower;

/// Spaces between two columns.
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
    let fits = |keys: &[&str], narrowest_last: usize| {
        keys.split_last().is_none_or(|(last, others)| {
            let others: usize = others.iter().map(|key| width_of(key) + GAP).sum();
            others + width_of(last).min(narrowest_last) <= available
        })
    };
    for step in steps {
        let (keys, narrowest_last) = match step {
            Narrower::Drop(keys) => (keys, narrowest_last),
            Narrower::LastResort(keys) => (keys, SHORTEST),
            Narrower::Join([kept, gone], with) => {
                let place = shown.iter().position(|key| key == kept);
                if let Some(place) = place.filter(|_| shown.contains(gone))
                    && !fits(&shown, narrowest_last)
                {
                    shown[place] = with;
                    shown.retain(|key| key != gone);
                }
                continue;
            }
        };
        for key in keys.split(' ') {
            if !fits(&shown, narrowest_last) {
                shown.retain(|shown| *shown != key);
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
