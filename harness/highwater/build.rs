//! Hands the compiler's version and the build's settings to the crate, for the provenance of a measurement.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(rustc).arg("-V").output().ok().and_then(|output| String::from_utf8(output.stdout).ok());
    // "rustc 1.95.0 (59807616e 2026-04-14)": the second word.
    let version = version.as_deref().and_then(|text| text.split_whitespace().nth(1)).unwrap_or("unknown").to_owned();
    println!("cargo::rustc-env=HIGHWATER_RUSTC={version}");
    for (name, from) in [("TARGET", "TARGET"), ("OPT_LEVEL", "OPT_LEVEL"), ("PROFILE", "PROFILE")] {
        let value = std::env::var(from).unwrap_or_else(|_| "unknown".to_owned());
        println!("cargo::rustc-env=HIGHWATER_{name}={value}");
    }
}
