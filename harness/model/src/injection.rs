//! A regression that the harness makes on purpose, so that the gate can be seen to fire, and how large it has to be for that.
//! Making it is the child's.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Comparison, DeclaredScaling, Metric, MetricComparison, Unit, growing_share};

/// A regression that the harness makes inside the window of a run, beside the workload and without touching it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Injection {
    /// What is made.
    pub kind: InjectionKind,
    /// How much of it, in the kind's unit.
    pub size: u64,
}

/// What an [`Injection`] makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InjectionKind {
    /// A block of so many bytes that is kept after each iteration.
    Leak,
    /// So many bytes more than the run's own peak, made after the last iteration and given back.
    Spike,
    /// So many blocks of one byte that are kept after the first iteration.
    Blocks,
    /// So many threads that never end, started after the first iteration.
    Threads,
    /// So many file descriptors that are never closed, opened after the first iteration.
    Fds,
    /// So many tasks of the scenario's tokio runtime that never end, started after the first iteration.
    Tasks,
    /// So many bytes that are kept when setup is over, before the window opens.
    Standing,
    /// So many bytes from the system's allocator, past every counter, that are written to and kept after the first iteration.
    Foreign,
}

/// More bytes past the counters are not taken from the machine.
const MOST_FOREIGN: u64 = 1 << 30;

impl InjectionKind {
    /// Every kind, in the order of tables.
    pub const ALL: [Self; 8] =
        [Self::Leak, Self::Spike, Self::Blocks, Self::Threads, Self::Fds, Self::Tasks, Self::Standing, Self::Foreign];

    /// Every kind in the same order, those together that one run can make: of threads, file descriptors, tasks, what was kept before the
    /// window and what no counter sees, none moves the metric of another. What lives on the heap in the window does, and has a run of its
    /// own.
    pub const RUNS: [&[Self]; 4] = [
        &[Self::Leak],
        &[Self::Spike],
        &[Self::Blocks],
        &[Self::Threads, Self::Fds, Self::Tasks, Self::Standing, Self::Foreign],
    ];

    /// The metric that has to convict it: of a leak growth where that is told and gated, otherwise the retained bytes.
    const fn metric(self, growth_is_gated: bool) -> Metric {
        match self {
            Self::Leak if growth_is_gated => Metric::GrowthBytes,
            Self::Leak => Metric::RetainedBytes,
            Self::Spike => Metric::PeakBytes,
            Self::Blocks => Metric::RetainedBlocks,
            Self::Threads => Metric::Threads,
            Self::Fds => Metric::Fds,
            Self::Tasks => Metric::Tasks,
            Self::Standing => Metric::StandingBytes,
            Self::Foreign => Metric::RssBytes,
        }
    }
}

impl fmt::Display for InjectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Leak => "leak",
            Self::Spike => "spike",
            Self::Blocks => "blocks",
            Self::Threads => "threads",
            Self::Fds => "fds",
            Self::Tasks => "tasks",
            Self::Standing => "standing",
            Self::Foreign => "foreign",
        })
    }
}

impl Injection {
    /// The smallest injection of this kind that cannot hide in a scenario of so many iterations whose clean run came out like
    /// this, and the metric that has to convict it.
    ///
    /// A clean run may lie as far below the accepted number as the metric may move, and has to be lifted that far above it: by
    /// `2 * allowed + 1` of the metric's unit. Resident bytes may fall further, and are lifted from where the clean run left them. For a
    /// leak this is divided among the iterations, and rounded up to whole bytes.
    ///
    /// # Errors
    /// When no size could be convicted, because the metric is not gated, or not measured here, or may move any distance; or when it
    /// would take more of the machine's memory than is reasonable.
    pub fn smallest(
        kind: InjectionKind,
        iterations: u64,
        clean: &Comparison,
    ) -> Result<(Self, &MetricComparison), NotGated> {
        let growth_is_gated = clean.metric(Metric::GrowthBytes).is_some_and(|growth| growth.allowed.is_some());
        let metric = kind.metric(growth_is_gated);
        let compared = clean.metric(metric).ok_or(NotGated::NotMeasured(metric))?;
        let allowed = compared.allowed.ok_or(NotGated::ShownOnly(metric))?;
        let below = u64::try_from(compared.change().saturating_neg()).unwrap_or(0).max(allowed);
        // More than an i64 no metric can show.
        let beyond = allowed.checked_add(below).filter(|both| *both < i64::MAX.unsigned_abs());
        let beyond = beyond.ok_or(NotGated::AnyMovement(metric))? + 1;
        if kind == InjectionKind::Foreign && beyond > MOST_FOREIGN {
            return Err(NotGated::TooLarge(metric));
        }
        let size = match (kind, metric.unit()) {
            (_, Unit::BytesPerIteration) => beyond.div_ceil(1_000),
            (InjectionKind::Leak, _) => beyond.div_ceil(iterations),
            _ => beyond,
        };
        Ok((Self { kind, size }, compared))
    }

