//! The extended protocol: Parse, Bind, Describe, Execute, Close, Sync.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{Sink, SinkExt, StreamExt};
use pgwire::api::copy::send_copy_in_response;
use pgwire::api::portal::{Format, Portal, PortalExecutionState};
use pgwire::api::query::ExtendedQueryHandler;
use pgwire::api::results::{FieldInfo, Response};
use pgwire::api::stmt::{QueryParser, StoredStatement};
use pgwire::api::store::{Entry, PortalStore};
use pgwire::api::{ClientInfo, ClientPortalStore, DEFAULT_NAME, PgWireConnectionState, Type};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage as Message;
use pgwire::messages::data::{NoData, ParameterDescription};
use pgwire::messages::extendedquery::{
    Bind, BindComplete, Close, CloseComplete, Describe, Execute, Parse, ParseComplete, PortalSuspended,
    Sync as SyncMessage, TARGET_TYPE_BYTE_PORTAL, TARGET_TYPE_BYTE_STATEMENT,
};
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse, ReadyForQuery, TransactionStatus};

use super::super::compile::Compiled;
use super::super::error::{SqlError, SqlResult, state};
use super::super::session::Request;
use super::super::types::SqlType;
use super::{Wire, complete, description, fields, response, unforeseen};

#[async_trait]
impl QueryParser for Wire {
    type Statement = Arc<Compiled>;

    async fn parse_sql<C>(&self, _client: &C, sql: &str, types: &[Option<Type>]) -> PgWireResult<Option<Arc<Compiled>>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let given = types.iter().map(|ty| match ty {
            None => Ok(None),
            Some(ty) if *ty == Type::UNKNOWN => Ok(None),
            Some(ty) => SqlType::from_wire(ty)
                .map(Some)
                .ok_or_else(|| SqlError::unsupported(format!("parameters of type {}", ty.name())).in_statement(sql)),
        });
        let compiled = self.session()?.compile(sql, given.collect::<SqlResult<_>>()?).await?;
        Ok(compiled?.map(Arc::new))
    }

    fn get_parameter_types(&self, statement: &Arc<Compiled>) -> PgWireResult<Vec<Type>> {
        Ok(statement.parameters.iter().map(|ty| ty.wire()).collect())
    }

    fn get_result_schema(&self, statement: &Arc<Compiled>, formats: Option<&Format>) -> PgWireResult<Vec<FieldInfo>> {
        Ok(fields(&statement.outputs, formats.unwrap_or(&Format::UnifiedText)))
    }
}

fn no_statement(name: &str) -> SqlError {
    SqlError::new(state::INVALID_STATEMENT_NAME, format!("prepared statement \"{}\" does not exist", shown(name)))
}

fn no_portal(name: &str) -> SqlError {
    SqlError::new(state::INVALID_CURSOR_NAME, format!("portal \"{}\" does not exist", shown(name)))
}

/// pgwire has a name for the unnamed.
fn shown(name: &str) -> &str {
    if name == DEFAULT_NAME { "" } else { name }
}

#[async_trait]
impl ExtendedQueryHandler for Wire {
    type Statement = Arc<Compiled>;
    type QueryParser = Wire;

    fn query_parser(&self) -> Arc<Wire> {
        Arc::new(self.clone())
    }

    async fn on_parse<C>(&self, client: &mut C, message: Parse) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<Message> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Arc<Compiled>>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<Message>>::Error>,
    {
        match StoredStatement::parse(client, &message, self.query_parser()).await? {
            Some(statement) => client.portal_store().put_statement(Arc::new(statement)),
            None => client.portal_store().put_empty_statement(message.name.as_deref().unwrap_or(DEFAULT_NAME)),
        }
        client.feed(Message::ParseComplete(ParseComplete::new())).await?;
        Ok(())
    }

    async fn on_bind<C>(&self, client: &mut C, message: Bind) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<Message> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Arc<Compiled>>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<Message>>::Error>,
    {
        let name = message.statement_name.as_deref().unwrap_or(DEFAULT_NAME);
        match client.portal_store().get_statement(name) {
            Some(Entry::Value(statement)) => {
                check_bind(&message, &statement.statement, name)?;
                client.portal_store().put_portal(Arc::new(Portal::try_new(&message, statement)?));
            }
            Some(Entry::Empty) => {
                client.portal_store().put_empty_portal(message.portal_name.as_deref().unwrap_or(DEFAULT_NAME));
            }
            None => return Err(no_statement(name).into()),
        }
        client.feed(Message::BindComplete(BindComplete::new())).await?;
        Ok(())
    }

