//! Time against peak memory over the knobs of a workload: what a sweep measured, and which of its points are worth having. What is
//! accepted of it is `frontier`'s.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Bytes, Measurement, Metric, Provenance, Spread, Tolerance, Workload};

/// What one sweep measured: the file `curves/<name>.json` under `highwater` in the target directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// The version of this form, [`Curve::FORMAT`].
    pub format: u32,
    /// The curve's name.
    pub name: String,
    /// The file of its accepted frontier, from the workspace's root.
    pub baseline: String,
    /// The memory limit of the container that the workload runs in, if its author said one.
    pub limit: Option<Bytes>,
    /// What a reader of the numbers should know, a sentence each, such as the factor by which time is scaled.
    pub notes: Vec<String>,
    /// At least one, in the order of their declaration.
    pub points: Vec<CurvePoint>,
    /// How the measured binary was built.
    pub provenance: Provenance,
    /// The names of the points that others are told as multiples of, at least one; times of the first make those of the accepted
    /// frontier comparable.
    pub references: Vec<String>,
}

/// One setting of the knobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurvePoint {
    /// The scenario that measures it, unique in all curves of a workspace: see [`Setting::scenario`].
    pub name: String,
    /// What was set.
    pub setting: Setting,
    /// Wall time of the window, in microseconds.
    pub micros: Spread,
    /// Peak bytes of the window.
    pub peak: Spread,
    /// The most that was resident, in bytes, where the system tells it.
    pub resident: Option<Spread>,
    /// How far the peak may move.
    pub tolerance: Tolerance,
    /// What was run.
    pub workload: Workload,
}

/// What distinguishes a point from the others of its curve.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// The knobs that are not as they are by default, each with its value; none for the series' default.
    pub knobs: BTreeMap<String, String>,
    /// What is drawn as one line: a strategy.
    pub series: String,
}

impl Setting {
    /// The name of the scenario that measures this point: `curve.series.knob-value`, with the knobs in order.
    pub fn scenario(&self, curve: &str) -> String {
        let knobs = self.knobs.iter().map(|(knob, value)| format!(".{knob}-{value}"));
        format!("{curve}.{}{}", self.series, knobs.collect::<String>())
    }

    /// The knobs alone: `batch_size=100 page_size=500`; `default` when there are none.
    pub fn shown_knobs(&self) -> String {
        let knobs: Vec<String> = self.knobs.iter().map(|(knob, value)| format!("{knob}={value}")).collect();
        if knobs.is_empty() { "default".to_owned() } else { knobs.join(" ") }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.series)?;
        self.knobs.iter().try_for_each(|(knob, value)| write!(f, " {knob}={value}"))
    }
}

impl CurvePoint {
    /// The point of this setting; `None` when a sample did not tell its peak.
    pub fn new(curve: &str, setting: Setting, measurement: &Measurement) -> Option<Self> {
        let micros: Vec<i64> =
            measurement.samples.iter().map(|sample| i64::try_from(sample.window_micros).unwrap_or(i64::MAX)).collect();
        Some(Self {
            name: setting.scenario(curve),
            setting,
            micros: Spread::of(&micros)?,
            peak: measurement.spread(Metric::PeakBytes)?,
            resident: measurement.spread(Metric::RssPeakBytes),
            tolerance: measurement
                .tolerances
                .get(&Metric::PeakBytes)
                .copied()
                .or(Tolerance::default_for(Metric::PeakBytes))?,
            workload: measurement.workload.clone(),
        })
    }

    /// Its time in thousandths of another's.
    pub fn ratio(&self, reference: &Self) -> u64 {
        thousandths(self.micros.median, reference.micros.median)
    }

    /// Its peak in thousandths of another's.
    pub fn peak_ratio(&self, reference: &Self) -> u64 {
        thousandths(self.peak.median, reference.peak.median)
    }
}

