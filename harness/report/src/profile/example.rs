//! Profiles made by hand for the tests of what draws and writes them.

use std::sync::Arc;

use highwater_model::Amount;
use highwater_profile::{Amounts, Profile, RawFrame, RawStack, Workspace};

/// A profile of a crate `worker`: stacks of functions, innermost first, with their bytes at the peak and at the end.
pub(crate) fn profile(stacks: &[(&str, i64, i64)]) -> Profile {
    let stacks = stacks.iter().map(|(functions, peak, retained)| {
        let amount = |bytes: i64| Amount { blocks: bytes / 10, bytes };
        RawStack {
            frames: functions.split_whitespace().map(frame).collect(),
            amounts: Amounts { total: amount(peak * 2), peak: amount(*peak), retained: amount(*retained) },
        }
    });
    Profile::new(stacks, &Workspace::new("/home/ada/worker", ["worker"]))
}

fn frame(function: &str) -> Arc<RawFrame> {
    let own = function.starts_with("worker::");
    let file = if own { "/home/ada/worker/src/sync.rs" } else { "/rustc/5980/library/alloc/src/vec/mod.rs" };
    Arc::new(RawFrame { function: Some(function.to_owned()), file: Some(file.to_owned()), line: Some(42) })
}
