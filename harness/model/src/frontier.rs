//! The accepted frontier of a curve, and whether today's points hold it. Where its text is kept is the baseline store's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::baseline::{parse_text, to_text};
use crate::compare::build_differences;
use crate::{
    Baseline, BaselineError, Curve, CurvePoint, Difference, Provenance, Runtime, Setting, Spread, Tolerance, Verdict,
    Workload,
};

/// The frontier of one curve on one target, as somebody accepted it. As text it has the form of a [`Baseline`]: times are in it only as
/// multiples of one another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frontier {
    /// The version of this form; [`Frontier::FORMAT`] in what this version writes.
    pub format: u32,
    /// The curve's name.
    pub curve: String,
    /// The accepted points, the smallest peak first.
    pub points: Vec<AcceptedPoint>,
    /// How the measured binary was built.
    pub provenance: Provenance,
    /// Why it was accepted the last time that somebody said so; `first baseline` for the first.
    pub reason: String,
    /// The setting of the point whose time the others are multiples of.
    pub reference: Setting,
}

/// One accepted point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedPoint {
    /// The scenario that measures it.
    pub name: String,
    /// The samples of its peak that were accepted.
    pub peak: Spread,
    /// The time of its window, in thousandths of that of the reference.
    pub ratio: u64,
    /// The median of its peak when it was last accepted with a reason.
    pub reasoned: i64,
    /// What was set.
    pub setting: Setting,
    /// How far the peak might move when it was accepted.
    pub tolerance: Tolerance,
    /// What was run.
    pub workload: Workload,
}

/// Today's points beside the accepted frontier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontierComparison {
    /// What makes the two incomparable; empty when they can be compared.
    pub differences: Vec<Difference>,
    /// Every accepted point that is held or lost; empty when the two are incomparable.
    pub points: Vec<PointComparison>,
    /// [`Verdict::Within`], [`Verdict::Improved`], [`Verdict::Regressed`] or [`Verdict::Incomparable`].
    pub verdict: Verdict,
}

/// One accepted point and what is there of it today.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointComparison {
    /// The accepted point.
    pub accepted: AcceptedPoint,
    /// How far its peak may move, in bytes.
    pub allowed: u64,
    /// Another point that holds no more and is no slower, where the accepted one does not hold by itself.
    pub held_by: Option<Setting>,
    /// Its peak today.
    pub peak: Spread,
    /// Its time today, in thousandths of that of the reference.
    pub ratio: u64,
    /// Whether the frontier holds at this point.
    pub verdict: Verdict,
}

impl Frontier {
    /// The form that this version reads and writes.
    pub const FORMAT: u32 = 1;

    /// Accepts the frontier of a curve. What was last accepted of a point with a reason is kept, unless this has one; a lower peak
    /// lowers it.
    ///
    /// # Panics
    /// When the curve has not the point that it names as its reference.
    pub fn accept(curve: &Curve, previous: Option<&Self>, reason: Option<&str>) -> Self {
        let reference = curve.references().next().expect("a curve has the point that it refers to");
        let point = |point: &CurvePoint| {
            let now = point.peak.median;
            let before = previous.and_then(|previous| previous.point(&point.name)).filter(|_| reason.is_none());
            AcceptedPoint {
                name: point.name.clone(),
                peak: point.peak,
                ratio: point.ratio(reference),
                reasoned: before.map_or(now, |before| before.reasoned.min(now)),
                setting: point.setting.clone(),
                tolerance: point.tolerance,
                workload: point.workload.clone(),
            }
        };
        let last = previous.map(|previous| previous.reason.as_str());
        Self {
            format: Self::FORMAT,
            curve: curve.name.clone(),
            points: curve.frontier().into_iter().map(point).collect(),
            provenance: curve.provenance.clone(),
            reason: reason.or(last).unwrap_or(Baseline::FIRST).to_owned(),
            reference: reference.setting.clone(),
        }
    }

    /// The accepted point of this name.
    pub fn point(&self, name: &str) -> Option<&AcceptedPoint> {
        self.points.iter().find(|point| point.name == name)
    }

    /// The settings of the points that have to be measured to compare with it, by the names of their scenarios: its own, and the one
    /// whose time is the unit.
    pub fn needed(&self) -> BTreeMap<String, Setting> {
        let of_points = self.points.iter().map(|point| &point.setting);
        of_points.chain([&self.reference]).map(|setting| (setting.scenario(&self.curve), setting.clone())).collect()
    }

