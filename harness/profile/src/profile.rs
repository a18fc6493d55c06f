//! A whole profile: its stacks as an author knows them, and the sites that they add up to.

use std::collections::BTreeMap;
use std::sync::Arc;

use highwater_model::{Amount, SiteList, TopSites};

use crate::normalise::{Frame, Normaliser};
use crate::workspace::{Origin, Workspace};
use crate::{Amounts, Identity, Measure, RawStack};

/// What was allocated, by call stack.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    stacks: Vec<Stack>,
    short_names: bool,
}

/// A call stack as an author knows it, and what it allocated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Innermost first: what the user's code called last, then its own functions and those of dependencies. Empty for a stack of
    /// which no function is known.
    pub frames: Vec<Arc<Frame>>,
    /// What it allocated.
    pub amounts: Amounts,
}

impl Stack {
    /// The functions of the user's own code, innermost first.
    pub fn own(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter().map(Arc::as_ref).filter(|frame| frame.origin == Origin::Own)
    }
}

/// A call site: all stacks with one identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site<'a> {
    /// What it is matched by.
    pub identity: Identity,
    /// What its stacks allocated together.
    pub amounts: Amounts,
    /// Its stacks; at least one.
    pub stacks: Vec<&'a Stack>,
}

impl<'a> Site<'a> {
    /// The stack with most bytes, which is the one to show.
    pub fn leading(&self, measure: Measure) -> &'a Stack {
        let bytes = |stack: &&&Stack| measure.of(&stack.amounts).bytes;
        // Among equals the first, as in the profile.
        self.stacks.iter().rev().max_by_key(bytes).expect("a site has a stack")
    }
}

impl Profile {
    /// Names and trims recorded stacks. Stacks that are then the same are one.
    pub fn new(stacks: impl IntoIterator<Item = RawStack>, workspace: &Workspace) -> Self {
        let mut normaliser = Normaliser::new(workspace);
        let mut merged: BTreeMap<Vec<Arc<Frame>>, Amounts> = BTreeMap::new();
        for stack in stacks {
            *merged.entry(normaliser.frames(&stack)).or_default() += stack.amounts;
        }
        let stacks = merged.into_iter().map(|(frames, amounts)| Stack { frames, amounts }).collect();
        Self { stacks, short_names: normaliser.short_names }
    }

    /// Whether functions of the user's own code had no path in their names, so that they have the module of their file instead:
    /// methods lack their type, and the async bodies of a module are one site. It is so where the profile was built with
    /// `debug = "line-tables-only"`; with `debug = "limited"` the names are whole.
    pub fn has_short_names(&self) -> bool {
        self.short_names
    }

    /// Whether a function of the user's own code is in any stack.
    pub fn has_own(&self) -> bool {
        self.stacks.iter().any(|stack| stack.own().next().is_some())
    }

    /// What a reader should know of its names, and the remedy.
    pub fn remark(&self) -> Option<&'static str> {
        if self.has_short_names() {
            Some(
                "names lack their paths, as this build has line tables only: `debug = \"limited\"` in its profile keeps them",
            )
        } else if !self.has_own() {
            Some(
                "no function of this workspace is known: does its profile keep debug information? `debug = \"limited\"` without `strip` does",
            )
        } else {
            None
        }
    }

    /// The stacks, in an order that does not depend on the run.
    pub fn stacks(&self) -> &[Stack] {
        &self.stacks
    }

    /// The sum over all stacks.
    pub fn amounts(&self) -> Amounts {
        self.stacks.iter().map(|stack| stack.amounts).sum()
    }

    /// The sites, in the order of their identities.
    pub fn sites(&self) -> Vec<Site<'_>> {
        let mut sites: BTreeMap<Identity, Vec<&Stack>> = BTreeMap::new();
        for stack in &self.stacks {
            sites.entry(Identity::of(&stack.frames)).or_default().push(stack);
        }
        let sites = sites.into_iter();
        sites
            .map(|(identity, stacks)| Site {
                identity,
                amounts: stacks.iter().map(|stack| stack.amounts).sum(),
                stacks,
            })
            .collect()
    }

    /// The largest sites, as a baseline keeps them.
    pub fn top(&self) -> TopSites {
        let sites = self.sites();
        let list = |measure: Measure| {
            let amounts = sites.iter().map(|site| (site.identity.to_string(), measure.of(&site.amounts)));
            SiteList::largest(amounts.collect::<Vec<(String, Amount)>>(), TopSites::LENGTH)
        };
        TopSites { peak: list(Measure::Peak), retained: list(Measure::Retained) }
    }
}
