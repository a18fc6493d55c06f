//! Code as a baseline knew it. `after` is the same code after some edits.

use std::hint::black_box;

use crate::workload::leak;

#[inline(never)]
pub(crate) fn run() {
    shifted();
    helped();
    with_closures();
    with_a_generic();
    with_a_part();
    black_box(());
}

#[inline(never)]
fn shifted() {
    leak(Vec::<u8>::with_capacity(1_100));
    black_box(());
}

#[inline(never)]
fn helped() {
    leak(help());
    black_box(());
}

#[inline(never)]
fn help() -> Vec<u8> {
    black_box(Vec::with_capacity(1_200))
}

#[inline(never)]
fn with_closures() {
    let make = || black_box(Vec::<u8>::with_capacity(1_300));
    leak(make());
    black_box(());
}

#[inline(never)]
fn with_a_generic() {
    generic::<u8>();
    black_box(());
}

#[inline(never)]
fn generic<T>() {
    leak(Vec::<T>::with_capacity(1_400));
    black_box(());
}

#[inline(never)]
fn with_a_part() {
    leak(Vec::<u8>::with_capacity(1_500));
    black_box(());
}
