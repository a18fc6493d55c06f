//! How a number grows with the size of the input: a power law fitted through measurements at several sizes, and whether it
//! is one that was declared.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::bytes::group;
use crate::{Metric, Unit, Verdict};

/// A number measured at one size of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizePoint {
    /// The size: items, requests, rows.
    pub size: u64,
    /// What was measured, in the unit of its metric.
    pub value: i64,
}

/// How a number grows with the size of the input, the slowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// It does not: an exponent below 0.1, less than 1.26 times as much for ten times the size.
    Constant,
    /// More slowly than the input: an exponent below 0.8.
    Sublinear,
    /// As the input: an exponent up to 1.2.
    Linear,
    /// Faster than the input.
    Superlinear,
}

/// The growth of one metric with the size of the input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// What was measured.
    pub metric: Metric,
    /// The measurements, by size.
    pub points: Vec<SizePoint>,
    /// The `k` in `value ~ size^k`: the slope of the least squares line through the logarithms.
    pub exponent: f64,
    /// The slope of the least squares line through the values themselves: what one item more costs.
    pub per_item: f64,
}

/// The growth that a workload at several sizes was measured to have, beside the one that is declared for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredScaling {
    /// It may grow no faster.
    pub declared: Class,
    /// What was measured.
    pub found: Scaling,
}

impl DeclaredScaling {
    /// [`Verdict::Regressed`] when it grows faster than is declared, else [`Verdict::Within`].
    pub fn verdict(&self) -> Verdict {
        if self.found.class() > self.declared { Verdict::Regressed } else { Verdict::Within }
    }

    /// The least amount, in the metric's unit, that lies beyond the declaration when the largest size has it in addition, and every
    /// other size the part of it that [`growing_share`] says; `None` when no amount does.
    pub(crate) fn least_beyond(&self) -> Option<u64> {
        let is_beyond = |amount: u64| {
            let lifted = self.found.points.iter().map(|point| {
                let share = i64::try_from(growing_share(amount, point.size, self.largest())).unwrap_or(i64::MAX);
                SizePoint { value: point.value.saturating_add(share), ..*point }
            });
            Scaling::fit(self.found.metric, lifted).is_ok_and(|scaling| scaling.class() > self.declared)
        };
        // The exponent rises with the amount, towards 2: doubled until it is beyond, then halved.
        let mut beyond = (0..62).map(|power| 1_u64 << power).find(|&amount| is_beyond(amount))?;
        let mut within = 0;
        while beyond - within > 1 {
            let middle = within + (beyond - within) / 2;
            if is_beyond(middle) { beyond = middle } else { within = middle }
        }
        Some(beyond)
    }

    /// The largest size.
    fn largest(&self) -> u64 {
        self.found.points.last().map_or(0, |point| point.size)
    }
}

/// The part of an amount at the largest size that is made at this one, so that it grows with the square of the size: faster than any
/// class that gates.
pub fn growing_share(amount: u64, size: u64, largest: u64) -> u64 {
    let ratio = size as f64 / largest as f64;
    (amount as f64 * ratio * ratio).round() as u64
}

/// Why nothing can be fitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFitted {
    /// A line needs two points.
    #[error("growth needs measurements at two different sizes above 0 at least")]
    TooFewSizes,
    /// The logarithm of nothing is none.
    #[error("{metric} is {value} at size {size}: growth is fitted through numbers above 0")]
    NotPositive {
        /// What was measured.
        metric: Metric,
        /// At which size.
        size: u64,
        /// What it came to.
        value: i64,
    },
}

impl Scaling {
    /// Fits the growth of `metric` through measurements at two different sizes or more, in any order.
    ///
    /// # Errors
    /// When there are fewer sizes, or when a number is not above 0.
    pub fn fit(metric: Metric, points: impl IntoIterator<Item = SizePoint>) -> Result<Self, NotFitted> {
        let mut points: Vec<SizePoint> = points.into_iter().collect();
        points.sort_by_key(|point| point.size);
        match (points.first(), points.last()) {
            (Some(first), Some(last)) if first.size > 0 && first.size < last.size => {}
            _ => return Err(NotFitted::TooFewSizes),
        }
        if let Some(&SizePoint { size, value }) = points.iter().find(|point| point.value <= 0) {
            return Err(NotFitted::NotPositive { metric, size, value });
        }
        let values = points.iter().map(|point| (point.size as f64, point.value as f64));
        let exponent = slope(values.clone().map(|(size, value)| (size.ln(), value.ln())));
        Ok(Self { metric, exponent, per_item: slope(values), points })
    }

    /// What kind of growth that is.
    pub fn class(&self) -> Class {
        match self.exponent {
            exponent if exponent < 0.1 => Class::Constant,
            exponent if exponent < 0.8 => Class::Sublinear,
            exponent if exponent <= 1.2 => Class::Linear,
            _ => Class::Superlinear,
        }
    }

    /// The verdict in words, when it grows faster than was declared.
    pub fn beyond(&self, declared: Class) -> Option<String> {
        (self.class() > declared).then(|| format!("{} grows {self}, where {declared} growth was declared", self.metric))
    }
}

/// The slope of the least squares line.
fn slope(points: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let count = points.clone().count() as f64;
    let (x, y) = points.clone().fold((0.0, 0.0), |(sum_x, sum_y), (x, y)| (sum_x + x / count, sum_y + y / count));
    let (covariance, variance) = points.fold((0.0, 0.0), |(covariance, variance), (px, py)| {
        (covariance + (px - x) * (py - y), variance + (px - x) * (px - x))
    });
    covariance / variance
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Constant => "constant",
            Self::Sublinear => "sublinear",
            Self::Linear => "linear",
            Self::Superlinear => "superlinear",
        })
    }
}