    /// The smallest injection that cannot hide in a workload at several sizes whose clean run came out like this, and the metric that
    /// has to convict it. It is the one of the largest size; [`at_size`](Self::at_size) is that of another.
    ///
    /// # Errors
    /// When no size could be convicted, or nothing that is injected moves the metric.
    pub fn smallest_at_sizes(clean: &DeclaredScaling) -> Result<(Self, Metric), NotGated> {
        let metric = clean.found.metric;
        // A leak's size is an iteration's, and the largest workload's resident bytes may be more than the machine has to spare.
        let mut kinds =
            InjectionKind::ALL.into_iter().filter(|kind| !matches!(kind, InjectionKind::Leak | InjectionKind::Foreign));
        let kind = kinds.find(|kind| kind.metric(false) == metric).ok_or(NotGated::NotInjected(metric))?;
        let least = clean.least_beyond().ok_or(NotGated::AnyMovement(metric))?;
        // As for a scenario: the clean run may lie as far on one side as the injected one on the other.
        Ok((Self { kind, size: least.saturating_mul(2).saturating_add(1) }, metric))
    }

    /// The part of this injection at the largest size that is made at this one.
    #[must_use]
    pub fn at_size(self, size: u64, largest: u64) -> Self {
        Self { size: growing_share(self.size, size, largest), ..self }
    }

    /// The size with its unit: `16 B/iter`, `1 B`, `3`.
    pub fn shown_size(&self) -> String {
        match self.kind {
            InjectionKind::Leak => Unit::BytesPerIteration.show_amount(self.size.saturating_mul(1_000)),
            InjectionKind::Spike | InjectionKind::Standing | InjectionKind::Foreign => {
                Unit::Bytes.show_amount(self.size)
            }
            _ => Unit::Count.show_amount(self.size),
        }
    }
}

