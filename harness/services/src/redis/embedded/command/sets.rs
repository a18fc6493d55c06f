//! Commands on sets.

use bytes::Bytes;

use super::{Outcome, Refusal, integer, word};
use crate::redis::embedded::pattern::matches;
use crate::redis::embedded::reply::Reply;
use crate::redis::embedded::store::{Store, owned};

pub(super) fn sadd(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let new = store.database().edit_members(&arguments[0], |members| {
        arguments[1..].iter().filter(|member| members.insert(owned(member))).count()
    })?;
    Ok(Reply::count(new))
}

pub(super) fn srem(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let removed = store.database().edit_members(&arguments[0], |members| {
        arguments[1..].iter().filter(|member| members.remove(*member)).count()
    })?;
    Ok(Reply::count(removed))
}

pub(super) fn scard(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    Ok(Reply::count(store.database().members(&arguments[0])?.map_or(0, std::collections::BTreeSet::len)))
}

pub(super) fn sismember(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let members = store.database().members(&arguments[0])?;
    Ok(Reply::truth(members.is_some_and(|members| members.contains(&arguments[1]))))
}

pub(super) fn smismember(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let members = store.database().members(&arguments[0])?;
    let has = |member: &Bytes| Reply::truth(members.is_some_and(|members| members.contains(member)));
    Ok(Reply::Array(arguments[1..].iter().map(has).collect()))
}

pub(super) fn smembers(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let members = store.database().members(&arguments[0])?;
    Ok(Reply::Set(members.into_iter().flatten().cloned().map(Reply::Bulk).collect()))
}

/// `SSCAN key cursor [MATCH pattern] [COUNT count]`: all come with the first call, as with SCAN.
pub(super) fn sscan(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let cursor = integer::<u64>(&arguments[1]).map_err(|_| Refusal::Other("invalid cursor".to_owned()))?;
    let mut pattern = Bytes::from_static(b"*");
    for option in arguments[2..].chunks(2) {
        match option {
            [name, value] if word(name) == "MATCH" => pattern = value.clone(),
            [name, value] if word(name) == "COUNT" => drop(integer::<u64>(value)?),
            _ => return Err(Refusal::Syntax),
        }
    }
    let members = store.database().members(&arguments[0])?.into_iter().flatten();
    let found = members.filter(|member| cursor == 0 && matches(&pattern, member)).cloned();
    Ok(Reply::Array(vec![Reply::text("0"), Reply::bulks(found)]))
}
