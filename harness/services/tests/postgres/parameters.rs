//! Statements with parameters, as workers send them: batches by `unnest` and VALUES, lists by ANY, streams and portals.

use std::pin::pin;
use std::time::SystemTime;

use futures::TryStreamExt;
use highwater_services::Postgres;
use serde_json::{Value as Json, json};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::support::{at, code, embedded, local, simple, with_client};

const TABLE: &str = "CREATE TABLE items (id bigint PRIMARY KEY, owner bigint, status text, at timestamptz, payload jsonb, \
                     done boolean NOT NULL DEFAULT false, score double precision, raw bytea)";
const UNNEST: &str = "INSERT INTO items (id, owner, status, at, payload, done, score, raw) \
                      SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::jsonb[], $6::boolean[], $7::double precision[], $8::bytea[]) \
                      ON CONFLICT (id) DO UPDATE SET owner = EXCLUDED.owner, status = EXCLUDED.status, at = EXCLUDED.at, \
                      payload = EXCLUDED.payload, done = EXCLUDED.done, score = EXCLUDED.score, raw = EXCLUDED.raw";

#[derive(Debug, Clone, PartialEq)]
struct Item {
    id: i64,
    owner: Option<i64>,
    status: String,
    at: SystemTime,
    payload: Json,
    done: bool,
    score: f64,
    raw: Vec<u8>,
}

fn items(from: i64, count: i64, tag: &str) -> Vec<Item> {
    let item = |id: i64| Item {
        id,
        owner: (id % 7 != 0).then_some(id * 13 % 101),
        status: format!("{tag}-é'{}", id % 11),
        at: at(1_700_000_000 + u64::try_from(id).unwrap()),
        payload: json!({"id": id, "name": format!("Person {id} \"q\" \\ é"), "tags": ["a", null, 1.5], "deep": {"x": []}}),
        done: id % 5 == 0,
        score: f64::from(u32::try_from(id).unwrap()) / 3.0,
        raw: id.to_be_bytes().to_vec(),
    };
    (from..from + count).map(item).collect()
}

async fn upsert(client: &Client, items: &[Item]) -> u64 {
    fn column<'i, T>(items: &'i [Item], part: impl Fn(&'i Item) -> T) -> Vec<T> {
        items.iter().map(part).collect()
    }
    let parameters: [&(dyn ToSql + Sync); 8] = [
        &column(items, |i| i.id),
        &column(items, |i| i.owner),
        &column(items, |i| i.status.as_str()),
        &column(items, |i| i.at),
        &column(items, |i| &i.payload),
        &column(items, |i| i.done),
        &column(items, |i| i.score),
        &column(items, |i| i.raw.as_slice()),
    ];
    client.execute(UNNEST, &parameters).await.unwrap()
}

async fn read(client: &Client, ids: &[i64]) -> Vec<Item> {
    let rows = client.query("SELECT * FROM items WHERE id = ANY($1) ORDER BY id", &[&ids]).await.unwrap();
    let item = |row: &tokio_postgres::Row| Item {
        id: row.get("id"),
        owner: row.get("owner"),
        status: row.get("status"),
        at: row.get("at"),
        payload: row.get("payload"),
        done: row.get("done"),
        score: row.get("score"),
        raw: row.get("raw"),
    };
    rows.iter().map(item).collect()
}

async fn a_batch_by_unnest_is_inserted_and_then_updated(client: Client) {
    client.batch_execute(TABLE).await.unwrap();
    for tag in ["new", "changed"] {
        let batch = items(100, 500, tag);
        assert_eq!(upsert(&client, &batch).await, 500);
        let ids: Vec<i64> = batch.iter().map(|item| item.id).collect();
        assert_eq!(read(&client, &ids).await, batch);
    }
    assert_eq!(simple(&client, "SELECT count(*) FROM items").await.unwrap(), "500; [1]");
}

async fn a_batch_by_values_is_prepared_once_and_used_often(client: Client) {
    client.batch_execute("CREATE TABLE v (id bigint PRIMARY KEY, name text, note varchar(20))").await.unwrap();
    let rows: Vec<String> = (0..500).map(|r| format!("(${}, ${}, ${})", 3 * r + 1, 3 * r + 2, 3 * r + 3)).collect();
    let sql = format!(
        "INSERT INTO v (id, name, note) VALUES {} ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, note = EXCLUDED.note \
         WHERE v.name IS DISTINCT FROM EXCLUDED.name",
        rows.join(", ")
    );
    let statement = client.prepare(&sql).await.unwrap();
    for (round, changed) in [("a", 500), ("a", 0), ("b", 500)] {
        let values: Vec<(i64, String, Option<String>)> =
            (0..500).map(|id| (id, format!("{round}{id}"), (id % 2 == 0).then(|| format!("note {id}")))).collect();
        let parameters: Vec<&(dyn ToSql + Sync)> =
            values.iter().flat_map(|(id, name, note)| [id as &(dyn ToSql + Sync), name, note]).collect();
        assert_eq!(client.execute(&statement, &parameters).await.unwrap(), changed, "{round}");
    }
    assert_eq!(
        simple(&client, "SELECT count(*), count(note) FROM v WHERE name LIKE 'b%'").await.unwrap(),
        "500|250; [1]"
    );
}

