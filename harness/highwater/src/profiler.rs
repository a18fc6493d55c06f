//! What the child records of call sites while it runs, and the file that it leaves: in dhat's form, whichever engine counted. Which
//! sites the parent makes of it is `culprits`'.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use highwater_alloc::{CallStack, DhatProfile, EngineError, call_stacks};
use highwater_model::{Amount, Engine};
use highwater_profile::{AddressStack, Amounts, DhatAbout, RawFrame, RawStack, symbolise, write_dhat};

/// The file, when there is to be one, and what counts.
static FILE: OnceLock<(PathBuf, Engine)> = OnceLock::new();

/// dhat's own recording, while it runs.
static DHAT: Mutex<Option<DhatProfile>> = Mutex::new(None);

/// Has a file written at the end. Called once, first.
pub(crate) fn begin(file: PathBuf, engine: Engine) {
    if FILE.set((file, engine)).is_err() {
        unreachable!("a child runs one scenario");
    }
}

/// The window is about to be opened.
pub(crate) fn opening() -> Result<(), EngineError> {
    if let Some((file, Engine::Dhat)) = FILE.get() {
        *DHAT.lock().unwrap_or_else(PoisonError::into_inner) = Some(DhatProfile::begin(file)?);
    }
    Ok(())
}

/// What was recorded of a window that is closed.
#[derive(Debug)]
#[must_use = "the file is written by `write`"]
pub(crate) struct Recorded(Option<Vec<CallStack>>);

/// The window is closed and its counters are read: whatever is allocated from here on is nobody's.
pub(crate) fn closed() -> Recorded {
    if FILE.get().is_none() {
        return Recorded(None);
    }
    if let Some(profile) = DHAT.lock().unwrap_or_else(PoisonError::into_inner).take() {
        profile.finish();
    }
    Recorded(call_stacks())
}

impl Recorded {
    /// Writes the file, unless dhat has.
    pub(crate) fn write(self) -> io::Result<()> {
        let (Some((file, _)), Some(stacks)) = (FILE.get(), self.0) else { return Ok(()) };
        let about = DhatAbout {
            command: "recorded by highwater: lifetimes and the most of each stack are not measured".to_owned(),
            pid: std::process::id(),
            ..DhatAbout::default()
        };
        write_dhat(File::create(file)?, &about, &named(stacks))
    }
}

fn named(stacks: Vec<CallStack>) -> Vec<RawStack> {
    let amount = |amount: highwater_alloc::Amount| Amount { blocks: amount.blocks, bytes: amount.bytes };
    let stacks = stacks.into_iter().map(|stack| AddressStack {
        addresses: stack.addresses.into_iter().map(|address| address as u64).collect(),
        amounts: Amounts { total: amount(stack.total), peak: amount(stack.peak), retained: amount(stack.retained) },
    });
    symbolise(stacks, functions_at)
}

/// The functions at an address, innermost first.
fn functions_at(address: u64) -> Vec<RawFrame> {
    let mut functions = Vec::new();
    // A stack has where functions go on; the call is before that, and may be of another line.
    let call = (address as usize).wrapping_sub(1) as *mut c_void;
    backtrace::resolve(call, |symbol| {
        functions.push(RawFrame {
            function: symbol.name().map(|name| name.as_str().map_or_else(|| name.to_string(), str::to_owned)),
            file: symbol.filename().map(|file| file.to_string_lossy().into_owned()),
            line: symbol.lineno(),
        });
    });
    functions
}
