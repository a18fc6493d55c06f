//! What is kept per iteration and never given back: the slope of the troughs of live bytes (or blocks) over the iterations.

use serde::{Deserialize, Serialize};

/// Live bytes or blocks after an iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// After how many iterations, from 1.
    pub iteration: u64,
    /// What was live, less what was live when the window opened.
    pub live: i64,
}

/// The slope of the troughs, and the points that it was taken from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Growth {
    /// In thousandths of a byte (or block) per iteration; never negative.
    pub thousandths: i64,
    /// The floors that were used: the least live of each segment, and no later floor lower.
    pub floors: Vec<Checkpoint>,
}

/// Segments that the checkpoints are divided into after the first quarter.
const SEGMENTS: usize = 12;
/// Those of the first quarter, as long.
const EARLY_SEGMENTS: usize = SEGMENTS / 3;

impl Growth {
    /// Iterations below which nothing is said: two checkpoints for each segment behind the first quarter.
    pub const LEAST_CHECKPOINTS: usize = SEGMENTS * 2 * 4 / 3;

    /// Fits the troughs of these checkpoints, which are in the order of their iterations; `None` when there are too few to tell.
    ///
    /// The first quarter is left out: pools and caches fill then. The rest is divided into twelve segments, of which each gives its
    /// least checkpoint, its floor, so that what is flushed or collected within a segment leaves no trace. A floor above a later one
    /// is lowered to it, since what is given back later was not kept. The slope is the median over all pairs of floors (Theil 1950,
    /// Sen 1968): up to 29 % of the floors may lie anywhere, which is what the unfinished last tooth of a sawtooth and a doubling
    /// container's last step do.
    ///
    /// Floors that rise only once, with those of the first quarter, are no growth: something was kept once, and nothing tells
    /// after how many iterations it would be again. On several workers that is one task's block, in one run of twenty.
    pub fn fit(checkpoints: &[Checkpoint]) -> Option<Self> {
        if checkpoints.len() < Self::LEAST_CHECKPOINTS {
            return None;
        }
        let (early, settled) = checkpoints.split_at(checkpoints.len() / 4);
        let mut floors: Vec<Checkpoint> = lowest(early, EARLY_SEGMENTS).chain(lowest(settled, SEGMENTS)).collect();
        for i in (1..floors.len()).rev() {
            floors[i - 1].live = floors[i - 1].live.min(floors[i].live);
        }
        let once = floors.windows(2).filter(|pair| pair[0].live < pair[1].live).count() == 1;
        floors.drain(..EARLY_SEGMENTS);
        if once {
            return Some(Self { thousandths: 0, floors });
        }
        let mut slopes: Vec<i64> = Vec::with_capacity(SEGMENTS * (SEGMENTS - 1) / 2);
        for (i, early) in floors.iter().enumerate() {
            for late in &floors[i + 1..] {
                let iterations = i128::from(late.iteration) - i128::from(early.iteration);
                let rise = i128::from(late.live) - i128::from(early.live);
                // Saturates for slopes that no process has.
                slopes.push(i64::try_from(rise * 1_000 / iterations).unwrap_or(i64::MAX));
            }
        }
        slopes.sort_unstable();
        Some(Self { thousandths: slopes[(slopes.len() - 1) / 2], floors })
    }
}

