//! The memory of a sync, by strategy: a first sync into an empty database, and a repeat sync on the next day, when some records
//! have changed, some are gone and some are new.
//!
//! 50,000 applications, 20,000 candidates and 1,000 jobs are replayed from a few hundred recorded ones. Every scenario checks
//! what was stored, after the numbers have been read: one that syncs wrong rows fails.

use std::process::ExitCode;

use ats_sync::harvest::{Application, Candidate, Job};
use ats_sync::store::Table;
use ats_sync::{Collection, Config, Strategy, Worker};
use highwater::{BoxError, Context, Metric, Scenario, Suite, Tolerance, Workload};
use highwater_replay::{Ids, Replay, Scale};
use highwater_services::Postgres;

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/greenhouse");
const API_KEY: &str = "recorded";

const JOBS: u64 = 1_000;
const CANDIDATES: u64 = 20_000;
const APPLICATIONS: u64 = 50_000;
/// Applications that are gone on the next day, and as many that are new.
const GONE: u64 = 500;
/// Of the applications and candidates that stay, each tenth has changed on the next day.
const REVISED: u64 = 10;

fn main() -> ExitCode {
    Strategy::ALL
        .into_iter()
        .fold(Suite::new("ats-sync"), |suite, strategy| suite.scenario(first(strategy)).scenario(repeat(strategy)))
        .main()
}

/// A first sync, into an empty database.
fn first(strategy: Strategy) -> Scenario<impl Workload + Send + Sync> {
    let scenario = Scenario::new(format!("{strategy}-first"))
        .with(greenhouse("greenhouse", Day::First))
        .with(Postgres::new("postgres"))
        .setup(async move |context| Account::open(context, strategy).await)
        .iterate(async |account: &mut Account| account.sync().await)
        .teardown(async |account: Account| account.check(APPLICATIONS, 0).await);
    tolerant(scenario)
}

/// A repeat sync, into a database that holds the state of the day before.
fn repeat(strategy: Strategy) -> Scenario<impl Workload + Send + Sync> {
    // What is gone stays in the database; only `reconcile` marks it.
    let archived = if strategy == Strategy::Reconcile { GONE } else { 0 };
    let scenario = Scenario::new(format!("{strategy}-repeat"))
        .with(greenhouse("greenhouse", Day::Next))
        .with(greenhouse("greenhouse-before", Day::First))
        .with(Postgres::new("postgres"))
        .setup(async move |context| {
            let before = config(context, "greenhouse-before")?;
            let worker = Worker::connect(&before).await?;
            worker.sync(Strategy::Paged).await?;
            worker.close().await;
            Account::open(context, strategy).await
        })
        .iterate(async |account: &mut Account| account.sync().await)
        .teardown(async move |account: Account| account.check(APPLICATIONS + GONE, archived).await);
    tolerant(scenario)
}

#[derive(Clone, Copy, PartialEq)]
enum Day {
    First,
    Next,
}

/// Declares tolerances, so that numbers which always repeat on one machine are not exact everywhere: a real server, and another
/// kernel, deliver a response in other pieces, and each of a hundred connections has a read buffer that grows with them.
fn tolerant<P>(scenario: Scenario<P>) -> Scenario<P> {
    scenario
        // hyper's read buffer grows up to 408 KiB when so much has arrived before it is read, which the load of the machine decides.
        // An idle connection keeps it.
        .tolerance(Metric::PeakBytes, Tolerance::new(0.02, 512 * 1024))
        .tolerance(Metric::RetainedBytes, Tolerance::new(0.02, 512 * 1024))
        .tolerance(Metric::RetainedBlocks, Tolerance::new(0.02, 16))
}

/// The account as it is on that day.
fn greenhouse(name: &str, day: Day) -> Replay {
    let on_that_day = |scale: Scale, gone| match day {
        Day::First => scale,
        Day::Next => scale.skip(gone).revise_every(REVISED),
    };
    let applications = Scale::to(APPLICATIONS)
        .ids_from(19_214_950_003)
        .field("candidate_id", Ids::of("/v1/candidates"))
        .field("jobs[].id", Ids::spread_over("/v1/jobs"));
    let candidates = Scale::to(CANDIDATES).ids_from(17_480_221_001);
    Replay::harvest(name, RECORDINGS)
        .api_key(API_KEY)
        .collection("/v1/applications", on_that_day(applications, GONE))
        .collection("/v1/candidates", on_that_day(candidates, 0))
        .collection("/v1/jobs", Scale::to(JOBS).ids_from(4_311_874_003))
}

fn config(context: &Context, greenhouse: &str) -> Result<Config, BoxError> {
    let api = format!("{}/v1", context.endpoint(greenhouse)?);
    Ok(Config::new(&api, API_KEY, context.endpoint("postgres")?)?)
}

/// A worker, how it syncs, and what to ask when it has.
struct Account {
    worker: Worker,
    config: Config,
    strategy: Strategy,
}

impl Account {
    async fn open(context: &Context, strategy: Strategy) -> Result<Self, BoxError> {
        let config = config(context, "greenhouse")?;
        Ok(Self { worker: Worker::connect(&config).await?, config, strategy })
    }

    async fn sync(&self) -> Result<(), BoxError> {
        self.worker.sync(self.strategy).await?;
        Ok(())
    }

    /// Compares the numbers of rows with what there should be, and every tenth page of the API with the rows of its records.
    async fn check(self, applications: u64, archived: u64) -> Result<(), BoxError> {
        for (collection, rows, archived) in [
            (Collection::Jobs, JOBS, 0),
            (Collection::Candidates, CANDIDATES, 0),
            (Collection::Applications, applications, archived),
        ] {
            let counts = self.worker.store().counts(collection).await?;
            if (counts.rows, counts.archived) != (rows, archived) {
                return Err(format!("{collection}: {counts:?} instead of {rows} rows, {archived} archived").into());
            }
        }
        self.check_pages::<Job>(JOBS).await?;
        self.check_pages::<Candidate>(CANDIDATES).await?;
        self.check_pages::<Application>(APPLICATIONS).await?;
        self.worker.close().await;
        Ok(())
    }

    async fn check_pages<T: Table>(&self, records: u64) -> Result<(), BoxError> {
        let harvest = ats_sync::harvest::Harvest::new(&self.config, self.worker.metrics().clone())?;
        let pages = records.div_ceil(u64::from(self.config.page_size));
        for number in (1..=u32::try_from(pages)?).step_by(10) {
            let page = harvest.page::<T>(number).await?;
            let ids: Vec<i64> = page.items.iter().map(T::id).collect();
            let rows = self.worker.store().rows::<T>(&ids).await?;
            let mut expected = page.items;
            expected.sort_by_key(T::id);
            let stored = rows.into_iter().filter(|row| row.archived_at.is_none()).map(|row| row.record);
            if !expected.into_iter().eq(stored) {
                return Err(format!("{}: the rows of page {number} are not its records", T::COLLECTION).into());
            }
        }
        Ok(())
    }
}
