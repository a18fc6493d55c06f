//! The strategies side by side: time as a ratio to `upsert`'s, peak as a ratio to `paged`'s, of a first sync of the scenarios' account
//! over an API whose latency `paged` waits for at each page.
//!
//! ```sh
//! cargo run -p ats-sync --example strategies              # 50,000 applications, 30 ms a response, 3 rounds
//! cargo run -p ats-sync --example strategies -- 100 5     # 100 ms a response, 5 rounds
//! ```
//!
//! Rounds interleave the strategies, each in a fresh process; what is printed are medians over the rounds of what was measured within
//! one round. The row `bounded-one-by-one` is the same code with one connection and one row a statement: the floor, which is what
//! buffers and one record need.

#[path = "../tests/support/replayed.rs"]
mod replayed;

use std::error::Error;
use std::process::{Command, ExitCode};
use std::time::Duration;

use ats_sync::{Config, Strategy, Worker};
use highwater::{BoxError, Context, Scenario, Suite, Workload};
use highwater_services::Postgres;
use replayed::{API_KEY, Day, Size, greenhouse};
use serde_json::Value;

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

const SUITE: &str = "ats-strategies";
const ACCOUNT: Size = Size(50_000);
/// The latency in milliseconds, for the suite's processes.
const LATENCY: &str = "ATS_STRATEGIES_LATENCY_MS";

/// Name, strategy, and how its configuration differs.
type Row = (&'static str, Strategy, fn(&mut Config));

const ROWS: [Row; 5] = [
    ("reconcile", Strategy::Reconcile, |_| {}),
    ("upsert", Strategy::Upsert, |_| {}),
    ("paged", Strategy::Paged, |_| {}),
    ("bounded", Strategy::Bounded, |_| {}),
    ("bounded-one-by-one", Strategy::Bounded, |config| (config.concurrency, config.batch_size) = (Some(1), 1)),
];

fn main() -> ExitCode {
    // This program is the suite as well, when it starts itself.
    if let Some(latency) = std::env::var(LATENCY).ok().and_then(|value| value.parse().ok()) {
        let latency = Duration::from_millis(latency);
        return ROWS.into_iter().fold(Suite::new(SUITE), |suite, row| suite.scenario(first(row, latency))).main();
    }
    match compare() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("strategies: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A first sync, into an empty database.
fn first((name, strategy, turn): Row, latency: Duration) -> Scenario<impl Workload + Send + Sync> {
    Scenario::new(name)
        .with(greenhouse("greenhouse", Day::First, ACCOUNT).latency(latency))
        .with(Postgres::new("postgres"))
        .samples(1)
        .setup(async move |context: &Context| {
            let api = format!("{}/v1", context.endpoint("greenhouse")?);
            let mut config = Config::new(&api, API_KEY, context.endpoint("postgres")?)?;
            turn(&mut config);
            Ok(Worker::connect(&config).await?)
        })
        .iterate(async move |worker: &mut Worker| {
            let report = worker.sync(strategy).await?;
            let wanted = ACCOUNT.jobs() + ACCOUNT.candidates() + ACCOUNT.applications();
            match report.total().fetched {
                fetched if fetched == wanted => Ok(()),
                fetched => Err(BoxError::from(format!("{fetched} of {wanted} were fetched"))),
            }
        })
}

fn compare() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let latency = arguments.next().unwrap_or_else(|| "30".to_owned());
    latency.parse::<u64>().map_err(|_| format!("`{latency}` is no latency in whole milliseconds"))?;
    let rounds = arguments.next().unwrap_or_else(|| "3".to_owned());
    let rounds: usize =
        rounds.parse().ok().filter(|&rounds| rounds > 0).ok_or_else(|| format!("`{rounds}` is no number of rounds"))?;

    let mut measured: [Vec<(f64, f64)>; ROWS.len()] = Default::default();
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for (all, (name, ..)) in measured.iter_mut().zip(ROWS) {
            all.push(run(name, &latency)?);
        }
    }
    println!("{:<20}{:>10}{:>12}{:>12}{:>11}", "strategy", "time", "to upsert", "peak", "to paged");
    let of = |wanted: &str| ROWS.iter().position(|(name, ..)| *name == wanted).expect("a row of that name");
    let (upsert, paged) = (&measured[of("upsert")], &measured[of("paged")]);
    for ((name, ..), all) in ROWS.iter().zip(&measured) {
        let time = median(all.iter().map(|it| it.0));
        let peak = median(all.iter().map(|it| it.1));
        let slower = median(all.iter().zip(upsert).map(|(it, upsert)| it.0 / upsert.0));
        let larger = median(all.iter().zip(paged).map(|(it, paged)| it.1 / paged.1));
        println!("{name:<20}{time:>8.2} s{slower:>12.2}{:>8.1} MiB{larger:>11.2}", peak / f64::from(1 << 20));
    }
    Ok(())
}

/// Seconds and peak bytes of one run.
fn run(name: &str, latency: &str) -> Result<(f64, f64), Box<dyn Error>> {
    let this = std::env::current_exe()?;
    let output = Command::new(&this).args(["--exact", name]).env(LATENCY, latency).env_remove("CI").output()?;
    if !output.status.success() {
        return Err(format!("{name}: {}", String::from_utf8_lossy(&output.stdout)).into());
    }
    let target = this.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).ok_or("no target directory")?;
    let result = target.join("highwater").join(SUITE).join(name).join("result.json");
    let result: Value = serde_json::from_slice(&std::fs::read(&result)?)?;
    let sample = &result["measurement"]["samples"][0];
    let number = |value: &Value| value.as_f64().ok_or_else(|| format!("{name}: the result holds no number"));
    Ok((number(&sample["window_micros"])? / 1e6, number(&sample["metrics"]["peak_bytes"])?))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
