//! Commands on the server itself, and PUBLISH.

use bytes::Bytes;

use super::Outcome;
use crate::redis::embedded::reply::Reply;
use crate::redis::embedded::store::{Store, now_millis};

pub(super) fn ping(_: &mut Store, arguments: &[Bytes]) -> Outcome {
    Ok(match arguments.first() {
        Some(text) => Reply::Bulk(text.clone()),
        None => Reply::Simple(Bytes::from_static(b"PONG")),
    })
}

pub(super) fn echo(_: &mut Store, arguments: &[Bytes]) -> Outcome {
    Ok(Reply::Bulk(arguments[0].clone()))
}

/// Seconds, and microseconds of the second.
pub(super) fn time(_: &mut Store, _: &[Bytes]) -> Outcome {
    let millis = now_millis();
    Ok(Reply::Array(vec![Reply::text((millis / 1_000).to_string()), Reply::text((millis % 1_000 * 1_000).to_string())]))
}

pub(super) fn publish(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    Ok(Reply::count(store.channels.publish(&arguments[0], &arguments[1])))
}

/// The few lines that clients look at.
pub(super) fn info(store: &mut Store, _: &[Bytes]) -> Outcome {
    let (_, bytes) = store.size();
    let commands = store.commands;
    Ok(Reply::text(format!(
        "# Server\r\nredis_version:{VERSION}\r\nredis_mode:standalone\r\n\r\n# Memory\r\nused_memory:{bytes}\r\n\r\n\
         # Stats\r\ntotal_commands_processed:{commands}\r\n\r\n# Replication\r\nrole:master\r\n"
    )))
}

/// Which Redis this one behaves like.
pub(in crate::redis::embedded) const VERSION: &str = "7.0.15";
