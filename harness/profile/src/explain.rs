//! The sites that moved, in words: what a failing test prints; and those that hold most.

use std::cmp::Reverse;
use std::fmt::Write as _;

use highwater_model::{Amount, Engine, Metric, SiteChange, SiteDiff, SiteReport};

use crate::diff::change_of;
use crate::{Measure, Profile};

/// How many sites are named behind each metric of a regression.
const NAMED: usize = 8;

/// Of the largest change, what a site has to have changed by to be named.
const TELLING: u64 = 100;

/// How many of the functions that led to a site are named.
const CALLERS: usize = 6;

/// The sites that moved as text, largest first, at most `length`; empty when nothing moved. Those that changed by less than a
/// hundredth of the largest change are summed up with the others that are not named.
///
/// ```text
/// call sites by peak:
///   grew by 12.0 MiB, from 2.0 MiB in 10 blocks to 14.0 MiB in 70
///     worker::sync (async), src/sync.rs:42
///     calls alloc::vec::Vec::push
///     called by worker::run (async), worker::main
///   3 more grew, by 1,024 B
///   1.2 MiB more than these sites explain
/// ```
pub fn explain(diff: &SiteDiff, length: usize) -> String {
    let text = changes(diff, length);
    if text.is_empty() { text } else { format!("call sites by {}:\n{text}", diff.metric) }
}

fn changes(diff: &SiteDiff, length: usize) -> String {
    let kinds: [(&[SiteChange], Told, &str); 4] = [
        (&diff.grown, grew, "grew"),
        (&diff.appeared, appeared, "appeared"),
        (&diff.shrunk, shrank, "shrank"),
        (&diff.vanished, vanished, "vanished"),
    ];
    let size = |change: &SiteChange| change.change().unsigned_abs();
    let mut named: Vec<_> =
        kinds.iter().flat_map(|(list, told, _)| list.iter().map(move |change| (change, told))).collect();
    // Stable: among equals what grew comes first.
    named.sort_by_key(|(change, _)| Reverse(size(change)));
    let least = named.first().map_or(0, |(largest, _)| size(largest) / TELLING);
    named.retain(|(change, _)| size(change) >= least);
    named.truncate(length);

    let unit = diff.metric.unit();
    let mut text = String::new();
    for (change, told) in &named {
        let _ = writeln!(text, "  {}", told(change, &|bytes| unit.show(bytes)));
        site(&mut text, change);
    }
    for (list, _, verb) in kinds {
        let is_named = |change: &SiteChange| named.iter().any(|(named, _)| std::ptr::eq(*named, change));
        let others: Vec<u64> = list.iter().filter(|change| !is_named(change)).map(size).collect();
        if !others.is_empty() {
            let _ = writeln!(text, "  {} more {verb}, by {}", others.len(), unit.show_amount(others.iter().sum()));
        }
    }
    if diff.unexplained > 0 {
        let _ = writeln!(text, "  {} more than these sites explain", unit.show(diff.unexplained));
    }
    text
}

