//! Making a regression on purpose: after setup or inside the window, beside the workload and without touching it. What is made, and whether
//! the gate fires for it, is the parent's.

use std::fs::File;
use std::hint::black_box;

use highwater_alloc::{Counts, leak_foreign};
use highwater_model::{Injection, InjectionKind};
use tokio::runtime::Handle;

use crate::phases::BoxError;

/// Makes what is due after setup.
///
/// # Errors
/// When the allocator refuses it.
pub(crate) fn after_setup(Injection { kind, size }: Injection) -> Result<(), BoxError> {
    if kind == InjectionKind::Standing {
        std::mem::forget(block(size)?);
    }
    Ok(())
}

/// Makes what is due after this iteration, from 1.
///
/// # Errors
/// When the operating system or the allocator refuses it, or when tasks are asked for where there is no runtime.
pub(crate) fn after_iteration(Injection { kind, size }: Injection, iteration: u64) -> Result<(), BoxError> {
    match kind {
        InjectionKind::Leak => std::mem::forget(block(size)?),
        _ if iteration > 1 => {}
        InjectionKind::Blocks => (0..size).try_for_each(|_| block(1).map(std::mem::forget))?,
        InjectionKind::Threads => (0..size).try_for_each(|_| {
            let parked = std::thread::Builder::new().spawn(|| {
                loop {
                    std::thread::park();
                }
            });
            parked.map(drop)
        })?,
        InjectionKind::Fds => (0..size).try_for_each(|_| File::open("/dev/null").map(std::mem::forget))?,
        InjectionKind::Tasks => {
            let runtime = Handle::try_current()?;
            (0..size).for_each(|_| drop(runtime.spawn(std::future::pending::<()>())));
        }
        InjectionKind::Foreign => {
            if !leak_foreign(usize::try_from(size)?) {
                return Err(format!("the system has no {size} bytes").into());
            }
        }
        InjectionKind::Spike | InjectionKind::Standing => {}
    }
    Ok(())
}

/// Makes what is due after the last iteration, when the window has counted this.
///
/// # Errors
/// When the allocator refuses it, or nobody knows the peak.
pub(crate) fn after_the_last(Injection { kind, size }: Injection, counts: Option<Counts>) -> Result<(), BoxError> {
    if kind == InjectionKind::Spike {
        let counted = counts.and_then(|counts| Some((counts.peak?.bytes, counts.retained_bytes)));
        let (peak, retained) = counted.ok_or("a spike over the peak needs an engine that tells the peak")?;
        let below_the_peak = peak.abs_diff(retained);
        drop(block(below_the_peak.saturating_add(size))?);
    }
    Ok(())
}

/// A block of so many bytes. It is requested, which is what is counted, and not written to: a spike over a large peak costs no
/// resident memory.
fn block(bytes: u64) -> Result<Vec<u8>, BoxError> {
    let mut block = Vec::new();
    block.try_reserve_exact(usize::try_from(bytes)?)?;
    Ok(black_box(block))
}
