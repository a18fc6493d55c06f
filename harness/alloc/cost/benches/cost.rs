//! What counting costs: this project's allocator and six crates that count, compared with the system's allocator.
//!
//! `cargo bench --manifest-path harness/alloc/cost/Cargo.toml --bench cost`, in about six minutes. A name behind `--` selects, as
//! criterion does.
//!
//! A process has one global allocator, and an allocator that chose between several would add to all of them what it compares. So
//! each allocator has an executable of its own (`src/bin/`). On a machine that others use, runs one after the other compare the
//! machine with itself: identical code has come out 1.5 times as slow. So an allocator's process and one of the system's
//! allocator live at the same time, and each measurement is a pair: a run of a few milliseconds in each, in random order, in
//! processor time. Criterion decides how many, and shows the times; the table at the end shows the ratios of the pairs.
//!
//! Where an executable's code happens to lie moves short loops by some percent, so each executable is linked in [`LAYOUTS`]
//! orders, and the pairs take turns. The row `system` is a second process of the same executable: how far it is from 1 is noise.

#[path = "cost/layouts.rs"]
mod layouts;
#[path = "cost/process.rs"]
mod process;
#[path = "cost/ratios.rs"]
mod ratios;

use std::time::Duration;

use criterion::{Criterion, SamplingMode};
use highwater_alloc_cost::WORKLOADS;

use crate::layouts::{LAYOUTS, link};
use crate::process::Pair;
use crate::ratios::{Ratios, Row, table};

/// Name, executable, argument.
const ALLOCATORS: [(&str, &str, &str); 10] = [
    ("system", "system", ""),
    ("highwater", "highwater", ""),
    ("highwater, off", "highwater", "off"),
    ("highwater, sites", "highwater", "sites"),
    ("divan", "divan", ""),
    ("peak_alloc", "peak_alloc", ""),
    ("cap", "cap", ""),
    ("stats_alloc", "stats_alloc", ""),
    ("tracking-allocator", "tracking_allocator", ""),
    ("dhat", "dhat", ""),
];

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let executables: Vec<_> = (1..=LAYOUTS).map(link).collect();
    let rows: Vec<Row> = ALLOCATORS
        .into_iter()
        .map(|(name, executable, argument)| {
            let pair = |layout: &layouts::Executables| Pair::start(&layout[executable], argument, &layout["system"]);
            let mut pairs: Vec<Pair> = executables.iter().map(pair).collect();
            let cells = std::array::from_fn(|workload| compare(&mut criterion, name, workload, &mut pairs));
            Row { name, cells }
        })
        .collect();
    criterion.final_summary();
    println!("\n{}", table(&rows));
}

/// The ratios of one workload's pairs, by layout. None are there if the command line did not select it.
fn compare(criterion: &mut Criterion, allocator: &str, workload: usize, pairs: &mut [Pair]) -> Ratios {
    let mut ratios = Ratios::default();
    let mut group = criterion.benchmark_group(WORKLOADS[workload].0);
    group.sampling_mode(SamplingMode::Flat);
    if allocator == "dhat" {
        group.sample_size(10); // Up to two hundred times slower.
    }
    let mut layouts = (0..LAYOUTS).cycle();
    group.bench_function(allocator, |bencher| {
        bencher.iter_custom(|times| {
            (0..times)
                .zip(&mut layouts)
                .map(|(_, layout)| {
                    let (took, of_system) = pairs[layout].run(workload);
                    ratios[layout].push(took.as_secs_f64() / of_system.as_secs_f64());
                    took
                })
                .sum()
        });
    });
    group.finish();
    ratios
}
