//! The corpus: published versions of crates that leak or peak, each measured by the same scenario as the version that fixed
//! it. `corpus/README.md` tells what the bugs were.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use highwater_model::Metric::{self, *};
use highwater_model::{MetricComparison, ScenarioResult, Verdict};

use crate::command::highwater;
use crate::project::{Project, root};

/// Where a missing baseline is no pass.
const CI: &[(&str, &str)] = &[("CI", "true")];

/// A bug of a published crate. The suite and the folder have the same name.
struct Case {
    folder: &'static str,
    scenario: &'static str,
    /// The crate under test, and what else its next version brought along.
    crates: &'static [&'static str],
    /// The metrics that must tell the two versions apart, in the order of tables. Others may.
    convicted_by: &'static [Metric],
}

const CASES: &[Case] = &[
    Case {
        folder: "bytes-owner",
        scenario: "owned-into-vec",
        crates: &["bytes"],
        convicted_by: &[PeakBytes, RetainedBytes, RetainedBlocks, GrowthBytes, GrowthBlocks],
    },
    Case {
        folder: "bytes-reserve",
        scenario: "line-buffer",
        crates: &["bytes"],
        // One buffer that doubles: it is no block more. Twelve iterations are too few to tell growth.
        convicted_by: &[PeakBytes, RetainedBytes],
    },
    Case {
        folder: "crossbeam-discard",
        scenario: "dead-workers",
        crates: &["crossbeam-channel"],
        convicted_by: &[PeakBytes, RetainedBytes, RetainedBlocks],
    },
    Case {
        folder: "lru-pop",
        scenario: "sessions",
        crates: &["lru"],
        convicted_by: &[RetainedBlocks, GrowthBytes, GrowthBlocks],
    },
    Case {
        folder: "protobuf-false-length",
        scenario: "truncated-field",
        crates: &["protobuf"],
        convicted_by: &[PeakBytes],
    },
    Case {
        folder: "rusqlite-expanded-sql",
        scenario: "statement-log",
        crates: &["rusqlite", "libsqlite3-sys"],
        // SQLite's heap is not the Rust allocator's: no other metric sees it.
        convicted_by: &[RssBytes],
    },
    Case {
        folder: "tokio-util-cancellation",
        scenario: "cancelled-request",
        crates: &["tokio-util"],
        convicted_by: &[RetainedBlocks, GrowthBytes, GrowthBlocks],
    },
];

