//! COPY FROM STDIN in its three formats.

use std::pin::pin;

use bytes::Bytes;
use futures::SinkExt;
use highwater_services::Postgres;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use crate::support::{at, code, embedded, local, simple, with_client};

const TABLE: &str =
    "CREATE TABLE c (id bigint PRIMARY KEY, s varchar(10), j jsonb, at timestamptz, b boolean DEFAULT true)";

/// Sends text in chunks of a few bytes, so that rows are cut anywhere.
async fn copy_text(client: &Client, sql: &str, data: &str) -> Result<u64, Error> {
    let sink = client.copy_in::<_, Bytes>(sql).await?;
    let mut sink = pin!(sink);
    for chunk in data.as_bytes().chunks(7) {
        sink.send(Bytes::copy_from_slice(chunk)).await?;
    }
    sink.finish().await
}

async fn copy_binary(client: &Client, table: &str, ids: std::ops::Range<i64>) -> Result<u64, Error> {
    let sink = client.copy_in(&format!("COPY {table} (id, s, j, at) FROM STDIN BINARY")).await?;
    let writer = BinaryCopyInWriter::new(sink, &[Type::INT8, Type::VARCHAR, Type::JSONB, Type::TIMESTAMPTZ]);
    let mut writer = pin!(writer);
    for id in ids {
        let name = (id % 3 != 0).then(|| format!("n{id}"));
        writer.as_mut().write(&[&id, &name, &serde_json::json!({"id": id}), &at(1_700_000_000)]).await?;
    }
    writer.finish().await
}

async fn text_rows_are_read(client: Client) {
    client.batch_execute(TABLE).await.unwrap();
    let data = "1\ta\\tb\t{\"x\": \"\\\\u00e9\"}\t2024-01-02 03:04:05+00\tf\n2\t\\N\t\\N\t\\N\t\\N\n3\té\\\\\t[1]\t2024-01-02\tt\n\\.\n";
    assert_eq!(copy_text(&client, "COPY c FROM STDIN", data).await.unwrap(), 3);
    let expected = "1|a\tb|{\"x\": \"é\"}|2024-01-02 03:04:05+00|f; 2|NULL|NULL|NULL|NULL; 3|é\\|[1]|2024-01-02 00:00:00+00|t; [3]";
    assert_eq!(simple(&client, "SELECT * FROM c ORDER BY id").await.unwrap(), expected);
    assert_eq!(
        copy_text(&client, "COPY c (s, id) FROM STDIN WITH (DELIMITER '|', NULL 'nil')", "x|10\nnil|11").await.unwrap(),
        2
    );
    assert_eq!(
        simple(&client, "SELECT id, s, b FROM c WHERE id > 9 ORDER BY id").await.unwrap(),
        "10|x|t; 11|NULL|t; [2]"
    );
}

async fn csv_rows_are_read(client: Client) {
    client.batch_execute(TABLE).await.unwrap();
    let data = "id,s,j\n1,\"a,\"\"b\"\"\",\"{\"\"k\"\": 1}\"\n2,,\n3,\"\",\"[\n1]\"\n";
    assert_eq!(
        copy_text(&client, "COPY c (id, s, j) FROM STDIN WITH (FORMAT csv, HEADER true)", data).await.unwrap(),
        3
    );
    let expected = "1|a,\"b\"|{\"k\": 1}; 2|NULL|NULL; 3||[1]; [3]";
    assert_eq!(simple(&client, "SELECT id, s, j FROM c ORDER BY id").await.unwrap(), expected);
}

async fn binary_rows_are_read(client: Client) {
    client.batch_execute(TABLE).await.unwrap();
    assert_eq!(copy_binary(&client, "c", 0..3000).await.unwrap(), 3000);
    let expected = "3000|2000|4498500; [1]";
    assert_eq!(simple(&client, "SELECT count(*), count(s), sum((j->>'id')::int) FROM c").await.unwrap(), expected);
}

async fn rows_are_copied_to_a_stage_and_merged(mut client: Client) {
    client.batch_execute(TABLE).await.unwrap();
    copy_binary(&client, "c", 0..100).await.unwrap();
    let transaction = client.transaction().await.unwrap();
    transaction.batch_execute("CREATE TEMP TABLE stage (LIKE c INCLUDING DEFAULTS) ON COMMIT DROP").await.unwrap();
    copy_binary(transaction.client(), "stage", 50..200).await.unwrap();
    let merged = transaction
        .execute("INSERT INTO c SELECT * FROM stage ON CONFLICT (id) DO UPDATE SET s = EXCLUDED.s || '!'", &[])
        .await;
    assert_eq!(merged.unwrap(), 150);
    transaction.commit().await.unwrap();
    assert_eq!(
        simple(&client, "SELECT count(*), count(*) FILTER (WHERE s LIKE '%!') FROM c").await.unwrap(),
        "200|33; [1]"
    );
}

async fn a_bad_row_undoes_the_whole_copy(client: Client) {
    client.batch_execute(TABLE).await.unwrap();
    let copy = async |sql: &str, data: &str| code(&copy_text(&client, sql, data).await.unwrap_err());
    assert_eq!(copy("COPY c (id) FROM STDIN", "1\n2\nx\n").await, "22P02");
    assert_eq!(copy("COPY c (id) FROM STDIN", "1\n1\n").await, "23505");
    assert_eq!(copy("COPY c (id) FROM STDIN", "1\t2\n").await, "22P04");
    assert_eq!(copy("COPY c (id, s) FROM STDIN", "1\n").await, "22P04");
    assert_eq!(copy("COPY c (id, s) FROM STDIN", "1\tabcdefghijk\n").await, "22001");
    assert_eq!(copy("COPY c (id) FROM STDIN WITH (FORMAT csv)", "\"1\n").await, "22P04");
    assert_eq!(copy("COPY c (id) FROM STDIN BINARY", "no signature here, surely").await, "22P04");
    assert_eq!(simple(&client, "SELECT count(*) FROM c").await.unwrap(), "0; [1]");
    // Last: tokio-postgres loses count of the answers after a COPY that did not even begin.
    assert_eq!(copy("COPY nope FROM STDIN", "").await, "42P01");
}

async fn a_copy_that_the_client_gives_up_leaves_nothing(client: Client) {
    client.batch_execute(TABLE).await.unwrap();
    {
        let sink = client.copy_in::<_, Bytes>("COPY c (id) FROM STDIN").await.unwrap();
        let mut sink = pin!(sink);
        sink.send(Bytes::from_static(b"1\n2\n")).await.unwrap();
        // Dropped without finish.
    }
    assert_eq!(simple(&client, "SELECT count(*) FROM c").await.unwrap(), "0; [1]");
    assert_eq!(copy_text(&client, "COPY c (id) FROM STDIN", "7\n").await.unwrap(), 1);
}

fn all_on(postgres: &Postgres) {
    with_client(postgres, text_rows_are_read);
    with_client(postgres, csv_rows_are_read);
    with_client(postgres, binary_rows_are_read);
    with_client(postgres, rows_are_copied_to_a_stage_and_merged);
    with_client(postgres, a_bad_row_undoes_the_whole_copy);
    with_client(postgres, a_copy_that_the_client_gives_up_leaves_nothing);
}

#[test]
fn the_embedded_server_takes_copied_rows() {
    all_on(&embedded());
}

#[test]
#[ignore = "needs Postgres binaries: HIGHWATER_SERVICES=local"]
fn a_real_server_takes_copied_rows() {
    all_on(&local());
}
