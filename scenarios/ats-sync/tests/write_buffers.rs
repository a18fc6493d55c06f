//! What a client of Postgres keeps of a large statement: its buffers, on every connection that one went over, for as long as the
//! connection is open. No bug is made here: this is what the published clients do.
//!
//! Each connection first carries an import of 8 MiB, as one statement or in batches, then many syncs of a single row. The rows
//! are there before the window opens, and are never copied by us: what is live when it closes is the clients'.

use std::fmt;
use std::process::ExitCode;

use highwater::{BoxError, Metric, Scenario, Suite, Tolerance, Workload};
use highwater_services::Postgres;
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinHandle;
use tokio_postgres::NoTls;
use tokio_postgres::types::Type;

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

const ROWS: usize = 1_024;
const ROW_BYTES: usize = 8 * 1_024;
/// Rows of a batch: 256 KiB.
const BATCH: usize = 32;
/// As many connections as a pool could have open.
const CONNECTIONS: [usize; 4] = [1, 2, 4, 8];
/// The import, and what follows it.
const SYNCS: u64 = 40;

const TABLE: &str = "CREATE TABLE documents (id bigint PRIMARY KEY, body text NOT NULL)";
const UPSERT: &str = "INSERT INTO documents (id, body) SELECT * FROM unnest($1::bigint[], $2::text[]) \
    ON CONFLICT (id) DO UPDATE SET body = excluded.body";
const STORED: &str = "SELECT count(*), sum(length(body))::bigint FROM documents";

fn main() -> ExitCode {
    let most = CONNECTIONS[CONNECTIONS.len() - 1];
    CONNECTIONS
        .into_iter()
        .fold(Suite::new("write-buffers"), |suite, connections| {
            suite
                .scenario(scenario::<TokioPostgres>(Form::Whole, connections))
                .scenario(scenario::<Sqlx>(Form::Whole, connections))
        })
        .scenario(scenario::<TokioPostgres>(Form::Batched, most))
        .scenario(scenario::<Sqlx>(Form::Batched, most))
        .scenario(scenario::<Sqlx>(Form::Shrunk, most))
        .main()
}

/// How the import is sent.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// All rows in one statement.
    Whole,
    /// A statement for every [`BATCH`] rows.
    Batched,
    /// All rows in one statement, and the client told afterwards to give its buffers back.
    Shrunk,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole => "whole",
            Self::Batched => "batched",
            Self::Shrunk => "shrunk",
        })
    }
}

fn scenario<C: Connection>(form: Form, connections: usize) -> Scenario<impl Workload + Send + Sync> {
    Scenario::new(format!("{}-{form}-{connections}", C::NAME))
        .with(Postgres::new("postgres"))
        .iterations(SYNCS)
        .setup(async move |context| Pool::<C>::open(context.endpoint("postgres")?, form, connections).await)
        .iterate(async |pool: &mut Pool<C>| pool.sync().await)
        .teardown(async |pool: Pool<C>| pool.check().await)
        // How much of a statement waits in a buffer while the rest is sent is the socket's to say.
        .tolerance(Metric::PeakBytes, Tolerance::new(0.02, 64 * 1024))
        .tolerance(Metric::RetainedBytes, Tolerance::new(0.02, 64 * 1024))
}

/// One connection of a client.
trait Connection: Sized + 'static {
    const NAME: &str;
    async fn open(url: &str) -> Result<Self, BoxError>;
    async fn upsert(&mut self, ids: &[i64], bodies: &[String]) -> Result<(), BoxError>;
    fn shrink(&mut self);
    async fn close(self) -> Result<(), BoxError>;
}

/// Open connections, and the rows that are sent over each of them.
struct Pool<C> {
    url: String,
    form: Form,
    connections: Vec<C>,
    ids: Vec<i64>,
    bodies: Vec<String>,
    is_imported: bool,
}

impl<C: Connection> Pool<C> {
    /// Each connection has sent a statement: what it needs for itself is there.
    async fn open(url: &str, form: Form, connections: usize) -> Result<Self, BoxError> {
        let maker = TokioPostgres::open(url).await?;
        maker.client.batch_execute(TABLE).await?;
        maker.close().await?;
        let ids: Vec<i64> = (0..).take(ROWS).collect();
        let bodies: Vec<String> = ids.iter().map(|id| format!("{id:0>ROW_BYTES$}")).collect();
        let mut open = Vec::new();
        for _ in 0..connections {
            let mut connection = C::open(url).await?;
            connection.upsert(&ids[..1], &bodies[..1]).await?;
            open.push(connection);
        }
        Ok(Self { url: url.to_owned(), form, connections: open, ids, bodies, is_imported: false })
    }

    async fn sync(&mut self) -> Result<(), BoxError> {
        let rows = if self.is_imported { 1 } else { ROWS };
        let batch = if self.form == Form::Batched { BATCH } else { ROWS };
        for connection in &mut self.connections {
            for (ids, bodies) in self.ids[..rows].chunks(batch).zip(self.bodies[..rows].chunks(batch)) {
                connection.upsert(ids, bodies).await?;
            }
            if self.form == Form::Shrunk {
                connection.shrink();
            }
        }
        self.is_imported = true;
        Ok(())
    }

    async fn check(self) -> Result<(), BoxError> {
        for connection in self.connections {
            connection.close().await?;
        }
        let reader = TokioPostgres::open(&self.url).await?;
        let row = reader.client.query_one(STORED, &[]).await?;
        let (rows, bytes): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        reader.close().await?;
        if (rows, bytes) != (i64::try_from(ROWS)?, i64::try_from(ROWS * ROW_BYTES)?) {
            return Err(format!("{rows} rows of {bytes} bytes are stored").into());
        }
        Ok(())
    }
}

struct TokioPostgres {
    client: tokio_postgres::Client,
    connection: JoinHandle<Result<(), tokio_postgres::Error>>,
}

impl Connection for TokioPostgres {
    const NAME: &str = "tokio-postgres";

    async fn open(url: &str) -> Result<Self, BoxError> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        Ok(Self { client, connection: tokio::spawn(connection) })
    }

    async fn upsert(&mut self, ids: &[i64], bodies: &[String]) -> Result<(), BoxError> {
        self.client.execute_typed(UPSERT, &[(&ids, Type::INT8_ARRAY), (&bodies, Type::TEXT_ARRAY)]).await?;
        Ok(())
    }

    fn shrink(&mut self) {
        unreachable!("tokio-postgres gives nothing back before the connection closes");
    }

    async fn close(self) -> Result<(), BoxError> {
        drop(self.client);
        Ok(self.connection.await??)
    }
}

struct Sqlx(PgConnection);

impl Connection for Sqlx {
    const NAME: &str = "sqlx";

    async fn open(url: &str) -> Result<Self, BoxError> {
        Ok(Self(PgConnection::connect(url).await?))
    }

    async fn upsert(&mut self, ids: &[i64], bodies: &[String]) -> Result<(), BoxError> {
        sqlx::query(UPSERT).bind(ids).bind(bodies).execute(&mut self.0).await?;
        Ok(())
    }

    fn shrink(&mut self) {
        self.0.shrink_buffers();
    }

    async fn close(self) -> Result<(), BoxError> {
        Ok(self.0.close().await?)
    }
}
