//! How fast: 50,000 rows in batches of 500, and back. The bounds are wide, for slow machines; the times are printed
//! (`--nocapture`).

use std::pin::pin;
use std::time::{Duration, Instant, SystemTime};

use futures::TryStreamExt;
use highwater_services::Postgres;
use tokio_postgres::Client;

use crate::support::{at, embedded, local, simple, with_client};

const ROWS: i64 = 50_000;
const BATCH: i64 = 500;

async fn upsert(client: &Client, tag: &str) -> Duration {
    let start = Instant::now();
    for batch in 0..ROWS / BATCH {
        let ids: Vec<i64> = (batch * BATCH..(batch + 1) * BATCH).collect();
        let owners: Vec<i64> = ids.iter().map(|id| id * 7 % 9001).collect();
        let statuses: Vec<String> = ids.iter().map(|id| format!("{tag}-{}", id % 11)).collect();
        let times: Vec<SystemTime> = ids.iter().map(|id| at(1_700_000_000 + id.unsigned_abs())).collect();
        let payloads: Vec<serde_json::Value> = ids
            .iter()
            .map(|id| serde_json::json!({"id": id, "name": format!("Person {id}"), "tags": ["a", "b"]}))
            .collect();
        let done: Vec<bool> = ids.iter().map(|id| id % 5 == 0).collect();
        client
            .execute(
                "INSERT INTO items (id, owner, status, at, payload, done) \
                 SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::jsonb[], $6::boolean[]) \
                 ON CONFLICT (id) DO UPDATE SET owner = EXCLUDED.owner, status = EXCLUDED.status, at = EXCLUDED.at, \
                 payload = EXCLUDED.payload, done = EXCLUDED.done",
                &[&ids, &owners, &statuses, &times, &payloads, &done],
            )
            .await
            .unwrap();
    }
    start.elapsed()
}

async fn select(client: &Client) -> Duration {
    let start = Instant::now();
    let stream = client
        .query_raw("SELECT id, owner, status, at, payload, done FROM items", std::iter::empty::<i64>())
        .await
        .unwrap();
    let mut stream = pin!(stream);
    let mut rows = 0;
    while let Some(row) = stream.try_next().await.unwrap() {
        assert!(row.get::<_, i64>(0) < ROWS);
        rows += 1;
    }
    assert_eq!(rows, ROWS);
    start.elapsed()
}

fn measure(postgres: &Postgres) {
    let kind = postgres.kind().unwrap();
    with_client(postgres, async |client| {
        client.batch_execute("CREATE TABLE items (id bigint PRIMARY KEY, owner bigint, status text, at timestamptz, payload jsonb, done boolean)").await.unwrap();
        let times = [
            ("insert", upsert(&client, "new").await),
            ("update", upsert(&client, "changed").await),
            ("select", select(&client).await),
        ];
        for (what, time) in times {
            println!("{kind}: {what} of {ROWS} rows in {:.2} s", time.as_secs_f64());
            assert!(time < Duration::from_secs(30), "{what} took {time:?}");
        }
        let expected = format!("{ROWS}|{ROWS}; [1]");
        assert_eq!(
            simple(&client, "SELECT count(*), count(*) FILTER (WHERE status LIKE 'changed-%') FROM items")
                .await
                .unwrap(),
            expected
        );
    });
}

#[test]
fn the_embedded_server_moves_fifty_thousand_rows() {
    measure(&embedded());
}

#[test]
#[ignore = "needs Postgres binaries: HIGHWATER_SERVICES=local"]
fn a_real_server_moves_fifty_thousand_rows() {
    measure(&local());
}
