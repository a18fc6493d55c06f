//! The start of a connection: who it is, which database it wants, what it is told; and cancel requests, which are connections
//! of their own. Every user is let in without a password: the server listens on the loopback of the machine it measures.

use std::fmt::Debug;

use async_trait::async_trait;
use futures::{Sink, SinkExt};
use pgwire::api::auth::{StartupHandler, protocol_negotiation, save_startup_parameters_to_metadata};
use pgwire::api::cancel::CancelHandler;
use pgwire::api::{ClientInfo, METADATA_APPLICATION_NAME, METADATA_DATABASE, METADATA_USER, PgWireConnectionState};
use pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use pgwire::messages::cancel::CancelRequest;
use pgwire::messages::response::{ReadyForQuery, TransactionStatus};
use pgwire::messages::startup::{Authentication, BackendKeyData, ParameterStatus, SecretKey};
use pgwire::messages::{PgWireBackendMessage as Message, PgWireFrontendMessage};

use super::super::compile::Identity;
use super::super::error::{SqlError, SqlResult, state};
use super::super::session::Session;
use super::super::settings::Settings;
use super::Wire;

#[async_trait]
impl StartupHandler for Wire {
    async fn on_startup<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<Message> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<Message>>::Error>,
    {
        let PgWireFrontendMessage::Startup(startup) = message else { return Ok(()) };
        protocol_negotiation(client, &startup).await?;
        save_startup_parameters_to_metadata(client, &startup);
        let parameter = |name: &str| startup.parameters.get(name).cloned();
        let user = parameter(METADATA_USER).unwrap_or_default();
        let database = parameter(METADATA_DATABASE).unwrap_or_else(|| user.clone());
        let pid = self.begin(Identity { user: user.clone(), database }, &startup.parameters).map_err(fatal)?;
        client.set_pid_and_secret_key(pid, SecretKey::I32(pid));

        client.feed(Message::Authentication(Authentication::Ok)).await?;
        let application = parameter(METADATA_APPLICATION_NAME).unwrap_or_default();
        for (name, value) in Settings::reported(&user, &application) {
            client.feed(Message::ParameterStatus(ParameterStatus::new(name, value))).await?;
        }
        client.feed(Message::BackendKeyData(BackendKeyData::new(pid, SecretKey::I32(pid)))).await?;
        client.set_state(PgWireConnectionState::ReadyForQuery);
        client.send(Message::ReadyForQuery(ReadyForQuery::new(TransactionStatus::Idle))).await?;
        Ok(())
    }
}

impl Wire {
    /// Starts the session, and tells its number.
    fn begin<'p>(
        &self,
        identity: Identity,
        parameters: impl IntoIterator<Item = (&'p String, &'p String)>,
    ) -> SqlResult<i32> {
        let sample = &self.0.sample;
        if identity.database != sample.database.name {
            let message = format!("database \"{}\" does not exist (each sample has its own)", identity.database);
            return Err(SqlError::new(state::INVALID_CATALOG_NAME, message));
        }
        let mut settings = Settings::new();
        for (name, value) in parameters {
            match name.as_str() {
                METADATA_USER | METADATA_DATABASE => {}
                "options" => set_options(&mut settings, value)?,
                name if name.starts_with("_pq_.") => {}
                name => settings.set(name, Some(value))?,
            }
        }
        let pid = sample.next_pid();
        let (session, thread) = Session::start(&sample.database, pid, identity, settings)?;
        sample.add(pid, thread);
        // A second Startup message does not get here: pgwire takes it for a query then.
        self.0
            .session
            .set(session)
            .map_err(|_| SqlError::new(state::PROTOCOL_VIOLATION, "the connection was already started"))?;
        Ok(pid)
    }
}

/// `-c name=value` and `--name=value`, as in PGOPTIONS.
fn set_options(settings: &mut Settings, options: &str) -> SqlResult<()> {
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        let pair = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c").filter(|rest| !rest.is_empty())) {
            Some(pair) => Some(pair),
            None if word == "-c" => words.next(),
            None => None,
        };
        let (name, value) = pair.and_then(|pair| pair.split_once('=')).ok_or_else(|| {
            SqlError::new(state::SYNTAX_ERROR, format!("invalid command-line argument for server process: {word}"))
        })?;
        settings.set(name, Some(value))?;
    }
    Ok(())
}

/// An error that ends the connection.
fn fatal(error: SqlError) -> PgWireError {
    let mut info = ErrorInfo::new("FATAL".to_owned(), error.state.to_owned(), error.message);
    info.severity_nonlocalized = Some("FATAL".to_owned());
    info.hint = error.hint;
    PgWireError::UserError(Box::new(info))
}

#[async_trait]
impl CancelHandler for Wire {
    async fn on_cancel_request(&self, request: CancelRequest) {
        // The key is the number: whoever reaches this loopback may cancel.
        if request.secret_key.eq_value(&SecretKey::I32(request.pid)) {
            self.0.sample.interrupt(request.pid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_the_command_line_are_settings() {
        let mut settings = Settings::new();
        set_options(&mut settings, "-c statement_timeout=5s --lock_timeout=1s -cwork_mem=8MB").unwrap();
        assert_eq!(settings.show("statement_timeout").unwrap(), "5s");
        assert_eq!(settings.show("lock_timeout").unwrap(), "1s");
        assert_eq!(settings.show("work_mem").unwrap(), "8MB");
        assert!(set_options(&mut settings, "-x").is_err());
    }
}
