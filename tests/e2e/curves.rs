//! Curves on the project `curves`: a bench with known peaks, the life of its frontier, and what is recommended by it.

use serde_json::Value;

use crate::command::highwater;
use crate::project::{Project, target};

const FRONTIER: &str = "baselines/curves/made/x86_64-unknown-linux-gnu.json";

#[test]
fn a_bench_leaves_a_curve_that_gates_and_recommends() {
    let project = Project::copy("curves");
    let folder = target().join("highwater/curves");
    let forget = || ["json", "svg", "html"].map(|kind| std::fs::remove_file(folder.join(format!("made.{kind}"))));
    let _ = forget();
    for pass in ["made peak", "made time"] {
        let _ = std::fs::remove_dir_all(target().join("criterion").join(pass));
    }
    // The profile of the other projects, so that dependencies are built once.
    let bench_with = |arguments: &[&str], variables: &[(&str, &str)]| {
        project.cargo(&[&["bench", "--profile", "dev", "--bench", "curve", "--"], arguments].concat(), variables)
    };
    let bench = |arguments: &[&str]| bench_with(arguments, &[]);
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        highwater(&project, &[arguments, &["--profile", "dev"]].concat(), variables)
    };

    let tried = bench(&["--test"]).expect(0);
    assert!(tried.stdout.contains("3 of 3 points in at least 1 runs each: that is no curve"), "{}", tried.all());
    run(&["recommend", "made", "--limit", "1MiB"], &[]).expect(96);
    let variant = bench_with(&["--test"], &[("CURVES_VARIANT", "wide")]).expect(0);
    assert!(variant.stdout.contains("what ran is the variant `wide`: that is no curve"), "{}", variant.all());

    let first = bench(&[]).expect(0);
    assert!(first.stdout.contains("no frontier is accepted yet"), "{}", first.all());
    let curve: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("made.json")).unwrap()).unwrap();
    for (point, size) in curve["points"].as_array().unwrap().iter().zip([100_000, 400_000, 500_000]) {
        assert_eq!(point["peak"], serde_json::json!({ "max": size, "median": size, "min": size, "samples": 11 }));
    }
    let svg = std::fs::read_to_string(folder.join("made.svg")).unwrap();
    assert_eq!(svg.matches("<circle").count(), 3, "{svg}");
    assert!(std::fs::read_to_string(folder.join("made.html")).unwrap().contains("<td>buffer size=400000</td>"));

    // criterion's own numbers are those of the counters, and it tells that nothing changed, without any variance.
    let estimates = target().join("criterion/made peak/buffer/size=400000/new/estimates.json");
    let estimates: Value = serde_json::from_str(&std::fs::read_to_string(estimates).unwrap()).unwrap();
    let mean = estimates["mean"]["point_estimate"].as_f64().unwrap();
    assert!((mean - 400_000.0).abs() < 0.5, "{mean}");
    assert!(target().join("criterion/made peak/report/index.html").is_file());
    let again = bench(&["made peak"]).expect(0);
    assert_eq!(again.stdout.matches("No change in performance detected.").count(), 3, "{}", again.all());

    run(&["update"], &[]).expect(0);
    assert!(run(&["check", "--curves"], &[]).expect(5).stdout.contains("new  curves/made"));
    run(&["update", "--curves", "made"], &[]).expect(0);
    let accepted = project.read(FRONTIER);
    assert!(accepted.contains("size-400000") && !accepted.contains("size-500000"), "what is dominated: {accepted}");
    let within = run(&["check", "--curves"], &[]).expect(0);
    assert!(within.stdout.contains("within  curves/made: 2 of 2 points of the frontier hold"), "{}", within.all());
    // The samples were all the same, so the peaks are exact.
    let moved = run(&["check", "--curves"], &[("CURVES_MORE", "1")]).expect(100);
    assert!(moved.stdout.contains("regressed  curves/made: 0 of 2"), "{}", moved.all());
    assert_eq!(project.read(FRONTIER), accepted, "a check writes nothing that is committed");

    // By a baseline of criterion's own, 10,000 bytes more are told as what they are of 100,000, 400,000 and 500,000. What is measured so is
    // the last curve, too.
    bench(&["made peak", "--save-baseline", "before"]).expect(0);
    let more = bench_with(&["made peak", "--baseline", "before"], &[("CURVES_MORE", "10000")]).expect(0);
    assert_eq!(more.stdout.matches("Performance has regressed.").count(), 3, "{}", more.all());
    for change in ["+10.000%", "+2.5000%", "+2.0000%"] {
        assert!(more.stdout.contains(change), "{change} is not said\n{}", more.all());
    }

    let recommend = |limit| run(&["recommend", "made", "--limit", limit], &[]);
    for source in ["the last `cargo bench`", "the accepted frontier"] {
        for (limit, setting) in [("200KiB", "buffer size=100000"), ("1MiB", "buffer size=400000")] {
            let told = recommend(limit).expect(0);
            assert!(told.stdout.contains(setting) && told.stdout.contains(source), "{}", told.all());
        }
        assert!(recommend("1KiB").expect(100).stdout.contains("nothing fits"));
        // A scenario leads to the curve of its suite, and to the series that its name begins with.
        for filter in ["buffer-of-nothing", "made/buffer", "of-no"] {
            let told = run(&["recommend", filter, "--limit", "200KiB"], &[]).expect(0);
            for part in ["made: buffer size=100000", source, "of buffer, as buffer-of-nothing is  made: the same\n"] {
                assert!(told.stdout.contains(part), "{part:?} is not said\n{}", told.all());
            }
        }
        let nothing = run(&["recommend", "none-such", "--limit", "1MiB"], &[]).expect(96);
        assert!(nothing.stderr.contains("no curve or scenario matches \"none-such\"; there are "), "{}", nothing.all());
        assert!(nothing.stderr.contains("made/buffer-of-nothing"), "{}", nothing.all());
        let _ = forget();
    }
}

#[test]
fn a_suite_without_a_curve_is_told_how_to_have_one_and_none_is_named_curves() {
    let project = Project::copy("curves");
    let run = |arguments: &[&str], suite: &str| highwater(&project, arguments, &[("CURVES_SUITE", suite)]);
    run(&["check"], "alone").expect(5);
    let told = run(&["recommend", "alone/buffer", "--limit", "1MiB"], "alone").expect(96);
    for part in ["no curve of alone, whose scenarios \"alone/buffer\" means", "`Sweep::new(\"alone\")`"] {
        assert!(told.stderr.contains(part), "{part:?} is not said\n{}", told.all());
    }

    let refused = run(&["check"], "curves").expect(96);
    assert!(refused.stderr.contains("no suite may be named `curves`"), "{}", refused.all());
    let failing = project.cargo(&["test", "--test", "memory"], &[("CURVES_SUITE", "Curves")]);
    assert_ne!(failing.code, Some(0), "{}", failing.all());
    assert!(failing.stderr.contains("no suite may be named `Curves`"), "{}", failing.all());
}
