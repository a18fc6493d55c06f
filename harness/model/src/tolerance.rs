//! How far a metric may move from what was accepted.

use serde::{Deserialize, Serialize};

use crate::{Metric, Spread, resident};

/// How far a metric may move: the larger of a relative and an absolute part, and never less than the recorded spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// In the metric's unit.
    pub absolute: u64,
    /// Whether the scenario's author said so. A tolerance that nobody declared gives way to exactness: see [`Spread::is_steady`].
    pub declared: bool,
    /// As a fraction of the accepted median: 0.02 is two percent.
    pub relative: f64,
}

impl Tolerance {
    /// A tolerance of `relative` (a fraction, 0.02 is two percent) or `absolute` (in the metric's unit), whichever is larger.
    ///
    /// # Panics
    /// When `relative` is negative or not a number.
    pub fn new(relative: f64, absolute: u64) -> Self {
        assert!(relative >= 0.0, "a relative tolerance is a fraction of at least 0, not {relative}");
        Self { absolute, declared: true, relative }
    }

    /// No movement beyond the recorded spread.
    pub const EXACT: Self = Self { absolute: 0, declared: true, relative: 0.0 };

    /// What gates a metric when the author says nothing, and its samples are not all the same; `None` for a metric that is only
    /// shown.
    ///
    /// The absolute part covers one 8 KiB read buffer more or less on either side of a socket, which is what a run against a
    /// real server moves by.
    pub const fn default_for(metric: Metric) -> Option<Self> {
        let (relative, absolute) = match metric {
            Metric::PeakBytes | Metric::RetainedBytes | Metric::StandingBytes => (0.02, 16 * 1024),
            Metric::RetainedBlocks => (0.02, 16),
            // Growth is a slope in thousandths: one byte, one block in a hundred iterations.
            Metric::GrowthBytes => (0.02, 1_000),
            Metric::GrowthBlocks => (0.02, 10),
            Metric::Threads | Metric::Fds | Metric::Tasks => (0.0, 0),
            // Beyond what the heap explains: see `compare`.
            Metric::RssBytes => (0.0, resident::NOISE),
            Metric::TotalBytes | Metric::TotalBlocks | Metric::RssPeakBytes => return None,
            Metric::Observed(_) => return None,
        };
        Some(Self { absolute, declared: false, relative })
    }

    /// What gates the peak on several workers when the author says nothing: which tasks overlap is the scheduler's. One in four
    /// of 300 samples of a scenario lay above its median, by up to 7.2 % (`tests/CAMPAIGN.md`).
    pub const PEAK_OF_WORKERS: Self = Self { absolute: 16 * 1024, declared: false, relative: 0.1 };

    /// How far the metric may move from the accepted median, in its unit.
    pub fn allowed(&self, accepted: &Spread) -> u64 {
        self.alone(accepted.median).max(accepted.width())
    }

    /// Its larger part, in the metric's unit, whatever the spread.
    pub fn alone(&self, median: i64) -> u64 {
        // The product is at most 2^63 * relative; `as` saturates, which for a tolerance means "any".
        let relative = (median.unsigned_abs() as f64 * self.relative).floor() as u64;
        relative.max(self.absolute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(min: i64, median: i64, max: i64) -> Spread {
        Spread { max, median, min, samples: 5 }
    }

    #[test]
    fn the_largest_part_decides() {
        for (tolerance, spread, allowed) in [
            (Tolerance::new(0.02, 10), accepted(1_000, 1_000, 1_000), 20),
            (Tolerance::new(0.02, 100), accepted(1_000, 1_000, 1_000), 100),
            (Tolerance::new(0.02, 10), accepted(900, 1_000, 1_200), 300),
            (Tolerance::new(0.5, 0), accepted(-100, -100, -100), 50),
            (Tolerance::EXACT, accepted(7, 7, 7), 0),
        ] {
            assert_eq!(tolerance.allowed(&spread), allowed, "{tolerance:?} {spread:?}");
        }
    }

    #[test]
    #[should_panic(expected = "a fraction of at least 0")]
    fn a_negative_relative_tolerance_is_refused() {
        let _ = Tolerance::new(-0.1, 0);
    }
}
