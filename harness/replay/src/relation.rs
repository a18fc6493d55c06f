//! The arithmetic between the items of two collections: which one an item refers to, and which ones refer to it.

use std::ops::Range;

/// The items of a collection that exist in this generation: numbers `first..first + count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) first: u64,
    pub(crate) count: u64,
}

/// Each item of `from` refers to one item of `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Relation {
    pub(crate) from: Window,
    pub(crate) to: Window,
    /// In turn, rather than in order.
    pub(crate) spread: bool,
}

impl Window {
    pub(crate) fn numbers(self) -> Range<u64> {
        self.first..self.first + self.count
    }

    /// The number in the window that equals `number` modulo its length. What leaves a window at its start enters at its end, so
    /// a reference changes only when its item is gone.
    fn wrap(self, number: u64) -> u64 {
        self.first + (number + self.count - self.first % self.count) % self.count
    }
}

impl Relation {
    /// The number of the item to which item `number` refers. Of several references in it this is the `nth`, from 0: in turn, each
    /// has another one. Both windows hold at least one item.
    pub(crate) fn target(self, number: u64, nth: u64) -> u64 {
        self.to.wrap(if self.spread { number + nth } else { self.unwrapped(number) })
    }

    /// The numbers of the items that refer to item `target` with the first of their references, ascending.
    pub(crate) fn sources(self, target: u64) -> Vec<u64> {
        let existing = self.from.numbers();
        let (low, high) = (self.unwrapped(existing.start), self.unwrapped(existing.end - 1));
        let length = self.to.count;
        let mut unwrapped = low + (target % length + length - low % length) % length;
        let mut sources = Vec::new();
        while unwrapped <= high {
            let block = self.block(unwrapped);
            sources.extend(block.start.max(existing.start)..block.end.min(existing.end));
            unwrapped += length;
        }
        sources
    }

    fn unwrapped(self, number: u64) -> u64 {
        if self.spread { number } else { wide(number, self.to.count, self.from.count) }
    }

    /// The numbers for which [`Relation::unwrapped`] is `unwrapped`.
    fn block(self, unwrapped: u64) -> Range<u64> {
        if self.spread {
            return unwrapped..unwrapped + 1;
        }
        let start = |number| wide_up(number, self.from.count, self.to.count);
        start(unwrapped)..start(unwrapped + 1)
    }
}

/// `number * times / by`, rounded down.
fn wide(number: u64, times: u64, by: u64) -> u64 {
    (u128::from(number) * u128::from(times) / u128::from(by)) as u64
}

/// `number * times / by`, rounded up.
fn wide_up(number: u64, times: u64, by: u64) -> u64 {
    (u128::from(number) * u128::from(times)).div_ceil(u128::from(by)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn window(first: u64, count: u64) -> Window {
        Window { first, count }
    }

    #[test]
    fn sources_are_the_inverse_of_targets() {
        let windows = [window(0, 1), window(0, 7), window(3, 7), window(0, 20), window(5, 50), window(61, 13)];
        for from in windows {
            for to in windows {
                for spread in [false, true] {
                    let relation = Relation { from, to, spread };
                    let mut found = 0;
                    for target in to.numbers() {
                        for source in relation.sources(target) {
                            assert_eq!(relation.target(source, 0), target, "{relation:?}, item {source}");
                            found += 1;
                        }
                    }
                    assert_eq!(found, from.count, "{relation:?}");
                }
            }
        }
    }

    #[test]
    fn in_order_neighbours_share_their_item() {
        let relation = Relation { from: window(0, 50_000), to: window(0, 20_000), spread: false };
        let targets: Vec<u64> = (0..6).map(|number| relation.target(number, 0)).collect();
        assert_eq!(targets, [0, 0, 0, 1, 1, 2]);
        assert_eq!(relation.sources(19_999), [49_998, 49_999]);
    }

    #[test]
    fn several_references_in_turn_have_different_targets() {
        let relation = Relation { from: window(0, 10), to: window(2, 4), spread: true };
        assert_eq!([0, 1, 2].map(|nth| relation.target(5, nth)), [5, 2, 3]);
    }

    #[test]
    fn a_later_generation_keeps_the_references_of_what_stays() {
        let old = Relation { from: window(0, 50_000), to: window(0, 20_000), spread: false };
        let proportional = Relation { from: window(500, 50_000), to: window(200, 20_000), spread: false };
        let alone = Relation { from: window(500, 50_000), to: window(0, 20_000), spread: false };
        for number in 500..50_000 {
            assert_eq!(old.target(number, 0), proportional.target(number, 0));
            assert_eq!(old.target(number, 0), alone.target(number, 0));
        }
        assert_eq!(proportional.target(50_000, 0), 20_000);
        assert_eq!(alone.target(50_000, 0), 0);
    }
}
