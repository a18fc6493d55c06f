//! Several connections to one database.

use std::time::{Duration, Instant};

use highwater::Endpoint;
use highwater_services::Postgres;
use tokio_postgres::NoTls;

use crate::support::{code, connect, embedded, local, run, simple, started};

const TABLE: &str = "CREATE TABLE t (id bigint PRIMARY KEY, s text)";

async fn a_reader_sees_only_what_is_committed(endpoint: &Endpoint) {
    let (mut writer, reader) = (connect(endpoint).await, connect(endpoint).await);
    writer.batch_execute(TABLE).await.unwrap();
    let transaction = writer.transaction().await.unwrap();
    transaction.execute("INSERT INTO t VALUES (1, 'x')", &[]).await.unwrap();
    assert_eq!(simple(&reader, "SELECT count(*) FROM t").await.unwrap(), "0; [1]");
    let own = transaction.query_one("SELECT count(*) FROM t", &[]).await.unwrap();
    assert_eq!(own.get::<_, i64>(0), 1);
    transaction.commit().await.unwrap();
    assert_eq!(simple(&reader, "SELECT count(*) FROM t").await.unwrap(), "1; [1]");
}

async fn a_transaction_reads_what_others_commit_meanwhile(endpoint: &Endpoint) {
    let (mut reader, writer) = (connect(endpoint).await, connect(endpoint).await);
    writer.batch_execute(TABLE).await.unwrap();
    let transaction = reader.transaction().await.unwrap();
    let count = async || transaction.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get::<_, i64>(0);
    assert_eq!(count().await, 0);
    writer.execute("INSERT INTO t VALUES (1, 'x')", &[]).await.unwrap();
    assert_eq!(count().await, 1, "read committed");
    let times = async || transaction.query_one("SELECT now()", &[]).await.unwrap().get::<_, std::time::SystemTime>(0);
    assert_eq!(times().await, times().await, "now() stands still within a transaction");
    transaction.execute("UPDATE t SET s = 'y'", &[]).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(simple(&writer, "SELECT s FROM t").await.unwrap(), "y; [1]");
}

async fn a_connection_that_breaks_off_is_rolled_back(endpoint: &Endpoint) {
    let watcher = connect(endpoint).await;
    watcher.batch_execute(TABLE).await.unwrap();
    let (client, connection) = tokio_postgres::connect(endpoint.as_str(), NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute("BEGIN; INSERT INTO t VALUES (1, 'lost')").await.unwrap();
    connection.abort();
    drop(client);
    // The lock that it held is free as soon as the server has noticed.
    watcher.execute("INSERT INTO t VALUES (1, 'kept')", &[]).await.unwrap();
    assert_eq!(simple(&watcher, "SELECT s FROM t").await.unwrap(), "kept; [1]");
}

async fn writers_take_turns(endpoint: &Endpoint) {
    let setup = connect(endpoint).await;
    setup.batch_execute(TABLE).await.unwrap();
    setup.batch_execute("CREATE TABLE counter (n bigint); INSERT INTO counter VALUES (0)").await.unwrap();
    for explicit in [false, true] {
        let work = (0..4_i64).map(|worker| async move {
            let mut client = connect(endpoint).await;
            for batch in 0..25_i64 {
                let ids: Vec<i64> = (0..100).map(|row| worker * 10_000 + batch * 100 + row).collect();
                let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
                let upsert = "INSERT INTO t SELECT * FROM unnest($1::bigint[], $2::text[]) ON CONFLICT (id) DO UPDATE SET s = EXCLUDED.s";
                if explicit {
                    let transaction = client.transaction().await?;
                    transaction.query("SELECT count(*) FROM t WHERE id = $1", &[&worker]).await?;
                    transaction.execute(upsert, &[&ids, &names]).await?;
                    transaction.execute("UPDATE counter SET n = n + 1", &[]).await?;
                    transaction.commit().await?;
                } else {
                    client.execute(upsert, &[&ids, &names]).await?;
                }
            }
            Ok::<(), tokio_postgres::Error>(())
        });
        for result in futures::future::join_all(work).await {
            result.unwrap_or_else(|error| panic!("explicit {explicit}: {}", crate::support::shown(&error)));
        }
    }
    assert_eq!(simple(&setup, "SELECT count(*), (SELECT n FROM counter) FROM t").await.unwrap(), "10000|100; [1]");
}

async fn a_second_writer_waits_for_the_first(endpoint: &Endpoint) {
    let (mut first, second) = (connect(endpoint).await, connect(endpoint).await);
    first.batch_execute("CREATE TABLE one (id int PRIMARY KEY, n int); INSERT INTO one VALUES (1, 0)").await.unwrap();
    let transaction = first.transaction().await.unwrap();
    transaction.execute("UPDATE one SET n = n + 1 WHERE id = 1", &[]).await.unwrap();
    let waiting = async {
        let start = Instant::now();
        second.execute("UPDATE one SET n = n + 10 WHERE id = 1", &[]).await.unwrap();
        start.elapsed()
    };
    let committing = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        transaction.commit().await.unwrap();
    };
    let (waited, ()) = futures::future::join(waiting, committing).await;
    assert!(waited >= Duration::from_millis(90), "{waited:?}");
    assert_eq!(simple(&second, "SELECT n FROM one").await.unwrap(), "11; [1]");
}

