//! Go's own pprof opens what is written and comes to the same sums.

use std::fs::File;
use std::process::Command;
use std::sync::Arc;

use highwater_model::Amount;
use highwater_profile::{Amounts, Measure, Profile, RawFrame, RawStack, Workspace};
use highwater_report::write_pprof;

/// 200 stacks of different depth and size.
fn profile() -> Profile {
    let frame = |function: String, line| {
        let file = Some("/home/ada/worker/src/sync.rs".to_owned());
        Arc::new(RawFrame { function: Some(function), file, line: Some(line) })
    };
    let stacks = (1..=200_u32).map(|i| {
        let frames = (0..=i % 7).map(|depth| frame(format!("worker::level{depth}::{{async_fn#0}}"), i));
        let outermost = frame("worker::main".to_owned(), 3);
        let amount = |times: i64| Amount { blocks: times * i64::from(i), bytes: times * 1_013 * i64::from(i) };
        let amounts = Amounts { total: amount(3), peak: amount(2), retained: amount(1) };
        RawStack { frames: frames.chain([outermost]).collect(), amounts }
    });
    Profile::new(stacks, &Workspace::new("/home/ada/worker", ["worker"]))
}

fn go_pprof(arguments: &[&str], file: &std::path::Path) -> String {
    let output = Command::new("go").args(["tool", "pprof"]).args(arguments).arg(file).output();
    let output = output.unwrap_or_else(|error| panic!("go: {error}; install Go (Debian: golang-go)"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("pprof writes text")
}

#[test]
#[ignore = "needs Go (Debian: golang-go)"]
fn go_s_pprof_comes_to_the_same_totals() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profile.pb.gz");
    let profile = profile();
    write_pprof(&profile, "worker", File::create(&path).unwrap()).unwrap();
    let amounts = profile.amounts();
    for (kind, measure) in [("alloc", Measure::Total), ("inuse", Measure::Retained), ("peak", Measure::Peak)] {
        let Amount { blocks, bytes } = measure.of(&amounts);
        for (index, unit, expected) in [("objects", "count", blocks.to_string()), ("space", "B", format!("{bytes}B"))] {
            let sample_index = format!("-sample_index={kind}_{index}");
            let unit = format!("-unit={unit}");
            let text = go_pprof(&["-top", &unit, "-nodefraction=0", "-nodecount=10000", &sample_index], &path);
            let total = format!("Showing nodes accounting for {expected}, 100% of {expected} total");
            assert!(text.contains(&total), "{total:?} is not in\n{text}");
            let main = text.lines().find(|line| line.ends_with("worker::main")).expect("the outermost function");
            assert!(main.contains(&format!("{expected}   100%")), "{main}");
        }
    }
}

#[test]
#[ignore = "needs Go (Debian: golang-go)"]
fn go_s_pprof_shows_what_is_in_use_unless_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profile.pb.gz");
    write_pprof(&profile(), "worker", File::create(&path).unwrap()).unwrap();
    let text = go_pprof(&["-top"], &path);
    assert!(text.starts_with("File: worker\nType: inuse_space\n"), "{text}");
    assert!(text.contains("worker::level0 (async)"), "{text}");
    // Flags as one has them in the fingers for a Go service.
    assert!(go_pprof(&["-top", "-alloc_space"], &path).contains("Type: alloc_space"));
    let listed = go_pprof(&["-raw"], &path);
    assert!(listed.contains("worker::main src/sync.rs:3 s=0"), "{listed}");
}
