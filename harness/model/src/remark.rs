//! What the numbers of the heap do not show, in words: growth of the process that no Rust code allocated.

use crate::{Comparison, Measurement, Metric, MetricComparison, Spread, Verdict, resident};

/// What a reader should know beside the numbers, a sentence each; usually nothing. C libraries' heaps, thread stacks, mapped files
/// and the kernel's memory for descriptors count against a container's limit and do not pass through a Rust allocator.
pub fn remarks(measurement: &Measurement, comparison: Option<&Comparison>) -> Vec<String> {
    let growth = Growth { measurement, comparison };
    growth.standing().into_iter().chain(growth.resident()).chain(growth.threads()).chain(growth.fds()).collect()
}

struct Growth<'a> {
    measurement: &'a Measurement,
    comparison: Option<&'a Comparison>,
}

impl Growth<'_> {
    fn now(&self, metric: Metric) -> Option<i64> {
        Some(self.measurement.spread(metric)?.median)
    }

    fn compared(&self, metric: Metric) -> Option<&MetricComparison> {
        self.comparison?.metric(metric)
    }

    /// What was accepted; 0 without a baseline, since all these metrics are growth over the window.
    fn accepted(&self, metric: Metric) -> i64 {
        self.compared(metric).map_or(0, |found| found.accepted.median)
    }

    fn heap_is_flat(&self) -> bool {
        let regressed = |metric| self.compared(metric).is_some_and(|found| found.verdict == Some(Verdict::Regressed));
        ![Metric::RetainedBytes, Metric::GrowthBytes].into_iter().any(regressed)
    }

    /// What a regression of what was there before the window can be told by.
    fn standing(&self) -> Option<String> {
        let found = self.compared(Metric::StandingBytes).filter(|found| found.verdict == Some(Verdict::Regressed))?;
        Some(format!(
            "{} more are held when the window opens: setup or the warm-up made them, and call sites are told of the window alone; \
             with less `.warm_up(..)`, more of the work is in it",
            found.metric.unit().show(found.change()),
        ))
    }

    /// Resident bytes that the heap at its peak does not explain, and that the baseline did not have.
    fn resident(&self) -> Option<String> {
        let (resident, peak) = (self.now(Metric::RssBytes)?, self.now(Metric::PeakBytes)?);
        let nothing = Spread { max: 0, median: 0, min: 0, samples: 0 };
        let accepted = self.compared(Metric::RssBytes).map_or(nothing, |found| found.accepted);
        let allowed = resident::allowed(resident::NOISE, &accepted, self.accepted(Metric::PeakBytes), peak);
        (resident > accepted.median && resident.abs_diff(accepted.median) > allowed).then(|| {
            let show = |bytes| Metric::RssBytes.unit().show(bytes);
            format!(
                "resident memory grew by {} while the Rust heap had {} at its peak: what grew was not allocated by Rust code, but \
                 by C libraries, mappings or thread stacks",
                show(resident),
                show(peak),
            )
        })
    }

    fn threads(&self) -> Option<String> {
        let more = self.more(Metric::Threads)?;
        Some(format!(
            "{} left running while the heap is flat: the stack of each is memory that no allocator counts",
            counted(more, "more thread was", "more threads were")
        ))
    }

    fn fds(&self) -> Option<String> {
        let more = self.more(Metric::Fds)?;
        Some(format!(
            "{} left open while the heap is flat: what the kernel buffers for sockets and files is memory of the container, too",
            counted(more, "more file descriptor was", "more file descriptors were")
        ))
    }

    /// By how much a count is above what was accepted, when the heap is not.
    fn more(&self, metric: Metric) -> Option<i64> {
        let more = self.now(metric)? - self.accepted(metric);
        (more > self.width(metric) && self.heap_is_flat()).then_some(more)
    }

    /// How far the accepted samples lay apart.
    fn width(&self, metric: Metric) -> i64 {
        i64::try_from(self.compared(metric).map_or(0, |found| found.accepted.width())).unwrap_or(i64::MAX)
    }
}

fn counted(count: i64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::tests::measurement;
    use crate::{Baseline, compare};

    const MIB: i64 = 1 << 20;

    fn sample(peak: i64, rss: i64, threads: i64, fds: i64) -> [(Metric, i64); 5] {
        [
            (Metric::PeakBytes, peak),
            (Metric::RetainedBytes, 0),
            (Metric::RssBytes, rss),
            (Metric::Threads, threads),
            (Metric::Fds, fds),
        ]
    }

    fn said(accepted: [(Metric, i64); 5], now: [(Metric, i64); 5]) -> Vec<String> {
        let baseline = Baseline::accept("s", "x", &measurement(&[&accepted]), None, None);
        let now = measurement(&[&now]);
        remarks(&now, Some(&compare(&now, &baseline)))
    }

    #[test]
    fn resident_memory_that_the_heap_explains_is_not_worth_a_word() {
        let calm = sample(100 * MIB, 100 * MIB, 0, 0);
        assert_eq!(said(calm, calm), [""; 0]);
        assert_eq!(said(calm, sample(100 * MIB, 128 * MIB, 0, 0)), [""; 0], "fragmentation");
        assert_eq!(said(calm, sample(300 * MIB, 310 * MIB, 0, 0)), [""; 0], "the peak regressed, and says so itself");
    }

    #[test]
    fn resident_memory_outside_of_the_heap_is_told() {
        let remarks = said(sample(MIB, 2 * MIB, 0, 0), sample(MIB, 50 * MIB, 0, 0));
        assert_eq!(
            remarks,
            [
                "resident memory grew by 50.0 MiB while the Rust heap had 1.0 MiB at its peak: what grew was not allocated by Rust \
              code, but by C libraries, mappings or thread stacks"
            ]
        );
        let known = sample(MIB, 50 * MIB, 0, 0);
        assert_eq!(said(known, known), [""; 0], "somebody accepted it");
        assert_eq!(remarks.len(), super::remarks(&measurement(&[&known]), None).len(), "without a baseline");
    }

    #[test]
    fn threads_and_descriptors_without_heap_are_told() {
        let calm = sample(MIB, MIB, 1, 2);
        assert_eq!(said(calm, calm), [""; 0]);
        let remarks = said(calm, sample(MIB, MIB, 2, 12));
        assert!(remarks[0].starts_with("1 more thread was left running while the heap is flat"), "{remarks:?}");
        assert!(
            remarks[1].starts_with("10 more file descriptors were left open while the heap is flat"),
            "{remarks:?}"
        );
        let mut leaking = sample(MIB, MIB, 2, 12);
        leaking[1].1 = 10 * MIB;
        assert_eq!(said(calm, leaking), [""; 0], "the heap grew, and says so itself");
    }
}
