//! Ledgers of their own, whose slots are all moved by the test's thread: what several threads may do, one operation at a time.

use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;

use super::{LEAST_LEEWAY, LEEWAY_OF_PEAK, Ledger, SLOTS_LOOKED_AT};
use crate::slot::Slot;

fn never(live: i64, by: i64) {
    panic!("{by} bytes passed a limit that was not set, at {live} bytes");
}

fn made(ledger: &Ledger, slot: &Slot, size: usize) {
    if !slot.made(size) {
        slot.post(ledger, 0, size);
    }
}

fn freed(ledger: &Ledger, slot: &Slot, size: usize) {
    if !slot.freed(size) {
        slot.post(ledger, size, 0);
    }
}

fn resized(ledger: &Ledger, slot: &Slot, from: usize, to: usize) {
    if !slot.resized(from, to) {
        slot.post(ledger, from, to);
    }
}

#[test]
fn making_resizing_and_freeing_add_up() {
    static LEDGER: Ledger = Ledger::new(never);
    let slot = LEDGER.claim();
    made(&LEDGER, slot, 100);
    made(&LEDGER, slot, 50);
    freed(&LEDGER, slot, 100);
    resized(&LEDGER, slot, 50, 80);
    resized(&LEDGER, slot, 80, 20);
    resized(&LEDGER, slot, 20, 20);
    made(&LEDGER, slot, 5_000_000);
    resized(&LEDGER, slot, 5_000_000, 6_000_000);
    let numbers = LEDGER.numbers();
    assert_eq!((numbers.live_bytes, numbers.live_blocks), (6_000_020, 2));
    assert_eq!((numbers.total_bytes, numbers.total_blocks, numbers.reallocs), (6_000_180, 3, 4));
    resized(&LEDGER, slot, 6_000_000, 1);
    freed(&LEDGER, slot, 1);
    freed(&LEDGER, slot, 20);
    assert_eq!((LEDGER.numbers().live_bytes, LEDGER.numbers().live_blocks), (0, 0));
    assert_eq!(LEDGER.peak(slot), (6_000_020, 6_000_020));
}

#[test]
fn what_one_slot_makes_and_another_frees_is_gone() {
    static LEDGER: Ledger = Ledger::new(never);
    let (maker, freer) = (LEDGER.claim(), LEDGER.claim());
    for _ in 0..1_000 {
        made(&LEDGER, maker, 1_000);
        freed(&LEDGER, freer, 1_000);
    }
    assert_eq!((LEDGER.live(), LEDGER.numbers().live_blocks), (0, 0));
    let (least, most) = LEDGER.peak(maker);
    assert!(least <= 1_000 && (1_000..=1_000 + 4 * LEAST_LEEWAY).contains(&most), "{least}..{most}");
}

#[test]
fn growth_of_all_within_their_leeway_is_seen_when_the_peak_is_read() {
    static LEDGER: Ledger = Ledger::new(never);
    let slots = [(); 4].map(|()| LEDGER.claim());
    for slot in slots {
        made(&LEDGER, slot, 1); // Posts, and gets a leeway.
    }
    let opened = LEDGER.open(slots[0]).live_bytes;
    for slot in slots {
        made(&LEDGER, slot, 4_000);
    }
    for slot in slots {
        freed(&LEDGER, slot, 4_000);
    }
    let (_, most) = LEDGER.peak(slots[0]);
    assert_eq!((opened, most - opened), (4, 16_000));
}

