//! Code that keeps memory, each function in a way of its own. How much is the caller's choice.

use std::hint::black_box;
use std::sync::mpsc;
use std::thread;

pub type Kept = Vec<Vec<u8>>;

pub fn in_a_closure(kept: &mut Kept, size: usize) {
    let mut keep = |number: usize| kept.push(black_box(vec![number as u8; size]));
    keep(black_box(1));
}

pub async fn across_an_await(kept: &mut Kept, size: usize) {
    let page = fetch(size).await;
    tokio::task::yield_now().await;
    kept.push(page);
}

async fn fetch(size: usize) -> Vec<u8> {
    tokio::task::yield_now().await;
    black_box(vec![1; size])
}

pub struct Cache<T> {
    rows: Vec<T>,
}

impl<T: Clone> Cache<T> {
    pub fn with_capacity(capacity: usize) -> Self {
        Self { rows: Vec::with_capacity(capacity) }
    }

    #[inline(never)]
    pub fn insert(&mut self, row: &T) {
        self.rows.push(black_box(row.clone()));
    }
}

pub fn in_a_dependency(kept: &mut Vec<serde_json::Value>, size: usize) {
    let text = format!("\"{}\"", "x".repeat(size));
    kept.push(serde_json::from_str(&text).expect("it is a string"));
}

/// Made on one thread, freed on another; the last one is kept.
pub fn from_another_thread(kept: &mut Kept, size: usize) {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for _ in 0..10 {
            sender.send(produce(size)).expect("somebody receives");
        }
    })
    .join()
    .expect("it does not panic");
    kept.extend(receiver.iter().last());
}

#[inline(never)]
fn produce(size: usize) -> Vec<u8> {
    black_box(vec![1; size])
}

#[inline(never)]
pub fn left(kept: &mut Kept, size: usize) {
    kept.push(black_box(vec![1; size]));
}

#[inline(never)]
pub fn right(kept: &mut Kept, size: usize) {
    // Not as in `left`: of functions with the same instructions, the compiler makes one.
    kept.push(black_box(vec![2; size]));
}

pub fn start_a_task() {
    tokio::spawn(listen());
}

async fn listen() {
    std::future::pending().await
}

pub fn start_a_thread() {
    thread::Builder::new().name("flusher".to_owned()).spawn(|| thread::park()).expect("a thread starts");
}

/// A thread of its own that has used a mebibyte of its stack, which no allocator counts.
pub fn keep_a_stack() {
    let (told, tells) = mpsc::channel();
    thread::spawn(move || {
        black_box(&mut [1_u8; 1 << 20]);
        told.send(()).expect("somebody listens");
        thread::park();
    });
    tells.recv().expect("the thread says that it is there");
}

pub fn keep_a_file_open() {
    std::mem::forget(std::fs::File::open("Cargo.toml").expect("a project has a manifest"));
}
