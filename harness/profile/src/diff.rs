//! Which sites moved since a baseline. What they are matched by is `identity`'s, how a change is told `explain`'s.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use highwater_model::{Amount, Metric, SiteChange, SiteDiff, SiteList};

use crate::{Frame, Identity, Measure, Profile, Site};

/// How the sites of a profile differ from those that a baseline lists.
///
/// A site is matched by its identity. Of those that are left, one is matched with another when they can be the same before and after
/// an edit ([`Identity`] says when), and neither can as well be a third.
///
/// `change` is by how many bytes the metric that [`Measure`] stands for moved as the counters saw it. What is left of it after the
/// changes of all sites is told as unexplained.
///
/// # Panics
/// For [`Measure::Total`], which baselines do not list.
pub fn diff(then: &SiteList, now: &Profile, measure: Measure, change: i64) -> SiteDiff {
    let metric = match measure {
        Measure::Peak => Metric::PeakBytes,
        Measure::Retained => Metric::RetainedBytes,
        Measure::Total => panic!("a baseline lists sites by peak and by retained bytes"),
    };
    let sites = now.sites();
    let mut unmatched: BTreeMap<String, &Site<'_>> =
        sites.iter().map(|site| (site.identity.to_string(), site)).collect();
    let mut diff = SiteDiff {
        appeared: Vec::new(),
        change,
        grown: Vec::new(),
        metric,
        shrunk: Vec::new(),
        unexplained: change,
        vanished: Vec::new(),
    };
    let mut gone = Vec::new();
    for (name, amount) in &then.sites {
        match unmatched.remove(name) {
            Some(site) => moved(&mut diff, name, *amount, site, measure),
            None => gone.push((name, name.parse::<Identity>().unwrap_or_else(|never| match never {}), *amount)),
        }
    }
    for (gone_index, found) in same_after_an_edit(&gone, &unmatched) {
        let (name, _, amount) = &gone[gone_index];
        let site = unmatched.remove(&found).expect("each is matched once");
        moved(&mut diff, name, *amount, site, measure);
        gone[gone_index].2 = Amount::default();
    }
    for (name, identity, amount) in gone.into_iter().filter(|(_, _, amount)| amount.bytes > 0) {
        diff.vanished.push(SiteChange {
            callers: identity.callers,
            calls: identity.calls,
            now: Amount::default(),
            place: None,
            site: name.clone(),
            then: amount,
            then_at_most: amount.bytes,
        });
    }
    let at_most = then.unlisted_at_most();
    for (name, site) in unmatched {
        if measure.of(&site.amounts).bytes > at_most {
            let then = Amount::default();
            diff.appeared.push(SiteChange { then_at_most: at_most, ..change_of(&name, then, site, measure) });
        }
    }
    for list in [&mut diff.appeared, &mut diff.grown, &mut diff.shrunk, &mut diff.vanished] {
        list.sort_by_key(|change| Reverse(change.change().abs()));
        diff.unexplained -= list.iter().map(SiteChange::change).sum::<i64>();
    }
    diff
}

/// A site that is in both.
fn moved(diff: &mut SiteDiff, name: &str, then: Amount, site: &Site<'_>, measure: Measure) {
    let change = change_of(name, then, site, measure);
    match change.change() {
        0 => {}
        1.. => diff.grown.push(change),
        _ if change.now.bytes <= 0 => diff.vanished.push(change),
        _ => diff.shrunk.push(change),
    }
}

/// What a site holds now, beside what it held then.
pub(crate) fn change_of(name: &str, then: Amount, site: &Site<'_>, measure: Measure) -> SiteChange {
    let leading = site.leading(measure);
    let mut callers: Vec<String> = leading.own().map(|frame| frame.function.clone()).collect();
    callers.dedup();
    SiteChange {
        callers,
        calls: site.identity.calls.clone(),
        now: measure.of(&site.amounts),
        place: leading.own().next().or(leading.frames.first().map(AsRef::as_ref)).and_then(Frame::place),
        site: name.to_owned(),
        then,
        then_at_most: then.bytes,
    }
}

