//! Commands on keys of whatever type, and on whole databases.

use bytes::Bytes;

use super::{Outcome, Refusal, integer, word};
use crate::redis::embedded::pattern::matches;
use crate::redis::embedded::reply::Reply;
use crate::redis::embedded::store::{Store, now_millis};

pub(super) fn dbsize(store: &mut Store, _: &[Bytes]) -> Outcome {
    Ok(Reply::count(store.database().keys().count()))
}

pub(super) fn del(store: &mut Store, keys: &[Bytes]) -> Outcome {
    Ok(Reply::count(keys.iter().filter(|key| store.database().remove(key).is_some()).count()))
}

pub(super) fn exists(store: &mut Store, keys: &[Bytes]) -> Outcome {
    Ok(Reply::count(keys.iter().filter(|key| store.database().value(key).is_some()).count()))
}

pub(super) fn expire(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    expire_at(store, &arguments[0], now_millis() as i64 + integer::<i64>(&arguments[1])?.saturating_mul(1_000))
}

pub(super) fn pexpire(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    expire_at(store, &arguments[0], (now_millis() as i64).saturating_add(integer(&arguments[1])?))
}

pub(super) fn expireat(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    expire_at(store, &arguments[0], integer::<i64>(&arguments[1])?.saturating_mul(1_000))
}

/// A time that is over removes the key at once.
fn expire_at(store: &mut Store, key: &Bytes, at: i64) -> Outcome {
    Ok(Reply::truth(store.database().expire(key, Some(u64::try_from(at).unwrap_or(0)))))
}

pub(super) fn persist(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let database = store.database();
    let expires = matches!(database.expiry(&arguments[0]), Some(Some(_)));
    Ok(Reply::truth(expires && database.expire(&arguments[0], None)))
}

pub(super) fn pttl(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    Ok(Reply::Integer(match store.database().expiry(&arguments[0]) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => at.saturating_sub(now_millis()) as i64,
    }))
}

pub(super) fn ttl(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    Ok(match pttl(store, arguments)? {
        Reply::Integer(millis) if millis > 0 => Reply::Integer((millis + 500) / 1_000),
        other => other,
    })
}

pub(super) fn kind(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let name = store.database().value(&arguments[0]).map_or("none", |value| value.type_name());
    Ok(Reply::Simple(Bytes::from_static(name.as_bytes())))
}

pub(super) fn rename(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let database = store.database();
    let expires = database.expiry(&arguments[0]).ok_or_else(|| Refusal::Other("no such key".to_owned()))?;
    if let Some(value) = database.remove(&arguments[0]) {
        database.set(&arguments[1], value, expires);
    }
    Ok(Reply::OK)
}

pub(super) fn keys(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let all = store.database().keys();
    Ok(Reply::bulks(all.filter(|(key, _)| matches(&arguments[0], key)).map(|(key, _)| key.clone())))
}

/// The cursor is how many keys were passed. All that match come with the first call, however many COUNT says, so that none is
/// missed when keys come and go between calls.
pub(super) fn scan(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let cursor = integer::<u64>(&arguments[0]).map_err(|_| Refusal::Other("invalid cursor".to_owned()))?;
    let (mut pattern, mut kind) = (Bytes::from_static(b"*"), None);
    let mut options = arguments[1..].chunks(2);
    while let Some([name, value]) = options.next() {
        match &*word(name) {
            "MATCH" => pattern = value.clone(),
            "COUNT" => drop(integer::<u64>(value)?),
            "TYPE" => kind = Some(word(value).to_lowercase()),
            _ => return Err(Refusal::Syntax),
        }
    }
    if arguments.len().is_multiple_of(2) {
        return Err(Refusal::Syntax);
    }
    let all = store.database().keys();
    let found = all.filter(|(key, value)| {
        cursor == 0 && matches(&pattern, key) && kind.as_deref().is_none_or(|kind| kind == value.type_name())
    });
    let found = Reply::bulks(found.map(|(key, _)| key.clone()));
    Ok(Reply::Array(vec![Reply::text("0"), found]))
}

pub(super) fn flushdb(store: &mut Store, _: &[Bytes]) -> Outcome {
    store.database().clear();
    Ok(Reply::OK)
}

pub(super) fn flushall(store: &mut Store, _: &[Bytes]) -> Outcome {
    for database in store.databases() {
        database.clear();
    }
    Ok(Reply::OK)
}
