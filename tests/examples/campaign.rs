//! The campaign: how often the gate cries wolf, and how small a regression may be that it still catches. Checks three small
//! scenarios (`tests/projects/campaign`) again and again, clean and with injected regressions of falling size, through the suite's
//! own binary; prints the tables of `tests/CAMPAIGN.md`, and fails when one of the goals below is missed.
//!
//! `cargo run -p highwater-e2e --example campaign` takes a quarter of an hour.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use highwater_model::InjectionKind::{self, Blocks, Leak, Spike};
use highwater_model::Metric::{
    self, GrowthBlocks, GrowthBytes, PeakBytes, RetainedBlocks, RetainedBytes, TotalBlocks, TotalBytes,
};
use highwater_model::{Injection, ScenarioResult, Verdict};
use serde_json::{Value, json};

#[path = "../e2e/project.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
#[allow(clippy::unwrap_used, reason = "it is the tests', which may panic")]
mod project;

use project::{Project, Ran, cargo, clean, root};

const SUITE: &str = "campaign";
const ONE_THREAD: &str = "one-thread";
const CURRENT_THREAD: &str = "current-thread";
const TWO_WORKERS: &str = "two-workers";
const SCENARIOS: [&str; 3] = [ONE_THREAD, CURRENT_THREAD, TWO_WORKERS];

/// What is injected, the metrics that may convict it, and the falling sizes. Those of a spike on several workers are parts of
/// the accepted peak, in percent.
const INJECTIONS: &[(InjectionKind, &[Metric], &[u64])] = &[
    (Leak, &[GrowthBytes, GrowthBlocks, RetainedBytes, RetainedBlocks, TotalBytes, TotalBlocks], &[64, 16, 4, 1]),
    (Blocks, &[RetainedBlocks, RetainedBytes, TotalBytes, TotalBlocks], &[16, 4, 2, 1]),
    (Spike, &[PeakBytes], &[1_024, 64, 8, 1]),
    (InjectionKind::Threads, &[Metric::Threads], &[1]),
    (InjectionKind::Fds, &[Metric::Fds], &[1]),
    (InjectionKind::Tasks, &[Metric::Tasks], &[1]),
];
const SPIKES_IN_PERCENT: &[u64] = &[30, 20, 15, 10, 8, 6, 4, 2, 1];

/// Clean checks of a scenario against one baseline. What it recorded is chance where samples differ, so the next ones get another.
const CHECKS_OF_A_BASELINE: usize = 40;

/// What has to be caught every time. On several workers the size of a spike is the scheduler's, and one block is tokio's own.
const GOALS: &[(InjectionKind, u64, &[Metric])] = &[
    (Leak, 16, &[GrowthBytes, RetainedBytes, TotalBytes]),
    (Blocks, 1, &[RetainedBlocks]),
    (Spike, 1, &[PeakBytes]),
    (InjectionKind::Threads, 1, &[Metric::Threads]),
    (InjectionKind::Fds, 1, &[Metric::Fds]),
    (InjectionKind::Tasks, 1, &[Metric::Tasks]),
];

