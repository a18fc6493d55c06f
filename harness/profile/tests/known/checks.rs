//! What must be read from the profile of the known workload.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use highwater_model::{Amount, SiteList};
use highwater_profile::{
    Amounts, DhatAbout, Measure, Profile, RawFrame, RawStack, Site, diff, explain, read_dhat, write_dhat,
};

use crate::child::{Known, workspace};
use crate::workload::Sizes;

/// Every check and its name.
pub(crate) const ALL: &[(&str, fn())] = &[
    ("all_sites_together_are_what_dhat_counted", all_sites_together_are_what_dhat_counted),
    ("a_leak_in_a_closure_is_its_function_s", a_leak_in_a_closure_is_its_function_s),
    ("an_async_body_is_one_site_on_both_sides_of_an_await", an_async_body_is_one_site_on_both_sides_of_an_await),
    ("the_instances_of_a_generic_are_one_site", the_instances_of_a_generic_are_one_site),
    ("what_a_dependency_allocates_is_its_caller_s", what_a_dependency_allocates_is_its_caller_s),
    ("what_another_thread_frees_is_not_retained", what_another_thread_frees_is_not_retained),
    ("what_is_freed_at_once_is_there_at_the_peak", what_is_freed_at_once_is_there_at_the_peak),
    ("a_recursion_is_one_site", a_recursion_is_one_site),
    ("two_sites_that_swap_sizes_are_both_named", two_sites_that_swap_sizes_are_both_named),
    ("sites_survive_edits", sites_survive_edits),
    ("an_extracted_function_is_the_same_site", an_extracted_function_is_the_same_site),
    ("frames_of_runtimes_and_of_the_allocator_are_trimmed", frames_of_runtimes_and_of_the_allocator_are_trimmed),
    ("a_profile_that_is_written_is_read_back", a_profile_that_is_written_is_read_back),
];

static FIRST: LazyLock<Known> = LazyLock::new(|| Known::of(Sizes { left: 7_000, right: 9_000 }));
static SECOND: LazyLock<Known> = LazyLock::new(|| Known::of(Sizes { left: 9_000, right: 7_000 }));

fn profile() -> Profile {
    FIRST.profile()
}

/// The only site whose innermost own function is this one, and that calls this function of `alloc::vec`.
fn site<'a>(profile: &'a Profile, function: &str, calls: &str) -> Site<'a> {
    let (own, calls) = (format!("known::{function}"), format!("alloc::vec::{calls}"));
    let mut found = profile.sites();
    found.retain(|site| site.identity.callers.first() == Some(&own) && site.identity.calls.as_ref() == Some(&calls));
    let names: Vec<_> = profile.sites().iter().map(|site| site.identity.to_string()).collect();
    assert_eq!(found.len(), 1, "sites of {own} among\n{}", names.join("\n"));
    found.remove(0)
}

/// What is allocated once and kept: the same in total, at the peak and at the end.
fn kept(bytes: i64, blocks: i64) -> Amounts {
    let amount = Amount { blocks, bytes };
    Amounts { total: amount, peak: amount, retained: amount }
}

fn all_sites_together_are_what_dhat_counted() {
    for known in [&FIRST, &SECOND] {
        let Amounts { total, peak, retained } = known.profile().amounts();
        let sums = [total.blocks, total.bytes, peak.blocks, peak.bytes, retained.blocks, retained.bytes];
        assert_eq!(sums, known.counted);
        let of_sites: Amounts = known.profile().sites().iter().map(|site| site.amounts).sum();
        assert_eq!(of_sites, known.profile().amounts());
    }
}

