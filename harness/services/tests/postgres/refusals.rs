//! What the embedded server cannot serve it says so, with the statement and the remedy; it neither ignores nor guesses.

use tokio_postgres::Client;

use crate::support::{embedded, with_client};

/// Statements that a real Postgres would take.
const STATEMENTS: &[&str] = &[
    "LISTEN jobs",
    "NOTIFY jobs, 'x'",
    "CREATE SCHEMA app",
    "CREATE TYPE mood AS ENUM ('ok')",
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE VIEW v AS SELECT 1 AS a",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$",
    "CREATE SEQUENCE s",
    "CREATE TABLE n (a numeric(10, 2))",
    "CREATE TABLE n (a interval)",
    "CREATE TABLE n (a char(3))",
    "CREATE TABLE n (a int) PARTITION BY RANGE (a)",
    "CREATE TABLE n (a int, b int GENERATED ALWAYS AS (a * 2) STORED)",
    "CREATE TABLE n (a int UNIQUE NULLS NOT DISTINCT)",
    "CREATE TABLE n (a int REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)",
    "ALTER TABLE t ALTER COLUMN n TYPE bigint",
    "ALTER TABLE t ALTER COLUMN n SET NOT NULL",
    "ALTER TABLE t ADD CONSTRAINT positive CHECK (n > 0)",
    "SELECT 0.5",
    "SELECT 1.5 * id FROM t",
    "SELECT avg(n) FROM t",
    "SELECT sum(id) + 1 FROM t",
    "SELECT now() - at FROM t",
    "SELECT interval '1 day'",
    "SELECT DISTINCT ON (n) n, id FROM t",
    "SELECT id FROM t, LATERAL (SELECT 1) AS x",
    "WITH gone AS (DELETE FROM t RETURNING id) SELECT count(*) FROM gone",
    "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1 RETURNING (xmax = 0) AS inserted",
    "SELECT t FROM t",
    "SELECT ctid FROM t",
    "SELECT s ~ '^a' FROM t",
    "SELECT id FROM t WHERE s SIMILAR TO 'a%'",
    "SELECT id FROM t ORDER BY j",
    "SELECT DISTINCT j FROM t",
    "SELECT j FROM t GROUP BY j",
    "SELECT id FROM t TABLESAMPLE SYSTEM (10)",
    "SELECT at AT TIME ZONE 'Europe/Paris' FROM t",
    "SELECT '2024-01-01 10:00 Europe/Paris'::timestamptz",
    "SELECT 'tomorrow'::date",
    "SELECT 'NaN'::float8",
    "SELECT md5(s) FROM t",
    "SELECT pg_sleep(0)",
    "SELECT relname FROM pg_class",
    "SELECT column_name FROM information_schema.columns",
    "SELECT id n ISNULL FROM t",
    "COPY t TO STDOUT",
    "MERGE INTO t USING t AS u ON t.id = u.id WHEN MATCHED THEN DELETE",
    "DECLARE c CURSOR FOR SELECT 1",
    "PREPARE p AS SELECT 1",
    "EXPLAIN SELECT 1",
    "SET TIME ZONE 'Europe/Paris'",
    "SET search_path TO app",
    "SHOW ALL",
    "SELECT a.id FROM t a NATURAL JOIN t b",
    "SELECT '{{1,2},{3,4}}'::int[]",
    "SELECT (j -> 'n')::int FROM t",
    "SELECT rank() OVER w FROM t WINDOW w AS (ORDER BY id)",
    "TRUNCATE app.t",
];

async fn every_one_names_itself_and_the_remedy(client: Client) {
    client
        .batch_execute("CREATE TABLE t (id bigint PRIMARY KEY, n int, s text, j jsonb, at timestamptz)")
        .await
        .unwrap();
    let mut wrong = Vec::new();
    for sql in STATEMENTS {
        for protocol in ["simple", "extended"] {
            let result = match protocol {
                "simple" => client.simple_query(sql).await.map(|_| ()),
                _ => client.query(*sql, &[]).await.map(|_| ()),
            };
            let Err(error) = result else {
                wrong.push(format!("{sql} ({protocol}): accepted"));
                continue;
            };
            let Some(error) = error.as_db_error() else {
                wrong.push(format!("{sql} ({protocol}): {error}"));
                continue;
            };
            let syntax = error.code().code() == "42601";
            let named = error.message().contains(sql) || syntax;
            if !named || !error.hint().unwrap_or_default().contains("HIGHWATER_SERVICES=local") {
                wrong.push(format!(
                    "{sql} ({protocol}): {} {} {:?}",
                    error.code().code(),
                    error.message(),
                    error.hint()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} statements:\n{}", wrong.len(), wrong.join("\n"));
    assert!(client.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get::<_, i64>(0) == 0);
}

#[test]
fn what_is_not_served_is_refused_with_the_statement_and_the_remedy() {
    with_client(&embedded(), every_one_names_itself_and_the_remedy);
}