fn thousandths(part: i64, whole: i64) -> u64 {
    let (part, whole) = (part.max(0).unsigned_abs(), whole.max(1).unsigned_abs());
    u64::try_from(u128::from(part) * 1_000 / u128::from(whole)).unwrap_or(u64::MAX)
}

/// A text that is no curve.
#[derive(Debug, thiserror::Error)]
pub enum CurveError {
    /// It is not JSON of this form.
    #[error("it is not a curve of this version of highwater: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Another version of highwater wrote it.
    #[error("it has format {found}, and this version of highwater reads {supported}")]
    OtherFormat {
        /// The format it has.
        found: u32,
        /// The format that is read.
        supported: u32,
    },
}

impl Curve {
    /// The form that this version reads and writes.
    pub const FORMAT: u32 = 1;

    /// Who holds more than another has to be faster by so much, in percent of that one's time, to be worth it: less is within
    /// what times move by themselves.
    pub const WORTH_PERCENT: i64 = 2;

    /// The points that are worth having: for each, nobody holds less and is about as fast. The smallest peak comes first; from
    /// one to the next, the time falls by at least [`WORTH_PERCENT`](Self::WORTH_PERCENT).
    pub fn frontier(&self) -> Vec<&CurvePoint> {
        let mut sorted: Vec<&CurvePoint> = self.points.iter().collect();
        sorted.sort_by_key(|point| (point.peak.median, point.micros.median));
        let mut frontier: Vec<&CurvePoint> = Vec::new();
        for point in sorted {
            let is_worth = |last: &&CurvePoint| {
                let faster = last.micros.median.saturating_sub(point.micros.median);
                faster > 0
                    && i128::from(faster) * 100 >= i128::from(last.micros.median) * i128::from(Self::WORTH_PERCENT)
            };
            if frontier.last().is_none_or(is_worth) {
                frontier.push(point);
            }
        }
        frontier
    }

    /// The point of this name.
    pub fn point(&self, name: &str) -> Option<&CurvePoint> {
        self.points.iter().find(|point| point.name == name)
    }

    /// The points that others are told as multiples of.
    pub fn references(&self) -> impl Iterator<Item = &CurvePoint> {
        self.references.iter().filter_map(|name| self.point(name))
    }

    /// Reads the text of a curve.
    ///
    /// # Errors
    /// When the text is malformed or of another format.
    pub fn parse(text: &str) -> Result<Self, CurveError> {
        let curve: Self = serde_json::from_str(text)?;
        if curve.format != Self::FORMAT {
            return Err(CurveError::OtherFormat { found: curve.format, supported: Self::FORMAT });
        }
        Ok(curve)
    }

    /// The text of the curve, with a final newline.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a curve has string keys and finite numbers only");
        text.push('\n');
        text
    }
}

