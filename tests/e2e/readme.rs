//! The README's own words: its project is written to a folder as it stands there, and its commands are run.

use crate::command::highwater;
use crate::project::{Project, root};

/// The text of the code block behind `<!-- file: NAME -->`.
fn block<'a>(readme: &'a str, name: &str) -> &'a str {
    let marker = format!("<!-- file: {name} -->");
    let after = readme.split_once(&marker).unwrap_or_else(|| panic!("README.md has no {marker}")).1;
    after.split("```").nth(1).and_then(|block| block.split_once('\n')).expect("a code block follows").1
}

#[test]
fn the_project_in_the_readme_compiles_and_gates() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let manifest = block(&readme, "Cargo.toml").replace("../highwater", root().to_str().unwrap());
    let suite = block(&readme, "tests/memory.rs");
    let scenario = suite
        .lines()
        .skip_while(|line| !line.contains("Scenario::new"))
        .take_while(|line| !line.contains("Suite::new"));
    assert!(scenario.count() < 20, "a scenario in under 20 lines");

    let project = Project::empty("readme");
    // What `cargo new` writes, and the workspace's profile, so that dependencies are built once for all projects here.
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let is_shared = |part: &&str| part.contains("[profile.dev]\n") || part.contains("[profile.dev.build-override]\n");
    let profile: Vec<&str> = workspace.split("\n\n").filter(is_shared).collect();
    assert_eq!(profile.len(), 2, "{profile:?}");
    // A new project is built incrementally; that is no matter of dependencies.
    let profile = profile.join("\n").replace("incremental = false\n", "");
    project.write("Cargo.toml", &format!(
        "[package]\nname = \"my-worker\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n{manifest}\n[workspace]\n\n{profile}"
    ));
    project.write("src/lib.rs", "");
    project.write("tests/memory.rs", suite);
    project.write(".cargo/config.toml", block(&readme, ".cargo/config.toml"));

    let arguments = ["test", "--test", "memory"];
    let first = project.cargo(&arguments, &[]).expect(0);
    assert!(first.stderr.contains("my-worker/import: new"), "{}", first.all());
    highwater(&project, &["update"], &[]).expect(0);
    assert!(project.folder.join("baselines/my-worker/import").is_dir());
    let second = project.cargo(&arguments, &[("CI", "true")]).expect(0);
    assert!(second.stderr.contains("my-worker/import: within"), "{}", second.all());

    project.write("tests/memory.rs", &suite.replace("take(10)", "take(100)"));
    let regressed = project.cargo(&arguments, &[]).expect(101);
    assert!(regressed.stdout.contains("regressed: peak, retained, retained blocks, growth"), "{}", regressed.all());
    for part in ["call sites by retained", "memory::main (async), tests/memory.rs:12", "calls "] {
        assert!(regressed.stdout.contains(part), "{part:?} is not said\n{}", regressed.all());
    }
}
