//! Which call sites moved: a run of the scenario with its call stacks recorded, and its sites beside those of the baseline. What the
//! child records is `profiler`'s, how sites are named and compared `highwater-profile`'s.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use highwater_model::{
    Baseline, Comparison, Engine, Metric, MetricComparison, SiteDiff, SiteList, SiteReport, TopSites, Verdict,
};
use highwater_profile::{Measure, Profile, Workspace, diff, read_dhat};
use serde::Deserialize;

use crate::place::Place;

/// The name of the full profile in a scenario's folder.
pub(crate) const FILE: &str = "profile.dhat.json";

/// What `cargo highwater explain` draws of the profile in a scenario's folder, beside it. A new profile removes them: they would be
/// taken for pictures of it.
pub const DRAWN_FROM_PROFILE: [&str; 7] = [
    "peak.folded",
    "peak.svg",
    "peak-diff.svg",
    "retained.folded",
    "retained.svg",
    "retained-diff.svg",
    "profile.pb.gz",
];

/// Removes the profile of an earlier run from a scenario's folder, and what was drawn of it.
///
/// # Errors
/// When a file cannot be removed, with its name.
pub(crate) fn remove(place: &Place, folder: &Path) -> Result<(), String> {
    for name in DRAWN_FROM_PROFILE.into_iter().chain([FILE]) {
        let file = folder.join(name);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(format!("{} of an earlier run cannot be removed: {error}", place.shown(&file)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What records call sites in this executable: our own engine, where it was built with frame pointers.
pub(crate) fn engine() -> Engine {
    if highwater_alloc::has_frame_pointers() { Engine::Sites } else { Engine::Dhat }
}

/// Reads the profile that a run of a scenario left, and names its call sites as the author of the workspace at `root` would: cargo
/// tells which crates are their own.
///
/// # Errors
/// When it cannot be read, with the file, or cargo does not answer.
pub fn read_profile(root: &Path, file: &Path) -> Result<Profile, String> {
    let name = file.strip_prefix(root).unwrap_or(file).display().to_string();
    let content = File::open(file).map_err(|error| format!("{name}: {error}"))?;
    let stacks = read_dhat(&name, content).map_err(|error| error.to_string())?;
    Ok(Profile::new(stacks, &workspace(root)?))
}

/// What a profile, or why there is none, says of a regression; without a comparison, of a limit that was passed. `file` is the
/// profile's, as it is shown.
pub(crate) fn report(
    comparison: Option<&Comparison>,
    baseline: Option<&Baseline>,
    profile: Result<Profile, String>,
    file: &str,
) -> SiteReport {
    let empty = SiteReport { diffs: Vec::new(), engine: engine(), notes: Vec::new(), profile: None };
    let profile = match profile {
        Ok(profile) => profile,
        Err(problem) => {
            return SiteReport { notes: vec![format!("the call sites are not known: {problem}")], ..empty };
        }
    };
    let diffs = match (comparison, baseline) {
        (Some(comparison), Some(baseline)) => of_regression(comparison, baseline, &profile),
        (_, baseline) => of_limit(baseline, &profile),
    };
    let mut notes = Vec::new();
    if baseline.is_none_or(|baseline| baseline.sites.is_none()) {
        notes.push("the baseline lists no call sites, so all that there are now are shown: `cargo highwater update` records them".to_owned());
    }
    notes.extend(profile.remark().map(str::to_owned));
    SiteReport { diffs, notes, profile: Some(file.to_owned()), ..empty }
}

/// The sites behind the metrics that regressed: by what was live at the peak, at the end, or both.
fn of_regression(comparison: &Comparison, baseline: &Baseline, profile: &Profile) -> Vec<SiteDiff> {
    let regressed =
        |metric: Metric| comparison.metric(metric).filter(|found| found.verdict == Some(Verdict::Regressed)).is_some();
    let changed = |metric: Metric| comparison.metric(metric).map_or(0, MetricComparison::change);
    let peak = regressed(Metric::PeakBytes);
    let at_the_end = [
        Metric::RetainedBytes,
        Metric::RetainedBlocks,
        Metric::GrowthBytes,
        Metric::GrowthBlocks,
        Metric::Tasks,
        Metric::Threads,
    ];
    let retained = at_the_end.into_iter().any(regressed);
    let mut diffs = Vec::new();
    if retained {
        diffs.push(of_measure(Some(baseline), profile, Measure::Retained, changed(Metric::RetainedBytes)));
    }
    if peak {
        diffs.push(of_measure(Some(baseline), profile, Measure::Peak, changed(Metric::PeakBytes)));
    }
    diffs
}

/// What the profiles of the smallest and of the largest size, or why there are none, say of growth. `file` is that of the latter, as it
/// is shown.
pub(crate) fn of_growth(
    metric: Metric,
    smallest: Result<Profile, String>,
    largest: Result<Profile, String>,
    file: &str,
) -> SiteReport {
    let empty = SiteReport { diffs: Vec::new(), engine: engine(), notes: Vec::new(), profile: None };
    let (smallest, largest) = match smallest.and_then(|smallest| Ok((smallest, largest?))) {
        Ok(profiles) => profiles,
        Err(problem) => {
            return SiteReport { notes: vec![format!("the call sites are not known: {problem}")], ..empty };
        }
    };
    let measure = match metric {
        Metric::PeakBytes => Measure::Peak,
        _ => Measure::Retained,
    };
    let bytes = |profile: &Profile| measure.of(&profile.amounts()).bytes;
    let sites = smallest.sites();
    let amounts = sites.iter().map(|site| (site.identity.to_string(), measure.of(&site.amounts)));
    // All of them, so that nothing at the largest size is of unknown origin.
    let then = SiteList { sites: amounts.filter(|(_, amount)| amount.bytes > 0).collect(), ..SiteList::default() };
    let diffs = vec![diff(&then, &largest, measure, bytes(&largest) - bytes(&smallest))];
    let told = "what grew or appeared did so from the smallest to the largest size".to_owned();
    let notes = std::iter::once(told).chain(largest.remark().map(str::to_owned)).collect();
    SiteReport { diffs, notes, profile: Some(file.to_owned()), ..empty }
}

/// The sites that held the memory when a limit was passed, beside those at the baseline's peak.
fn of_limit(baseline: Option<&Baseline>, profile: &Profile) -> Vec<SiteDiff> {
    let then = baseline.and_then(|baseline| baseline.sites.as_ref()).map_or(0, |sites| sites.peak.total().bytes);
    let change = profile.amounts().peak.bytes - then;
    vec![of_measure(baseline, profile, Measure::Peak, change)]
}

/// The sites of a profile beside the baseline's by one measure: peak or retained.
fn of_measure(baseline: Option<&Baseline>, profile: &Profile, measure: Measure, change: i64) -> SiteDiff {
    let none = SiteList::default();
    let then = match (baseline.and_then(|baseline| baseline.sites.as_ref()), measure) {
        (Some(TopSites { peak, .. }), Measure::Peak) => peak,
        (Some(TopSites { retained, .. }), _) => retained,
        (None, _) => &none,
    };
    diff(then, profile, measure, change)
}

/// The root, and the crates that are the user's own.
fn workspace(root: &Path) -> Result<Workspace, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(root);
    let failed = |why: String| format!("`cargo metadata` does not say which crates are of this workspace: {why}");
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()));
    }
    let metadata = serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))?;
    let lock = std::fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
    Ok(Workspace::new(&root.to_string_lossy(), own_crates(metadata, &lock)))
}

