//! A workload whose call sites are known to the byte. What is leaked here is what a profile must find.

use std::hint::black_box;
use std::sync::mpsc;
use std::thread;

use crate::{after, before};

/// The sizes of two sites, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) left: usize,
    pub(crate) right: usize,
}

pub(crate) fn run(sizes: Sizes) {
    in_a_closure();
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(across_awaits());
    in_a_generic::<u8>(600);
    in_a_generic::<u64>(600);
    in_a_dependency();
    freed_on_another_thread();
    left(sizes.left);
    right(sizes.right);
    at_the_peak();
    recursive(3);
    before::run();
    after::run();
    black_box(());
}

/// Never freed. The capacity is what is counted.
pub(crate) fn leak<T>(vector: Vec<T>) {
    black_box(Vec::leak(black_box(vector)));
}

/// 3,000 bytes in 3 blocks.
#[inline(never)]
fn in_a_closure() {
    (0..3).for_each(|_| leak(Vec::<u8>::with_capacity(1_000)));
    black_box(());
}

/// 5,000 bytes in 2 blocks, allocated on either side of an await.
async fn across_awaits() {
    leak(Vec::<u8>::with_capacity(2_000));
    tokio::task::yield_now().await;
    leak(awaited().await);
    tokio::task::yield_now().await;
}

/// 3,000 bytes, allocated in a body that another awaits.
async fn awaited() -> Vec<u8> {
    tokio::task::yield_now().await;
    black_box(Vec::with_capacity(3_000))
}

/// 600 elements of the type.
#[inline(never)]
fn in_a_generic<T>(elements: usize) {
    leak(Vec::<T>::with_capacity(elements));
    black_box(());
}

/// 500 bytes that serde_json allocates.
#[inline(never)]
fn in_a_dependency() {
    let text = black_box([b"\"".as_slice(), &[b'a'; 500], b"\""].concat());
    let value: serde_json::Value = serde_json::from_slice(&text).expect("a string");
    black_box(Box::leak(Box::new(value)));
}

/// 4,096 bytes that are freed by the thread that they are handed to.
#[inline(never)]
fn freed_on_another_thread() {
    let (sender, receiver) = mpsc::sync_channel::<Vec<u8>>(1);
    let other = thread::spawn(move || drop(black_box(receiver.recv())));
    sender.send(black_box(Vec::with_capacity(4_096))).expect("the thread receives");
    other.join().expect("the thread ends");
}

#[inline(never)]
fn left(size: usize) {
    leak(Vec::<u8>::with_capacity(size));
    black_box(());
}

/// Of another type than `left`: LLVM makes one function of two with the same instructions, and no profile can tell them apart.
#[inline(never)]
fn right(size: usize) {
    leak(Vec::<u16>::with_capacity(size / 2));
    black_box(());
}

/// 1,000,000 bytes that are freed at once.
#[inline(never)]
fn at_the_peak() {
    drop(black_box(vec![1_u8; 1_000_000]));
}

/// 70 bytes at every depth.
#[inline(never)]
fn recursive(depth: usize) {
    leak(Vec::<u8>::with_capacity(70));
    if depth > 0 {
        recursive(black_box(depth - 1));
    }
    black_box(());
}
