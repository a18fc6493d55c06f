//! The wire protocol: each message of a client to work for its session, each answer to messages. pgwire reads and writes the
//! messages and keeps the order of their states; how they are answered is here.
//!
//! Answers are fed, not sent: they leave in one write at the Sync, as PostgreSQL's do. A client that got them one by one would
//! make more and smaller reads, and its memory would differ from what it is with a real server.

mod copy;
mod extended;
mod simple;
mod startup;

use std::sync::{Arc, OnceLock};

use pgwire::api::auth::StartupHandler;
use pgwire::api::cancel::CancelHandler;
use pgwire::api::copy::CopyHandler;
use pgwire::api::portal::Format;
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use pgwire::api::results::{CopyResponse, FieldInfo, QueryResponse, Response, Tag};
use pgwire::api::{ClientInfo, PgWireServerHandlers};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage as Message;
use pgwire::messages::data::{NoData, RowDescription};
use pgwire::messages::response::CommandComplete;

use super::compile::Output;
use super::error::{SqlError, SqlResult, state};
use super::sample::Sample;
use super::session::{Answer, Outcome, Session};

/// One connection of a client to the database of a sample; a handle to it.
#[derive(Clone)]
pub(super) struct Wire(Arc<Connection>);

struct Connection {
    sample: Arc<Sample>,
    /// Set once the client has said who it is.
    session: OnceLock<Session>,
}

impl PgWireServerHandlers for Wire {
    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        Arc::new(self.clone())
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        Arc::new(self.clone())
    }

    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        Arc::new(self.clone())
    }

    fn copy_handler(&self) -> Arc<impl CopyHandler> {
        Arc::new(self.clone())
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        Arc::new(self.clone())
    }
}

impl Wire {
    pub(super) fn new(sample: Arc<Sample>) -> Self {
        Self(Arc::new(Connection { sample, session: OnceLock::new() }))
    }

    fn session(&self) -> SqlResult<&Session> {
        let session = self.0.session.get();
        session.ok_or_else(|| SqlError::new(state::PROTOCOL_VIOLATION, "the connection was not started"))
    }

    /// Ends what is not in a transaction block; then the error that made it end, or that of its commit.
    async fn end_implicit<C: ClientInfo>(&self, client: &mut C, result: PgWireResult<()>) -> PgWireResult<()> {
        let ended = self.session()?.call(|worker| (worker.end_implicit(), worker.transaction.status())).await?;
        client.set_transaction_status(ended.1);
        result?;
        Ok(ended.0?)
    }
}

/// A session's answer in pgwire's terms.
fn response<C: ClientInfo>(client: &mut C, answer: Answer) -> PgWireResult<Response> {
    client.set_transaction_status(answer.status);
    Ok(match answer.outcome? {
        Outcome::Done(tag) => Response::Execution(Tag::new(&tag)),
        Outcome::Rows { outputs, formats, tag, rows } => {
            let mut response = QueryResponse::new(Arc::new(fields(&outputs, &formats)), rows);
            response.set_command_tag(tag);
            Response::Query(response)
        }
        Outcome::CopyIn { columns, binary } => {
            Response::CopyIn(CopyResponse::new(i8::from(binary), columns, futures::stream::empty()))
        }
    })
}

/// How the columns of a result are described.
fn fields(outputs: &[Output], formats: &Format) -> Vec<FieldInfo> {
    let field = |(position, output): (usize, &Output)| {
        // The modifier of varchar(n) counts four bytes of its own.
        let modifier = output.length.and_then(|length| i32::try_from(length + 4).ok()).unwrap_or(-1);
        FieldInfo::new(output.name.clone(), None, None, output.ty.wire(), formats.format_for(position))
            .with_type_size(output.ty.size())
            .with_type_modifier(modifier)
    };
    outputs.iter().enumerate().map(field).collect()
}

fn description(outputs: &[Output], formats: &Format) -> Message {
    if outputs.is_empty() {
        return Message::NoData(NoData::new());
    }
    Message::RowDescription(RowDescription::new(fields(outputs, formats).iter().map(Into::into).collect()))
}

/// The end of a result of `rows` rows.
fn complete(tag: &str, rows: usize) -> Message {
    let tag = if tag == "SHOW" { Tag::new(tag) } else { Tag::new(tag).with_rows(rows) };
    Message::CommandComplete(CommandComplete::from(tag))
}

fn unforeseen() -> PgWireError {
    SqlError::new(state::INTERNAL_ERROR, "an answer of a kind that sessions do not give").into()
}
