//! COPY FROM STDIN: the client's rows to the session.

use std::fmt::Debug;

use async_trait::async_trait;
use futures::{Sink, SinkExt};
use pgwire::api::copy::CopyHandler;
use pgwire::api::{ClientInfo, PgWireConnectionState};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage as Message;
use pgwire::messages::copy::{CopyData, CopyDone, CopyFail};
use pgwire::messages::response::CommandComplete;

use super::Wire;

#[async_trait]
impl CopyHandler for Wire {
    async fn on_copy_data<C>(&self, client: &mut C, data: CopyData) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<Message> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<Message>>::Error>,
    {
        let (result, status) =
            self.session()?.call(move |worker| (worker.copy_data(&data.data), worker.transaction.status())).await?;
        client.set_transaction_status(status);
        self.end(client, result.map_err(Into::into)).await
    }

    async fn on_copy_done<C>(&self, client: &mut C, _done: CopyDone) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<Message> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<Message>>::Error>,
    {
        let (result, status) = self.session()?.call(|worker| (worker.copy_done(), worker.transaction.status())).await?;
        client.set_transaction_status(status);
        let tag = match result {
            Ok(tag) => tag,
            Err(error) => return self.end(client, Err(error.into())).await,
        };
        if is_simple(client) {
            self.end_implicit(client, Ok(())).await?;
        }
        client.feed(Message::CommandComplete(CommandComplete::new(tag))).await?;
        Ok(())
    }

    async fn on_copy_fail<C>(&self, client: &mut C, fail: CopyFail) -> PgWireError
    where
        C: ClientInfo + Sink<Message> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<Message>>::Error>,
    {
        let called = match self.session() {
            Ok(session) => session.call(move |worker| worker.copy_fail(&fail.message)).await,
            Err(error) => Err(error),
        };
        let error = called.unwrap_or_else(|error| error);
        match self.end(client, Err(error.into())).await {
            Err(error) => error,
            Ok(()) => super::unforeseen(),
        }
    }
}

/// In a simple query nothing like a Sync follows.
fn is_simple<C: ClientInfo>(client: &C) -> bool {
    matches!(client.state(), PgWireConnectionState::CopyInProgress(false))
}

impl Wire {
    /// After an error, a COPY of a simple query ends its transaction.
    async fn end<C: ClientInfo>(&self, client: &mut C, result: PgWireResult<()>) -> PgWireResult<()> {
        if result.is_err() && is_simple(client) {
            return self.end_implicit(client, result).await;
        }
        result
    }
}
