//! Which of four engines counts in this process. What an engine counts is its own: `ledger` for this crate's, `stats_alloc` and
//! `dhat` below for the other two.

#[expect(unsafe_code, reason = "an allocator for a crate that counts and asks for one")]
pub(crate) mod stats_alloc;

pub(crate) mod dhat;

#[expect(unsafe_code, reason = "the standard library allocates to read a variable")]
mod variable;

use std::fmt;
use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU8};

use crate::slot::Numbers;
use crate::thread::{LEDGER, with_slot};
use crate::{is_counting, sites};

/// What counts the allocations of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// This crate's own counters. The default.
    Counting,
    /// The crate [`stats_alloc`](::stats_alloc), for a second opinion on everything but the peak, which it does not
    /// know. It also counts allocations that failed.
    StatsAlloc,
    /// The crate [`dhat`](::dhat) in its testing mode, for a second opinion on the peak. Some thirty times slower,
    /// since it takes a call stack for each block. It differs in this:
    ///
    /// - A reallocation is one more block in the total, and adds its whole new size. How many there were is not told.
    /// - What was live when it was chosen is not its: freeing that changes nothing, reallocating it makes a new block.
    /// - Its peak is the process's since it was chosen. A window's is known if it is higher than the one before.
    /// - It allocates from the system's allocator, so it can stand for no other.
    Dhat,
    /// This crate's own counters, and for every block the call stack that made it: [`call_stacks`](crate::call_stacks). Has to be
    /// known before the first allocation, from the environment variable [`SITES_VARIABLE`](crate::SITES_VARIABLE), and needs
    /// frame pointers: `-C force-frame-pointers=yes`.
    Sites,
    /// None: what passes through is not counted, which shows what the counting costs.
    Off,
}

/// Why an engine cannot do what it was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineError {
    /// The process has another global allocator.
    NotTheAllocator,
    /// An engine other than [`Engine::Counting`] was chosen before, and what it counted cannot be handed over.
    Chosen(Engine),
    /// [`Engine::Dhat`] over an allocator other than the system's.
    DhatOverAnother,
    /// A limit under an engine that does not look at one.
    NoLimit(Engine),
    /// [`Engine::Sites`] in a process that began without [`SITES_VARIABLE`](crate::SITES_VARIABLE).
    SitesTooLate,
    /// [`Engine::Sites`] in a process that was built without frame pointers.
    NoFramePointers,
}

static CHOSEN: AtomicU8 = AtomicU8::new(UNDECIDED);

/// Until the first allocation, or the first question.
const UNDECIDED: u8 = u8::MAX;

/// Whether dhat was asked to stand for an allocator that it cannot stand for.
static REFUSED: AtomicBool = AtomicBool::new(false);

impl Engine {
    /// Lets this engine count from here on. To be called first in `main`, before there are other threads: what they allocate at
    /// the same moment may not be counted. What was live before may be freed after.
    ///
    /// While this crate's own engine counts, the possibility costs a load and a branch an operation.
    ///
    /// # Errors
    /// When [`Alloc`](crate::Alloc) is not the global allocator, when another engine was chosen before, or when the engine cannot
    /// work over the inner allocator. Then nothing has changed.
    pub fn choose(self) -> Result<(), EngineError> {
        match (chosen(), self) {
            (Self::Counting, Self::Sites) => return Err(EngineError::SitesTooLate),
            (Self::Counting, _) => {}
            (Self::Sites, Self::Sites) if sites::has_frame_pointers() => {}
            (Self::Sites, Self::Sites) => return Err(EngineError::NoFramePointers),
            (other, _) => return Err(EngineError::Chosen(other)),
        }
        if !is_counting() {
            return Err(EngineError::NotTheAllocator);
        }
        match self {
            Self::Counting | Self::Sites => {}
            Self::StatsAlloc => stats_alloc::begin(),
            Self::Dhat => return begin_dhat(),
            Self::Off => {}
        }
        CHOSEN.store(self as u8, Relaxed);
        Ok(())
    }
}

/// Only the global allocator knows what it is over. So it is told of the choice and asked for a block; until its profiler runs,
/// dhat counts nothing.
fn begin_dhat() -> Result<(), EngineError> {
    CHOSEN.store(Engine::Dhat as u8, Relaxed);
    drop(black_box(Box::new(0_u8)));
    if REFUSED.load(Relaxed) {
        CHOSEN.store(Engine::Counting as u8, Relaxed);
        return Err(EngineError::DhatOverAnother);
    }
    dhat::begin();
    Ok(())
}

/// What dhat writes of a span: the call stacks that allocated, as a file for its viewer.
#[derive(Debug)]
#[must_use = "the file is written when this is finished"]
pub struct DhatProfile(());

