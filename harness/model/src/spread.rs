//! The order statistics of several samples of one number.

use serde::{Deserialize, Serialize};

/// Least, middle and greatest of several samples, and how many there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// The greatest sample.
    pub max: i64,
    /// The middle sample; of an even number of samples the lower of the two in the middle, so that it is one that occurred.
    pub median: i64,
    /// The least sample.
    pub min: i64,
    /// The number of samples, at least 1.
    pub samples: usize,
}

impl Spread {
    /// Samples from which on their spread says something: a number that differs in a quarter of all runs differs among ten with a
    /// probability of 94 %.
    pub const ENOUGH: usize = 10;

    /// Of these values; `None` when there are none.
    pub fn of(values: &[i64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        Some(Self { max, median: sorted[(sorted.len() - 1) / 2], min, samples: sorted.len() })
    }

    /// The distance from the least to the greatest sample: 0 when all samples were the same.
    pub const fn width(&self) -> u64 {
        self.max.abs_diff(self.min)
    }

    /// Whether [enough](Self::ENOUGH) samples were all the same, so that another number has another cause than chance.
    pub const fn is_steady(&self) -> bool {
        self.samples >= Self::ENOUGH && self.width() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_a_value_that_occurred() {
        for (values, median) in [(&[3][..], 3), (&[9, 1, 5], 5), (&[8, 2, 6, 4], 4)] {
            assert_eq!(Spread::of(values).unwrap().median, median, "{values:?}");
        }
    }

    #[test]
    fn no_samples_have_no_spread() {
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn the_width_survives_the_extremes() {
        assert_eq!(Spread::of(&[i64::MIN, i64::MAX]).unwrap().width(), u64::MAX);
    }
}