async fn queries_may_be_pipelined(endpoint: &Endpoint) {
    let client = connect(endpoint).await;
    client.batch_execute(TABLE).await.unwrap();
    let insert = client.prepare("INSERT INTO t VALUES ($1, 'x')").await.unwrap();
    let ids: Vec<i64> = (0..200).collect();
    let results = futures::future::join_all(ids.iter().map(|id| async { client.execute(&insert, &[id]).await })).await;
    assert!(results.into_iter().all(|result| result.unwrap() == 1));
    assert_eq!(simple(&client, "SELECT count(*) FROM t").await.unwrap(), "200; [1]");
}

async fn a_statement_can_be_cancelled(endpoint: &Endpoint) {
    let client = connect(endpoint).await;
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1::bigint UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    let token = client.cancel_token();
    let cancelling = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        token.cancel_query(NoTls).await.unwrap();
    };
    let (result, ()) = futures::future::join(client.query(endless, &[]), cancelling).await;
    assert_eq!(code(&result.unwrap_err()), "57014");
    assert_eq!(simple(&client, "SELECT 1").await.unwrap(), "1; [1]");
}

async fn an_advisory_lock_keeps_others_out(endpoint: &Endpoint) {
    let (first, second) = (connect(endpoint).await, connect(endpoint).await);
    assert_eq!(simple(&first, "SELECT pg_try_advisory_lock(7)").await.unwrap(), "t; [1]");
    assert_eq!(simple(&second, "SELECT pg_try_advisory_lock(7)").await.unwrap(), "f; [1]");
    let waiting = simple(&second, "SELECT pg_advisory_lock(7), 'mine'");
    let releasing = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        simple(&first, "SELECT pg_advisory_unlock(7)").await.unwrap()
    };
    let (waited, released) = futures::future::join(waiting, releasing).await;
    assert_eq!((waited.unwrap().as_str(), released.as_str()), ("|mine; [1]", "t; [1]"));
    second.batch_execute("SELECT pg_advisory_unlock(7); BEGIN; SELECT pg_advisory_xact_lock(8); COMMIT").await.unwrap();
    assert_eq!(simple(&first, "SELECT pg_try_advisory_lock(7), pg_try_advisory_lock(8)").await.unwrap(), "t|t; [1]");
}

fn all_on(postgres: &Postgres) {
    let mut running = started(postgres);
    macro_rules! each {
        ($($body:ident),* $(,)?) => {$(
            let endpoint = running.begin_sample().unwrap();
            run($body(&endpoint));
            running.end_sample().unwrap();
        )*};
    }
    each!(
        a_reader_sees_only_what_is_committed,
        a_transaction_reads_what_others_commit_meanwhile,
        a_connection_that_breaks_off_is_rolled_back,
        writers_take_turns,
        a_second_writer_waits_for_the_first,
        queries_may_be_pipelined,
        a_statement_can_be_cancelled,
        an_advisory_lock_keeps_others_out,
    );
}

#[test]
fn connections_to_the_embedded_server_are_isolated() {
    all_on(&embedded());
}

#[test]
#[ignore = "needs Postgres binaries: HIGHWATER_SERVICES=local"]
fn connections_to_a_real_server_are_isolated() {
    all_on(&local());
}
