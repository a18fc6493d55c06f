//! The code of `before` after edits that are no new call sites: lines moved, a function is inlined now, a closure was added before
//! another, a type argument changed, a part of a function was extracted.

use std::hint::black_box;

use crate::workload::leak;

#[inline(never)]
pub(crate) fn run() {
    let edited = black_box(true);
    if edited {
        shifted();
    }
    helped();
    with_closures();
    with_a_generic();
    with_a_part();
    black_box(());
}

#[inline(always)]
fn help() -> Vec<u8> {
    black_box(Vec::with_capacity(1_200))
}

/// Below where it was.
#[inline(never)]
fn shifted() {
    let capacity = black_box(1_100);

    leak(Vec::<u8>::with_capacity(capacity));
    black_box(());
}

#[inline(never)]
fn helped() {
    leak(help());
    black_box(());
}

#[inline(never)]
fn with_closures() {
    let added = |n: usize| black_box(n + 1);
    let make = || black_box(Vec::<u8>::with_capacity(1_300));
    black_box(added(7));
    leak(make());
    black_box(());
}

#[inline(never)]
fn with_a_generic() {
    generic::<bool>();
    black_box(());
}

#[inline(never)]
fn generic<T>() {
    leak(Vec::<T>::with_capacity(1_400));
    black_box(());
}

#[inline(never)]
fn with_a_part() {
    part();
    black_box(());
}

/// Extracted, and 100 bytes larger.
#[inline(never)]
fn part() {
    leak(Vec::<u8>::with_capacity(1_600));
    black_box(());
}
