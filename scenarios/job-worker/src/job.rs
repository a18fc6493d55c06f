//! A job as it stands in the queue. Doing it is [`mail`](crate::mail)'s.

use serde::{Deserialize, Serialize};

/// An e-mail to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Unique in the queue: a job that is pushed twice is there once. The mail service gets it as the key by which it recognises a
    /// message that it has sent already.
    pub id: String,
    /// The address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// The body.
    pub text: String,
    /// What a mail service in its sandbox is to make of it. Absent in production.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<Sandbox>,
}

/// How a mail service in its sandbox treats a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// How often it refuses it first.
    #[serde(default)]
    pub failures: u32,
    /// How long it takes for each answer.
    #[serde(default)]
    pub millis: u64,
}
