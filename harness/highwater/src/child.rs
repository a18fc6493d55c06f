//! The measured process: runs one scenario once, tells the journal, exits. It builds no service and reads no baseline.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use highwater_alloc::EngineError;
use highwater_model::Engine;

use crate::drive::Run;
use crate::message::{Instruction, JournalWriter, Message};
use crate::phases::BoxError;
use crate::suite::Entry;
use crate::{Context, cgroup, position, profiler};

/// Runs the scenario that the instruction names.
pub(crate) fn run<'a>(
    instruction: Result<Instruction, serde_json::Error>,
    entries: impl Iterator<Item = &'a Entry>,
) -> ExitCode {
    match prepare(instruction, entries) {
        Ok((entry, instruction)) => measure(entry, instruction),
        Err(problem) => {
            // There is no journal to tell: the parent shows the end of our standard error.
            eprintln!("highwater: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn prepare<'a>(
    instruction: Result<Instruction, serde_json::Error>,
    mut entries: impl Iterator<Item = &'a Entry>,
) -> Result<(&'a Entry, Instruction), BoxError> {
    let instruction = instruction.map_err(|error| format!("{} is not understood: {error}", Instruction::VARIABLE))?;
    // A launcher's child dies with what that put it in.
    if !instruction.launched {
        die_with(instruction.parent)?;
    }
    if let Some(entrance) = &instruction.cgroup {
        std::fs::write(entrance, cgroup::SELF)
            .map_err(|error| format!("the control group {} cannot be entered: {error}", entrance.display()))?;
    }
    let entry = entries
        .find(|entry| entry.declared.name == instruction.scenario)
        .ok_or_else(|| format!("there is no scenario `{}` in this suite", instruction.scenario))?;
    let unusable = |error| format!("the journal {} cannot be opened: {error}", instruction.journal.display());
    let journal = JournalWriter::open(&instruction.journal).map_err(unusable)?;
    if instruction.launched {
        wait_for_the_launcher(&instruction.journal).map_err(unusable)?;
    }
    position::begin(journal, instruction.cgroup.is_some() || instruction.launched);
    position::report_panics();
    Ok((entry, instruction))
}

/// Waits until the launcher has told the journal that it watches, which is empty before. A launcher that never does is ended by the parent's
/// timeout, and ends us.
fn wait_for_the_launcher(journal: &Path) -> std::io::Result<()> {
    while std::fs::metadata(journal)?.len() == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Asks the kernel to kill this process when its parent is gone, so that an interrupted harness leaves nothing running.
#[cfg(target_os = "linux")]
fn die_with(parent: u32) -> Result<(), BoxError> {
    Ok(signal_at_the_end_of(parent, rustix::process::Signal::KILL)?)
}

/// Asks the kernel to send this process a signal when its parent is gone.
///
/// # Errors
/// When that is gone already.
#[cfg(target_os = "linux")]
pub(crate) fn signal_at_the_end_of(parent: u32, signal: rustix::process::Signal) -> std::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(signal))?;
    // It may have gone before we asked.
    if rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().cast_unsigned()) == Some(parent) {
        Ok(())
    } else {
        Err(std::io::Error::other("the harness is gone"))
    }
}

/// Asks the kernel to end this process when the one that started it is gone: a suite whose command was killed has nobody to tell.
///
/// # Errors
/// When the kernel refuses.
#[cfg(target_os = "linux")]
pub(crate) fn end_with_whoever_started_us() -> std::io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?)
}

/// Elsewhere it runs to its end.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub(crate) fn end_with_whoever_started_us() -> std::io::Result<()> {
    Ok(())
}

/// Elsewhere the timeout of the parent is what ends a child.
#[cfg(not(target_os = "linux"))]
fn die_with(_: u32) -> Result<(), BoxError> {
    Ok(())
}

fn measure(entry: &Entry, instruction: Instruction) -> ExitCode {
    let engine = match instruction.engine {
        Engine::Counting => highwater_alloc::Engine::Counting,
        Engine::StatsAlloc => highwater_alloc::Engine::StatsAlloc,
        Engine::Dhat => highwater_alloc::Engine::Dhat,
        Engine::Sites => highwater_alloc::Engine::Sites,
        Engine::Off => highwater_alloc::Engine::Off,
    };
    match engine.choose() {
        Ok(()) => {}
        Err(EngineError::NotTheAllocator) => {
            position::tell(&Message::NotCounting);
            return ExitCode::FAILURE;
        }
        Err(error) => {
            position::fail(error.to_string());
            return ExitCode::FAILURE;
        }
    }
    if let Some(file) = instruction.profile {
        profiler::begin(file, instruction.engine);
    }
    let context = Context::new(instruction.endpoints);
    let run = Run {
        declared: &entry.declared,
        context: &context,
        injections: &instruction.injections,
        limit: instruction.limit,
    };
    // The panic hook has told the journal by the time the panic arrives here.
    match catch_unwind(AssertUnwindSafe(|| entry.workload.run(run))) {
        Ok(Ok(report)) => {
            position::tell(&Message::Done(report));
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => {
            position::fail(with_sources(&*error));
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::from(101),
    }
}

/// An error and what caused it: `a: b: c`. A source that its parent's text already ends with is not repeated.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::num::ParseIntError);

    #[test]
    fn an_error_is_told_with_its_sources() {
        assert_eq!(with_sources(&Outer("x".parse::<u8>().unwrap_err())), "outer: invalid digit found in string");
    }
}