/// What of `cargo metadata` is used.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// The targets of the workspace's packages. One that is called as a dependency is, such as `tests/tokio.rs`, is not taken for the
/// user's: names alone tell crates apart, and far more is the dependency's.
fn own_crates(metadata: Metadata, lock: &str) -> Vec<String> {
    let members: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let locked = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let crate_name = |package: &str| package.replace('-', "_");
    let dependencies: BTreeSet<String> = locked.filter(|name| !members.contains(name)).map(crate_name).collect();
    let targets = metadata.packages.iter().flat_map(|package| &package.targets).map(|target| crate_name(&target.name));
    targets.filter(|name| !dependencies.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_called_as_a_dependency_is_no_crate_of_the_users() {
        let metadata = r#"{"packages": [
            {"name": "ats-sync", "targets": [{"name": "ats_sync"}, {"name": "memory"}]},
            {"name": "alloc", "targets": [{"name": "tokio"}, {"name": "serde-json"}]}
        ]}"#;
        let lock = "[[package]]\nname = \"ats-sync\"\n\n[[package]]\nname = \"tokio\"\nversion = \"1\"\n\n[[package]]\nname = \"serde_json\"\n";
        assert_eq!(own_crates(serde_json::from_str(metadata).unwrap(), lock), ["ats_sync", "memory"]);
    }
}