#[test]
fn the_peak_is_exact_while_one_slot_is_active_whichever_it_is() {
    static LEDGER: Ledger = Ledger::new(never);
    let slots = [(); 5].map(|()| LEDGER.claim());
    for slot in slots {
        // High above live, so that a slot that stands still must not be taken for as high as it was.
        made(&LEDGER, slot, 20_000);
        made(&LEDGER, slot, 3_000);
        freed(&LEDGER, slot, 3_000);
    }
    let mut random = Random(7);
    for round in 0..if cfg!(miri) { 10 } else { 300 } {
        let active = slots[round % slots.len()];
        let opened = LEDGER.open(slots[0]).live_bytes;
        let (mut live, mut peak, mut blocks) = (opened, opened, Vec::new());
        for _ in 0..random.below(40) {
            if blocks.is_empty() || random.below(3) > 0 {
                let largest = [10, 1_000, 100_000][random.below(3)];
                let size = 1 + random.below(largest);
                made(&LEDGER, active, size);
                blocks.push(size);
                live += size as i64;
            } else {
                let size = blocks.swap_remove(random.below(blocks.len()));
                freed(&LEDGER, active, size);
                live -= size as i64;
            }
            peak = peak.max(live);
        }
        assert_eq!(LEDGER.peak(slots[0]), (peak, peak), "round {round}");
        blocks.into_iter().for_each(|size| freed(&LEDGER, active, size));
    }
}

#[test]
fn the_peak_of_any_schedule_lies_between_the_bounds() {
    static LEDGER: Ledger = Ledger::new(never);
    check_random_schedules(&LEDGER, 6);
}

#[test]
fn the_peak_of_many_slots_lies_between_the_bounds() {
    static LEDGER: Ledger = Ledger::new(never);
    check_random_schedules(&LEDGER, SLOTS_LOOKED_AT + 10);
}

/// Random operations of random slots, compared with the exact peak at random moments; threads come and go and windows open in
/// between.
fn check_random_schedules(ledger: &'static Ledger, threads: usize) {
    let mut random = Random(1);
    let mut slots: Vec<_> = (0..threads).map(|_| ledger.claim()).collect();
    let (mut live, mut blocks) = (0_i64, Vec::new());
    for window in 0..if cfg!(miri) { 3 } else { 100 } {
        assert_eq!(ledger.open(slots[0]).live_bytes, live);
        let (mut peak, mut leeway) = (live, ledger.leeway.load(Relaxed));
        let largest = [50, 2_000, 60_000][window % 3];
        // Growth and decline take turns, so that there are many peaks.
        let mut growing = true;
        for _ in 0..random.below(if cfg!(miri) { 100 } else { 3_000 }) {
            let slot = slots[random.below(threads)];
            growing ^= random.below(50) == 0;
            if blocks.is_empty() || random.below(10) < if growing { 8 } else { 2 } {
                let size = 1 + random.below(largest);
                made(ledger, slot, size);
                blocks.push(size);
                live += size as i64;
            } else {
                let at = random.below(blocks.len());
                if random.below(4) == 0 {
                    let to = 1 + random.below(largest);
                    resized(ledger, slot, blocks[at], to);
                    live += to as i64 - blocks[at] as i64;
                    blocks[at] = to;
                } else {
                    let size = blocks.swap_remove(at);
                    freed(ledger, slot, size);
                    live -= size as i64;
                }
            }
            peak = peak.max(live);
            leeway = leeway.max(ledger.leeway.load(Relaxed));
            if random.below(100) == 0 {
                let (least, most) = ledger.peak(slot);
                assert!(least <= peak && peak <= most, "{least} <= {peak} <= {most}");
                let slack = most - peak;
                assert!(slack <= 2 * leeway * threads as i64, "{most} is {slack} above the peak");
            }
            if random.below(200) == 0 {
                let at = random.below(threads);
                ledger.release(slots[at]);
                slots[at] = ledger.claim();
            }
        }
        assert_eq!((ledger.live(), ledger.numbers().live_blocks), (live, blocks.len() as i64));
    }
    assert_eq!(ledger.slot_count.load(Relaxed), threads, "slots are taken over");
}

#[test]
fn the_sum_of_ceilings_is_above_live_bytes_by_the_leeways() {
    static LEDGER: Ledger = Ledger::new(never);
    let slots = [(); 3].map(|()| LEDGER.claim());
    for slot in slots {
        made(&LEDGER, slot, 50_000_000);
        made(&LEDGER, slot, 1);
        freed(&LEDGER, slot, 50_000_000);
    }
    let leeway = LEDGER.leeway.load(Relaxed);
    let above = LEDGER.ceilings.0.load().bytes - LEDGER.live();
    assert!((0..=2 * 3 * leeway).contains(&above), "{above} above, with a leeway of {leeway}");
    for slot in slots {
        LEDGER.release(slot);
    }
    assert_eq!(LEDGER.ceilings.0.load().bytes, LEDGER.live(), "threads that are gone have no leeway");
}

