//! The memory of a sync, by strategy: a first sync into an empty database, and a repeat sync on the next day, when some records
//! have changed, some are gone and some are new.
//!
//! 50,000 applications, 20,000 candidates and 1,000 jobs are replayed from a few hundred recorded ones. Every scenario checks
//! what was stored, after the numbers have been read: one that syncs wrong rows fails. How the peak of a first sync grows with the
//! account is tested at several sizes.

#[path = "support/replayed.rs"]
mod replayed;

use std::process::ExitCode;

use ats_sync::harvest::{Application, Candidate, Job};
use ats_sync::store::Table;
use ats_sync::{Collection, Config, Strategy, Worker};
use highwater::{BoxError, Class, Context, Metric, Scenario, Sizes, Suite, Tolerance, Workload};
use highwater_services::Postgres;
use replayed::{API_KEY, Day, GONE, Size, greenhouse};

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

/// The account of the scenarios that have a baseline.
const ACCOUNT: Size = Size(50_000);

fn main() -> ExitCode {
    Strategy::ALL
        .into_iter()
        .fold(Suite::new("ats-sync"), |suite, strategy| {
            suite.scenario(first(strategy, ACCOUNT)).scenario(repeat(strategy))
        })
        .sizes(scaling(Strategy::Bounded, "scaling", Class::Constant, &[5_000, 50_000]))
        .sizes(scaling(Strategy::Bounded, "scaling-far", Class::Constant, &FAR).ignored(TAKES_LONG))
        .sizes(scaling(Strategy::Paged, "scaling-near", Class::Sublinear, &FAR[..2]).ignored(TAKES_LONG))
        // From 50,000: after the 15 pages of an account of 5,000, buffers that double have not reached their bound (6.2 MiB).
        .sizes(scaling(Strategy::Paged, "scaling", Class::Constant, &[50_000, 100_000]))
        .sizes(scaling(Strategy::Paged, "scaling-far", Class::Constant, &FAR[1..]).ignored(TAKES_LONG))
        .sizes(scaling(Strategy::Upsert, "scaling", Class::Linear, &[5_000, 20_000, 50_000]).ignored(TAKES_LONG))
        .sizes(scaling(Strategy::Upsert, "scaling-far", Class::Linear, &FAR).ignored(NEEDS_GIGABYTES))
        .sizes(scaling(Strategy::Reconcile, "scaling", Class::Linear, &[5_000, 20_000, 50_000]).ignored(TAKES_LONG))
        .sizes(scaling(Strategy::Reconcile, "scaling-far", Class::Linear, &FAR).ignored(NEEDS_GIGABYTES))
        .main()
}

const FAR: [u64; 3] = [5_000, 50_000, 500_000];

const TAKES_LONG: &str = "takes a minute or more";
const NEEDS_GIGABYTES: &str = "takes a minute or more, and 3.4 GiB beside the 0.8 GiB of the servers";

/// A first sync of accounts of several sizes.
fn scaling(strategy: Strategy, name: &str, declared: Class, sizes: &[u64]) -> Sizes {
    sizes.iter().fold(Sizes::new(format!("{strategy}-{name}"), declared), |all, &size| {
        all.at(size, first(strategy, Size(size)))
    })
}

/// A first sync, into an empty database.
fn first(strategy: Strategy, size: Size) -> Scenario<impl Workload + Send + Sync> {
    let scenario = Scenario::new(format!("{strategy}-first"))
        .with(greenhouse("greenhouse", Day::First, size))
        .with(Postgres::new("postgres"))
        .setup(async move |context| Account::open(context, strategy, size).await)
        .iterate(async |account: &mut Account| account.sync().await)
        .teardown(async move |account: Account| account.check(size.applications(), 0).await);
    tolerant(scenario)
}

/// A repeat sync, into a database that holds the state of the day before.
fn repeat(strategy: Strategy) -> Scenario<impl Workload + Send + Sync> {
    // What is gone stays in the database; only `reconcile` marks it.
    let archived = if strategy == Strategy::Reconcile { GONE } else { 0 };
    let scenario = Scenario::new(format!("{strategy}-repeat"))
        .with(greenhouse("greenhouse", Day::Next, ACCOUNT))
        .with(greenhouse("greenhouse-before", Day::First, ACCOUNT))
        .with(Postgres::new("postgres"))
        .setup(async move |context| {
            let before = config(context, "greenhouse-before")?;
            let worker = Worker::connect(&before).await?;
            worker.sync(Strategy::Paged).await?;
            worker.close().await;
            Account::open(context, strategy, ACCOUNT).await
        })
        .iterate(async |account: &mut Account| account.sync().await)
        .teardown(async move |account: Account| account.check(ACCOUNT.applications() + GONE, archived).await);
    tolerant(scenario)
}

/// Declares tolerances, so that numbers which always repeat on one machine are not exact everywhere: a real server, and another
/// kernel, deliver a response in other pieces, and each of a hundred connections has a read buffer that grows with them.
fn tolerant<P>(scenario: Scenario<P>) -> Scenario<P> {
    scenario
        // hyper's read buffer grows up to 408 KiB when so much has arrived before it is read, which the load of the machine decides.
        // An idle connection keeps it. Samples lay 280 KiB, the last step from 128 KiB, above the median and as much below it.
        .tolerance(Metric::PeakBytes, Tolerance::new(0.02, 640 * 1024))
        .tolerance(Metric::RetainedBytes, Tolerance::new(0.02, 640 * 1024))
        .tolerance(Metric::RetainedBlocks, Tolerance::new(0.02, 16))
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
    size: Size,
}

impl Account {
    async fn open(context: &Context, strategy: Strategy, size: Size) -> Result<Self, BoxError> {
        let config = config(context, "greenhouse")?;
        Ok(Self { worker: Worker::connect(&config).await?, config, strategy, size })
    }

    async fn sync(&self) -> Result<(), BoxError> {
        self.worker.sync(self.strategy).await?;
        Ok(())
    }

    /// Compares the numbers of rows with what there should be, and every tenth page of the API with the rows of its records.
    async fn check(self, applications: u64, archived: u64) -> Result<(), BoxError> {
        for (collection, rows, archived) in [
            (Collection::Jobs, self.size.jobs(), 0),
            (Collection::Candidates, self.size.candidates(), 0),
            (Collection::Applications, applications, archived),
        ] {
            let counts = self.worker.store().counts(collection).await?;
            if (counts.rows, counts.archived) != (rows, archived) {
                return Err(format!("{collection}: {counts:?} instead of {rows} rows, {archived} archived").into());
            }
        }
        self.check_pages::<Job>(self.size.jobs()).await?;
        self.check_pages::<Candidate>(self.size.candidates()).await?;
        self.check_pages::<Application>(self.size.applications()).await?;
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
