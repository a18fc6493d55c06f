//! Live bytes and blocks after each iteration, in bounded memory that is allocated before the window opens.

use serde::{Deserialize, Serialize};

/// The least live bytes and blocks after the iterations of one stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trough {
    /// The iteration after which the fewest bytes were live, from 1.
    pub(crate) iteration: u64,
    pub(crate) bytes: i64,
    pub(crate) blocks: i64,
}

/// Troughs of equal stretches of iterations. When there is no more room, each two become one.
#[derive(Debug)]
pub(crate) struct Timeline {
    troughs: Vec<Trough>,
    /// Iterations a trough.
    stretch: u64,
    /// Iterations in the last trough.
    filled: u64,
}

impl Timeline {
    const TROUGHS: usize = 512;

    pub(crate) fn new() -> Self {
        // The last stretch counts as full, so that the first iteration begins one.
        Self { troughs: Vec::with_capacity(Self::TROUGHS), stretch: 1, filled: 1 }
    }

    /// Records what is live after an iteration. Allocates nothing: it is called inside the window.
    pub(crate) fn record(&mut self, trough: Trough) {
        if self.filled == self.stretch {
            if self.troughs.len() == Self::TROUGHS {
                self.halve();
            }
            // After halving, the last stretch may have room again.
            if self.filled == self.stretch {
                self.troughs.push(trough);
                self.filled = 1;
                return;
            }
        }
        self.filled += 1;
        if let Some(last) = self.troughs.last_mut() {
            *last = last.lower(trough);
        }
    }

    /// The troughs, in order.
    pub(crate) fn into_troughs(self) -> Vec<Trough> {
        self.troughs
    }

    fn halve(&mut self) {
        for i in 0..Self::TROUGHS / 2 {
            self.troughs[i] = self.troughs[2 * i].lower(self.troughs[2 * i + 1]);
        }
        self.troughs.truncate(Self::TROUGHS / 2);
        self.stretch *= 2;
        // Each two were full.
        self.filled = self.stretch;
    }
}

impl Trough {
    /// The lower of two, by bytes; blocks are the lower of the two by themselves.
    fn lower(self, other: Self) -> Self {
        let lowest = if other.bytes < self.bytes { other } else { self };
        Self { blocks: self.blocks.min(other.blocks), ..lowest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(n: u64, bytes: impl Fn(u64) -> i64) -> Vec<Trough> {
        let mut timeline = Timeline::new();
        let capacity = timeline.troughs.capacity();
        for iteration in 1..=n {
            timeline.record(Trough { iteration, bytes: bytes(iteration), blocks: 1 });
        }
        assert_eq!(timeline.troughs.capacity(), capacity, "nothing was allocated");
        timeline.into_troughs()
    }

    #[test]
    fn up_to_512_iterations_are_kept_each() {
        let troughs = recorded(512, |i| i as i64);
        assert_eq!(troughs.len(), 512);
        assert_eq!(troughs[511], Trough { iteration: 512, bytes: 512, blocks: 1 });
    }

    #[test]
    fn more_iterations_share_stretches_of_equal_length() {
        for n in [513_u64, 1_000, 1_024, 1_025, 100_003] {
            let troughs = recorded(n, |i| -(i as i64));
            assert!(troughs.len() > 256 && troughs.len() <= 512, "{n}: {}", troughs.len());
            let stretch = troughs[0].iteration;
            for (i, trough) in troughs.iter().enumerate().take(troughs.len() - 1) {
                assert_eq!(trough.iteration, stretch * (i as u64 + 1), "{n}");
            }
            assert_eq!(troughs.last().unwrap().iteration, n);
        }
    }

    #[test]
    fn the_lowest_of_a_stretch_is_kept() {
        let troughs = recorded(10_000, |i| if i == 7_777 { -5 } else { 100 });
        let lowest: Vec<_> = troughs.iter().filter(|trough| trough.bytes < 100).collect();
        assert_eq!(lowest, [&Trough { iteration: 7_777, bytes: -5, blocks: 1 }]);
    }
}
