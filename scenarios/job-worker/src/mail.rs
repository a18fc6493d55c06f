//! Sends a message through a mail service's HTTP interface.

use std::time::Duration;

use reqwest::{Client, StatusCode, Url};

use crate::job::Job;

/// For one message, from connecting to the end of the answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A mail service.
#[derive(Debug)]
pub(crate) struct Mailer {
    client: Client,
    url: Url,
}

impl Mailer {
    /// # Errors
    /// When the system has no TLS to offer.
    pub(crate) fn new(url: Url) -> Result<Self, MailError> {
        // No connection is kept between messages: what an idle worker holds is then the same after a calm day and after a storm.
        let client = Client::builder().pool_max_idle_per_host(0).timeout(PATIENCE).no_proxy().build();
        Ok(Self { client: client.map_err(MailError::Client)?, url })
    }

    /// Sends one message. The service recognises a repeated one by its id.
    pub(crate) async fn send(&self, job: &Job) -> Result<(), MailError> {
        let request = self.client.post(self.url.clone()).header("idempotency-key", &job.id).json(job);
        let answer = request.send().await.map_err(MailError::Unreachable)?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(MailError::Refused(status)),
        }
    }
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// There is no HTTP client.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// The service did not answer.
    #[error("the mail service cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The service answered that it did not.
    #[error("the mail service answered {0}")]
    Refused(StatusCode),
}

impl MailError {
    /// Whether it would be the same the next time: the message is at fault, and not the moment.
    pub(crate) fn is_permanent(&self) -> bool {
        matches!(self, Self::Refused(status) if status.is_client_error()
            && !matches!(*status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fault_of_the_message_is_permanent() {
        for (status, permanent) in [(400, true), (422, true), (408, false), (429, false), (500, false), (503, false)] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(MailError::Refused(status).is_permanent(), permanent, "{status}");
        }
    }
}