/// Pairs each site that is gone with the one that is nearest to it, where that is mutual and no other is as near.
fn same_after_an_edit(
    gone: &[(&String, Identity, Amount)],
    unmatched: &BTreeMap<String, &Site<'_>>,
) -> Vec<(usize, String)> {
    let mut candidates = Vec::new();
    for (index, (_, identity, _)) in gone.iter().enumerate() {
        for (name, site) in unmatched {
            if let Some(distance) = identity.distance(&site.identity) {
                // The same innermost function is a better match than the same callers.
                let elsewhere = identity.callers.first() != site.identity.callers.first();
                candidates.push(((distance, elsewhere), index, name));
            }
        }
    }
    let only_nearest = |candidate: &&((usize, bool), usize, &String)| {
        let (distance, index, name) = candidate;
        candidates.iter().all(|other| {
            let shares_one_end = (other.1 == *index) != (other.2 == *name);
            !shares_one_end || other.0 > *distance
        })
    };
    candidates.iter().filter(only_nearest).map(|(_, index, name)| (*index, (*name).clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::profile;

    /// The names and changes of one kind.
    fn named(changes: &[SiteChange]) -> Vec<(&str, i64)> {
        changes.iter().map(|change| (change.site.as_str(), change.change())).collect()
    }

    #[test]
    fn sites_are_told_apart_by_how_they_moved_largest_first() {
        let then = profile(&[
            ("worker::keep worker::run", 1_000, 0),
            ("worker::page worker::run", 5_000, 0),
            ("worker::old worker::run", 800, 0),
            ("worker::same worker::run", 300, 0),
            ("worker::less worker::run", 900, 0),
        ]);
        let now = profile(&[
            ("worker::keep worker::run", 4_000, 0),
            ("worker::page worker::run", 5_100, 0),
            ("worker::new worker::run", 700, 0),
            ("worker::same worker::run", 300, 0),
            ("worker::less worker::run", 200, 0),
        ]);
        let diff = diff(&then.top().peak, &now, Measure::Peak, 2_350);
        assert_eq!(named(&diff.grown), [("worker::run > worker::keep", 3_000), ("worker::run > worker::page", 100)]);
        assert_eq!(named(&diff.appeared), [("worker::run > worker::new", 700)]);
        assert_eq!(named(&diff.shrunk), [("worker::run > worker::less", -700)]);
        assert_eq!(named(&diff.vanished), [("worker::run > worker::old", -800)]);
        assert_eq!(diff.unexplained, 50);
        assert_eq!(diff.grown[0].place.as_deref(), Some("src/sync.rs:42"));
        assert_eq!(diff.vanished[0].callers, ["worker::old", "worker::run"]);
        assert_eq!(diff.metric, Metric::PeakBytes);
    }

    #[test]
    fn a_site_that_the_baseline_cannot_have_listed_is_not_taken_for_new() {
        let many: Vec<String> = (0..12).map(|i| format!("worker::f{i:02} worker::run")).collect();
        let sized = |changed: i64| {
            let bytes = |i: usize| if i == 11 { changed } else { 2_000 - 100 * i as i64 };
            profile(&many.iter().enumerate().map(|(i, name)| (name.as_str(), bytes(i), 0)).collect::<Vec<_>>())
        };
        let then = sized(500).top().peak;
        assert_eq!((then.sites.len(), then.unlisted_at_most()), (10, 1_100));
        let found = diff(&then, &sized(1_100), Measure::Peak, 600);
        assert_eq!((found.appeared.len(), found.unexplained), (0, 600), "it may have had that much");
        let found = diff(&then, &sized(1_101), Measure::Peak, 601);
        assert_eq!(named(&found.appeared), [("worker::run > worker::f11", 1_101)]);
        assert_eq!(found.appeared[0].then_at_most, 1_100);
    }

    #[test]
    fn a_site_whose_caller_was_extracted_is_matched_with_itself() {
        let then = profile(&[("worker::sync worker::run", 1_000, 0), ("worker::other worker::run", 10, 0)]);
        let now = profile(&[("worker::page worker::sync worker::run", 3_000, 0), ("worker::other worker::run", 10, 0)]);
        let diff = diff(&then.top().peak, &now, Measure::Peak, 2_000);
        assert_eq!(named(&diff.grown), [("worker::run > worker::sync", 2_000)]);
        assert_eq!((diff.appeared.len(), diff.vanished.len(), diff.unexplained), (0, 0, 0));
        assert_eq!(diff.grown[0].callers, ["worker::page", "worker::sync", "worker::run"]);
    }

    #[test]
    fn a_site_that_can_be_either_of_two_is_matched_with_neither() {
        let then = profile(&[("worker::sync worker::run", 1_000, 0)]);
        let now = profile(&[
            ("worker::page worker::sync worker::run", 3_000, 0),
            ("worker::row worker::sync worker::run", 3_000, 0),
        ]);
        let diff = diff(&then.top().peak, &now, Measure::Peak, 5_000);
        assert_eq!((diff.appeared.len(), diff.vanished.len(), diff.grown.len()), (2, 1, 0));
        assert_eq!(diff.unexplained, 0);
    }

    #[test]
    fn a_site_that_holds_nothing_now_has_vanished() {
        let then = profile(&[("worker::sync worker::run", 1_000, 1_000)]);
        let now = profile(&[("worker::sync worker::run", 1_000, 0)]);
        let diff = diff(&then.top().retained, &now, Measure::Retained, -1_000);
        assert_eq!(named(&diff.vanished), [("worker::run > worker::sync", -1_000)]);
    }
}
