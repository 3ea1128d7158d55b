//! Which columns fit a terminal.

use super::Narrower;

/// Spaces between two columns.
pub const GAP: usize = 2;
/// An address shorter than this is useless.
const SHORTEST_ADDRESS: usize = 20;

/// What [`fit`] has to know of the cells.
pub struct Widths<'a> {
    pub of: &'a dyn Fn(&str) -> usize,
    /// Whether the column is zero or empty in every row.
    pub is_empty: &'a dyn Fn(&str) -> bool,
    /// The width that a last column may be shortened to before others are dropped.
    pub last: &'a dyn Fn(&str) -> usize,
    /// The same once all else has been tried.
    pub narrowest: &'a dyn Fn(&str) -> usize,
}

/// The columns that fit a terminal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fitting {
    pub keys: Vec<&'static str>,
    /// Columns of addresses that are cut in the middle, and to which width.
    pub shortened: Option<(&'static str, usize)>,
}

impl Fitting {
    pub fn all(keys: Vec<&'static str>) -> Self {
        Fitting {
            keys,
            shortened: None,
        }
    }

    /// The width to which the column is cut.
    pub fn limit(&self, key: &str) -> usize {
        let shortened = self.shortened;
        let shortened = shortened.filter(|(keys, _)| keys.split(' ').any(|one| one == key));
        shortened.map_or(usize::MAX, |(_, limit)| limit)
    }

    fn width(&self, widths: &Widths<'_>, narrowest: &dyn Fn(&str) -> usize) -> usize {
        let width = |key: &str| (widths.of)(key).min(self.limit(key));
        self.keys.split_last().map_or(0, |(end, others)| {
            let others: usize = others.iter().map(|key| width(key) + GAP).sum();
            others + width(end).min(narrowest(end))
        })
    }
}

/// Drops columns until the rest fits: those that are zero or empty in every row first, then step by
/// step.
pub fn fit(
    shown: Vec<&'static str>,
    steps: &[Narrower],
    available: usize,
    widths: &Widths<'_>,
) -> Fitting {
    let mut fitting = Fitting::all(shown);
    for key in empty(&fitting.keys, steps, widths) {
        if fitting.width(widths, widths.last) > available {
            fitting.keys.retain(|shown| *shown != key);
        }
    }
    for step in steps {
        take(step, &mut fitting, available, widths);
    }
    // What was dropped since then leaves room.
    if let Some((keys, _)) = fitting.shortened {
        let fits = |limit: &usize| {
            let shortened = Some((keys, *limit));
            let keys = fitting.keys.clone();
            Fitting { keys, shortened }.width(widths, widths.narrowest) <= available
        };
        let limit = (SHORTEST_ADDRESS..available).rev().find(fits);
        fitting.shortened = Some((keys, limit.unwrap_or(SHORTEST_ADDRESS)));
    }
    fitting
}

/// The empty columns, in the order in which they would be dropped.
fn empty(shown: &[&'static str], steps: &[Narrower], widths: &Widths<'_>) -> Vec<&'static str> {
    let dropped = steps.iter().flat_map(|step| match step {
        Narrower::Drop(keys) | Narrower::LastResort(keys) => keys.split(' ').collect(),
        Narrower::Join(..) | Narrower::Shorten(_) => Vec::new(),
    });
    let rest = shown.iter().rev().copied();
    let is_empty = |key: &&str| shown.contains(key) && (widths.is_empty)(key);
    dropped.chain(rest).filter(is_empty).collect()
}

fn take(step: &Narrower, fitting: &mut Fitting, available: usize, widths: &Widths<'_>) {
    let narrowest = match step {
        Narrower::LastResort(_) | Narrower::Shorten(_) => widths.narrowest,
        _ => widths.last,
    };
    let fits = |fitting: &Fitting| fitting.width(widths, narrowest) <= available;
    match step {
        Narrower::Drop(keys) | Narrower::LastResort(keys) => {
            for key in keys.split(' ') {
                if !fits(fitting) {
                    fitting.keys.retain(|shown| *shown != key);
                }
            }
        }
        Narrower::Join([kept, gone], with) if !fits(fitting) && fitting.keys.contains(gone) => {
            fitting.keys.retain(|key| key != gone);
            let place = fitting.keys.iter_mut().find(|key| *key == kept);
            place.into_iter().for_each(|key| *key = with);
        }
        Narrower::Shorten(keys) if !fits(fitting) => {
            fitting.shortened = Some((keys, SHORTEST_ADDRESS));
        }
        Narrower::Join(..) | Narrower::Shorten(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [Narrower; 3] = [
        Narrower::Drop("wait"),
        Narrower::Join(["accept", "limit"], "queue"),
        Narrower::LastResort("owner"),
    ];

    const SHOWN: [&str; 5] = ["state", "accept", "limit", "wait", "owner"];

    fn fitted(steps: &[Narrower], available: usize, empty: &[&str]) -> Fitting {
        let widths = Widths {
            of: &|key| if key == "local" { 40 } else { 10 },
            is_empty: &|key| empty.contains(&key),
            last: &|_| 10,
            narrowest: &|_| 4,
        };
        let shown = (steps.len() > 3).then_some("local").into_iter();
        fit(shown.chain(SHOWN).collect(), steps, available, &widths)
    }

    #[test]
    fn columns_go_in_their_order_and_only_as_needed() {
        let fitted = |available| fitted(&STEPS, available, &[]).keys;
        assert_eq!(fitted(58), SHOWN);
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

    #[test]
    fn what_is_empty_in_every_row_goes_first() {
        let fitted = |available| fitted(&STEPS, available, &["state", "owner"]).keys;
        assert_eq!(fitted(58), SHOWN);
        assert_eq!(fitted(57), ["state", "accept", "limit", "wait"]);
        assert_eq!(fitted(45), ["accept", "limit", "wait"]);
        assert_eq!(fitted(33), ["accept", "limit"]);
    }

    #[test]
    fn addresses_are_shortened_before_the_next_step_and_no_more_than_needed() {
        let steps = [
            Narrower::Drop("wait"),
            Narrower::Drop("limit"),
            Narrower::Shorten("local"),
            Narrower::Drop("accept"),
        ];
        let all = fitted(&steps, 100, &[]);
        assert_eq!((all.keys.len(), all.limit("local")), (6, usize::MAX));
        let shortened = fitted(&steps, 62, &[]);
        assert_eq!(shortened.keys, ["local", "state", "accept", "owner"]);
        assert_eq!(
            (shortened.limit("local"), shortened.limit("owner")),
            (32, usize::MAX)
        );
        let dropped = fitted(&steps, 45, &[]);
        assert_eq!(dropped.keys, ["local", "state", "owner"]);
        assert_eq!(dropped.limit("local"), 27);
    }
}