/// No injection of a kind could be convicted in a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotGated {
    /// The metric is not there: a scenario without a runtime has no tasks.
    #[error("{0} not measured in this scenario")]
    NotMeasured(Metric),
    /// The scenario has no tolerance for the metric.
    #[error("{0} not gated by this scenario")]
    ShownOnly(Metric),
    /// The tolerance is no bound.
    #[error("{0} may move any distance")]
    AnyMovement(Metric),
    /// A gigabyte would not do.
    #[error("{0} may move so far that more than 1 GiB would have to be injected")]
    TooLarge(Metric),
    /// Of a workload at several sizes: no injection that is made there is of this metric.
    #[error("nothing that is injected moves {0} alone")]
    NotInjected(Metric),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::tests::measurement;
    use crate::{Baseline, Class, Scaling, SizePoint, Tolerance, compare};

    /// A clean run of these metrics, after a change of its tolerances.
    fn clean(metrics: &[(Metric, i64)], change: impl Fn(&mut crate::Measurement)) -> Comparison {
        let mut run = measurement(&[metrics]);
        change(&mut run);
        compare(&run, &Baseline::accept("worker", "paged", &run, None, None))
    }

    fn gate(metric: Metric, allowed: u64) -> impl Fn(&mut crate::Measurement) {
        move |run| {
            run.tolerances.insert(metric, Tolerance { absolute: allowed, ..Tolerance::EXACT });
        }
    }

    fn check(kind: InjectionKind, iterations: u64, clean: &Comparison, metric: Metric, size: u64) {
        let (injection, compared) = Injection::smallest(kind, iterations, clean).unwrap();
        assert_eq!((injection.kind, injection.size, compared.metric), (kind, size, metric));
    }

    #[test]
    fn a_size_is_one_more_than_twice_what_is_allowed() {
        for (kind, metric) in [
            (InjectionKind::Spike, Metric::PeakBytes),
            (InjectionKind::Blocks, Metric::RetainedBlocks),
            (InjectionKind::Threads, Metric::Threads),
            (InjectionKind::Fds, Metric::Fds),
            (InjectionKind::Tasks, Metric::Tasks),
            (InjectionKind::Standing, Metric::StandingBytes),
            (InjectionKind::Foreign, Metric::RssBytes),
        ] {
            check(kind, 10, &clean(&[(metric, 7)], gate(metric, 0)), metric, 1);
            check(kind, 10, &clean(&[(metric, 7)], gate(metric, 20)), metric, 41);
        }
    }

    #[test]
    fn what_fell_further_than_it_may_rise_is_lifted_from_where_it_is() {
        let accepted = measurement(&[&[(Metric::PeakBytes, 100), (Metric::RssBytes, 900 << 20)]]);
        let baseline = Baseline::accept("worker", "paged", &accepted, None, None);
        let mut now = accepted.clone();
        now.samples[0].metrics.insert(Metric::RssBytes, 100 << 20);
        now.tolerances.insert(Metric::RssBytes, Tolerance::default_for(Metric::RssBytes).unwrap());
        let fallen = compare(&now, &baseline);
        let allowed = fallen.metric(Metric::RssBytes).unwrap().allowed.unwrap();
        check(InjectionKind::Foreign, 1, &fallen, Metric::RssBytes, allowed + (800 << 20) + 1);
        now.samples[0].metrics.insert(Metric::RssBytes, -(300 << 20));
        let refused = Injection::smallest(InjectionKind::Foreign, 1, &compare(&now, &baseline)).unwrap_err();
        assert_eq!(refused, NotGated::TooLarge(Metric::RssBytes));
    }

    #[test]
    fn every_kind_is_made_in_one_run_and_in_the_order_of_tables() {
        assert_eq!(InjectionKind::RUNS.concat(), InjectionKind::ALL);
    }

    #[test]
    fn a_leak_is_convicted_by_growth_in_whole_bytes() {
        let growth = |allowed| clean(&[(Metric::GrowthBytes, 0)], gate(Metric::GrowthBytes, allowed));
        check(InjectionKind::Leak, 100, &growth(0), Metric::GrowthBytes, 1);
        check(InjectionKind::Leak, 100, &growth(1_000), Metric::GrowthBytes, 3);
    }

    #[test]
    fn a_leak_that_growth_cannot_tell_is_convicted_by_the_retained_bytes() {
        let both = [(Metric::RetainedBytes, 0), (Metric::GrowthBytes, 0)];
        let retained = clean(&both[..1], gate(Metric::RetainedBytes, 50));
        check(InjectionKind::Leak, 10, &retained, Metric::RetainedBytes, 11);
        check(InjectionKind::Leak, 1, &retained, Metric::RetainedBytes, 101);
        let ungated = clean(&both, |run| {
            gate(Metric::RetainedBytes, 50)(run);
            run.tolerances.remove(&Metric::GrowthBytes);
        });
        check(InjectionKind::Leak, 100, &ungated, Metric::RetainedBytes, 2);
    }

    #[test]
    fn what_no_size_can_show_is_told_in_words() {
        let check = |clean: Comparison, said: &str| {
            let refused = Injection::smallest(InjectionKind::Fds, 10, &clean).unwrap_err();
            assert_eq!(refused.to_string(), said);
        };
        check(clean(&[(Metric::PeakBytes, 1)], |_| {}), "fds not measured in this scenario");
        let fds = [(Metric::Fds, 1)];
        let ungated = clean(&fds, |run| run.tolerances.retain(|metric, _| *metric != Metric::Fds));
        check(ungated, "fds not gated by this scenario");
        check(clean(&fds, gate(Metric::Fds, u64::MAX)), "fds may move any distance");
        check(clean(&fds, gate(Metric::Fds, i64::MAX.unsigned_abs() / 2 + 1)), "fds may move any distance");
    }

    #[test]
    fn what_is_injected_at_sizes_lies_beyond_the_declared_growth() {
        let at = |metric, [small, large]: [i64; 2]| {
            let points = [SizePoint { size: 10, value: small }, SizePoint { size: 100, value: large }];
            DeclaredScaling { declared: Class::Constant, found: Scaling::fit(metric, points).unwrap() }
        };
        let clean = at(Metric::PeakBytes, [1_000, 1_000]);
        let (injection, metric) = Injection::smallest_at_sizes(&clean).unwrap();
        assert_eq!((injection.kind, metric), (InjectionKind::Spike, Metric::PeakBytes));
        let [small, large] = [10, 100].map(|size| 1_000 + injection.at_size(size, 100).size as i64);
        assert!(small < 1_010 && at(metric, [small, large]).verdict() == crate::Verdict::Regressed, "{injection:?}");
        let (standing, _) = Injection::smallest_at_sizes(&at(Metric::StandingBytes, [1_000, 1_000])).unwrap();
        assert_eq!(standing.kind, InjectionKind::Standing);
        let refused = Injection::smallest_at_sizes(&at(Metric::TotalBytes, [1, 1])).unwrap_err();
        assert_eq!(refused, NotGated::NotInjected(Metric::TotalBytes));
    }

    #[test]
    fn a_size_is_shown_with_its_unit() {
        let shown = |kind, size| Injection { kind, size }.shown_size();
        assert_eq!(shown(InjectionKind::Leak, 16), "16 B/iter");
        assert_eq!(shown(InjectionKind::Spike, 20 << 20), "20.0 MiB");
        assert_eq!(shown(InjectionKind::Blocks, 1_025), "1,025");
    }
}
