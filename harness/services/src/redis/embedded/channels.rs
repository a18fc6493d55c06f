//! Who listens to which channel, and who is told what is published.

use std::collections::BTreeSet;

use bytes::Bytes;
use tokio::sync::mpsc::UnboundedSender;

use super::pattern::matches;
use super::reply::Reply;

/// The listeners of all sessions.
#[derive(Debug, Default)]
pub(super) struct Channels {
    listeners: Vec<Listener>,
}

#[derive(Debug)]
struct Listener {
    session: u64,
    channels: BTreeSet<Bytes>,
    patterns: BTreeSet<Bytes>,
    messages: UnboundedSender<Reply>,
}

impl Channels {
    /// A session that may listen.
    pub(super) fn join(&mut self, session: u64, messages: UnboundedSender<Reply>) {
        self.listeners.push(Listener { session, channels: BTreeSet::new(), patterns: BTreeSet::new(), messages });
    }

    pub(super) fn leave(&mut self, session: u64) {
        self.listeners.retain(|listener| listener.session != session);
    }

    /// Changes what a session listens to, and returns how many channels and patterns that are.
    pub(super) fn change(
        &mut self,
        session: u64,
        change: impl FnOnce(&mut BTreeSet<Bytes>, &mut BTreeSet<Bytes>),
    ) -> usize {
        let Some(listener) = self.listeners.iter_mut().find(|listener| listener.session == session) else { return 0 };
        change(&mut listener.channels, &mut listener.patterns);
        listener.channels.len() + listener.patterns.len()
    }

    /// Tells the listeners, and returns how many were told.
    pub(super) fn publish(&self, channel: &Bytes, message: &Bytes) -> usize {
        let mut told = 0;
        for listener in &self.listeners {
            let [channel, message] = [channel, message].map(|bytes| Reply::Bulk(Bytes::copy_from_slice(bytes)));
            let Reply::Bulk(name) = &channel else { continue };
            if listener.channels.contains(name) {
                let push = vec![Reply::text("message"), channel.clone(), message.clone()];
                told += usize::from(listener.messages.send(Reply::Push(push)).is_ok());
            }
            for pattern in listener.patterns.iter().filter(|pattern| matches(pattern, name)) {
                let push =
                    vec![Reply::text("pmessage"), Reply::Bulk(pattern.clone()), channel.clone(), message.clone()];
                told += usize::from(listener.messages.send(Reply::Push(push)).is_ok());
            }
        }
        told
    }
}
