//! Profiles built by hand for the tests of this crate.

use std::sync::Arc;

use highwater_model::Amount;

use crate::{Amounts, Profile, RawFrame, RawStack, Workspace};

/// A stack of these functions, innermost first, each in a file of its module; twice the peak in total, blocks of 100 bytes.
pub(crate) fn stack(functions: &str, peak: i64, retained: i64) -> RawStack {
    let frame = |function: &str| {
        let file = match function.split("::").next() {
            Some("worker") => "/home/ada/worker/src/sync.rs",
            Some("serde_json") => "/c/registry/src/i/serde_json-1.0.154/src/de.rs",
            _ => "/rustc/5980/library/alloc/src/vec/mod.rs",
        };
        Arc::new(RawFrame { function: Some(function.to_owned()), file: Some(file.to_owned()), line: Some(42) })
    };
    let amount = |bytes: i64| Amount { blocks: bytes / 100, bytes };
    let amounts = Amounts { total: amount(peak * 2), peak: amount(peak), retained: amount(retained) };
    RawStack { frames: functions.split_whitespace().map(frame).collect(), amounts }
}

/// A profile of these stacks of a crate `worker`.
pub(crate) fn profile(stacks: &[(&str, i64, i64)]) -> Profile {
    let stacks = stacks.iter().map(|(functions, peak, retained)| stack(functions, *peak, *retained));
    Profile::new(stacks, &Workspace::new("/home/ada/worker", ["worker"]))
}
