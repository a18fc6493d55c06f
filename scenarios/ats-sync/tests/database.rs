//! The store and the strategies against a real Postgres. Each test makes a database of its own and removes it.

mod support;

use ats_sync::harvest::{Application, Candidate, Job};
use ats_sync::store::{RowCounts, StoreError, Table};
use ats_sync::{Collection, Strategy, SyncError, Worker};
use program::explain;
use serde_json::{Value, json};
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

/// What the API lists as the worker reads it, against what the table holds.
async fn check_round_trip<T: Table + std::fmt::Debug>(worker: &Worker, list: &[Value]) {
    let stored = worker.store().load::<T>().await.expect("rows");
    assert_eq!(stored.len(), list.len());
    for value in list {
        let record: T = serde_json::from_value(value.clone()).expect("a record");
        let rows = worker.store().rows::<T>(&[record.id()]).await.expect("a row");
        assert_eq!(rows[0].record, record);
        assert!(stored.contains(&rows[0]));
    }
}

#[tokio::test]
#[ignore = "needs a Postgres server: DATABASE_URL"]
async fn what_is_stored_reads_back_as_it_was_fetched() {
    let mut account = Account::of(2, 2, 2);
    let bare = json!({"id": 5, "unknown": {"key": [1]}});
    let odd = json!({"id": 6, "custom_fields": {
        "floats": [0.1, 0.30000000000000004, 1e-7, 1.7976931348623157e308, 5e-324, 123_456_789.987_654_32, -0.5],
        "integers": [i64::MIN, u64::MAX, 0], "text": "\u{1F600} \\u0000 \" ' \t", "": {"nested": [[], {}, null, true]},
    }});
    for list in [&mut account.jobs, &mut account.candidates, &mut account.applications] {
        list.extend([bare.clone(), odd.clone()]);
    }
    let api = Api::of(account.clone()).await;
    let database = Database::new("round_trip").await;
    let worker = Worker::connect(&api.config(&database.url)).await.expect("a connection");
    worker.sync(Strategy::Paged).await.expect("a sync");
    check_round_trip::<Job>(&worker, &account.jobs).await;
    check_round_trip::<Candidate>(&worker, &account.candidates).await;
    check_round_trip::<Application>(&worker, &account.applications).await;

    let report = worker.sync(Strategy::Reconcile).await.expect("a sync");
    assert_eq!(report.total().unchanged, 12, "{report}");
    worker.close().await;
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs a Postgres server: DATABASE_URL"]
async fn columns_hold_what_their_names_say() {
    let api = Api::of(Account::of(1, 1, 1)).await;
    let database = Database::new("columns").await;
    let worker = Worker::connect(&api.config(&database.url)).await.expect("a connection");
    worker.sync(Strategy::Upsert).await.expect("a sync");
    let client = database.client().await;
    // The server's own JSON of a row, less what the sync adds, is the record's.
    for (table, expect) in
        [("jobs", support::job(1)), ("candidates", support::candidate(1)), ("applications", support::application(1))]
    {
        let row = client.query_one(&format!("SELECT to_jsonb({table}) FROM {table}"), &[]).await.expect("a row");
        let Value::Object(mut stored) = row.get::<_, Value>(0) else { panic!("a row is an object") };
        assert!(stored.remove("synced_at").is_some_and(|time| time.is_string()));
        assert_eq!(stored.remove("archived_at"), Some(Value::Null));
        for (column, value) in &stored {
            // Compared as the record has them: with lists for null, and times in one format.
            match (value, &expect[column]) {
                (Value::String(stored), Value::String(expect))
                    if column.ends_with("_at") || column == "last_activity" =>
                {
                    let parse = |time: &str| time.parse::<jiff::Timestamp>().expect("a time");
                    assert_eq!(parse(stored), parse(expect), "{table}.{column}");
                }
                (Value::Array(stored), Value::Null) => assert!(stored.is_empty(), "{table}.{column}"),
                (Value::Array(_) | Value::Object(_), _) => assert!(!value.is_null(), "{table}.{column}"),
                (stored, expect) => assert_eq!(stored, expect, "{table}.{column}"),
            }
        }
        let nested = stored.values().filter(|value| value.is_array() || value.is_object()).count();
        assert!(nested > 4, "{table} has nested columns");
    }
    worker.close().await;
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs a Postgres server: DATABASE_URL"]
async fn a_record_listed_twice_is_written_once_as_it_came_last() {
    let mut account = Account::of(0, 3, 0);
    let mut again = support::candidate(1);
    again["title"] = json!("Miller");
    account.candidates.push(again);
    let api = Api::of(account).await;
    for strategy in Strategy::ALL {
        for page_size in [500, 2] {
            let database = Database::new(&format!("twice_{strategy}_{page_size}")).await;
            let mut config = api.config(&database.url);
            config.page_size = page_size;
            let worker = Worker::connect(&config).await.expect("a connection");
            worker.sync(strategy).await.expect("a sync");
            assert_eq!(worker.store().counts(Collection::Candidates).await.expect("counts").rows, 3);
            let rows = worker.store().rows::<Candidate>(&[id(1)]).await.expect("a row");
            assert_eq!(rows[0].record.title.as_deref(), Some("Miller"), "{strategy} {page_size}");
            worker.close().await;
            database.drop().await;
        }
    }
}

#[tokio::test]
#[ignore = "needs a Postgres server: DATABASE_URL"]
async fn all_but_reconcile_overwrite_and_archive_nothing() {
    for strategy in [Strategy::Upsert, Strategy::Paged, Strategy::Bounded] {
        let api = Api::of(Account::of(0, 2, 2)).await;
        let database = Database::new(&format!("overwrite_{strategy}")).await;
        let worker = Worker::connect(&api.config(&database.url)).await.expect("a connection");
        worker.sync(strategy).await.expect("a sync");
        let before = checksums(&worker).await;
        worker.sync(strategy).await.expect("a sync");
        assert_eq!(checksums(&worker).await, before, "a second sync changes nothing");

        let archived = worker.store().archive(Collection::Candidates, &[id(2), id(9)], jiff::Timestamp::now()).await;
        assert_eq!(archived.expect("rows are archived"), 1);
        assert_ne!(checksums(&worker).await, before, "the checksum tells what is archived");
        api.account.lock().expect("nobody panicked").candidates[0]["title"] = json!("Miller");
        api.account.lock().expect("nobody panicked").applications.remove(0);
        let counts = worker.sync(strategy).await.expect("a sync").total();
        assert_eq!((counts.fetched, counts.upserted, counts.archived), (3, 3, 0));
        let rows = worker.store().rows::<Candidate>(&[id(2), id(1)]).await.expect("rows");
        assert_eq!(rows[0].record.title.as_deref(), Some("Miller"));
        assert_eq!(rows[1].archived_at, None, "what is listed is archived no longer");
        let counts = worker.store().counts(Collection::Applications).await.expect("counts");
        assert_eq!(counts, RowCounts { rows: 2, archived: 0 });
        worker.close().await;
        database.drop().await;
    }
}

#[tokio::test]
#[ignore = "needs a Postgres server: DATABASE_URL"]
async fn an_interrupted_initial_sync_is_completed_by_the_next_one() {
    let api = Api::of(Account::of(2, 30, 5)).await;
    let database = Database::new("initial").await;
    let mut config = api.config(&database.url);
    (config.page_size, config.batch_size) = (7, 4);
    let worker = Worker::connect(&config).await.expect("a connection");
    let bad = std::mem::replace(&mut api.account.lock().expect("nobody panicked").candidates[17], json!({"id": null}));
    let error = worker.sync(Strategy::Bounded).await.expect_err("a record without an id");
    assert!(error.to_string().starts_with("page 3 of candidates does not decode at `[3].id`"), "{error}");
    let rows = worker.store().counts(Collection::Candidates).await.expect("counts").rows;
    assert!((1..30).contains(&rows), "{rows} were written before");

    api.account.lock().expect("nobody panicked").candidates[17] = bad;
    let report = worker.sync(Strategy::Bounded).await.expect("a sync");
    let (candidates, applications) = (report.of(Collection::Candidates), report.of(Collection::Applications));
    assert_eq!((candidates.inserted, candidates.upserted), (0, 30), "a table with rows is written over");
    assert_eq!((applications.inserted, applications.upserted), (5, 0), "an empty one is inserted into");
    let completed = checksums(&worker).await;
    let again = worker.sync(Strategy::Reconcile).await.expect("a sync").total();
    assert_eq!((again.unchanged, again.updated, again.inserted), (37, 0, 0), "nothing is amiss");
    assert_eq!(checksums(&worker).await, completed);
    worker.close().await;
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs a Postgres server: DATABASE_URL"]
async fn a_schema_that_is_there_is_left_alone_and_an_edited_one_refused() {
    let api = Api::of(Account::of(1, 1, 1)).await;
    let database = Database::new("schema").await;
    let config = api.config(&database.url);
    let worker = Worker::connect(&config).await.expect("a connection");
    worker.sync(Strategy::Paged).await.expect("a sync");
    worker.close().await;
    let worker = Worker::connect(&config).await.expect("a second connection");
    assert_eq!(worker.store().counts(Collection::Jobs).await.expect("counts").rows, 1);
    worker.close().await;

    let client = database.client().await;
    client.batch_execute("UPDATE refinery_schema_history SET checksum = '1'").await.expect("an update");
    let error = Worker::connect(&config).await.expect_err("another schema");
    assert!(matches!(error, SyncError::Store(StoreError::Schema(_))), "{error:?}");
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs a Postgres server: DATABASE_URL"]
async fn an_error_of_the_database_names_the_batch() {
    let api = Api::of(Account::of(0, 3, 0)).await;
    let database = Database::new("batch_error").await;
    let worker = Worker::connect(&api.config(&database.url)).await.expect("a connection");
    let client = database.client().await;
    client.batch_execute("ALTER TABLE candidates ADD CHECK (title <> 'Baker')").await.expect("a constraint");
    let error = worker.sync(Strategy::Paged).await.expect_err("a refused batch");
    let line = explain(&error);
    assert!(line.starts_with("cannot upsert 3 rows of candidates: db error: ERROR: "), "{line}");
    assert!(line.contains("candidates_title_check"), "{line}");
    assert_eq!(worker.store().counts(Collection::Candidates).await.expect("counts").rows, 0, "all or nothing");
    worker.close().await;
    database.drop().await;
}