impl fmt::Display for Scaling {
    /// `linearly (exponent 0.98, 6,874 B an item): 34.0 MiB at 5,000, 330.1 MiB at 50,000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.class() {
            Class::Constant => "not at all",
            Class::Sublinear => "more slowly than the input",
            Class::Linear => "linearly",
            Class::Superlinear => "faster than the input",
        };
        write!(f, "{how} (exponent {:.2}", self.exponent)?;
        if self.metric.unit() == Unit::Bytes {
            // Saturates for slopes that no process has.
            write!(f, ", {} an item", self.metric.unit().show(self.per_item.round() as i64))?;
        }
        f.write_str("): ")?;
        for (number, point) in self.points.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            write!(f, "{comma}{} at {}", self.metric.unit().show(point.value), group(point.size))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(points: &[(u64, i64)]) -> Result<Scaling, NotFitted> {
        Scaling::fit(Metric::PeakBytes, points.iter().map(|&(size, value)| SizePoint { size, value }))
    }

    #[track_caller]
    fn check(value: impl Fn(f64) -> f64, exponent: f64, class: Class) {
        for sizes in [&[5_000, 50_000, 500_000][..], &[100, 1_000], &[1, 2, 4, 8, 1_000]] {
            let points: Vec<(u64, i64)> = sizes.iter().map(|&size| (size, value(size as f64).round() as i64)).collect();
            let scaling = fit(&points).expect("enough sizes");
            assert!((scaling.exponent - exponent).abs() < 0.01, "{points:?}: {}", scaling.exponent);
            assert_eq!(scaling.class(), class, "{points:?}");
        }
    }

    #[test]
    fn a_power_law_has_its_exponent() {
        check(|_| 9.8e6, 0.0, Class::Constant);
        check(|size| 1e6 * size.powf(0.5), 0.5, Class::Sublinear);
        check(|size| 5_700.0 * size, 1.0, Class::Linear);
        check(|size| 10.0 * size * size, 2.0, Class::Superlinear);
    }

    #[test]
    fn noise_about_a_constant_is_constant() {
        let scaling = fit(&[(5_000, 9_800_000), (50_000, 10_700_000), (500_000, 10_300_000)]).expect("three sizes");
        assert_eq!((scaling.class(), scaling.beyond(Class::Constant)), (Class::Constant, None));
    }

    #[test]
    fn a_base_does_not_hide_what_grows() {
        let scaling = fit(&[(500_000, 60_000_000), (5_000, 10_500_000), (50_000, 15_000_000)]).expect("three sizes");
        assert_eq!(scaling.class(), Class::Sublinear);
        assert!((99.0..=101.0).contains(&scaling.per_item), "{}", scaling.per_item);
    }

    #[test]
    fn what_grows_faster_than_declared_is_told() {
        let scaling = fit(&[(5_000, 35 << 20), (50_000, 330 << 20)]).expect("two sizes");
        assert_eq!(
            scaling.beyond(Class::Constant).as_deref(),
            Some(
                "peak grows linearly (exponent 0.97, 6,874 B an item): 35.0 MiB at 5,000, 330.0 MiB at 50,000, \
                 where constant growth was declared"
            )
        );
        assert!(scaling.beyond(Class::Sublinear).is_some());
        assert_eq!(scaling.beyond(Class::Linear), None);
        assert_eq!(scaling.beyond(Class::Superlinear), None, "slower than declared is within");
    }

    #[test]
    fn the_least_that_lies_beyond_is_found_for_every_class_that_gates() {
        for (declared, value) in [(Class::Constant, 1_000_000), (Class::Sublinear, 1_000_000), (Class::Linear, 700)] {
            let of = |size: u64| if declared == Class::Linear { value * size as i64 } else { value };
            let found = fit(&[(5_000, of(5_000)), (50_000, of(50_000))]).expect("two sizes");
            let clean = DeclaredScaling { declared, found };
            assert_eq!(clean.verdict(), Verdict::Within);
            let least = clean.least_beyond().expect("it gates");
            let lifted = |amount: u64| {
                let at = |size| (size, of(size) + growing_share(amount, size, 50_000) as i64);
                DeclaredScaling { declared, found: fit(&[at(5_000), at(50_000)]).expect("two sizes") }.verdict()
            };
            assert_eq!(
                [lifted(least - 1), lifted(least)],
                [Verdict::Within, Verdict::Regressed],
                "{declared}: {least}"
            );
        }
        let found = fit(&[(5_000, 1), (50_000, 1)]).expect("two sizes");
        assert_eq!(DeclaredScaling { declared: Class::Superlinear, found }.least_beyond(), None);
    }

    #[test]
    fn shrinking_is_constant() {
        assert_eq!(fit(&[(1, 1_000), (1_000, 10)]).expect("two sizes").class(), Class::Constant);
    }

    #[test]
    fn nothing_is_fitted_through_too_little() {
        for points in [&[][..], &[(5, 1)], &[(5, 1), (5, 2)], &[(0, 1), (5, 2)]] {
            assert_eq!(fit(points), Err(NotFitted::TooFewSizes), "{points:?}");
        }
        let error = fit(&[(5, 1), (50, 0)]).expect_err("no logarithm");
        assert_eq!(error.to_string(), "peak is 0 at size 50: growth is fitted through numbers above 0");
    }
}
