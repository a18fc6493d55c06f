//! One atomic word that holds a number of bytes and a stamp, so that both change together. What they mean is `ledger`'s.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

/// 16 bits of stamp above 48 bits of bytes: 256 TiB.
#[derive(Debug)]
pub(crate) struct Stamped(AtomicU64);

/// What a [`Stamped`] held at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) stamp: u16,
    pub(crate) bytes: i64,
}

const BITS: u32 = 48;
const ONE: u64 = 1 << BITS;

impl Stamped {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn load(&self) -> Stamp {
        unpack(self.0.load(Acquire))
    }

    /// Adds to the bytes and 1 to the stamp, which wraps. Returns both as they are then. The bytes must stay at 0 or above.
    pub(crate) fn add(&self, bytes: i64) -> Stamp {
        let change = ONE.wrapping_add_signed(bytes);
        unpack(self.0.fetch_add(change, AcqRel).wrapping_add(change))
    }

    /// Raises the bytes, unless the stamp is another by now: a higher stamp wins over any bytes.
    pub(crate) fn raise(&self, Stamp { stamp, bytes }: Stamp) {
        let word = pack(stamp, bytes);
        // The load spares the read-modify-write; both numbers only rise.
        if word > self.0.load(Acquire) {
            self.0.fetch_max(word, AcqRel);
        }
    }

    /// Begins anew with other bytes, under the next stamp.
    pub(crate) fn restart(&self, bytes: i64) {
        let next = self.load().stamp.wrapping_add(1);
        self.0.store(pack(next, bytes), std::sync::atomic::Ordering::Release);
    }
}

fn pack(stamp: u16, bytes: i64) -> u64 {
    (u64::from(stamp) << BITS) | bytes.clamp(0, ONE as i64 - 1).cast_unsigned()
}

fn unpack(word: u64) -> Stamp {
    Stamp { stamp: (word >> BITS) as u16, bytes: (word & (ONE - 1)).cast_signed() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(stamp: u16, bytes: i64) -> Stamp {
        Stamp { stamp, bytes }
    }

    #[test]
    fn adding_and_taking_away_each_count_one_change() {
        let word = Stamped::new();
        assert_eq!(word.add(1 << 40), stamp(1, 1 << 40));
        assert_eq!(word.add(-(1 << 40) + 5), stamp(2, 5));
        assert_eq!(word.add(-5), stamp(3, 0));
        assert_eq!(word.load(), stamp(3, 0));
    }

    #[test]
    fn the_number_of_changes_wraps_without_touching_the_bytes() {
        let word = Stamped::new();
        for _ in 0..u16::MAX {
            word.add(3);
        }
        assert_eq!(word.load(), stamp(u16::MAX, 3 * 65_535));
        assert_eq!(word.add(-1), stamp(0, 3 * 65_535 - 1));
    }

    #[test]
    fn a_raise_of_an_older_stamp_changes_nothing() {
        let word = Stamped::new();
        word.raise(stamp(0, 100));
        word.raise(stamp(0, 90));
        assert_eq!(word.load(), stamp(0, 100));
        word.restart(10);
        word.raise(stamp(0, 1 << 40));
        assert_eq!(word.load(), stamp(1, 10));
        word.raise(stamp(1, -7));
        word.raise(stamp(1, 11));
        assert_eq!(word.load(), stamp(1, 11));
    }
}