#[test]
#[ignore = "needs crates beside the workspace's: the `cargo fetch` of tests/corpus/README.md"]
fn a_version_with_a_bug_regresses_against_the_one_that_fixed_it() {
    let mut table = "| folder | metric | good | bad |\n|---|---|---|---|\n".to_owned();
    let mut wrong = Vec::new();
    for case in CASES {
        let Trial { good, bad } = case.run();
        if (good.verdict, bad.verdict) != (Verdict::Within, Verdict::Regressed) {
            wrong.push(format!("{}: the good version is {}, the bad one {}", case.folder, good.verdict, bad.verdict));
        }
        for metric in case.convicted_by {
            let compared = compared(&bad, *metric);
            case.write(compared, &mut table);
            if compared.verdict != Some(Verdict::Regressed) {
                wrong.push(format!("{}: {metric} did not regress", case.folder));
            }
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}\n{table}");
}

/// One case, measured in both versions against the good one's baseline.
struct Trial {
    good: ScenarioResult,
    bad: ScenarioResult,
}

impl Case {
    fn source(&self, path: &str) -> PathBuf {
        root().join("tests/corpus").join(self.folder).join(path)
    }

    /// What a user does: accepts the numbers, checks, changes the version, checks again.
    fn run(&self) -> Trial {
        let project = Project::empty(&format!("corpus-{}", self.folder));
        self.install(&project, "good");
        highwater(&project, &["update"], &[]).expect(0);
        highwater(&project, &["check"], CI).expect(0);
        let good = self.result(&project);
        self.install(&project, "bad");
        highwater(&project, &["check"], CI).expect(100);
        Trial { good, bad: self.result(&project) }
    }

    /// Makes the project one that depends on this version, and builds it.
    fn install(&self, project: &Project, which: &str) {
        let absolute = |text: &str, relative: &str, path: PathBuf| {
            assert!(text.contains(relative), "{}/{which}/Cargo.toml does not name {relative}", self.folder);
            text.replace(relative, path.to_str().unwrap())
        };
        let manifest = fs::read_to_string(self.source(which).join("Cargo.toml")).unwrap();
        let manifest = absolute(&manifest, "../../../..", root().to_owned());
        let manifest = absolute(&manifest, "../memory.rs", self.source("memory.rs"));
        project.write("Cargo.toml", &manifest);
        project.write("Cargo.lock", &fs::read_to_string(self.source(which).join("Cargo.lock")).unwrap());
        let built = project.cargo(&["test", "--test", "memory", "--no-run", "--locked"], &[]);
        let remedy = "if crates are missing, or the lock file is another dependency's, see tests/corpus/README.md";
        assert_eq!(built.code, Some(0), "{}\n{remedy}", built.all());
    }

    fn result(&self, project: &Project) -> ScenarioResult {
        serde_json::from_value(project.result(self.folder, self.scenario)).unwrap()
    }

    /// A row of the table: what was accepted of the good version, beside the bad one's number.
    fn write(&self, compared: &MetricComparison, table: &mut String) {
        let MetricComparison { metric, accepted, now, .. } = compared;
        let (good, bad) = (metric.unit().show(accepted.median), metric.unit().show(now.median));
        let _ = writeln!(table, "| `{}` | {metric} | {good} | {bad} |", self.folder);
    }
}

/// One metric of a result beside its baseline.
fn compared(result: &ScenarioResult, metric: Metric) -> &MetricComparison {
    let found = result.comparison.as_ref().and_then(|comparison| comparison.metric(metric));
    found.unwrap_or_else(|| panic!("{metric} is not in {result:?}"))
}

/// The packages of a lock file with their versions; of a package with several, all of them.
fn packages(lock: &str) -> BTreeMap<String, String> {
    let mut packages = BTreeMap::<String, String>::new();
    for package in lock.split("[[package]]").skip(1) {
        let field = |name: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
            line.unwrap().trim_end_matches('"').to_owned()
        };
        let versions = packages.entry(field("name")).or_default();
        *versions = format!("{versions} {}", field("version")).trim_start().to_owned();
    }
    packages
}

#[test]
fn the_versions_of_a_case_differ_in_nothing_else() {
    for case in CASES {
        let read = |path: &str| fs::read_to_string(case.source(path)).unwrap();
        let (bad, good) = (packages(&read("bad/Cargo.lock")), packages(&read("good/Cargo.lock")));
        let names: BTreeSet<&String> = bad.keys().chain(good.keys()).collect();
        let differ: BTreeSet<&str> =
            names.into_iter().filter(|name| bad.get(*name) != good.get(*name)).map(String::as_str).collect();
        assert_eq!(differ, case.crates.iter().copied().collect(), "{}: packages of other versions", case.folder);

        let (bad, good) = (read("bad/Cargo.toml"), read("good/Cargo.toml"));
        assert_eq!(bad.lines().count(), good.lines().count(), "{}", case.folder);
        let differ: Vec<(&str, &str)> = bad.lines().zip(good.lines()).filter(|(bad, good)| bad != good).collect();
        assert_eq!(differ.len(), 1, "{}: {differ:?}", case.folder);
        assert!(differ[0].0.starts_with(&format!("{} = ", case.crates[0])), "{}: {differ:?}", case.folder);
    }
}

#[test]
fn every_case_is_measured_and_told() {
    let folder = root().join("tests/corpus");
    let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir()).map(|entry| entry.file_name());
    let folders: BTreeSet<String> = folders.map(|name| name.into_string().unwrap()).collect();
    assert_eq!(folders, CASES.iter().map(|case| case.folder.to_owned()).collect());
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    for case in CASES {
        for metric in case.convicted_by {
            let row = format!("| `{}` | {metric} | ", case.folder);
            assert!(readme.contains(&row), "README.md has no row {row:?}");
        }
    }
}