/// What is known of the call sites behind a regression, a line each.
pub fn explain_report(report: &SiteReport) -> Vec<String> {
    // What was live at the peak is often what is live at the end, and then said once.
    let mut told: Vec<(String, String)> = Vec::new();
    for diff in &report.diffs {
        let (metric, changes) = (diff.metric.to_string(), changes(diff, NAMED));
        match told.iter_mut().find(|(_, others)| *others == changes) {
            Some((metrics, _)) => *metrics = format!("{metrics} and {metric}"),
            None => told.push((metric, changes)),
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for (metrics, changes) in told.into_iter().filter(|(_, changes)| !changes.is_empty()) {
        lines.push(format!("call sites by {metrics}:"));
        lines.extend(changes.lines().map(str::to_owned));
    }
    lines.extend(report.notes.iter().cloned());
    if let Some(profile) = &report.profile {
        lines.push(format!("every call stack: {profile}"));
        if report.engine == Engine::Dhat {
            lines.push(
                "recorded by dhat, which is slow: `-C force-frame-pointers=yes` lets highwater record call stacks itself".to_owned(),
            );
        }
    }
    lines
}

/// The sites of a profile that hold most, largest first, at most `length` and then the sum of the others; empty when no site holds a
/// byte.
///
/// ```text
///   14.0 MiB in 70 blocks
///     worker::sync (async), src/sync.rs:42
///     calls alloc::vec::Vec::push
///     called by worker::run (async), worker::main
///   3 more hold 1.2 MiB
/// ```
pub fn largest(profile: &Profile, measure: Measure, length: usize) -> String {
    let unit = Metric::PeakBytes.unit();
    let all = profile.sites();
    let mut sites: Vec<_> = all.iter().filter(|site| measure.of(&site.amounts).bytes > 0).collect();
    // Stable: among equals the order of the profile.
    sites.sort_by_key(|site| Reverse(measure.of(&site.amounts).bytes));
    let mut text = String::new();
    for found in sites.iter().take(length) {
        let held = change_of(&found.identity.to_string(), Amount::default(), found, measure);
        let _ = writeln!(text, "  {}", amount(&held.now, &|bytes| unit.show(bytes)));
        site(&mut text, &held);
    }
    if let Some(others @ [_, ..]) = sites.get(length..) {
        let bytes = others.iter().map(|site| measure.of(&site.amounts).bytes).sum();
        let verb = if others.len() == 1 { "holds" } else { "hold" };
        let _ = writeln!(text, "  {} more {verb} {}", others.len(), unit.show(bytes));
    }
    text
}

type Told = fn(&SiteChange, &dyn Fn(i64) -> String) -> String;

fn grew(change: &SiteChange, show: &dyn Fn(i64) -> String) -> String {
    format!("grew by {}, {}", show(change.change()), from_to(change, show))
}

fn shrank(change: &SiteChange, show: &dyn Fn(i64) -> String) -> String {
    format!("shrank by {}, {}", show(-change.change()), from_to(change, show))
}

fn appeared(change: &SiteChange, show: &dyn Fn(i64) -> String) -> String {
    let mut text = format!("appeared with {}", amount(&change.now, show));
    if change.then_at_most > 0 {
        let _ =
            write!(text, "; it is not among the baseline's largest, so it had at most {}", show(change.then_at_most));
    }
    text
}

fn vanished(change: &SiteChange, show: &dyn Fn(i64) -> String) -> String {
    format!("vanished with {}", amount(&change.then, show))
}

fn from_to(change: &SiteChange, show: &dyn Fn(i64) -> String) -> String {
    format!("from {} to {}", amount(&change.then, show), amount(&change.now, show))
}

fn amount(amount: &Amount, show: &dyn Fn(i64) -> String) -> String {
    let blocks = if amount.blocks == 1 { "block" } else { "blocks" };
    format!("{} in {} {blocks}", show(amount.bytes), Metric::RetainedBlocks.unit().show(amount.blocks))
}

fn site(text: &mut String, change: &SiteChange) {
    let place = change.place.as_ref().map(|place| format!(", {place}")).unwrap_or_default();
    match change.callers.split_first() {
        Some((first, callers)) => {
            let _ = writeln!(text, "    {first}{place}");
            if let Some(calls) = &change.calls {
                let _ = writeln!(text, "    calls {calls}");
            }
            if !callers.is_empty() {
                let named = callers.iter().take(CALLERS).map(String::as_str).collect::<Vec<_>>().join(", ");
                let others = match callers.len().saturating_sub(CALLERS) {
                    0 => String::new(),
                    more => format!(", and {more} more"),
                };
                let _ = writeln!(text, "    called by {named}{others}");
            }
        }
        None => {
            let function = change.calls.as_deref().unwrap_or("no function is known");
            let _ = writeln!(text, "    {function}{place}, not called by own code");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff;
    use crate::example::profile;

    fn check(then: &Profile, now: &Profile, change: i64, length: usize, expected: &str) {
        assert_eq!(explain(&diff(&then.top().peak, now, Measure::Peak, change), length), expected);
    }

    #[test]
    fn nothing_is_said_when_nothing_moved() {
        let same = profile(&[("worker::sync worker::main", 1_000, 0)]);
        check(&same, &same, 0, 10, "");
    }

    #[test]
    fn the_first_own_function_its_place_and_its_callers_are_named() {
        let stack = "alloc::vec::Vec<T,A>::push worker::sync::{async_fn#0} serde_json::visit worker::run::{async_fn#0} worker::main";
        check(
            &profile(&[(stack, 2_000_000, 0)]),
            &profile(&[(stack, 14_000_000, 0)]),
            12_000_300,
            10,
            "call sites by peak:
  grew by 11.4 MiB, from 1.9 MiB in 20,000 blocks to 13.4 MiB in 140,000 blocks
    worker::sync (async), src/sync.rs:42
    calls alloc::vec::Vec::push
    called by worker::run (async), worker::main
  300 B more than these sites explain
",
        );
    }

    #[test]
    fn the_largest_sites_are_told_and_the_others_summed_up() {
        let stack = "alloc::vec::Vec<T,A>::push worker::sync::{async_fn#0} worker::run";
        let sites = [("worker::a", 400, 0), (stack, 2_000, 100), ("worker::b", 300, 0), ("worker::c", 0, 0)];
        let profile = profile(&sites);
        assert_eq!(
            largest(&profile, Measure::Peak, 1),
            "  2,000 B in 20 blocks
    worker::sync (async), src/sync.rs:42
    calls alloc::vec::Vec::push
    called by worker::run
  2 more hold 700 B
"
        );
        assert_eq!(largest(&profile, Measure::Retained, 1).lines().count(), 4, "one retains, and no other");
        assert_eq!(largest(&Profile::default(), Measure::Peak, 10), "");
    }

    #[test]
    fn sites_that_came_and_went_are_told_and_a_long_list_is_cut() {
        check(
            &profile(&[("worker::old worker::run", 800, 0)]),
            &profile(&[
                ("worker::a", 400, 0),
                ("worker::b", 300, 0),
                ("worker::c", 200, 0),
                ("serde_json::read", 5_000, 0),
            ]),
            5_100,
            2,
            "call sites by peak:
  appeared with 5,000 B in 50 blocks
    serde_json::read, serde_json-1.0.154/src/de.rs:42, not called by own code
  vanished with 800 B in 8 blocks
    worker::old
    called by worker::run
  3 more appeared, by 900 B
",
        );
    }

    #[test]
    fn the_largest_change_comes_first_whatever_its_kind_and_small_ones_are_summed_up() {
        let then = profile(&[("worker::a", 1_000, 0), ("worker::b", 1_000, 0), ("worker::old", 50_000, 0)]);
        let now = profile(&[("worker::a", 1_600, 0), ("worker::b", 31_000, 0), ("worker::new", 90_000, 0)]);
        let text = explain(&diff(&then.top().peak, &now, Measure::Peak, 70_600), 10);
        let told: Vec<&str> = text.lines().filter(|line| !line.starts_with("    ")).collect();
        assert_eq!(
            told,
            [
                "call sites by peak:",
                "  appeared with 87.9 KiB in 900 blocks",
                "  vanished with 48.8 KiB in 500 blocks",
                "  grew by 29.3 KiB, from 1,000 B in 10 blocks to 30.3 KiB in 310 blocks",
                "  1 more grew, by 600 B",
            ]
        );
    }

    #[test]
    fn of_many_callers_the_nearest_are_named() {
        let stack = "worker::a worker::b worker::c worker::d worker::e worker::f worker::g worker::h worker::i";
        let text = explain(&diff(&Default::default(), &profile(&[(stack, 100, 0)]), Measure::Peak, 100), 10);
        assert!(
            text.ends_with("called by worker::b, worker::c, worker::d, worker::e, worker::f, worker::g, and 2 more\n"),
            "{text}"
        );
    }
}
