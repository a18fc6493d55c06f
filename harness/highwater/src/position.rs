//! Where the child is, readable from any thread and at any moment: in the panic hook, and inside an allocation that passed the
//! limit.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU8, AtomicU64};
use std::time::Instant;

use highwater_alloc::{Exceeded, live_bytes, peak_bytes, timeline};
use highwater_model::{Bytes, Moment, Phase, Progress};

use crate::message::{JournalWriter, Message};
use crate::profiler;

static JOURNAL: OnceLock<JournalWriter> = OnceLock::new();
static STARTED: OnceLock<Instant> = OnceLock::new();
static PHASE: AtomicU8 = AtomicU8::new(0);
static DONE: AtomicU64 = AtomicU64::new(0);
static OF: AtomicU64 = AtomicU64::new(0);
/// Microseconds from [`STARTED`] to the last progress line.
static TOLD: AtomicU64 = AtomicU64::new(0);

const PHASES: [Phase; 6] = [Phase::Start, Phase::Setup, Phase::WarmUp, Phase::Window, Phase::Settle, Phase::Teardown];

/// So many iterations of a phase are each told, so that a hang among them is placed exactly.
const EACH_TOLD: u64 = 64;
/// Later ones that follow each other faster than this share a progress line.
const MICROS_BETWEEN_LINES: u64 = 20_000;
/// Less than that where the kernel may kill us: it leaves no time for last words.
static MICROS_BETWEEN: AtomicU64 = AtomicU64::new(MICROS_BETWEEN_LINES);

/// Begins to tell the journal: of each iteration where `may_be_killed`. Called once, first.
pub(crate) fn begin(journal: JournalWriter, may_be_killed: bool) {
    MICROS_BETWEEN.store(if may_be_killed { 0 } else { MICROS_BETWEEN_LINES }, Relaxed);
    STARTED.get_or_init(Instant::now);
    if JOURNAL.set(journal).is_err() {
        unreachable!("a child runs one scenario");
    }
    tell_progress();
}

/// Enters a phase of `of` iterations, and says so.
pub(crate) fn enter(phase: Phase, of: u64) {
    let index = PHASES.iter().position(|known| *known == phase).expect("every phase is listed");
    PHASE.store(index as u8, Relaxed);
    DONE.store(0, Relaxed);
    OF.store(of, Relaxed);
    tell_progress();
}

/// One more iteration is done. Allocates nothing: it is called inside the window.
pub(crate) fn advance() {
    let done = DONE.fetch_add(1, Relaxed) + 1;
    if done <= EACH_TOLD || micros() >= TOLD.load(Relaxed) + MICROS_BETWEEN.load(Relaxed) {
        tell_progress();
    }
}

/// The phase that the child is in.
fn phase() -> Phase {
    PHASES[usize::from(PHASE.load(Relaxed))]
}

/// Sends a message. When the journal cannot be written, the parent finds no message, and says so.
pub(crate) fn tell(message: &Message) {
    if let Some(journal) = JOURNAL.get() {
        let _ = journal.tell(message);
    }
}

/// Tells the journal that the workload returned an error, and where.
pub(crate) fn fail(message: String) {
    tell_progress();
    tell(&Message::Error { phase: phase(), message });
}

/// Tells the journal that the limit was passed, and ends the process.
pub(crate) fn limit_exceeded(exceeded: Exceeded) -> ! {
    // First, so that what is allocated to tell of it is in no profile.
    let recorded = profiler::closed();
    tell_progress();
    tell(&Message::Limit {
        limit: Bytes(exceeded.limit),
        live: Bytes(exceeded.live),
        requested: Bytes(exceeded.requested),
        timeline: moments(),
    });
    // The parent sees that there is none.
    let _ = recorded.write();
    // Not an unwinding: the allocation may have been made anywhere. The parent has the message and ignores the signal.
    std::process::abort()
}

/// What was live over time, as far as it goes.
pub(crate) fn moments() -> Vec<Moment> {
    timeline().into_iter().map(|seen| Moment { micros: seen.micros, live: Bytes(seen.live_bytes) }).collect()
}

/// Tells the journal of every panic, then does what was done before.
pub(crate) fn report_panics() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tell_progress();
        tell(&Message::Panic {
            thread: std::thread::current().name().unwrap_or("unnamed").to_owned(),
            location: info.location().map_or_else(|| "unknown".to_owned(), ToString::to_string),
            message: info.payload_as_str().unwrap_or("a value that is no text").to_owned(),
        });
        previous(info);
    }));
}

fn tell_progress() {
    TOLD.store(micros(), Relaxed);
    if let Some(journal) = JOURNAL.get() {
        journal.progress(&Progress {
            phase: phase(),
            done: DONE.load(Relaxed),
            of: OF.load(Relaxed),
            live: live_bytes().map(Bytes),
            peak: peak_bytes().map(Bytes),
        });
    }
}

fn micros() -> u64 {
    let elapsed = STARTED.get().map(Instant::elapsed).unwrap_or_default();
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}