fn a_leak_in_a_closure_is_its_function_s() {
    let profile = profile();
    let site = site(&profile, "workload::in_a_closure", "Vec::with_capacity");
    let Amounts { total, retained, .. } = kept(3_000, 3);
    assert_eq!((site.amounts.total, site.amounts.retained), (total, retained));
    assert_eq!(
        site.identity.to_string(),
        "known::child::run > known::workload::run > known::workload::in_a_closure -> \
         alloc::vec::Vec::with_capacity"
    );
    let frame = site.leading(Measure::Retained).own().next().unwrap();
    assert_eq!(frame.function, "known::workload::in_a_closure (closure)");
    let place = frame.place().unwrap();
    let line = 1 + include_str!("workload.rs").lines().position(|line| line.contains("(0..3).for_each")).unwrap();
    assert_eq!(place, format!("harness/profile/tests/known/workload.rs:{line}"));
}

fn an_async_body_is_one_site_on_both_sides_of_an_await() {
    let profile = profile();
    let outer = site(&profile, "workload::across_awaits", "Vec::with_capacity");
    assert_eq!(outer.amounts.retained, Amount { blocks: 1, bytes: 2_000 });
    let frame = outer.leading(Measure::Retained).own().next().unwrap();
    assert_eq!(frame.function, "known::workload::across_awaits (async)");
    let awaited = site(&profile, "workload::awaited", "Vec::with_capacity");
    assert_eq!(awaited.amounts.retained, Amount { blocks: 1, bytes: 3_000 });
    let functions: Vec<_> =
        awaited.leading(Measure::Retained).own().map(|frame| frame.function.as_str()).take(3).collect();
    assert_eq!(
        functions,
        ["known::workload::awaited (async)", "known::workload::across_awaits (async)", "known::workload::run"]
    );
}

fn the_instances_of_a_generic_are_one_site() {
    let profile = profile();
    let site = site(&profile, "workload::in_a_generic", "Vec::with_capacity");
    assert_eq!(site.amounts.retained, Amount { blocks: 2, bytes: 600 + 600 * 8 });
}

fn what_a_dependency_allocates_is_its_caller_s() {
    let profile = profile();
    let sites = profile.sites();
    let site = sites.iter().find(|site| site.identity.calls.as_deref() == Some("serde_json::de::from_slice"));
    let site = site.expect("a site calls serde_json");
    assert_eq!(site.identity.callers[0], "known::workload::in_a_dependency");
    assert_eq!(site.amounts.retained, Amount { blocks: 1, bytes: 500 });
}

fn what_another_thread_frees_is_not_retained() {
    let profile = profile();
    let sites = profile.sites();
    let mut stacks = sites.iter().flat_map(|site| &site.stacks);
    let stack = stacks.find(|stack| stack.amounts.total.bytes == 4_096).expect("4,096 bytes");
    assert_eq!(stack.own().next().unwrap().path, "known::workload::freed_on_another_thread");
    assert_eq!(stack.amounts.retained, Amount::default());
}

fn what_is_freed_at_once_is_there_at_the_peak() {
    let profile = profile();
    let site = site(&profile, "workload::at_the_peak", "from_elem");
    let million = Amount { blocks: 1, bytes: 1_000_000 };
    assert_eq!(site.amounts, Amounts { total: million, peak: million, retained: Amount::default() });
    let top = profile.top();
    assert!(top.peak.sites.contains_key(&site.identity.to_string()));
    assert!(!top.retained.sites.contains_key(&site.identity.to_string()));
}

fn a_recursion_is_one_site() {
    let profile = profile();
    let site = site(&profile, "workload::recursive", "Vec::with_capacity");
    assert_eq!(site.amounts.retained, Amount { blocks: 4, bytes: 280 });
    assert!(site.stacks.len() > 1, "each depth has a stack of its own");
}