#[test]
fn the_leeway_follows_the_peak_and_the_threads() {
    static LEDGER: Ledger = Ledger::new(never);
    let slot = LEDGER.claim();
    assert_eq!(LEDGER.leeway.load(Relaxed), LEAST_LEEWAY);
    made(&LEDGER, slot, 512 << 20);
    LEDGER.peak(slot);
    assert_eq!(LEDGER.leeway.load(Relaxed), (512 << 20) / LEEWAY_OF_PEAK);
    let others = [(); 3].map(|()| LEDGER.claim());
    assert_eq!(LEDGER.leeway.load(Relaxed), (512 << 20) / LEEWAY_OF_PEAK / 4);
    others.into_iter().for_each(|other| LEDGER.release(other));
    freed(&LEDGER, slot, 512 << 20);
    LEDGER.open(slot);
    assert_eq!(LEDGER.leeway.load(Relaxed), LEAST_LEEWAY);
}

#[test]
fn a_slot_that_was_released_is_claimed_again_with_what_it_counted() {
    static LEDGER: Ledger = Ledger::new(never);
    let first = LEDGER.claim();
    made(&LEDGER, first, 700);
    LEDGER.release(first);
    let second = LEDGER.claim();
    assert!(std::ptr::eq(first, second));
    assert!(!std::ptr::eq(second, LEDGER.claim()));
    assert_eq!(LEDGER.live(), 700);
}

#[test]
fn one_active_slot_passes_the_limit_with_the_first_byte_above_it() {
    static PASSED: AtomicI64 = AtomicI64::new(0);
    static LEDGER: Ledger = Ledger::new(|live, by| PASSED.store(live * 1_000 + by, Relaxed));
    let slots = [(); 3].map(|()| LEDGER.claim());
    for slot in slots {
        made(&LEDGER, slot, 10_000);
    }
    LEDGER.limit(slots[0], 100_000);
    for _ in 0..7_000 {
        made(&LEDGER, slots[0], 10);
        assert_eq!(PASSED.load(Relaxed), 0, "at {} bytes", LEDGER.live());
        made(&LEDGER, slots[0], 90);
        freed(&LEDGER, slots[0], 90);
        if LEDGER.live() > 99_900 {
            break;
        }
    }
    made(&LEDGER, slots[0], (100_000 - LEDGER.live()) as usize);
    assert_eq!((LEDGER.live(), PASSED.load(Relaxed)), (100_000, 0));
    made(&LEDGER, slots[0], 1);
    assert_eq!(PASSED.load(Relaxed), 100_001 * 1_000 + 1);
    LEDGER.lift_limit();
    made(&LEDGER, slots[0], 500_000);
    assert_eq!(PASSED.load(Relaxed), 100_001 * 1_000 + 1, "a limit that was lifted is not passed");
}

#[test]
fn slots_in_turns_pass_the_limit_unseen_by_their_leeways_at_most() {
    static PASSED: AtomicI64 = AtomicI64::new(0);
    static LEDGER: Ledger = Ledger::new(|live, _| PASSED.store(live, Relaxed));
    const LIMIT: i64 = 1_000_000;
    let slots = [(); 4].map(|()| LEDGER.claim());
    LEDGER.limit(slots[0], LIMIT);
    let mut random = Random(3);
    while PASSED.load(Relaxed) == 0 {
        assert!(LEDGER.live() <= LIMIT + 2 * 4 * LEAST_LEEWAY, "{} went unseen", LEDGER.live());
        made(&LEDGER, slots[random.below(4)], 1 + random.below(300));
    }
    let live = PASSED.load(Relaxed);
    assert!((LIMIT + 1..LIMIT + 2 * 4 * LEAST_LEEWAY + 300).contains(&live), "{live}");
}

/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}
