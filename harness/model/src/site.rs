//! The largest call sites of a scenario as a baseline keeps them, and how they changed. Where sites come from and what they are
//! named by is `highwater-profile`'s.

use std::collections::BTreeMap;
use std::iter::Sum;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::{Engine, Metric};

/// Bytes and blocks of a call site. Negative where blocks are freed in the window that were made before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amount {
    /// Heap blocks.
    pub blocks: i64,
    /// Requested bytes.
    pub bytes: i64,
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.bytes += other.bytes;
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), |mut sum, amount| {
            sum += amount;
            sum
        })
    }
}

/// The largest call sites of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopSites {
    /// By the bytes live at the peak.
    pub peak: SiteList,
    /// By the bytes live when the window closed.
    pub retained: SiteList,
}

impl TopSites {
    /// How many sites a list holds. Ten cover the causes that a reader looks at, and a baseline stays a page long.
    pub const LENGTH: usize = 10;
}

/// The largest call sites by one measure, and the sum of all others.
///
/// The sites are in the order of their names and not of their sizes: a changed size is then a changed line, and nothing moves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteList {
    /// All sites that are not listed.
    pub rest: RestOfSites,
    /// The listed sites by name.
    pub sites: BTreeMap<String, Amount>,
}

/// What the sites that a list does not name come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestOfSites {
    /// Their heap blocks.
    pub blocks: i64,
    /// Their requested bytes.
    pub bytes: i64,
    /// How many they are.
    pub sites: u64,
}

impl SiteList {
    /// Lists the `length` sites with most bytes; among equals those whose names come first. A site without bytes is never listed.
    pub fn largest(sites: impl IntoIterator<Item = (String, Amount)>, length: usize) -> Self {
        let mut sites: Vec<_> = sites.into_iter().collect();
        sites.sort_by(|(name, amount), (other, than)| than.bytes.cmp(&amount.bytes).then_with(|| name.cmp(other)));
        let listed = sites.iter().take(length).take_while(|(_, amount)| amount.bytes > 0).count();
        let rest = sites.split_off(listed);
        let Amount { blocks, bytes } = rest.iter().map(|(_, amount)| *amount).sum();
        Self { rest: RestOfSites { blocks, bytes, sites: rest.len() as u64 }, sites: sites.into_iter().collect() }
    }

    /// The sum over all sites, listed or not.
    pub fn total(&self) -> Amount {
        let mut total: Amount = self.sites.values().copied().sum();
        total += Amount { blocks: self.rest.blocks, bytes: self.rest.bytes };
        total
    }

    /// The most bytes that a site which is not listed can have had: no more than the least of the listed ones.
    pub fn unlisted_at_most(&self) -> i64 {
        if self.rest.sites == 0 {
            return 0;
        }
        self.sites.values().map(|amount| amount.bytes).min().unwrap_or(0)
    }
}

/// What one more run of a scenario, with its call stacks recorded, says of why it regressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteReport {
    /// How the sites differ from the baseline's, by each measure that a regressed metric is about.
    pub diffs: Vec<SiteDiff>,
    /// What recorded the call stacks.
    pub engine: Engine,
    /// What a reader should know of them: why there are none, or nothing to compare with; that names are short.
    pub notes: Vec<String>,
    /// The file with every call stack, from the workspace's root; absent when nothing was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

/// How the call sites behind a metric changed since the baseline. Each list is ordered by the size of the change, largest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteDiff {
    /// Sites that the baseline does not list and that hold more now than any site it does not list.
    pub appeared: Vec<SiteChange>,
    /// By how many bytes the metric changed.
    pub change: i64,
    /// Sites that the baseline lists and that hold more now.
    pub grown: Vec<SiteChange>,
    /// [`Metric::PeakBytes`] or [`Metric::RetainedBytes`].
    pub metric: Metric,
    /// Sites that the baseline lists and that hold less now.
    pub shrunk: Vec<SiteChange>,
    /// The bytes of the change that none of these sites explains; negative when they changed by more than the metric did.
    pub unexplained: i64,
    /// Sites that the baseline lists and that are gone.
    pub vanished: Vec<SiteChange>,
}

/// One call site, then and now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteChange {
    /// The functions of the user's own code from which it was called, innermost first, as an author names them; empty for a site
    /// that is in nobody's own code.
    pub callers: Vec<String>,
    /// The first function outside the user's own code that it calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<String>,
    /// What it holds now.
    pub now: Amount,
    /// The file and line of the first of the callers, such as `src/sync.rs:42`; absent for a site that vanished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What it is matched by, as in the baseline.
    pub site: String,
    /// What it held when the baseline was accepted; nothing for a site that the baseline does not list.
    pub then: Amount,
    /// The most bytes that it can have held then: more than `then` where the baseline does not list it, but other sites neither.
    pub then_at_most: i64,
}

impl SiteChange {
    /// By how many bytes it changed, taking what the baseline does not list as nothing.
    pub fn change(&self) -> i64 {
        self.now.bytes - self.then.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(bytes: &[(&str, i64)], length: usize) -> SiteList {
        SiteList::largest(
            bytes.iter().map(|(name, bytes)| ((*name).to_owned(), Amount { blocks: 1, bytes: *bytes })),
            length,
        )
    }

    #[test]
    fn the_largest_are_listed_and_the_others_summed_up() {
        let list = list(&[("a", 5), ("b", 40), ("c", 7), ("d", 30)], 2);
        assert_eq!(list.sites.keys().collect::<Vec<_>>(), ["b", "d"]);
        assert_eq!(list.rest, RestOfSites { blocks: 2, bytes: 12, sites: 2 });
        assert_eq!(list.total(), Amount { blocks: 4, bytes: 82 });
        assert_eq!(list.unlisted_at_most(), 30);
    }

    #[test]
    fn among_equals_the_first_names_are_listed() {
        let list = list(&[("c", 8), ("a", 8), ("b", 8)], 2);
        assert_eq!(list.sites.keys().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_site_without_bytes_is_not_listed() {
        let list = list(&[("a", 0), ("b", -16), ("c", 1)], 10);
        assert_eq!(list.sites.keys().collect::<Vec<_>>(), ["c"]);
        assert_eq!(list.rest, RestOfSites { blocks: 2, bytes: -16, sites: 2 });
    }

    #[test]
    fn a_list_of_all_sites_leaves_nothing_unseen() {
        assert_eq!(list(&[("a", 5), ("b", 40)], 2).unlisted_at_most(), 0);
    }

    #[test]
    fn the_text_is_sorted_and_of_integers() {
        let text = serde_json::to_string(&list(&[("worker::b", 40), ("worker::a", 41)], 1)).unwrap();
        assert_eq!(text, r#"{"rest":{"blocks":1,"bytes":40,"sites":1},"sites":{"worker::a":{"blocks":1,"bytes":41}}}"#);
    }
}
