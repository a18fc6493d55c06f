//! The executables of the allocators, linked with their sections in another order for each layout.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) const LAYOUTS: usize = 3;

/// As `cargo bench` built them.
const BUILT: [(&str, &str); 8] = [
    ("cap", env!("CARGO_BIN_EXE_cap")),
    ("dhat", env!("CARGO_BIN_EXE_dhat")),
    ("divan", env!("CARGO_BIN_EXE_divan")),
    ("highwater", env!("CARGO_BIN_EXE_highwater")),
    ("peak_alloc", env!("CARGO_BIN_EXE_peak_alloc")),
    ("stats_alloc", env!("CARGO_BIN_EXE_stats_alloc")),
    ("system", env!("CARGO_BIN_EXE_system")),
    ("tracking_allocator", env!("CARGO_BIN_EXE_tracking_allocator")),
];

/// Paths by name.
pub(crate) type Executables = HashMap<&'static str, PathBuf>;

/// Links all executables with one seed.
///
/// # Panics
/// When the linker cannot shuffle sections: lld can, which is what Rust links with on Linux, and mold.
pub(crate) fn link(seed: usize) -> Executables {
    BUILT.into_iter().map(|(name, built)| (name, link_one(name, Path::new(built), seed))).collect()
}

fn link_one(name: &str, built: &Path, seed: usize) -> PathBuf {
    let status = Command::new(env!("CARGO"))
        .args(["rustc", "--quiet", "--release", "--bin", name])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .args(["--", "-C", &format!("link-arg=-Wl,--shuffle-sections=*={seed}")])
        .stdin(Stdio::null())
        .status()
        .expect("cargo starts");
    assert!(status.success(), "`cargo rustc --bin {name}`: {status}");
    // The next layout has the same path.
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{seed}"));
    fs::copy(built, &kept).expect("the executable can be copied");
    kept
}