async fn a_statement_may_have_as_many_parameters_as_the_protocol_counts(client: Client) {
    client.batch_execute("CREATE TABLE many (id bigint PRIMARY KEY, n bigint)").await.unwrap();
    let count = 32_767;
    let rows: Vec<String> = (0..count).map(|r| format!("(${},${})", 2 * r + 1, 2 * r + 2)).collect();
    let sql = format!("INSERT INTO many (id, n) VALUES {}", rows.join(","));
    let ids: Vec<i64> = (0..count).collect();
    let parameters: Vec<&(dyn ToSql + Sync)> = ids.iter().flat_map(|id| [id as &(dyn ToSql + Sync), id]).collect();
    assert_eq!(client.execute(&sql, &parameters).await.unwrap(), 32_767);
    assert_eq!(
        simple(&client, "SELECT count(*), sum(n)::bigint, max(id) FROM many WHERE id = n").await.unwrap(),
        "32767|536821761|32766; [1]"
    );
}

async fn lists_are_searched_with_the_nulls_of_sql(client: Client) {
    client
        .batch_execute(
            "CREATE TABLE l (id bigint PRIMARY KEY, s text); INSERT INTO l VALUES (1, 'a'), (2, 'b'), (3, NULL)",
        )
        .await
        .unwrap();
    let ids = async |sql: &str, list: &(dyn ToSql + Sync)| -> Vec<i64> {
        client.query(sql, &[list]).await.unwrap().iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(ids("SELECT id FROM l WHERE id = ANY($1) ORDER BY id", &vec![1_i64, 3, 9]).await, [1, 3]);
    assert_eq!(ids("SELECT id FROM l WHERE id <> ALL($1) ORDER BY id", &vec![1_i64, 3, 9]).await, [2]);
    assert_eq!(ids("SELECT id FROM l WHERE NOT (id = ANY($1)) ORDER BY id", &vec![1_i64]).await, [2, 3]);
    assert_eq!(ids("SELECT id FROM l WHERE id = ANY($1)", &Vec::<i64>::new()).await, [0_i64; 0]);
    assert_eq!(ids("SELECT id FROM l WHERE id <> ALL($1) ORDER BY id", &Vec::<i64>::new()).await, [1, 2, 3]);
    assert_eq!(ids("SELECT id FROM l WHERE id <> ALL($1)", &vec![Some(1_i64), None]).await, [0_i64; 0]);
    assert_eq!(ids("SELECT id FROM l WHERE id <> ALL($1)", &None::<Vec<i64>>).await, [0_i64; 0]);
    assert_eq!(ids("SELECT id FROM l WHERE NOT (id = ANY($1))", &None::<Vec<i64>>).await, [0_i64; 0]);
    assert_eq!(ids("SELECT id FROM l WHERE s = ANY($1)", &vec!["b", "x"]).await, [2]);
    assert_eq!(ids("SELECT id FROM l WHERE id = ANY($1::int[])", &vec![2_i32]).await, [2]);
    assert_eq!(ids("DELETE FROM l WHERE id = ANY($1) RETURNING id", &vec![2_i64]).await, [2]);
}

async fn unnest_pads_shorter_arrays_and_counts(client: Client) {
    let rows = client
        .query(
            "SELECT a, b, n FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS u(a, b, n) ORDER BY n",
            &[&vec![1_i64, 2, 3], &vec![Some("x"), None]],
        )
        .await
        .unwrap();
    let found: Vec<(Option<i64>, Option<String>, i64)> = rows.iter().map(|r| (r.get(0), r.get(1), r.get(2))).collect();
    assert_eq!(found, [(Some(1), Some("x".to_owned()), 1), (Some(2), None, 2), (Some(3), None, 3)]);
    let rows = client
        .query("SELECT unnest($1::bigint[]) AS id, unnest($2::text[])", &[&vec![7_i64], &vec!["y"]])
        .await
        .unwrap();
    assert_eq!((rows.len(), rows[0].get::<_, i64>("id"), rows[0].get::<_, String>("unnest")), (1, 7, "y".to_owned()));
    let none = client.query("SELECT * FROM unnest($1::bigint[]) AS id", &[&None::<Vec<i64>>]).await.unwrap();
    assert_eq!(none.len(), 0);
}

async fn unnest_updates_and_deletes(client: Client) {
    client
        .batch_execute(
            "CREATE TABLE u (id bigint PRIMARY KEY, s text); INSERT INTO u VALUES (1, 'a'), (2, 'b'), (3, 'c')",
        )
        .await
        .unwrap();
    let updated = client
        .execute(
            "UPDATE u SET s = v.s FROM unnest($1::bigint[], $2::text[]) AS v(id, s) WHERE u.id = v.id",
            &[&vec![1_i64, 3, 9], &vec!["x", "z", "?"]],
        )
        .await;
    assert_eq!(updated.unwrap(), 2);
    let deleted =
        client.execute("DELETE FROM u USING unnest($1::bigint[]) AS v(id) WHERE u.id = v.id", &[&vec![2_i64]]).await;
    assert_eq!(deleted.unwrap(), 1);
    assert_eq!(simple(&client, "SELECT * FROM u ORDER BY id").await.unwrap(), "1|x; 3|z; [2]");
}

async fn types_named_by_the_client_are_used(client: Client) {
    client.batch_execute(TABLE).await.unwrap();
    let inserted = client
        .execute_typed(
            "INSERT INTO items (id, status) SELECT * FROM unnest($1, $2)",
            &[(&vec![1_i64, 2], Type::INT8_ARRAY), (&vec!["a", "b"], Type::TEXT_ARRAY)],
        )
        .await;
    assert_eq!(inserted.unwrap(), 2);
    let rows = client
        .query_typed("SELECT id FROM items WHERE owner IS NULL AND id = $1", &[(&2_i32, Type::INT4)])
        .await
        .unwrap();
    assert_eq!(rows[0].get::<_, i64>(0), 2);
}

async fn many_rows_are_streamed(client: Client) {
    client.batch_execute("CREATE TABLE s (id bigint PRIMARY KEY, filler text)").await.unwrap();
    client.execute("INSERT INTO s SELECT i, repeat('x', 100) FROM generate_series(1, 20000) AS i", &[]).await.unwrap();
    let stream = client.query_raw("SELECT id, filler FROM s WHERE id > $1", [0_i64]).await.unwrap();
    let mut stream = pin!(stream);
    let (mut count, mut sum) = (0, 0);
    while let Some(row) = stream.try_next().await.unwrap() {
        count += 1;
        sum += row.get::<_, i64>(0);
    }
    assert_eq!((count, sum), (20_000, 200_010_000));
    assert_eq!(stream.rows_affected(), Some(20_000));
}

async fn a_stream_that_is_left_does_not_hold_up_the_next_statement(client: Client) {
    client.batch_execute("CREATE TABLE s (id bigint, filler text)").await.unwrap();
    client.execute("INSERT INTO s SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) AS i", &[]).await.unwrap();
    {
        let stream = client.query_raw("SELECT id, filler FROM s", std::iter::empty::<i64>()).await.unwrap();
        assert!(pin!(stream).try_next().await.unwrap().is_some());
    }
    assert_eq!(client.execute("DELETE FROM s WHERE id <= 10", &[]).await.unwrap(), 10);
    assert_eq!(simple(&client, "SELECT count(*) FROM s").await.unwrap(), "19990; [1]");
}

async fn a_portal_is_read_in_parts_while_the_table_changes(mut client: Client) {
    client.batch_execute("CREATE TABLE s (id bigint PRIMARY KEY, filler text)").await.unwrap();
    client.execute("INSERT INTO s SELECT i, repeat('x', 500) FROM generate_series(1, 5000) AS i", &[]).await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind("SELECT id FROM s ORDER BY id", &[]).await.unwrap();
    let mut seen = Vec::new();
    loop {
        let rows = transaction.query_portal(&portal, 700).await.unwrap();
        if rows.is_empty() {
            break;
        }
        seen.extend(rows.iter().map(|row| row.get::<_, i64>(0)));
        // A portal shows the table as it was when it was opened.
        transaction.execute("DELETE FROM s WHERE id > $1", &[seen.last().unwrap()]).await.unwrap();
    }
    assert_eq!(seen, (1..=5000).collect::<Vec<i64>>());
    transaction.commit().await.unwrap();
    assert_eq!(simple(&client, "SELECT count(*) FROM s").await.unwrap(), "700; [1]");
}

async fn documents_survive_as_parameters(client: Client) {
    client.batch_execute("CREATE TABLE j (id int, doc jsonb)").await.unwrap();
    let documents = [
        json!(null),
        json!(123),
        json!("s\"\\\n\u{1}é"),
        json!([]),
        json!({"z": 1, "a": {"n": -1.5e-7}, "big": 12_345_678_901_i64}),
    ];
    for document in &documents {
        let back: Json =
            client.query_one("INSERT INTO j (doc) VALUES ($1) RETURNING doc", &[document]).await.unwrap().get(0);
        assert_eq!(back, *document);
    }
    let found = client.query("SELECT doc FROM j WHERE doc @> $1", &[&json!({"z": 1})]).await.unwrap();
    assert_eq!(found.len(), 1);
    let text: String = client.query_one("SELECT doc::text FROM j WHERE doc ? $1", &[&"z"]).await.unwrap().get(0);
    assert_eq!(text, "{\"a\": {\"n\": -0.00000015}, \"z\": 1, \"big\": 12345678901}");
    let from_set = client
        .execute(
            "INSERT INTO j (id, doc) SELECT id, doc FROM jsonb_to_recordset($1) AS t(id int, doc jsonb)",
            &[&json!([{"id": 1, "doc": {"k": [1]}}, {"id": 2}])],
        )
        .await;
    assert_eq!(from_set.unwrap(), 2);
    assert_eq!(
        simple(&client, "SELECT id, doc FROM j WHERE id IS NOT NULL ORDER BY id").await.unwrap(),
        "1|{\"k\": [1]}; 2|NULL; [2]"
    );
}

async fn a_value_that_cannot_be_kept_is_refused(client: Client) {
    client.batch_execute(TABLE).await.unwrap();
    let insert = "INSERT INTO items (id, status, payload) VALUES ($1, $2, $3)";
    let refused = async |status: &str, payload: Json| {
        code(&client.execute(insert, &[&1_i64, &status, &payload]).await.unwrap_err())
    };
    assert_eq!(refused("a\0b", json!(1)).await, "22021");
    assert_eq!(refused("ab", json!("x\u{0}y")).await, "22P05");
    let wrong = client.execute("UPDATE items SET status = $1", &[&1_i64]).await.unwrap_err();
    assert!(wrong.code().is_none(), "the client itself knows that a bigint is no text: {wrong:?}");
}

async fn an_error_names_table_column_and_constraint(client: Client) {
    client.batch_execute("CREATE TABLE named (id int PRIMARY KEY, email text NOT NULL, CONSTRAINT one_email UNIQUE (email)); INSERT INTO named VALUES (1, 'a')").await.unwrap();
    let failed = async |sql: &str| client.execute(sql, &[]).await.unwrap_err().as_db_error().unwrap().clone();
    let error = failed("INSERT INTO named VALUES (1, 'b')").await;
    assert_eq!((error.table(), error.constraint()), (Some("named"), Some("named_pkey")));
    assert_eq!(error.message(), "duplicate key value violates unique constraint \"named_pkey\"");
    let error = failed("INSERT INTO named VALUES (2, 'a')").await;
    assert_eq!((error.schema(), error.constraint()), (Some("public"), Some("one_email")));
    let error = failed("INSERT INTO named VALUES (2, NULL)").await;
    assert_eq!((error.table(), error.column()), (Some("named"), Some("email")));
}

async fn a_failed_statement_leaves_the_connection_usable(client: Client) {
    for _ in 0..3 {
        assert!(client.query("SELECT * FROM nowhere", &[]).await.is_err());
        assert!(client.batch_execute("SELECT 1; SELECT 1/0").await.is_err());
        assert_eq!(client.query_one("SELECT 1 + $1::int", &[&1]).await.unwrap().get::<_, i32>(0), 2);
    }
}

/// Runs each of them in a database of its own.
fn all_on(postgres: &Postgres) {
    with_client(postgres, a_batch_by_unnest_is_inserted_and_then_updated);
    with_client(postgres, a_batch_by_values_is_prepared_once_and_used_often);
    with_client(postgres, a_statement_may_have_as_many_parameters_as_the_protocol_counts);
    with_client(postgres, lists_are_searched_with_the_nulls_of_sql);
    with_client(postgres, unnest_pads_shorter_arrays_and_counts);
    with_client(postgres, unnest_updates_and_deletes);
    with_client(postgres, types_named_by_the_client_are_used);
    with_client(postgres, many_rows_are_streamed);
    with_client(postgres, a_stream_that_is_left_does_not_hold_up_the_next_statement);
    with_client(postgres, a_portal_is_read_in_parts_while_the_table_changes);
    with_client(postgres, documents_survive_as_parameters);
    with_client(postgres, a_value_that_cannot_be_kept_is_refused);
    with_client(postgres, an_error_names_table_column_and_constraint);
    with_client(postgres, a_failed_statement_leaves_the_connection_usable);
}

#[test]
fn the_embedded_server_serves_statements_with_parameters() {
    all_on(&embedded());
}

#[test]
#[ignore = "needs Postgres binaries: HIGHWATER_SERVICES=local"]
fn a_real_server_serves_statements_with_parameters() {
    all_on(&local());
}