/// The fastest of these whose peak was never above the limit.
pub fn fastest_within<P>(
    points: &[P],
    limit: Bytes,
    peak: impl Fn(&P) -> Spread,
    time: impl Fn(&P) -> i64,
) -> Option<&P> {
    let fits = |point: &&P| u64::try_from(peak(point).max).is_ok_and(|most| most <= limit.0);
    points.iter().filter(fits).min_by_key(|point| (time(point), peak(point).max))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Runtime;

    pub(crate) fn setting(series: &str, knobs: &[(&str, &str)]) -> Setting {
        let knobs = knobs.iter().map(|(knob, value)| ((*knob).to_owned(), (*value).to_owned())).collect();
        Setting { series: series.to_owned(), knobs }
    }

    fn steady(value: i64) -> Spread {
        Spread { max: value, median: value, min: value, samples: 10 }
    }

    /// A point of series `s` with this value of the knob `k`.
    pub(crate) fn point(value: &str, peak: i64, micros: i64) -> CurvePoint {
        let setting = setting("s", &[("k", value)]);
        CurvePoint {
            name: setting.scenario("c"),
            setting,
            micros: steady(micros),
            peak: steady(peak),
            resident: None,
            tolerance: Tolerance::new(0.1, 0),
            workload: Workload { iterations: 1, runtime: Runtime::Sync, services: BTreeMap::new(), warm_up: 0 },
        }
    }

    pub(crate) fn curve(points: Vec<CurvePoint>) -> Curve {
        Curve {
            format: Curve::FORMAT,
            name: "c".into(),
            baseline: "baselines/curves/c/t.json".into(),
            limit: None,
            notes: Vec::new(),
            references: vec![points[0].name.clone()],
            points,
            provenance: Provenance::default(),
        }
    }

    #[test]
    fn a_curve_survives_its_text() {
        let curve = curve(vec![point("1", 10, 20)]);
        assert_eq!(Curve::parse(&curve.to_text()).unwrap(), curve);
        let other = curve.to_text().replacen("\"format\": 1", "\"format\": 2", 1);
        assert!(matches!(Curve::parse(&other), Err(CurveError::OtherFormat { found: 2, supported: 1 })));
    }

    #[test]
    fn a_point_is_named_by_its_setting() {
        let setting = setting("paged", &[("page_size", "100"), ("batch_size", "50")]);
        assert_eq!(setting.scenario("ats-sync"), "ats-sync.paged.batch_size-50.page_size-100");
        assert_eq!(setting.to_string(), "paged batch_size=50 page_size=100");
        assert_eq!(super::tests::setting("paged", &[]).shown_knobs(), "default");
    }

    #[test]
    fn the_frontier_is_what_nobody_beats_in_both() {
        let check = |points: &[(&str, i64, i64)], expect: &[&str]| {
            let curve = curve(points.iter().map(|(knob, peak, micros)| point(knob, *peak, *micros)).collect());
            let found: Vec<&str> = curve.frontier().iter().map(|point| point.setting.knobs["k"].as_str()).collect();
            assert_eq!(found, expect, "{points:?}");
        };
        check(&[("a", 10, 100)], &["a"]);
        check(&[("a", 30, 50), ("b", 10, 100), ("c", 20, 80)], &["b", "c", "a"]);
        check(&[("a", 10, 100), ("b", 20, 100), ("c", 20, 120), ("d", 30, 50)], &["a", "d"]);
        check(&[("slower", 10, 101), ("faster", 10, 100)], &["faster"]);
        // A little faster is no reason to hold more.
        check(&[("a", 10, 1_000), ("b", 20, 981), ("c", 30, 980)], &["a", "c"]);
        check(&[("a", 10, 0), ("b", 20, 0)], &["a"]);
    }

    #[test]
    fn the_fastest_that_fits_is_recommended() {
        let points = [point("a", 10, 100), point("b", 20, 50), point("c", 30, 20)];
        let check = |limit, expect: Option<&str>| {
            let found = fastest_within(&points, Bytes(limit), |point| point.peak, |point| point.micros.median);
            assert_eq!(found.map(|point| point.setting.knobs["k"].as_str()), expect, "{limit}");
        };
        check(9, None);
        check(10, Some("a"));
        check(29, Some("b"));
        check(1_000, Some("c"));
        let spiky = CurvePoint { peak: Spread { max: 40, ..steady(30) }, ..point("c", 30, 20) };
        let spiky = [spiky];
        let found = fastest_within(&spiky, Bytes(30), |point| point.peak, |point| point.micros.median);
        assert_eq!(found, None, "no sample may have been above");
    }

    #[test]
    fn ratios_are_in_thousandths() {
        assert_eq!(point("a", 10, 150).ratio(&point("b", 20, 100)), 1_500);
        assert_eq!(point("a", 10, 150).peak_ratio(&point("b", 20, 100)), 500);
        assert_eq!(point("a", 10, 150).ratio(&point("b", 20, 0)), 150_000, "too fast for the clock");
    }
}
