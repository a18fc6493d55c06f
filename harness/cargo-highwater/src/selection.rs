//! Which scenarios are meant by the names on the command line. A name that means none is told, never passed over.

use highwater::Listing;

use crate::suite::Suite;

/// The scenarios to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection<'a> {
    /// The suites with the scenarios that are meant, at least one each.
    pub(crate) suites: Vec<(&'a Suite, Vec<&'a Listing>)>,
    /// How many are meant and run only when asked for.
    pub(crate) ignored: usize,
}

impl<'a> Selection<'a> {
    /// The scenarios, each with its suite, in the order in which they run.
    pub(crate) fn scenarios(&self) -> impl Iterator<Item = (&'a Suite, &'a Listing)> + '_ {
        self.suites.iter().flat_map(|(suite, scenarios)| scenarios.iter().map(|listing| (*suite, *listing)))
    }
}

/// Nothing would be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SelectionError {
    /// A name means no scenario.
    #[error("no scenario matches {filter:?}; there are:{}", listed(known))]
    NoMatch {
        /// What was asked for.
        filter: String,
        /// Every scenario, as `suite/scenario`.
        known: Vec<String>,
    },
    /// All that are meant run only when asked for.
    #[error("every scenario that is meant is ignored; run them with --include-ignored:{}", listed(ignored))]
    AllIgnored {
        /// Name and reason of each.
        ignored: Vec<String>,
    },
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("\n  {name}")).collect()
}

/// Selects the scenarios that any of the filters means; all when there are none.
///
/// A filter that is the name of scenarios, or `suite/scenario`, means exactly those; otherwise it means every scenario of
/// whose `suite/scenario` it is a part.
///
/// # Errors
/// When a filter means nothing, or all that is meant is ignored.
pub(crate) fn select<'a>(
    suites: &'a [Suite],
    filters: &[String],
    include_ignored: bool,
) -> Result<Selection<'a>, SelectionError> {
    let all = || suites.iter().flat_map(|suite| &suite.scenarios);
    for filter in filters {
        if !all().any(|listing| matches_exactly(filter, listing) || matches_partly(filter, listing)) {
            return Err(SelectionError::NoMatch { filter: filter.clone(), known: all().map(name).collect() });
        }
    }
    let exact: Vec<bool> = filters.iter().map(|filter| all().any(|listing| matches_exactly(filter, listing))).collect();
    let meant = |listing: &Listing| {
        filters.is_empty()
            || filters.iter().zip(&exact).any(|(filter, exact)| {
                if *exact { matches_exactly(filter, listing) } else { matches_partly(filter, listing) }
            })
    };
    let mut selection = Selection { suites: Vec::new(), ignored: 0 };
    let mut ignored = Vec::new();
    for suite in suites {
        let mut scenarios = Vec::new();
        for listing in suite.scenarios.iter().filter(|listing| meant(listing)) {
            match &listing.ignored {
                Some(reason) if !include_ignored => ignored.push(format!("{} ({reason})", name(listing))),
                _ => scenarios.push(listing),
            }
        }
        if !scenarios.is_empty() {
            selection.suites.push((suite, scenarios));
        }
    }
    selection.ignored = ignored.len();
    if selection.suites.is_empty() { Err(SelectionError::AllIgnored { ignored }) } else { Ok(selection) }
}

/// `suite/scenario`.
pub(crate) fn name(listing: &Listing) -> String {
    format!("{}/{}", listing.suite, listing.scenario)
}

fn matches_exactly(filter: &str, listing: &Listing) -> bool {
    filter == listing.scenario || filter == name(listing)
}

fn matches_partly(filter: &str, listing: &Listing) -> bool {
    name(listing).contains(filter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Launch;

    fn suites() -> Vec<Suite> {
        let suite = |suite: &str, scenarios: &[(&str, Option<&str>)]| Suite {
            target: format!("`memory` of package `{suite}`"),
            launch: Launch::default(),
            scenarios: scenarios
                .iter()
                .map(|(scenario, ignored)| Listing {
                    suite: suite.into(),
                    scenario: (*scenario).into(),
                    baseline: format!("baselines/{suite}/{scenario}/t.json").into(),
                    declared: None,
                    ignored: ignored.map(str::to_owned),
                    variant: None,
                })
                .collect(),
        };
        vec![
            suite("sync", &[("paged", None), ("paged-first", None), ("upsert", None)]),
            suite("worker", &[("burst", None), ("upsert", None), ("soak", Some("takes an hour"))]),
        ]
    }

    fn check(filters: &[&str], include_ignored: bool, expect: &str) {
        let filters: Vec<String> = filters.iter().map(ToString::to_string).collect();
        let suites = suites();
        let selection = select(&suites, &filters, include_ignored).unwrap();
        let names: Vec<String> =
            selection.suites.iter().flat_map(|(_, scenarios)| scenarios).map(|listing| name(listing)).collect();
        assert_eq!(format!("{} +{}", names.join(" "), selection.ignored), expect, "{filters:?}");
    }

    #[test]
    fn names_parts_and_suites_select_scenarios() {
        check(&[], false, "sync/paged sync/paged-first sync/upsert worker/burst worker/upsert +1");
        check(&["paged-first"], false, "sync/paged-first +0");
        check(&["page"], false, "sync/paged sync/paged-first +0");
        check(&["upsert"], false, "sync/upsert worker/upsert +0");
        check(&["worker/upsert"], false, "worker/upsert +0");
        check(&["worker"], false, "worker/burst worker/upsert +1");
        check(&["worker"], true, "worker/burst worker/upsert worker/soak +0");
        check(&["burst", "paged-f", "burst"], false, "sync/paged-first worker/burst +0");
    }

    #[test]
    fn a_whole_name_means_no_longer_one() {
        check(&["paged"], false, "sync/paged +0");
        check(&["sync/paged"], false, "sync/paged +0");
    }

    #[test]
    fn a_name_that_means_nothing_is_told_with_those_there_are() {
        let suites = suites();
        let error = select(&suites, &["burst".into(), "brust".into()], false).unwrap_err().to_string();
        assert!(error.starts_with("no scenario matches \"brust\"; there are:\n  sync/paged\n"), "{error}");
        assert!(error.ends_with("\n  worker/soak"), "{error}");
    }

    #[test]
    fn nothing_but_ignored_scenarios_is_told_with_the_reasons() {
        let suites = suites();
        let error = select(&suites, &["soak".into()], false).unwrap_err().to_string();
        assert!(error.ends_with("with --include-ignored:\n  worker/soak (takes an hour)"), "{error}");
    }
}