/// The checkpoint of each segment after which the least was live.
fn lowest(checkpoints: &[Checkpoint], segments: usize) -> impl Iterator<Item = Checkpoint> {
    (0..segments).filter_map(move |segment| {
        let bounds = checkpoints.len() * segment / segments..checkpoints.len() * (segment + 1) / segments;
        checkpoints[bounds].iter().min_by_key(|checkpoint| checkpoint.live).copied()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fitted growth of `n` iterations after each of which `live(iteration)` bytes are live, in bytes per iteration.
    fn growth(n: u64, live: impl Fn(u64) -> i64) -> f64 {
        let checkpoints: Vec<_> = (1..=n).map(|iteration| Checkpoint { iteration, live: live(iteration) }).collect();
        Growth::fit(&checkpoints).expect("enough iterations").thousandths as f64 / 1_000.0
    }

    /// A number that looks random and is not.
    fn hash(i: u64) -> u64 {
        let mixed = (i ^ (i >> 3)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33
    }

    #[test]
    fn sixteen_bytes_an_iteration_are_seen_exactly() {
        assert_eq!(growth(2_000, |i| 16 * i as i64), 16.0);
        assert_eq!(growth(32, |i| 1_000_000 + 16 * i as i64), 16.0);
    }

    #[test]
    fn what_does_not_grow_has_no_growth() {
        assert_eq!(growth(2_000, |_| 123_456), 0.0);
        // Noise around a level: one request's buffers more or less.
        assert!(growth(2_000, |i| (hash(i) % 10_000) as i64).abs() < 0.5);
    }

    #[test]
    fn a_warm_up_inside_the_window_is_no_growth() {
        assert_eq!(growth(2_000, |i| 1_000 * i.min(500) as i64), 0.0);
        // Even one that lasts into the third of the segments: three floors of twelve.
        assert_eq!(growth(2_000, |i| 1_000 * i.min(860) as i64), 0.0);
    }

    #[test]
    fn a_sawtooth_is_no_growth_wherever_it_is_cut_off() {
        for period in [7, 50, 100, 333, 450] {
            for n in (1_900..2_000).step_by(13) {
                let found = growth(n, |i| 4_096 * (i % period) as i64);
                assert_eq!(found, 0.0, "period {period}, cut off at {n}");
            }
        }
    }

    #[test]
    fn a_leak_below_a_sawtooth_is_seen() {
        for period in [7, 50, 100] {
            let found = growth(2_000, |i| 16 * i as i64 + 4_096 * (i % period) as i64);
            assert!((14.0..=18.0).contains(&found), "period {period}: {found}");
        }
    }

    #[test]
    fn a_leak_into_a_doubling_container_is_seen() {
        let capacity = |elements: u64| elements.max(4).next_power_of_two() as i64;
        for n in [1_500, 2_000, 3_000, 10_000] {
            let found = growth(n, |i| 16 * capacity(i));
            assert!((8.0..=40.0).contains(&found), "{n}: {found}");
        }
    }

    #[test]
    fn a_leak_into_a_slab_that_grows_in_steps_is_seen() {
        let found = growth(2_000, |i| 4_096 * (i as i64 * 16 / 4_096));
        assert!((14.0..=18.0).contains(&found), "{found}");
    }

    #[test]
    fn a_container_that_doubles_once_late_is_no_growth() {
        assert_eq!(growth(2_000, |i| if i > 1_800 { 65_536 } else { 32_768 }), 0.0);
    }

    #[test]
    fn what_is_kept_once_is_no_growth_whenever_that_is() {
        for n in [32, 40, 2_000] {
            for since in 2..=n {
                assert_eq!(growth(n, |i| if i >= since { 256 } else { 0 }), 0.0, "{n} iterations, kept since {since}");
            }
        }
        // Three times is growth.
        assert!(growth(40, |i| 256 * (i / 12) as i64) > 15.0);
    }

    #[test]
    fn an_irregular_collector_is_no_growth_and_a_leak_below_it_is() {
        // Garbage of up to 60 iterations, collected at irregular moments.
        let garbage = |i: u64| {
            let since = (0..60).take_while(|back| !hash(i.saturating_sub(*back)).is_multiple_of(20)).count();
            since as i64 * 512
        };
        assert_eq!(growth(2_000, garbage), 0.0);
        let found = growth(2_000, |i| garbage(i) + 16 * i as i64);
        assert!((14.0..=18.0).contains(&found), "{found}");
    }

    #[test]
    fn what_shrinks_has_no_growth() {
        assert_eq!(growth(2_000, |i| -32 * i as i64), 0.0);
    }

    #[test]
    fn too_few_iterations_are_told_and_not_guessed() {
        let checkpoints: Vec<_> = (1..32).map(|iteration| Checkpoint { iteration, live: 0 }).collect();
        assert_eq!(Growth::LEAST_CHECKPOINTS, 32);
        assert_eq!(Growth::fit(&checkpoints), None);
    }

    #[test]
    fn the_points_that_were_used_are_told() {
        let checkpoints: Vec<_> =
            (1..=1_600).map(|iteration| Checkpoint { iteration, live: iteration as i64 }).collect();
        let floors = Growth::fit(&checkpoints).expect("enough").floors;
        assert_eq!(floors.len(), 12);
        assert_eq!(floors[0], Checkpoint { iteration: 401, live: 401 });
    }
}