fn two_sites_that_swap_sizes_are_both_named() {
    let (then, now) = (FIRST.profile(), SECOND.profile());
    let diff = diff(&then.top().retained, &now, Measure::Retained, 0);
    let named = |changes: &[highwater_model::SiteChange]| {
        changes.iter().map(|change| (change.callers[0].clone(), change.change())).collect::<Vec<_>>()
    };
    assert_eq!(named(&diff.grown), [("known::workload::left".to_owned(), 2_000)]);
    assert_eq!(named(&diff.shrunk), [("known::workload::right".to_owned(), -2_000)]);
    assert_eq!((diff.appeared.len(), diff.vanished.len(), diff.unexplained), (0, 0, 0));
    let line = 2 + include_str!("workload.rs").lines().position(|line| line.starts_with("fn left(")).unwrap();
    let text = explain(&diff, 10);
    let expected = format!(
        "call sites by retained:
  grew by 2,000 B, from 7,000 B in 1 block to 9,000 B in 1 block
    known::workload::left, harness/profile/tests/known/workload.rs:{line}
    calls alloc::vec::Vec::with_capacity
    called by known::workload::run, known::child::run"
    );
    assert!(text.starts_with(&expected), "{text}\ndoes not start with\n{expected}");
    assert!(text.contains(
        "\n  shrank by 2,000 B, from 9,000 B in 1 block to 7,000 B in 1 block\n    known::workload::right, "
    ));
}

/// The stacks of one of the two modules, both named `edited`.
fn edited(module: &str) -> Profile {
    let (from, to) = (format!("known::{module}::"), "known::edited::");
    let belongs = |frame: &Arc<RawFrame>| frame.function.as_ref().is_some_and(|function| function.contains(&from));
    let stacks = FIRST.stacks.iter().filter(|stack| stack.frames.iter().any(belongs)).map(|stack| {
        let renamed = stack.frames.iter().map(|frame| {
            let function = frame.function.as_ref().map(|function| function.replace(&from, to));
            Arc::new(RawFrame { function, ..(**frame).clone() })
        });
        RawStack { frames: renamed.collect(), amounts: stack.amounts }
    });
    Profile::new(stacks, &workspace())
}

fn sites_survive_edits() {
    let sites = |module| {
        let profile = edited(module);
        let sites = profile.sites();
        let amount = |site: &Site<'_>| (site.identity.to_string(), site.amounts.retained.bytes);
        sites.iter().map(amount).filter(|(name, _)| !name.contains("with_a_part")).collect::<BTreeMap<_, _>>()
    };
    let before = sites("before");
    assert_eq!(before, sites("after"));
    assert_eq!(before.into_values().collect::<std::collections::BTreeSet<_>>(), [1_100, 1_200, 1_300, 1_400].into());
}

fn an_extracted_function_is_the_same_site() {
    let then: SiteList = edited("before").top().retained;
    let diff = diff(&then, &edited("after"), Measure::Retained, 100);
    assert_eq!((diff.appeared.len(), diff.vanished.len(), diff.shrunk.len()), (0, 0, 0), "{diff:#?}");
    assert_eq!(diff.grown.len(), 1);
    assert_eq!(diff.grown[0].callers[..2], ["known::edited::part", "known::edited::with_a_part"]);
    assert_eq!((diff.grown[0].then.bytes, diff.grown[0].now.bytes, diff.unexplained), (1_500, 1_600, 0));
}

fn frames_of_runtimes_and_of_the_allocator_are_trimmed() {
    let profile = profile();
    assert!(!profile.has_short_names());
    let mut own = 0;
    for stack in profile.stacks() {
        for frame in stack.frames.iter().skip(1) {
            for glue in ["alloc::", "core::", "std::", "dhat::", "tokio::runtime", "__rust", "main"] {
                assert!(!frame.path.starts_with(glue), "{glue} is in {:#?}", stack.frames);
            }
        }
        own += stack.own().count();
    }
    assert!(own > 50, "{own} own frames");
}

fn a_profile_that_is_written_is_read_back() {
    let mut file = Vec::new();
    write_dhat(&mut file, &DhatAbout::default(), &FIRST.stacks).unwrap();
    let stacks = read_dhat("again.json", file.as_slice()).unwrap();
    assert!(stacks.len() > 30, "{} stacks", stacks.len());
    assert_eq!(Profile::new(stacks, &workspace()), profile());
}
