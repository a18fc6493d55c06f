//! `cargo highwater` on workloads at several sizes, of the project `known`: listed, checked, tried and explained without a baseline.

use crate::command::highwater;
use crate::project::Project;

#[test]
fn growth_beyond_the_declared_exits_with_100_and_names_the_call_sites_that_grew() {
    let project = Project::copy("known");
    let listed = highwater(&project, &["list"], &[]).expect(0);
    let row = listed.stdout.lines().find(|row| row.trim_start().starts_with("keeps-ten ")).unwrap_or_default();
    assert!(row.contains(" constant growth "), "{}", listed.all());

    let within = highwater(&project, &["check", "keeps-ten"], &[]).expect(0);
    for part in
        ["known/keeps-ten  peak by size", "exponent 0.00", "constant  within", "at 1,000 ", "at 10,000 ", "80 B"]
    {
        assert!(within.stdout.contains(part), "{part:?} is not said\n{}", within.all());
    }
    let scaling = &project.result("known", "keeps-ten")["scaling"];
    assert_eq!(scaling["declared"], "constant");
    let values = scaling["found"]["points"].as_array().unwrap().iter().map(|point| point["value"].as_i64().unwrap());
    assert_eq!(values.collect::<Vec<_>>(), [80, 80]);

    let grows = highwater(&project, &["check", "keeps", "--format", "markdown"], &[]).expect(100);
    for part in [
        "### Memory: 2 scenarios: 1 within, 1 regressed",
        "| `known/keeps-all` | peak by size | - | exponent 1.00 | - | constant | **regressed** |",
        "- peak grows linearly (exponent 1.00, 8 B an item): 8,000 B at 1,000, 78.1 KiB at 10,000, where constant growth",
        "grew by 70.3 KiB, from 8,000 B in 1 block to 78.1 KiB in 1 block",
        "memory::at_two_sizes",
        "from the smallest to the largest size",
    ] {
        assert!(grows.stdout.contains(part), "{part:?} is not said\n{}", grows.all());
    }
    assert!(!grows.stdout.contains("To accept"), "{}", grows.all());
}

#[test]
fn a_size_that_fails_exits_with_102_whatever_an_earlier_run_left() {
    let project = Project::copy("known");
    highwater(&project, &["check", "keeps-ten"], &[]).expect(0);
    let failed = highwater(&project, &["check", "keeps-ten"], &[("KNOWN_FAILING_SIZE", "10000")]).expect(102);
    for part in ["at size 10,000: ", "so many are too many"] {
        assert!(failed.stdout.contains(part), "{part:?} is not said\n{}", failed.all());
    }
    let result = project.result("known", "keeps-ten");
    assert_eq!((&result["verdict"], result["scaling"].is_null()), (&"failed".into(), true));
    // The suite dies, and leaves what the run before left.
    let died = highwater(&project, &["check", "keeps-ten"], &[("KNOWN_DYING_SUITE", "1")]).expect(102);
    assert!(died.stdout.contains("left no result of this scenario"), "{}", died.all());
}

#[test]
fn the_gate_of_sizes_is_proved_and_nothing_of_them_can_be_accepted() {
    let project = Project::copy("known");
    let tried = highwater(&project, &["self-test", "keeps-ten"], &[]).expect(0);
    assert!(tried.stdout.contains("1 scenario: 1 injection caught; "), "{}", tried.all());
    assert_eq!(project.result("known", "keeps-ten")["verdict"], "within", "the clean run's stays");
    let unclean = highwater(&project, &["self-test", "keeps-all"], &[]).expect(100);
    assert!(unclean.stdout.contains("regressed; nothing was injected"), "{}", unclean.all());

    let refused = highwater(&project, &["update", "keeps-ten"], &[]).expect(96);
    assert!(refused.stderr.contains("no scenario matches \"keeps-ten\""), "{}", refused.all());

    let explained = highwater(&project, &["explain", "keeps-all"], &[]).expect(0);
    for part in ["78.1 KiB in 1 block", "memory::at_two_sizes", "this is the largest size, 10000", "has no baseline"] {
        assert!(explained.stdout.contains(part), "{part:?} is not said\n{}", explained.all());
    }
}