/// Check clean and regressed runs by the hundred and write what came of them as a table
#[derive(Debug, Parser)]
struct Arguments {
    /// The scenarios to check; all when there are none
    #[arg(value_name = "SCENARIO", value_parser = SCENARIOS)]
    scenarios: Vec<String>,
    /// The number of clean checks, of the three scenarios together
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    clean: usize,
    /// The number of checks with each injection
    #[arg(long, value_name = "N", default_value_t = 10)]
    injected: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let meant =
        |scenario: &str| arguments.scenarios.is_empty() || arguments.scenarios.iter().any(|name| name == scenario);
    let scenarios: Vec<&'static str> = SCENARIOS.into_iter().filter(|scenario| meant(scenario)).collect();
    let campaign = Campaign::prepare(scenarios);
    let clean = campaign.clean(arguments.clean.div_ceil(SCENARIOS.len()));
    let powers: Vec<Power> =
        campaign.scenarios.iter().flat_map(|scenario| campaign.injected(scenario, arguments.injected)).collect();
    print!("{}\n{}", clean_table(&clean), power_table(&powers, arguments.injected));
    let missed: Vec<String> =
        clean.iter().filter_map(Clean::missed).chain(powers.iter().filter_map(Power::missed)).collect();
    for goal in &missed {
        eprintln!("missed goal: {goal}");
    }
    if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The suite, built.
struct Campaign {
    scenarios: Vec<&'static str>,
    project: Project,
    suite: PathBuf,
}

/// What the clean checks of a scenario came to.
struct Clean {
    scenario: &'static str,
    checks: usize,
    /// Those whose first sample did not settle it.
    more_samples: usize,
    improved: usize,
    regressed: usize,
    /// The metrics that did, with the number of checks.
    regressed_metrics: BTreeMap<Metric, usize>,
}

/// How many checks each size of an injection was caught in, by one metric.
struct Power {
    scenario: &'static str,
    kind: InjectionKind,
    metric: Metric,
    checks: usize,
    /// The accepted number that the sizes are parts of.
    parts_of: Option<u64>,
    /// By size.
    caught: BTreeMap<u64, usize>,
}

impl Campaign {
    fn prepare(scenarios: Vec<&'static str>) -> Self {
        let project = Project::copy(SUITE);
        let built = project.cargo(&["test", "--test", "memory", "--no-run", "--message-format", "json"], &[]).expect(0);
        let messages = built.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut memory = messages.filter(|message| message["target"]["name"] == "memory");
        let suite = memory.find_map(|message| message["executable"].as_str().map(PathBuf::from));
        Self { scenarios, project, suite: suite.expect("cargo says where it put the suite") }
    }

    /// Makes new baselines of ten samples each, with the command of this workspace.
    fn accept(&self) {
        let _ = std::fs::remove_dir_all(self.project.folder.join("baselines"));
        let mut update = cargo(&self.project.folder);
        update.args(["run", "--quiet", "--locked", "--bin", "cargo-highwater", "--manifest-path"]);
        Ran::of(update.arg(root().join("Cargo.toml")).args(["--", "update"]).args(&self.scenarios)).expect(0);
    }

    /// One check, as `cargo highwater check` has the suite make it.
    fn check(&self, scenario: &str, injection: Option<Injection>) -> ScenarioResult {
        let left = if injection.is_some() { "injected.json" } else { "result.json" };
        let left = project::target().join("highwater").join(SUITE).join(scenario).join(left);
        // What an earlier check left is not this one's.
        let _ = std::fs::remove_file(&left);
        let control = json!({ "mode": "check", "engine": "counting", "scenarios": [scenario], "injections": Vec::from_iter(injection) });
        let mut suite = clean(Command::new(&self.suite), &self.project.folder);
        let ran = Ran::of(suite.env("HIGHWATER_CONTROL", control.to_string()));
        let result = read(&left).unwrap_or_else(|problem| panic!("{problem}\n{}", ran.all()));
        assert!(matches!(result.verdict, Verdict::Within | Verdict::Regressed | Verdict::Improved), "{}", ran.all());
        result
    }

    /// So many clean checks of each scenario.
    fn clean(&self, checks: usize) -> Vec<Clean> {
        let mut all: Vec<Clean> = self.scenarios.iter().copied().map(Clean::new).collect();
        for done in 0..checks {
            if done % CHECKS_OF_A_BASELINE == 0 {
                self.accept();
            }
            for clean in &mut all {
                clean.add(&self.check(clean.scenario, None));
            }
        }
        all
    }

    fn injected(&self, scenario: &'static str, checks: usize) -> Vec<Power> {
        let mut powers = Vec::new();
        for (kind, metrics, sizes) in INJECTIONS {
            if (scenario, *kind) == (ONE_THREAD, InjectionKind::Tasks) {
                continue;
            }
            let parts_of = ((scenario, *kind) == (TWO_WORKERS, Spike)).then(|| self.peak(scenario));
            let caught = BTreeMap::new();
            let of_metric = |metric: &Metric| Power {
                scenario,
                kind: *kind,
                metric: *metric,
                checks,
                parts_of,
                caught: caught.clone(),
            };
            let mut of_kind: Vec<Power> = metrics.iter().map(of_metric).collect();
            let sizes = match parts_of {
                Some(peak) => SPIKES_IN_PERCENT.iter().map(|percent| peak * percent / 100).collect(),
                None => sizes.to_vec(),
            };
            for size in sizes {
                for _ in 0..checks {
                    let result = self.check(scenario, Some(Injection { kind: *kind, size }));
                    for power in &mut of_kind {
                        *power.caught.entry(size).or_default() += usize::from(regressed(&result, power.metric));
                    }
                }
            }
            powers.extend(of_kind);
        }
        powers
    }