impl DhatProfile {
    /// Begins the span. Blocks that were made before it are none of its; its counters begin anew.
    ///
    /// # Errors
    /// When [`Engine::Dhat`] was not chosen.
    pub fn begin(file: &Path) -> Result<Self, EngineError> {
        match chosen() {
            Engine::Dhat => {
                dhat::begin_profile(file);
                Ok(Self(()))
            }
            other => Err(EngineError::Chosen(other)),
        }
    }

    /// Ends the span and writes the file. dhat tells standard error what it wrote, or why it could not.
    pub fn finish(self) {
        dhat::end_profile();
    }
}

/// Called by an allocator that dhat was to stand for and that is not the system's.
pub(crate) fn refuse_dhat() {
    REFUSED.store(true, Relaxed);
}

/// Whether this crate's own engine counts. On the hot path.
#[inline]
pub(crate) fn is_ours() -> bool {
    CHOSEN.load(Relaxed) == Engine::Counting as u8
}

/// Whether this crate's ledger counts.
pub(crate) fn has_ledger() -> bool {
    matches!(chosen(), Engine::Counting | Engine::Sites)
}

/// Blocks have room for their site or not from the first one on, so the first one decides it.
#[cold]
fn decide() -> Engine {
    let engine = if variable::is_set(sites::VARIABLE) { Engine::Sites } else { Engine::Counting };
    // Another thread that is here at the same moment decides alike.
    CHOSEN.store(engine as u8, Relaxed);
    engine
}

#[inline]
pub(crate) fn chosen() -> Engine {
    match CHOSEN.load(Relaxed) {
        engine if engine == Engine::Counting as u8 => Engine::Counting,
        engine if engine == Engine::StatsAlloc as u8 => Engine::StatsAlloc,
        engine if engine == Engine::Sites as u8 => Engine::Sites,
        engine if engine == Engine::Dhat as u8 => Engine::Dhat,
        UNDECIDED => decide(),
        _ => Engine::Off,
    }
}

/// What the engine has counted; none where none counts.
pub(crate) fn numbers() -> Option<Numbers> {
    match chosen() {
        Engine::Counting | Engine::Sites => Some(LEDGER.numbers()),
        Engine::StatsAlloc => stats_alloc::numbers(),
        Engine::Dhat => Some(dhat::numbers()),
        Engine::Off => None,
    }
}

/// Bytes live; none where none counts.
pub(crate) fn live() -> Option<i64> {
    match chosen() {
        Engine::Counting | Engine::Sites => Some(LEDGER.live()),
        _ => numbers().map(|numbers| numbers.live_bytes),
    }
}

/// Begins a window, where an engine has windows. Returns what it has counted.
pub(crate) fn open() -> Option<Numbers> {
    match chosen() {
        Engine::Counting => Some(with_slot(|slot| LEDGER.open(slot))),
        Engine::Sites => {
            let opened = with_slot(|slot| LEDGER.open(slot));
            sites::opened(opened.live_bytes);
            Some(opened)
        }
        _ => numbers(),
    }
}

/// The bytes between which the peak lies: since the window began, where an engine has windows.
pub(crate) fn peak() -> Option<(i64, i64)> {
    match chosen() {
        Engine::Counting | Engine::Sites => Some(with_slot(|slot| LEDGER.peak(slot))),
        Engine::Dhat => Some((dhat::peak_bytes(), dhat::peak_bytes())),
        Engine::StatsAlloc | Engine::Off => None,
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTheAllocator => f.write_str(
                "highwater's allocator is not the global allocator of this process: declare \
                 `#[global_allocator] static ALLOC: highwater::Alloc = highwater::Alloc::new();`",
            ),
            Self::Chosen(engine) => write!(f, "the engine {engine:?} was chosen before: choose once in a process"),
            Self::DhatOverAnother => f.write_str(
                "dhat allocates from the system's allocator and cannot count over another: choose another engine, or declare \
                 `highwater::Alloc::new()`",
            ),
            Self::NoLimit(engine) => {
                write!(f, "the engine {engine:?} cannot enforce a limit: only the counting engine can, with call sites or without")
            }
            Self::SitesTooLate => write!(
                f,
                "call sites are counted from a process's first allocation on or not at all: start it with {}=1",
                crate::SITES_VARIABLE
            ),
            Self::NoFramePointers => f.write_str(
                "this executable was built without frame pointers, so call sites cannot be told: build with \
                 `-C force-frame-pointers=yes` (rustflags in .cargo/config.toml)",
            ),
        }
    }
}

impl std::error::Error for EngineError {}
