//! Commands on hashes.

use bytes::Bytes;

use super::{Outcome, Refusal, integer};
use crate::redis::embedded::reply::Reply;
use crate::redis::embedded::store::{Store, owned};

pub(super) fn hset(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let (key, pairs) = (&arguments[0], &arguments[1..]);
    if !pairs.len().is_multiple_of(2) {
        return Err(Refusal::Arity("hset".to_owned()));
    }
    let new = store.database().edit_hash(key, |fields| {
        let new = pairs.chunks(2).filter(|pair| fields.insert(owned(&pair[0]), owned(&pair[1])).is_none());
        new.count()
    })?;
    Ok(Reply::count(new))
}

pub(super) fn hmset(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    if arguments.len().is_multiple_of(2) {
        return Err(Refusal::Arity("hmset".to_owned()));
    }
    hset(store, arguments).map(|_| Reply::OK)
}

pub(super) fn hsetnx(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let new = store.database().edit_hash(&arguments[0], |fields| {
        let new = !fields.contains_key(&arguments[1]);
        if new {
            fields.insert(owned(&arguments[1]), owned(&arguments[2]));
        }
        new
    })?;
    Ok(Reply::truth(new))
}

pub(super) fn hget(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let fields = store.database().hash(&arguments[0])?;
    Ok(Reply::optional(fields.and_then(|fields| fields.get(&arguments[1]).cloned())))
}

pub(super) fn hmget(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let fields = store.database().hash(&arguments[0])?;
    let value = |field: &Bytes| Reply::optional(fields.and_then(|fields| fields.get(field).cloned()));
    Ok(Reply::Array(arguments[1..].iter().map(value).collect()))
}

pub(super) fn hgetall(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let fields = store.database().hash(&arguments[0])?.into_iter().flatten();
    Ok(Reply::Map(fields.map(|(field, value)| (Reply::Bulk(field.clone()), Reply::Bulk(value.clone()))).collect()))
}

pub(super) fn hkeys(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    Ok(Reply::bulks(store.database().hash(&arguments[0])?.into_iter().flat_map(|fields| fields.keys().cloned())))
}

pub(super) fn hvals(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    Ok(Reply::bulks(store.database().hash(&arguments[0])?.into_iter().flat_map(|fields| fields.values().cloned())))
}

pub(super) fn hlen(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    Ok(Reply::count(store.database().hash(&arguments[0])?.map_or(0, std::collections::BTreeMap::len)))
}

pub(super) fn hexists(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let fields = store.database().hash(&arguments[0])?;
    Ok(Reply::truth(fields.is_some_and(|fields| fields.contains_key(&arguments[1]))))
}

pub(super) fn hdel(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let removed = store.database().edit_hash(&arguments[0], |fields| {
        arguments[1..].iter().filter(|field| fields.remove(*field).is_some()).count()
    })?;
    Ok(Reply::count(removed))
}

pub(super) fn hincrby(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let amount = integer::<i64>(&arguments[2])?;
    let refused = || Refusal::Other("hash value is not an integer".to_owned());
    store.database().edit_hash(&arguments[0], |fields| {
        let before = fields.get(&arguments[1]).map_or(Ok(0), |text| integer::<i64>(text).map_err(|_| refused()))?;
        let overflow = || Refusal::Other("increment or decrement would overflow".to_owned());
        let after = before.checked_add(amount).ok_or_else(overflow)?;
        fields.insert(owned(&arguments[1]), after.to_string().into());
        Ok(Reply::Integer(after))
    })?
}
