//! The project `culprits`: what a failing test says of the call sites that grew.

use crate::command::highwater;
use crate::project::{Project, Ran};

/// Each scenario, what makes it regress, and what its failing test then has to say, line by line.
const CULPRITS: &[(&str, &str, &[&str])] = &[
    (
        "closure",
        "1100",
        &[
            "call sites by retained and peak:",
            "  grew by 19.5 KiB, from 2,000 B in 20 blocks to 21.5 KiB in 20 blocks",
            "    culprits::in_a_closure (closure), src/lib.rs:10",
        ],
    ),
    (
        "await",
        "1100",
        &[
            "  grew by 19.5 KiB, from 2,000 B in 20 blocks to 21.5 KiB in 20 blocks",
            "    culprits::fetch (async), src/lib.rs:22",
            "    called by culprits::across_an_await (async), ",
        ],
    ),
    (
        "generic",
        "1100",
        &[
            "  grew by 19.5 KiB, from 2,000 B in 20 blocks to 21.5 KiB in 20 blocks",
            "    culprits::Cache::insert, src/lib.rs:36",
        ],
    ),
    (
        "dependency",
        "1100",
        &[
            "  grew by 19.5 KiB, from 2,000 B in 20 blocks to 21.5 KiB in 20 blocks",
            "    culprits::in_a_dependency, src/lib.rs:42",
            "    calls serde_json::de::from_str",
        ],
    ),
    (
        "thread",
        "1100",
        &[
            "  grew by 19.5 KiB, from 2,000 B in 20 blocks to 21.5 KiB in 20 blocks",
            "    culprits::produce, src/lib.rs:60",
        ],
    ),
    (
        "swap",
        "720",
        &[
            "  grew by 8,400 B, from 6,000 B in 20 blocks to 14.1 KiB in 20 blocks",
            "    culprits::left, src/lib.rs:65",
            "  shrank by 8,400 B, from 14.1 KiB in 20 blocks to 6,000 B in 20 blocks",
            "    culprits::right, src/lib.rs:71",
        ],
    ),
    (
        "tasks",
        "1",
        &[
            "  appeared with 2,560 B in 20 blocks",
            "    culprits::start_a_task, src/lib.rs:75",
            "    calls tokio::task::spawn::spawn",
        ],
    ),
    (
        "threads",
        "1",
        &[
            "    culprits::start_a_thread, src/lib.rs:83",
            "    calls std::thread::builder::Builder::spawn",
            "note: threads that were left behind, by name: `flusher` (20)",
        ],
    ),
    (
        "limit",
        "400000",
        &[
            "limit exceeded: 3.9 MiB were live",
            "  grew by 4.2 MiB, from 2,000 B in 20 blocks to 4.2 MiB in 11 blocks",
            "    culprits::left, src/lib.rs:65",
        ],
    ),
];

/// The same for what is not on the heap in the window: the metric that regresses, and what is said of it.
const ELSEWHERE: &[(&str, &str, &str, &[&str])] = &[
    ("stacks", "1", "rss_bytes", &["note: resident memory grew by 2", "by C libraries, mappings or thread stacks"]),
    ("descriptors", "1", "fds", &["note: file descriptors that were left behind, by name: `", "Cargo.toml` (20)"]),
    ("standing", "100000", "standing_bytes", &["note: 97.6 KiB more are held when the window opens"]),
];

/// The lines stand in what was said, in this order.
#[track_caller]
fn says(ran: &Ran, lines: &[&str]) {
    let mut said = ran.stdout.lines();
    for line in lines {
        assert!(said.any(|found| found.contains(line)), "{line:?} is not said, or not in its place\n{}", ran.all());
    }
}

#[test]
fn a_failing_test_names_the_call_site_that_grew() {
    let project = Project::copy("culprits");
    highwater(&project, &["update"], &[]).expect(0);
    let baseline = project.read("baselines/culprits/closure/x86_64-unknown-linux-gnu.json");
    assert!(baseline.contains("\"culprits::in_a_closure -> "), "the baseline lists sites: {baseline}");
    highwater(&project, &["check"], &[]).expect(0);
    for (scenario, size, lines) in CULPRITS {
        let test = ["test", "--test", "memory", "--", "--exact", scenario];
        let failing = project.cargo(&test, &[("SIZE", size)]).expect(101);
        says(&failing, lines);
        let sites = &project.result("culprits", scenario)["sites"];
        assert_eq!(sites["engine"], "sites", "{scenario}");
        let unexplained = sites["diffs"][0]["unexplained"].as_i64().unwrap();
        // How far a thread is with its own beginnings differs from run to run.
        let bound = if *scenario == "threads" { 20 * 128 } else { 64 };
        assert!(unexplained.abs() <= bound, "{scenario}: {unexplained} B are left unexplained");
    }
    for (scenario, size, metric, said) in ELSEWHERE {
        let test = ["test", "--test", "memory", "--", "--exact", scenario];
        let failing = project.cargo(&test, &[("SIZE", size)]).expect(101);
        assert!(said.iter().all(|said| failing.stdout.contains(said)), "{scenario}\n{}", failing.all());
        let result = project.result("culprits", scenario);
        let metrics = result["comparison"]["metrics"].as_array().unwrap();
        let found = metrics.iter().find(|found| found["metric"] == *metric).unwrap();
        assert_eq!(found["verdict"], "regressed", "{scenario}: {found}");
    }
    // The same from the command.
    let checked = highwater(&project, &["check", "closure"], &[("SIZE", "1100")]).expect(100);
    says(&checked, CULPRITS[0].2);
}
