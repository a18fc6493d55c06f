//! The child that runs the workload under dhat, and what its parent has of it.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use dhat::HeapStats;
use highwater_profile::{Profile, RawStack, Workspace, read_dhat};

use crate::workload::{self, Sizes};

/// Tells the child where to write its profile, and the sizes of the two sites that swap them.
const INSTRUCTION: &str = "HIGHWATER_PROFILE_KNOWN";

/// What the child is told; `None` in the parent.
pub(crate) fn instruction() -> Option<String> {
    std::env::var(INSTRUCTION).ok()
}

/// Runs the workload. Prints what dhat has counted: blocks and bytes in total, at the peak, at the end.
pub(crate) fn run(instruction: &str) {
    let mut parts = instruction.splitn(3, ' ');
    let mut size = || parts.next().and_then(|size| size.parse().ok()).expect("two sizes");
    let sizes = Sizes { left: size(), right: size() };
    let file = parts.next().expect("a file");
    let profiler = dhat::Profiler::builder().file_name(file).trim_backtraces(Some(64)).build();
    workload::run(sizes);
    let stats = HeapStats::get();
    drop(profiler);
    let counted = [
        stats.total_blocks,
        stats.total_bytes,
        stats.max_blocks as u64,
        stats.max_bytes as u64,
        stats.curr_blocks as u64,
        stats.curr_bytes as u64,
    ];
    println!("{}", counted.map(|number| number.to_string()).join(" "));
}

/// What a child has left.
pub(crate) struct Known {
    /// Its call stacks.
    pub(crate) stacks: Vec<RawStack>,
    /// Blocks and bytes in total, at the peak, at the end, as dhat has counted them.
    pub(crate) counted: [i64; 6],
}

impl Known {
    /// Starts a child with these sizes.
    pub(crate) fn of(sizes: Sizes) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("heap.json");
        let output = Command::new(std::env::current_exe().unwrap())
            .env(INSTRUCTION, format!("{} {} {}", sizes.left, sizes.right, file.display()))
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        let counted: Vec<i64> =
            String::from_utf8_lossy(&output.stdout).split_whitespace().map(|n| n.parse().unwrap()).collect();
        let stacks = read_dhat("heap.json", File::open(&file).unwrap()).unwrap();
        Self { stacks, counted: counted.try_into().unwrap() }
    }

    /// The profile, with this test's own code as the user's.
    pub(crate) fn profile(&self) -> Profile {
        Profile::new(self.stacks.clone(), &workspace())
    }
}

/// This workspace, with this test's files.
pub(crate) fn workspace() -> Workspace {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate is two folders below the root");
    let files = ["after", "before", "checks", "child", "main", "workload"];
    Workspace::new(&root.display().to_string(), ["known"])
        .files(files.map(|file| format!("harness/profile/tests/known/{file}.rs")))
}