    async fn on_describe<C>(&self, client: &mut C, message: Describe) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<Message> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Arc<Compiled>>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<Message>>::Error>,
    {
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        let answer = match message.target_type {
            TARGET_TYPE_BYTE_STATEMENT => {
                let statement = client.portal_store().get_statement(name).ok_or_else(|| no_statement(name))?;
                let compiled = statement.value().map(|statement| Arc::clone(&statement.statement));
                let types =
                    compiled.iter().flat_map(|compiled| &compiled.parameters).map(|ty| ty.wire().oid()).collect();
                client.feed(Message::ParameterDescription(ParameterDescription::new(types))).await?;
                compiled.map(|compiled| description(&compiled.outputs, &Format::UnifiedText))
            }
            TARGET_TYPE_BYTE_PORTAL => {
                let portal = client.portal_store().get_portal(name).ok_or_else(|| no_portal(name))?;
                portal
                    .value()
                    .map(|portal| description(&portal.statement.statement.outputs, &portal.result_column_format))
            }
            other => return Err(PgWireError::InvalidTargetType(other)),
        };
        client.feed(answer.unwrap_or_else(|| Message::NoData(NoData::new()))).await?;
        Ok(())
    }

    async fn on_execute<C>(&self, client: &mut C, message: Execute) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<Message> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Arc<Compiled>>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<Message>>::Error>,
    {
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        let most = usize::try_from(message.max_rows).unwrap_or(0);
        let portal = match client.portal_store().get_portal(name) {
            Some(Entry::Value(portal)) => portal,
            Some(Entry::Empty) => {
                client.feed(Message::EmptyQueryResponse(EmptyQueryResponse::new())).await?;
                return Ok(());
            }
            None => return Err(no_portal(name).into()),
        };
        let progress = portal.state();
        let mut progress = progress.lock().await;
        if matches!(*progress, PortalExecutionState::Initial) {
            *progress = PortalExecutionState::Finished;
            match self.do_query(client, &portal, most).await? {
                Response::Query(found) => *progress = PortalExecutionState::Suspended(found),
                Response::Execution(tag) => {
                    client.feed(Message::CommandComplete(CommandComplete::from(tag))).await?;
                    return Ok(());
                }
                Response::CopyIn(copy) => {
                    client.set_state(PgWireConnectionState::CopyInProgress(true));
                    send_copy_in_response(client, copy).await?;
                    return Ok(());
                }
                _ => return Err(unforeseen()),
            }
        }
        let PortalExecutionState::Suspended(found) = &mut *progress else {
            client.feed(complete("SELECT", 0)).await?;
            return Ok(());
        };
        let mut rows = 0;
        while most == 0 || rows < most {
            let Some(row) = found.data_rows().next().await else {
                client.feed(complete(found.command_tag(), rows)).await?;
                *progress = PortalExecutionState::Finished;
                return Ok(());
            };
            client.feed(Message::DataRow(row?)).await?;
            rows += 1;
        }
        client.feed(Message::PortalSuspended(PortalSuspended::new())).await?;
        Ok(())
    }

    async fn do_query<C>(
        &self,
        client: &mut C,
        portal: &Portal<Arc<Compiled>>,
        _max_rows: usize,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<Message> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Arc<Compiled>>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<Message>>::Error>,
    {
        let request = Request {
            compiled: Arc::clone(&portal.statement.statement),
            parameters: portal.parameters.clone(),
            parameter_formats: portal.parameter_format.clone(),
            result_formats: portal.result_column_format.clone(),
        };
        let answer = self.session()?.execute(request).await?;
        response(client, answer)
    }

    async fn on_sync<C>(&self, client: &mut C, _message: SyncMessage) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<Message> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Arc<Compiled>>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<Message>>::Error>,
    {
        client.portal_store().rm_portal(DEFAULT_NAME);
        let ended = self.end_implicit(client, Ok(())).await;
        if client.transaction_status() == TransactionStatus::Idle {
            // Portals end with their transaction.
            client.portal_store().clear_portals();
        }
        if let Err(error) = ended {
            // The Sync is answered all the same.
            let info = pgwire::error::ErrorInfo::from(error);
            client.feed(Message::ErrorResponse(info.into())).await?;
        }
        client.send(Message::ReadyForQuery(ReadyForQuery::new(client.transaction_status()))).await?;
        Ok(())
    }

    async fn on_close<C>(&self, client: &mut C, message: Close) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<Message> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Arc<Compiled>>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<Message>>::Error>,
    {
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        match message.target_type {
            TARGET_TYPE_BYTE_STATEMENT => client.portal_store().rm_statement(name),
            TARGET_TYPE_BYTE_PORTAL => client.portal_store().rm_portal(name),
            other => return Err(PgWireError::InvalidTargetType(other)),
        }
        client.feed(Message::CloseComplete(CloseComplete::new())).await?;
        Ok(())
    }
}

/// As many parameters and formats as the statement has.
fn check_bind(message: &Bind, compiled: &Compiled, name: &str) -> SqlResult<()> {
    let (given, wanted) = (message.parameters.len(), compiled.parameters.len());
    if given != wanted {
        let message = format!(
            "bind message supplies {given} parameters, but prepared statement \"{}\" requires {wanted}",
            shown(name)
        );
        return Err(SqlError::new(state::PROTOCOL_VIOLATION, message));
    }
    let fits = |formats: usize, values: usize| formats < 2 || formats == values;
    let columns = compiled.outputs.len();
    if !fits(message.parameter_format_codes.len(), given) || !fits(message.result_column_format_codes.len(), columns) {
        return Err(SqlError::new(state::PROTOCOL_VIOLATION, "bind message has a wrong number of format codes"));
    }
    Ok(())
}
