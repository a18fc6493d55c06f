//! What the allocators are compared on. Each run takes a few milliseconds under the system's allocator.

use std::alloc::Layout;
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::mpsc;

use crate::applications::{Application, Har};

/// A name and what is run.
type Workload = (&'static str, fn(&Input));

/// What is compared.
pub const WORKLOADS: [Workload; 7] = [
    ("64 B, 1 thread", |_| ping(100_000)),
    ("64 B, 2 threads", |_| on_threads(2, || ping(100_000))),
    ("64 B, 4 threads", |_| on_threads(4, || ping(50_000))),
    ("parse", |input| (0..4).for_each(|number| parse(input.page(number)))),
    ("parse, tokio, 8 tasks", parse_in_tasks),
    ("`Vec` growth", |_| grow()),
    ("freed on another thread", |_| hand_over()),
];

/// Pages of recorded applications, and a runtime with two workers.
pub struct Input {
    pages: Vec<String>,
    runtime: tokio::runtime::Runtime,
}

impl Input {
    pub(crate) fn new() -> Self {
        let har = include_str!("../../../../fixtures/greenhouse/applications.har");
        let har: Har = serde_json::from_str(har).expect("the recording is a HAR file");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("threads can start");
        Self { pages: har.pages(), runtime }
    }

    fn page(&self, number: usize) -> &str {
        &self.pages[number % self.pages.len()]
    }
}

/// What arrives in chunks becomes one body, then structures, then a map of them.
fn parse(page: &str) {
    let mut body = Vec::new();
    for chunk in page.as_bytes().chunks(16 << 10) {
        body.extend_from_slice(chunk);
    }
    let page: Vec<Application> = serde_json::from_slice(&body).expect("the recording is as its API writes");
    let kept: HashMap<u64, Application> = page.into_iter().map(|item| (item.id, item)).collect();
    black_box(kept);
}

fn parse_in_tasks(input: &Input) {
    input.runtime.block_on(async {
        let pages = (0..8).map(|number| input.page(number).to_owned());
        let tasks: Vec<_> = pages.map(|page| tokio::spawn(async move { parse(&page) })).collect();
        for task in tasks {
            task.await.expect("no task panics");
        }
    });
}

fn on_threads(threads: usize, work: fn()) {
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
}

fn ping(times: usize) {
    let layout = black_box(Layout::new::<[u64; 8]>());
    for _ in 0..times {
        // SAFETY: the layout is not empty.
        let block = unsafe { std::alloc::alloc(layout) };
        // SAFETY: the block was made with this layout and is freed once; black_box returns what it is given.
        unsafe { std::alloc::dealloc(black_box(block), layout) };
    }
}

/// Many short lists that double five times, and a long one.
fn grow() {
    for length in [100; 5_000].into_iter().chain([500_000]) {
        let mut list = Vec::new();
        for number in 0..length {
            list.push(black_box(number as u64));
        }
        black_box(list);
    }
}

/// One thread makes, another frees.
fn hand_over() {
    let (send, receive) = mpsc::sync_channel::<Vec<Box<[u64; 8]>>>(64);
    std::thread::scope(|scope| {
        scope.spawn(move || receive.into_iter().for_each(|batch| drop(black_box(batch))));
        for _ in 0..200 {
            send.send((0..128).map(|number| Box::new([number; 8])).collect()).expect("the receiver waits for the end");
        }
        drop(send);
    });
}