    /// Reads the text of an accepted frontier.
    ///
    /// # Errors
    /// When the text is malformed or of a newer format.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        parse_text(text, Self::FORMAT)
    }

    /// The text of the frontier, with a final newline.
    pub fn to_text(&self) -> String {
        to_text(self)
    }

    /// Whether today's points hold the frontier: every accepted point holds when its peak rose by no more than it may, or when
    /// another point has come to hold no more and be no slower. A `slower` makes time gate as well: by so much, as a fraction, a
    /// point's time may rise as a multiple of the reference's.
    pub fn compare(&self, now: &[CurvePoint], provenance: &Provenance, slower: Option<f64>) -> FrontierComparison {
        let find = |name: &str| now.iter().find(|point| point.name == name);
        let mut differences = build_differences(&self.provenance, provenance);
        let missing = |name: &str| Difference {
            field: format!("point {name}"),
            accepted: "measured".to_owned(),
            now: "absent".to_owned(),
        };
        let name = self.reference.scenario(&self.curve);
        let Some(reference) = find(&name) else {
            differences.push(missing(&name));
            return FrontierComparison { differences, points: Vec::new(), verdict: Verdict::Incomparable };
        };
        let same_code_below =
            self.provenance.rustc == provenance.rustc && self.provenance.allocator == provenance.allocator;
        let mut points = Vec::new();
        for accepted in &self.points {
            let Some(point) = find(&accepted.name) else {
                differences.push(missing(&accepted.name));
                continue;
            };
            if point.workload != accepted.workload {
                differences.push(Difference {
                    field: format!("workload of {}", accepted.name),
                    accepted: "another".to_owned(),
                    now: "changed".to_owned(),
                });
                continue;
            }
            points.push(self.compare_point(accepted, point, reference, now, same_code_below, slower));
        }
        let verdict = if differences.is_empty() {
            // `Verdict` is ordered by how much it asks of the reader.
            points.iter().map(|point| point.verdict).max().unwrap_or(Verdict::Within)
        } else {
            points.clear();
            Verdict::Incomparable
        };
        FrontierComparison { differences, points, verdict }
    }

    fn compare_point(
        &self,
        accepted: &AcceptedPoint,
        point: &CurvePoint,
        reference: &CurvePoint,
        now: &[CurvePoint],
        same_code_below: bool,
        slower: Option<f64>,
    ) -> PointComparison {
        let tolerance = point.tolerance;
        let exact = !tolerance.declared
            && same_code_below
            && accepted.peak.is_steady()
            && !matches!(accepted.workload.runtime, Runtime::MultiThread(_));
        let allowed = if exact { 0 } else { tolerance.allowed(&accepted.peak) };
        let since_reasoned = if exact { 0 } else { tolerance.alone(accepted.reasoned).max(accepted.peak.width()) };
        let ceiling = accepted
            .peak
            .median
            .saturating_add_unsigned(allowed)
            .min(accepted.reasoned.saturating_add_unsigned(since_reasoned));
        let ratio = point.ratio(reference);
        let in_time = |ratio: u64, slower: f64| ratio as f64 <= accepted.ratio as f64 * (1.0 + slower);
        let holds = point.peak.median <= ceiling && slower.is_none_or(|slower| in_time(ratio, slower));
        let other = || {
            now.iter().find(|other| {
                other.name != accepted.name
                    && other.peak.median <= ceiling
                    && in_time(other.ratio(reference), slower.unwrap_or(0.0))
            })
        };
        let held_by = if holds { None } else { other().map(|other| other.setting.clone()) };
        let fell = accepted.peak.median.saturating_sub(point.peak.median);
        let verdict = match (holds, &held_by) {
            (true, _) if fell > 0 && fell.unsigned_abs() > allowed => Verdict::Improved,
            (true, _) | (false, Some(_)) => Verdict::Within,
            (false, None) => Verdict::Regressed,
        };
        PointComparison { accepted: accepted.clone(), allowed, held_by, peak: point.peak, ratio, verdict }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::tests::{curve, point};

    /// Three points of which `b` is dominated; `a` is the reference.
    fn accepted() -> Frontier {
        Frontier::accept(
            &curve(vec![point("a", 1_000, 100), point("b", 2_000, 100), point("c", 3_000, 50)]),
            None,
            None,
        )
    }

    fn check(now: &[CurvePoint], slower: Option<f64>, expect: Verdict) -> FrontierComparison {
        let comparison = accepted().compare(now, &Provenance::default(), slower);
        assert_eq!(comparison.verdict, expect, "{comparison:?}");
        comparison
    }

    #[test]
    fn the_frontier_survives_its_text_and_has_no_time_but_as_a_multiple() {
        let accepted = accepted();
        assert_eq!(Frontier::parse(&accepted.to_text()), Ok(accepted.clone()));
        assert_eq!(accepted.points.iter().map(|point| point.ratio).collect::<Vec<_>>(), [1_000, 500]);
        assert!(!accepted.to_text().contains("micros"));
        assert_eq!(accepted.needed().into_keys().collect::<Vec<_>>(), ["c.s.k-a", "c.s.k-c"]);
        let newer = accepted.to_text().replacen("\"format\": 1", "\"format\": 7", 1);
        assert!(matches!(Frontier::parse(&newer), Err(BaselineError::NewerFormat { found: 7, supported: 1 })));
    }

    #[test]
    fn memory_gates_and_time_does_not() {
        check(&[point("a", 1_000, 100), point("c", 3_300, 90)], None, Verdict::Within);
        check(&[point("a", 1_000, 100), point("c", 3_301, 50)], None, Verdict::Regressed);
        check(&[point("a", 1_000, 100), point("c", 2_699, 50)], None, Verdict::Improved);
    }

    #[test]
    fn time_gates_when_asked() {
        check(&[point("a", 1_000, 200), point("c", 3_000, 100)], Some(0.1), Verdict::Within);
        check(&[point("a", 1_000, 100), point("c", 3_000, 56)], Some(0.1), Verdict::Regressed);
    }

    #[test]
    fn a_point_is_held_by_another_that_is_better() {
        let now = [point("a", 1_000, 100), point("c", 9_000, 50), point("d", 2_000, 50)];
        let comparison = check(&now, None, Verdict::Within);
        assert_eq!(comparison.points[1].held_by, Some(now[2].setting.clone()));
        let slower = [point("a", 1_000, 100), point("c", 9_000, 50), point("d", 2_000, 51)];
        check(&slower, None, Verdict::Regressed);
    }

    #[test]
    fn what_is_missing_or_another_workload_cannot_be_compared() {
        check(&[point("a", 1_000, 100)], None, Verdict::Incomparable);
        check(&[point("c", 1_000, 100)], None, Verdict::Incomparable);
        let mut other = point("c", 3_000, 50);
        other.workload.iterations = 2;
        check(&[point("a", 1_000, 100), other], None, Verdict::Incomparable);
        let release = Provenance { profile: "release".into(), ..Provenance::default() };
        let now = [point("a", 1_000, 100), point("c", 3_000, 50)];
        let comparison = accepted().compare(&now, &release, None);
        assert_eq!(comparison.differences[0].field, "provenance.profile");
    }

    #[test]
    fn an_undeclared_tolerance_of_steady_samples_is_exact() {
        let undeclared = |value: &str, peak, micros| CurvePoint {
            tolerance: Tolerance { declared: false, ..Tolerance::new(0.1, 0) },
            ..point(value, peak, micros)
        };
        let accepted = Frontier::accept(&curve(vec![undeclared("a", 1_000, 100)]), None, None);
        let verdict = |peak| accepted.compare(&[undeclared("a", peak, 100)], &Provenance::default(), None).verdict;
        assert_eq!(verdict(1_000), Verdict::Within);
        assert_eq!(verdict(1_001), Verdict::Regressed);
    }

    #[test]
    fn small_steps_add_up_until_there_is_a_reason() {
        let at = |peak| curve(vec![point("a", peak, 100)]);
        let step = Frontier::accept(&at(1_090), Some(&Frontier::accept(&at(1_000), None, None)), None);
        assert_eq!((step.points[0].peak.median, step.points[0].reasoned), (1_090, 1_000));
        let verdict =
            |frontier: &Frontier, peak| frontier.compare(&at(peak).points, &Provenance::default(), None).verdict;
        assert_eq!(verdict(&step, 1_101), Verdict::Regressed, "within 10 % of 1,090, and not of 1,000");
        let meant = Frontier::accept(&at(1_090), Some(&step), Some("wider rows"));
        assert_eq!(verdict(&meant, 1_101), Verdict::Within);
        assert_eq!(meant.reason, "wider rows");
    }
}
