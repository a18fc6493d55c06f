//! `cargo highwater self-test` on the project `known`: every injection is caught, and what cannot be caught is told.

use serde_json::Value;

use crate::command::highwater;
use crate::project::Project;

/// What the self-test of the only scenario says of an injection: the outcome, and what is told of it.
fn trial<'a>(tests: &'a Value, kind: &str) -> (&'a str, &'a Value) {
    let trials = tests[0]["trials"].as_array().unwrap().iter().flat_map(|trial| trial.as_object().unwrap());
    let mut of_kind = trials.filter(|(_, told)| told["injection"]["kind"] == kind || told["kind"] == kind);
    let (outcome, told) = of_kind.next().unwrap_or_else(|| panic!("no {kind} in {tests}"));
    (outcome, told)
}

#[test]
fn every_injection_is_caught_on_sound_scenarios() {
    let project = Project::copy("known");
    let scenarios = ["leaks", "workers"];
    highwater(&project, &[&["update"][..], &scenarios].concat(), &[]).expect(0);
    let result = project.result("known", "leaks");
    let ran = highwater(&project, &[&["self-test"][..], &scenarios].concat(), &[]).expect(0);
    assert!(ran.stdout.contains("2 scenarios: 16 injections caught; "), "{}", ran.all());
    for line in ["leak B/iter growth caught", "leak B/iter retained caught"] {
        let found = ran.stdout.lines().any(|row| line.split(' ').all(|word| row.contains(word)));
        assert!(found, "no row with {line:?}\n{}", ran.all());
    }
    // A report reads the scenario's own result, which is the clean run's.
    let after = project.result("known", "leaks");
    assert_eq!(after["verdict"], "within", "{}", ran.all());
    assert_eq!(
        after["measurement"]["samples"][0]["metrics"]["fds"],
        result["measurement"]["samples"][0]["metrics"]["fds"]
    );
}

#[test]
fn what_a_scenario_does_not_gate_is_said_and_not_passed_over() {
    let project = Project::copy("known");
    highwater(&project, &["update", "exact", "silent"], &[]).expect(0);
    let ran = highwater(&project, &["self-test", "exact", "silent"], &[]).expect(0);
    for said in ["not gated: tasks not measured in this scenario", "not gated: fds not gated by this scenario"] {
        assert!(ran.stdout.contains(said), "{said:?} is not said\n{}", ran.all());
    }
    assert!(ran.stdout.contains("14 injections caught, 2 not gated; "), "{}", ran.all());
}

#[test]
fn a_missed_injection_and_a_clean_run_that_regressed_exit_with_100() {
    let project = Project::copy("known");
    let missing = highwater(&project, &["self-test", "shrinks"], &[]).expect(5);
    assert!(missing.stdout.contains("new; nothing was injected"), "{}", missing.all());

    // Growth is never negative: what shrinks hides a leak that is slower.
    highwater(&project, &["update", "shrinks", "exact"], &[]).expect(0);
    let missed = highwater(&project, &["self-test", "shrinks", "--format", "json"], &[]).expect(100);
    let tests: Value = serde_json::from_str(&missed.stdout).unwrap();
    let (outcome, leak) = trial(&tests, "leak");
    assert_eq!((outcome, &leak["metric"]), ("missed", &Value::from("growth_bytes")), "{}", missed.all());
    assert_eq!(trial(&tests, "blocks").0, "caught", "{}", missed.all());
    let told = highwater(&project, &["self-test", "shrinks"], &[]).expect(100).stdout;
    assert!(told.contains("MISSED  known/shrinks, leak ") && told.contains("growth came to 0 B/iter"), "{told}");

    let unclean = highwater(&project, &["self-test", "exact"], &[("KNOWN_LEAK", "5000")]).expect(100);
    assert!(unclean.stdout.contains("regressed; nothing was injected"), "{}", unclean.all());
}
