//! A session: a thread with its own SQLite connection, as a backend is to Postgres. The connection's task sends it work and
//! awaits answers; rows come through a channel of their own ([`super::rows`]).

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;
use pgwire::api::portal::Format;
use pgwire::messages::response::TransactionStatus;
use rusqlite::{Connection, InterruptHandle};
use sqlparser::ast::Statement;
use tokio::sync::oneshot;

use super::compile::{self, Compiled, Identity, Output};
use super::copy::CopyReceiver;
use super::database::Database;
use super::error::{SqlError, SqlResult, state};
use super::frame::Frame;
use super::functions;
use super::rows::{Hurry, RowReceiver};
use super::settings::Settings;
use super::transaction::Transaction;
use super::types::SqlType;

/// The client's side of a session. Dropping it ends the thread once it is done with what it does.
pub(super) struct Session {
    jobs: Sender<Job>,
    /// Of the rows that the thread may be waiting to hand over.
    hurry: Mutex<Hurry>,
}

type Job = Box<dyn FnOnce(&mut Worker) + Send>;

/// The thread's side.
pub(super) struct Worker {
    pub(super) conn: Connection,
    pub(super) frame: Arc<Frame>,
    pub(super) transaction: Transaction,
    pub(super) settings: Settings,
    pub(super) copy: Option<CopyReceiver>,
    /// Temporary tables that every commit empties.
    pub(super) emptied: Vec<String>,
    identity: Identity,
}

/// What a session needs to be reached from outside: to interrupt it, and to wait for its end.
pub(super) struct SessionThread {
    pub(super) interrupt: InterruptHandle,
    pub(super) thread: JoinHandle<()>,
}

/// What a statement came to, and the transaction after it.
pub(super) struct Answer {
    pub(super) outcome: SqlResult<Outcome>,
    pub(super) status: TransactionStatus,
}

pub(super) enum Outcome {
    /// Done; the command tag.
    Done(String),
    Rows {
        outputs: Vec<Output>,
        formats: Format,
        /// The command tag before the number of rows.
        tag: &'static str,
        rows: RowReceiver,
    },
    /// The client is to send rows.
    CopyIn { columns: usize, binary: bool },
}

/// A statement to be executed.
pub(super) struct Request {
    pub(super) compiled: Arc<Compiled>,
    pub(super) parameters: Vec<Option<Bytes>>,
    pub(super) parameter_formats: Format,
    pub(super) result_formats: Format,
}

/// Room for the compiler on deeply nested SQL.
const STACK: usize = 32 << 20;

impl Session {
    /// Starts the thread. `settings` are those the client asked for at its start.
    pub(super) fn start(
        database: &Arc<Database>,
        pid: i32,
        identity: Identity,
        settings: Settings,
    ) -> SqlResult<(Self, SessionThread)> {
        let internal = |cause: &dyn std::fmt::Display| {
            SqlError::new(state::INTERNAL_ERROR, format!("cannot start a session: {cause}"))
        };
        let frame = Arc::new(Frame::new(Arc::clone(database), pid));
        let conn = open(database, &frame).map_err(|cause| internal(&cause))?;
        let interrupt = conn.get_interrupt_handle();
        let (jobs, inbox) = mpsc::channel::<Job>();
        let mut worker = Worker {
            conn,
            frame,
            transaction: Transaction::default(),
            settings,
            copy: None,
            emptied: Vec::new(),
            identity,
        };
        let thread = std::thread::Builder::new().name(format!("postgres {pid}")).stack_size(STACK).spawn(move || {
            while let Ok(job) = inbox.recv() {
                job(&mut worker);
            }
            worker.end();
        });
        let thread = thread.map_err(|cause| internal(&cause))?;
        Ok((Self { jobs, hurry: Mutex::default() }, SessionThread { interrupt, thread }))
    }

