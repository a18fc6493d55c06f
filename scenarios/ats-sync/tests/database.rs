//! The store and the strategies against a real Postgres. Each test makes a database of its own and removes it.

mod support;

use ats_sync::harvest::{Application, Candidate, Job};
use ats_sync::store::RowCounts;
use ats_sync::{Collection, Strategy, Worker};
use serde_json::json;
use support::{Account, Api, Database, id};

async fn checksums(worker: &Worker) -> [String; 3] {
    let store = worker.store();
    [
        store.checksum::<Job>().await.expect("jobs are read"),
        store.checksum::<Candidate>().await.expect("candidates are read"),
        store.checksum::<Application>().await.expect("applications are read"),
    ]
}

#[tokio::test]
#[ignore = "needs a Postgres server: DATABASE_URL"]
async fn every_strategy_leaves_equal_tables() {
    let api = Api::of(Account::of(7, 23, 41)).await;
    let mut sums = Vec::new();
    for strategy in Strategy::ALL {
        for (page_size, batch_size) in [(500, 500), (10, 3), (7, 1)] {
            let database = Database::new(&format!("equal_{strategy}_{page_size}")).await;
            let mut config = api.config(&database.url);
            config.page_size = page_size;
            config.batch_size = batch_size;
            let worker = Worker::connect(&config).await.expect("a connection");
            let report = worker.sync(strategy).await.expect("a sync");
            assert_eq!(report.total().fetched, 71);
            assert_eq!(report.total().upserted + report.total().inserted, 71);
            let counts = worker.store().counts(Collection::Applications).await.expect("counts");
            assert_eq!(counts, RowCounts { rows: 41, archived: 0 });
            sums.push(checksums(&worker).await);
            worker.close().await;
            database.drop().await;
        }
    }
    assert!(sums.windows(2).all(|pair| pair[0] == pair[1]), "{sums:#?}");
}

#[tokio::test]
#[ignore = "needs a Postgres server: DATABASE_URL"]
async fn reconcile_writes_only_what_differs() {
    let api = Api::of(Account::of(3, 5, 8)).await;
    let database = Database::new("reconcile").await;
    let worker = Worker::connect(&api.config(&database.url)).await.expect("a connection");

    let first = worker.sync(Strategy::Reconcile).await.expect("a sync").total();
    assert_eq!((first.inserted, first.updated, first.unchanged, first.archived), (16, 0, 0, 0));
    let before = checksums(&worker).await;

    let second = worker.sync(Strategy::Reconcile).await.expect("a sync").total();
    assert_eq!((second.inserted, second.updated, second.unchanged, second.archived), (0, 0, 16, 0));
    assert_eq!(checksums(&worker).await, before);

    let gone = {
        let mut account = api.account.lock().expect("nobody panicked");
        account.candidates[0]["custom_fields"] = json!({"shift": null});
        account.jobs[2]["closed_at"] = json!("2024-01-01T00:00:00Z");
        account.jobs.push(support::job(4));
        account.applications.remove(5)
    };
    let third = worker.sync(Strategy::Reconcile).await.expect("a sync").total();
    assert_eq!((third.inserted, third.updated, third.unchanged, third.archived), (1, 2, 13, 1));
    let row = &worker.store().rows::<Application>(&[id(6)]).await.expect("a row")[0];
    assert!(row.archived_at.is_some());

    let fourth = worker.sync(Strategy::Reconcile).await.expect("a sync").total();
    assert_eq!((fourth.unchanged, fourth.archived), (16, 0), "what is archived stays as it is");

    api.account.lock().expect("nobody panicked").applications.push(gone);
    let fifth = worker.sync(Strategy::Reconcile).await.expect("a sync").total();
    assert_eq!((fifth.inserted, fifth.updated, fifth.unchanged, fifth.archived), (0, 1, 16, 0));
    let row = &worker.store().rows::<Application>(&[id(6)]).await.expect("a row")[0];
    assert_eq!(row.archived_at, None, "what returns is archived no longer");
    worker.close().await;
    database.drop().await;
}
