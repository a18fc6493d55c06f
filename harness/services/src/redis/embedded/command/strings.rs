//! Commands on strings.

use bytes::Bytes;

use super::{Outcome, Refusal, integer, word};
use crate::redis::embedded::reply::Reply;
use crate::redis::embedded::store::{Database, Store, Value, now_millis, owned};

fn string(database: &mut Database, key: &Bytes) -> Result<Option<Bytes>, Refusal> {
    match database.value(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::WrongType),
    }
}

/// Sets a value and leaves its time to live as it is.
fn replace(database: &mut Database, key: &Bytes, value: Bytes) {
    let expires = database.expiry(key).flatten();
    database.set(key, Value::String(value), expires);
}

pub(super) fn get(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    Ok(Reply::optional(string(store.database(), &arguments[0])?))
}

pub(super) fn getdel(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let value = string(store.database(), &arguments[0])?;
    store.database().remove(&arguments[0]);
    Ok(Reply::optional(value))
}

pub(super) fn mget(store: &mut Store, keys: &[Bytes]) -> Outcome {
    let database = store.database();
    Ok(Reply::Array(keys.iter().map(|key| Reply::optional(string(database, key).ok().flatten())).collect()))
}

pub(super) fn mset(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    if !arguments.len().is_multiple_of(2) {
        return Err(Refusal::Arity("mset".to_owned()));
    }
    for pair in arguments.chunks(2) {
        store.database().set(&pair[0], Value::String(owned(&pair[1])), None);
    }
    Ok(Reply::OK)
}

/// `SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]`
pub(super) fn set(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let (key, value) = (&arguments[0], &arguments[1]);
    let (mut only_new, mut only_old, mut get, mut keep, mut expires) = (false, false, false, false, None);
    let mut options = arguments[2..].iter();
    while let Some(option) = options.next() {
        match &*word(option) {
            "NX" => only_new = true,
            "XX" => only_old = true,
            "GET" => get = true,
            "KEEPTTL" => keep = true,
            "EX" => expires = Some(lifetime(options.next().ok_or(Refusal::Syntax)?, 1_000)?),
            "PX" => expires = Some(lifetime(options.next().ok_or(Refusal::Syntax)?, 1)?),
            _ => return Err(Refusal::Syntax),
        }
    }
    if only_new && only_old || keep && expires.is_some() {
        return Err(Refusal::Syntax);
    }
    let database = store.database();
    let before = if get { string(database, key)? } else { None };
    let there = database.value(key).is_some();
    let sets = !(only_new && there || only_old && !there);
    if sets {
        let expires = if keep { database.expiry(key).flatten() } else { expires };
        database.set(key, Value::String(owned(value)), expires);
    }
    Ok(match (get, sets) {
        (true, _) => Reply::optional(before),
        (false, true) => Reply::OK,
        (false, false) => Reply::Null,
    })
}

/// The end of a time to live that is given in units of so many milliseconds.
fn lifetime(argument: &Bytes, millis: u64) -> Result<u64, Refusal> {
    match integer::<u64>(argument)? {
        0 => Err(Refusal::Other("invalid expire time in 'set' command".to_owned())),
        units => Ok(now_millis() + units.saturating_mul(millis)),
    }
}

pub(super) fn setnx(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let database = store.database();
    let new = database.value(&arguments[0]).is_none();
    if new {
        database.set(&arguments[0], Value::String(owned(&arguments[1])), None);
    }
    Ok(Reply::truth(new))
}

pub(super) fn setex(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let expires = lifetime(&arguments[1], 1_000)?;
    store.database().set(&arguments[0], Value::String(owned(&arguments[2])), Some(expires));
    Ok(Reply::OK)
}

pub(super) fn psetex(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let expires = lifetime(&arguments[1], 1)?;
    store.database().set(&arguments[0], Value::String(owned(&arguments[2])), Some(expires));
    Ok(Reply::OK)
}

pub(super) fn append(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let database = store.database();
    let mut text = string(database, &arguments[0])?.unwrap_or_default().to_vec();
    text.extend_from_slice(&arguments[1]);
    let length = text.len();
    replace(database, &arguments[0], text.into());
    Ok(Reply::count(length))
}

pub(super) fn strlen(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    Ok(Reply::count(string(store.database(), &arguments[0])?.map_or(0, |text| text.len())))
}

pub(super) fn incr(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    add(store, &arguments[0], 1)
}

pub(super) fn decr(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    add(store, &arguments[0], -1)
}

pub(super) fn incrby(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    add(store, &arguments[0], integer(&arguments[1])?)
}

pub(super) fn decrby(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    add(store, &arguments[0], integer::<i64>(&arguments[1])?.checked_neg().ok_or(Refusal::NotAnInteger)?)
}

fn add(store: &mut Store, key: &Bytes, amount: i64) -> Outcome {
    let database = store.database();
    let before = string(database, key)?.map_or(Ok(0), |text| integer(&text))?;
    let overflow = || Refusal::Other("increment or decrement would overflow".to_owned());
    let after: i64 = i64::checked_add(before, amount).ok_or_else(overflow)?;
    replace(database, key, after.to_string().into());
    Ok(Reply::Integer(after))
}
