//! Time against memory of a first sync, over its knobs, by strategy: page size, pages at once, rows and bytes a batch.
//!
//! The incident: 135 s page by page, 75 s with all pages at once, under a limit of 50 requests in 10 s. Its account is that of the
//! scenarios: 50,000 applications, 142 pages of 500 in three lists. Here is a tenth of it, 15 pages, and time runs 10 times as fast, so both
//! take a hundredth: 1.35 s and 0.75 s. What a page took was not recorded; it follows:
//!
//! - Page by page, 15 pages and the processing take 1.35 s. This build processes such an account in 0.3 s (measured without latency and
//!   limit), which leaves 0.07 s a page: 0.7 s in the incident, and 36 s of processing.
//! - All at once, 5 pages come one after another, since a list's first tells how many there are: 0.35 s. With the processing and a
//!   window's wait, that is 0.75 s. So the other sum comes out as well.
//!
//! The window of 10 s is 1 s when time runs 10 times as fast, and 0.1 s for a tenth of its requests: 50 requests a second either way, and as
//! many windows a sync as in the incident.

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

/// How many times as fast time runs, and what part of the account and of the rate limit there is.
const FASTER: u32 = 10;
const PART: u32 = 10;
/// What a page takes in the incident.
const PAGE: Duration = Duration::from_millis(700);
/// Greenhouse's window, and its requests: see <https://developers.greenhouse.io/harvest.html#throttling>.
const WINDOW: Duration = Duration::from_secs(10);
const REQUESTS: u64 = 50;

/// What a point sets of a configuration.
type Turn = fn(&mut Config, usize);

/// The values of a knob that are tried of a strategy; none where it would turn nothing.
type Values = fn(Strategy) -> &'static [usize];

/// Knob, how it is turned, and to what. The defaults are points of their own: pages and statements of 500, batches of 256 KiB, and under
/// way at once all pages, or a few in `bounded`.
const KNOBS: [(&str, Turn, Values); 4] = [
    ("page_size", |config, value| config.page_size = u32::try_from(value).unwrap_or(u32::MAX), |_| &[100, 250]),
    ("batch_size", |config, value| config.batch_size = value, |_| &[50]),
    (
        "batch_bytes",
        |config, value| config.batch_bytes = value,
        |strategy| match strategy {
            Strategy::Bounded => &[64 << 10, 1 << 20],
            Strategy::Reconcile | Strategy::Upsert | Strategy::Paged => &[],
        },
    ),
    (
        "concurrency",
        |config, value| config.concurrency = Some(value),
        |strategy| match strategy {
            Strategy::Reconcile | Strategy::Upsert => &[1, 4],
            Strategy::Paged => &[],
            Strategy::Bounded => &[1, 8],
        },
    ),
];

fn main() -> ExitCode {
    let mut sweep = Sweep::new("ats-sync").limit(Bytes::mib(24)).reference("upsert").reference("paged");
    for strategy in Strategy::ALL {
        sweep = sweep.point(strategy.name(), knobs::<usize, 0>([]), |name| first(name, strategy, |_| {}));
        for (knob, turn, values) in KNOBS {
            for value in values(strategy) {
                sweep = sweep.point(strategy.name(), knobs([(knob, value)]), |name| {
                    first(name, strategy, move |config| turn(config, *value))
                });
            }
        }
    }
    sweep
        .note("a first sync of 5,000 applications, 2,000 candidates and 100 jobs: a tenth of the incident's account, 15 pages of 500 instead of 142")
        .note("time runs 10 times as fast as in the incident, so that its 75 s and 135 s are 0.75 s and 1.35 s here: 70 ms a page, 5 requests in 100 ms")
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
            config.retry.longest_wait = WINDOW / FASTER / PART;
            config.retry.first_wait /= FASTER * PART;
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
        .rate_limit(RateLimit::per_window(REQUESTS / u64::from(PART), WINDOW / FASTER / PART))
        .collection("/v1/applications", applications)
        .collection("/v1/candidates", Scale::to(CANDIDATES).ids_from(17_480_221_001))
        .collection("/v1/jobs", Scale::to(JOBS).ids_from(4_311_874_003))
}