    /// Runs `job` on the thread.
    pub(super) async fn call<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Worker) -> R + Send + 'static,
    ) -> SqlResult<R> {
        let (reply, answer) = oneshot::channel();
        self.send(Box::new(move |worker| {
            // Nobody waits any more if the client has gone.
            let _ = reply.send(job(worker));
        }))?;
        answer.await.map_err(|_| gone())
    }

    /// Compiles the one statement of a Parse message; `None` if there is none in it.
    pub(super) async fn compile(
        &self,
        sql: &str,
        given: Vec<Option<SqlType>>,
    ) -> SqlResult<SqlResult<Option<Compiled>>> {
        let text: Arc<str> = Arc::from(sql);
        self.call(move |worker| {
            let compiled = worker.compile_one(&text, &given);
            if compiled.is_err() {
                worker.transaction.fail();
            }
            compiled
        })
        .await
    }

    pub(super) async fn execute(&self, request: Request) -> SqlResult<Answer> {
        self.answered(move |worker, reply| worker.execute(&request, reply)).await
    }

    /// Compiles and executes a statement of a simple query.
    pub(super) async fn execute_simple(&self, statement: Statement, text: Arc<str>) -> SqlResult<Answer> {
        self.answered(move |worker, reply| match worker.compile_simple(&statement, &text) {
            Ok(compiled) => {
                let request = Request {
                    compiled: Arc::new(compiled),
                    parameters: Vec::new(),
                    parameter_formats: Format::UnifiedText,
                    result_formats: Format::UnifiedText,
                };
                worker.execute(&request, reply);
            }
            Err(error) => {
                worker.transaction.fail();
                let _ = reply.send(Answer { outcome: Err(error), status: worker.transaction.status() });
            }
        })
        .await
    }

    async fn answered(
        &self,
        job: impl FnOnce(&mut Worker, oneshot::Sender<Answer>) + Send + 'static,
    ) -> SqlResult<Answer> {
        let (reply, answer) = oneshot::channel();
        self.send(Box::new(move |worker| job(worker, reply)))?;
        let answer = answer.await.map_err(|_| gone())?;
        if let Ok(Outcome::Rows { rows, .. }) = &answer.outcome {
            *self.hurry.lock().unwrap_or_else(PoisonError::into_inner) = rows.hurry();
        }
        Ok(answer)
    }

    fn send(&self, job: Job) -> SqlResult<()> {
        // The thread may be waiting for the client to take rows of the statement before.
        self.hurry.lock().unwrap_or_else(PoisonError::into_inner).up();
        self.jobs.send(job).map_err(|_| gone())
    }
}

fn gone() -> SqlError {
    SqlError::new(state::INTERNAL_ERROR, "the session's thread has ended")
}

fn open(database: &Database, frame: &Arc<Frame>) -> rusqlite::Result<Connection> {
    let conn = database.connect()?;
    rusqlite::vtab::array::load_module(&conn)?;
    functions::register(&conn, frame)?;
    let watching = Arc::clone(frame);
    conn.update_hook(Some(move |_: rusqlite::hooks::Action, _: &str, table: &str, row: i64| {
        watching.row_written(table, row);
    }))?;
    Ok(conn)
}

impl Worker {
    fn compile_one(&self, text: &Arc<str>, given: &[Option<SqlType>]) -> SqlResult<Option<Compiled>> {
        let statements = compile::parse(text)?;
        match statements.as_slice() {
            [] => Ok(None),
            [statement] => {
                self.refuse_if_failed(statement)?;
                compile::compile(&self.conn, &self.identity, statement, text, given).map(Some)
            }
            _ => Err(SqlError::syntax("cannot insert multiple commands into a prepared statement")),
        }
    }

    fn compile_simple(&self, statement: &Statement, text: &Arc<str>) -> SqlResult<Compiled> {
        self.refuse_if_failed(statement)?;
        let compiled = compile::compile(&self.conn, &self.identity, statement, text, &[])?;
        if compiled.parameters.is_empty() {
            return Ok(compiled);
        }
        Err(SqlError::new(state::UNDEFINED_PARAMETER, "there is no parameter $1"))
    }

    /// In a failed transaction nothing is even looked at, except what ends it.
    fn refuse_if_failed(&self, statement: &Statement) -> SqlResult<()> {
        let ends = matches!(statement, Statement::Commit { .. } | Statement::Rollback { .. });
        if self.transaction.has_failed() && !ends { Err(super::transaction::failed()) } else { Ok(()) }
    }
}
