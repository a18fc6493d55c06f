//! Simple queries: a string of statements, all of them one transaction unless they say otherwise.

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{Sink, SinkExt, StreamExt};
use pgwire::api::copy::send_copy_in_response;
use pgwire::api::query::SimpleQueryHandler;
use pgwire::api::results::Response;
use pgwire::api::store::PortalStore;
use pgwire::api::{ClientInfo, ClientPortalStore, PgWireConnectionState};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage as Message;
use pgwire::messages::data::RowDescription;
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse, ReadyForQuery};
use pgwire::messages::simplequery::Query;

use super::super::compile;
use super::super::error::SqlError;
use super::{Wire, complete, response, unforeseen};

#[async_trait]
impl SimpleQueryHandler for Wire {
    async fn on_query<C>(&self, client: &mut C, query: Query) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<Message> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<Message>>::Error>,
    {
        let result = self.batch(client, &query.query).await;
        if let Ok(ControlFlow::Break(())) = result {
            client.set_state(PgWireConnectionState::CopyInProgress(false));
            return Ok(());
        }
        self.end_implicit(client, result.map(|_| ())).await?;
        client.send(Message::ReadyForQuery(ReadyForQuery::new(client.transaction_status()))).await?;
        Ok(())
    }

    /// Not called: [`SimpleQueryHandler::on_query`] sends each answer before the next statement runs.
    async fn do_query<C>(&self, client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<Message> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<Message>>::Error>,
    {
        let text: Arc<str> = Arc::from(query);
        let mut responses = Vec::new();
        for statement in compile::parse(query)? {
            let answer = self.session()?.execute_simple(statement, Arc::clone(&text)).await?;
            responses.push(response(client, answer)?);
        }
        Ok(responses)
    }
}

impl Wire {
    /// The statements of a simple query, one after the other; breaks off where the client is to send rows.
    async fn batch<C>(&self, client: &mut C, query: &str) -> PgWireResult<ControlFlow<()>>
    where
        C: ClientInfo + Sink<Message> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<Message>>::Error>,
    {
        let text: Arc<str> = Arc::from(query);
        let statements = compile::parse(query)?;
        if statements.is_empty() {
            client.feed(Message::EmptyQueryResponse(EmptyQueryResponse::new())).await?;
        }
        let mut statements = statements.into_iter().peekable();
        while let Some(statement) = statements.next() {
            let answer = self.session()?.execute_simple(statement, Arc::clone(&text)).await?;
            match response(client, answer)? {
                Response::Execution(tag) => client.feed(Message::CommandComplete(CommandComplete::from(tag))).await?,
                Response::Query(mut found) => {
                    let columns = found.row_schema().iter().map(Into::into).collect();
                    client.feed(Message::RowDescription(RowDescription::new(columns))).await?;
                    let mut rows = 0;
                    while let Some(row) = found.data_rows().next().await {
                        client.feed(Message::DataRow(row?)).await?;
                        rows += 1;
                    }
                    client.feed(complete(found.command_tag(), rows)).await?;
                }
                Response::CopyIn(copy) => {
                    if statements.peek().is_some() {
                        let error = SqlError::unsupported("COPY with statements behind it in one query string");
                        return Err(error.in_statement(&text).into());
                    }
                    send_copy_in_response(client, copy).await?;
                    return Ok(ControlFlow::Break(()));
                }
                _ => return Err(unforeseen()),
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