    /// The accepted peak in bytes.
    fn peak(&self, scenario: &str) -> u64 {
        let result = self.check(scenario, None);
        let peak = result.comparison.as_ref().and_then(|comparison| comparison.metric(PeakBytes));
        peak.expect("the peak is compared").accepted.median.unsigned_abs()
    }
}

fn read(path: &Path) -> Result<ScenarioResult, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    ScenarioResult::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn regressed(result: &ScenarioResult, metric: Metric) -> bool {
    let compared = result.comparison.as_ref().and_then(|comparison| comparison.metric(metric));
    compared.is_some_and(|compared| compared.verdict == Some(Verdict::Regressed))
}

impl Clean {
    fn new(scenario: &'static str) -> Self {
        Self { scenario, checks: 0, more_samples: 0, improved: 0, regressed: 0, regressed_metrics: BTreeMap::new() }
    }

    fn add(&mut self, result: &ScenarioResult) {
        self.checks += 1;
        self.more_samples +=
            usize::from(result.measurement.as_ref().is_some_and(|measured| measured.samples.len() > 1));
        self.improved += usize::from(result.verdict == Verdict::Improved);
        self.regressed += usize::from(result.verdict == Verdict::Regressed);
        for metric in Metric::ALL.into_iter().filter(|metric| regressed(result, *metric)) {
            *self.regressed_metrics.entry(metric).or_default() += 1;
        }
    }

    fn missed(&self) -> Option<String> {
        let Self { scenario, checks, regressed, regressed_metrics, .. } = self;
        let metrics: Vec<String> =
            regressed_metrics.iter().map(|(metric, checks)| format!("{metric} in {checks}")).collect();
        let metrics = metrics.join(", ");
        (*regressed > 0).then(|| format!("{scenario}: {regressed} of {checks} clean checks regressed: {metrics}"))
    }
}

impl Power {
    /// The smallest size that was always caught, with every larger one.
    fn smallest(&self) -> Option<u64> {
        let always = self.caught.iter().rev().take_while(|(_, caught)| **caught == self.checks);
        always.last().map(|(size, _)| *size)
    }

    fn show(&self, size: u64) -> String {
        let shown = Injection { kind: self.kind, size }.shown_size();
        // A part was rounded down to whole bytes.
        self.parts_of.map_or(shown.clone(), |whole| format!("{} % ({shown})", (size * 100).div_ceil(whole)))
    }

    fn missed(&self) -> Option<String> {
        let goal = |(kind, _, metrics): &&(InjectionKind, u64, &[Metric])| {
            *kind == self.kind && metrics.contains(&self.metric)
        };
        let (_, size, _) = GOALS.iter().find(goal)?;
        let size = match (self.scenario, self.kind) {
            (TWO_WORKERS, Spike) => return None,
            (TWO_WORKERS, Blocks) => &2,
            _ => size,
        };
        let Self { scenario, kind, metric, checks, .. } = self;
        let caught = self.caught[size];
        let reached = self.smallest().is_some_and(|smallest| smallest <= *size);
        (!reached).then(|| format!("{scenario}: {kind} of {size} regressed {metric} in {caught} of {checks} checks"))
    }
}

fn clean_table(clean: &[Clean]) -> String {
    let mut text =
        "| scenario | clean checks | with more than one sample | improved | regressed |\n|---|--:|--:|--:|--:|\n"
            .to_owned();
    for Clean { scenario, checks, more_samples, improved, regressed, .. } in clean {
        text.push_str(&format!("| `{scenario}` | {checks} | {more_samples} | {improved} | {regressed} |\n"));
    }
    text
}

fn power_table(powers: &[Power], checks: usize) -> String {
    let mut text = format!(
        "| scenario | injection | metric | smallest always caught | caught in {checks} checks, by size |\n|---|---|---|--:|---|\n"
    );
    for power in powers {
        let Power { scenario, kind, metric, caught, .. } = power;
        let smallest = power.smallest().map_or_else(|| "none".to_owned(), |size| power.show(size));
        let sizes: Vec<String> =
            caught.iter().rev().map(|(size, caught)| format!("{}: {caught}", power.show(*size))).collect();
        text.push_str(&format!("| `{scenario}` | {kind} | {metric} | {smallest} | {} |\n", sizes.join(", ")));
    }
    text
}
