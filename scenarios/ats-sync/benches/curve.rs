//! Time against memory of a first sync, over page size, concurrency and rows a statement, by strategy.
//!
//! The account is a tenth of the scenarios': 5,000 applications, 2,000 candidates, 100 jobs, 15 pages of 500. So is the rate limit: 5
//! requests a window where Greenhouse documents 50, which makes it as many windows. Time runs 100 times as fast: the incident's sync took
//! 135 s page by page, which for the 142 pages of the whole account is 0.95 s a page; here a page takes 9.5 ms and a window of 10 s
//! takes 100 ms.

use std::process::ExitCode;
use std::time::Duration;

use ats_sync::{Collection, Config, Strategy, Worker};
use highwater::{BoxError, Bytes, Context, Metric, Scenario, Tolerance, Workload};
use highwater_curves::{Sweep, knobs};
use highwater_replay::{Ids, RateLimit, Replay, Scale};
use highwater_services::Postgres;

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/greenhouse");
const API_KEY: &str = "recorded";

const APPLICATIONS: u64 = 5_000;
const CANDIDATES: u64 = 2_000;
const JOBS: u64 = 100;

/// How many times as fast time runs.
const FASTER: u32 = 100;
const PAGE: Duration = Duration::from_millis(950);
const WINDOW: Duration = Duration::from_secs(10);
const REQUESTS: u64 = 5;

/// What a point sets of a configuration.
type Turn = fn(&mut Config, usize);

/// Knob, values, and how it is turned. The defaults are points of their own: pages and statements of 500, all pages under way at once.
const KNOBS: [(&str, &[usize], Turn); 3] = [
    ("page_size", &[100, 250], |config, value| config.page_size = u32::try_from(value).unwrap_or(u32::MAX)),
    ("batch_size", &[50], |config, value| config.batch_size = value),
    ("concurrency", &[1, 4], |config, value| config.concurrency = Some(value)),
];

fn main() -> ExitCode {
    let mut sweep = Sweep::new("ats-sync").limit(Bytes::mib(24)).reference("upsert").reference("paged");
    for strategy in Strategy::ALL {
        sweep = sweep.point(strategy.name(), knobs::<usize, 0>([]), |name| first(name, strategy, |_| {}));
        for (knob, values, turn) in KNOBS {
            if strategy == Strategy::Paged && knob == "concurrency" {
                continue;
            }
            for value in values {
                sweep = sweep.point(strategy.name(), knobs([(knob, value)]), |name| {
                    first(name, strategy, move |config| turn(config, *value))
                });
            }
        }
    }
    sweep
        .note("a first sync of 5,000 applications, 2,000 candidates and 100 jobs: a tenth of the account, and of its rate limit")
        .note("time runs 100 times as fast as in the incident: 9.5 ms a page, 5 requests in 100 ms")
        .main()
}

/// A first sync, into an empty database.
fn first(
    name: String,
    strategy: Strategy,
    turn: impl Fn(&mut Config) + Send + Sync + 'static,
) -> Scenario<impl Workload + Send + Sync> {
    Scenario::new(name)
        .with(greenhouse())
        .with(Postgres::new("postgres"))
        // hyper's read buffers, which grow with what has arrived: as in tests/memory.rs.
        .tolerance(Metric::PeakBytes, Tolerance::new(0.02, 512 * 1024))
        .setup(async move |context: &Context| {
            let api = format!("{}/v1", context.endpoint("greenhouse")?);
            let mut config = Config::new(&api, API_KEY, context.endpoint("postgres")?)?;
            // `Retry-After` is in whole seconds: what it asks for is longer than a window here.
            config.retry.longest_wait = WINDOW / FASTER;
            config.retry.first_wait /= FASTER;
            turn(&mut config);
            Ok(Worker::connect(&config).await?)
        })
        .iterate(async move |worker: &mut Worker| {
            worker.sync(strategy).await?;
            Ok(())
        })
        .teardown(async |worker: Worker| -> Result<(), BoxError> {
            for (collection, rows) in [
                (Collection::Jobs, JOBS),
                (Collection::Candidates, CANDIDATES),
                (Collection::Applications, APPLICATIONS),
            ] {
                let counts = worker.store().counts(collection).await?;
                if counts.rows != rows {
                    return Err(format!("{collection}: {counts:?} instead of {rows} rows").into());
                }
            }
            worker.close().await;
            Ok(())
        })
}

fn greenhouse() -> Replay {
    let applications = Scale::to(APPLICATIONS)
        .ids_from(19_214_950_003)
        .field("candidate_id", Ids::of("/v1/candidates"))
        .field("jobs[].id", Ids::spread_over("/v1/jobs"));
    Replay::harvest("greenhouse", RECORDINGS)
        .api_key(API_KEY)
        .latency(PAGE / FASTER)
        .rate_limit(RateLimit::per_window(REQUESTS, WINDOW / FASTER))
        .collection("/v1/applications", applications)
        .collection("/v1/candidates", Scale::to(CANDIDATES).ids_from(17_480_221_001))
        .collection("/v1/jobs", Scale::to(JOBS).ids_from(4_311_874_003))
}
