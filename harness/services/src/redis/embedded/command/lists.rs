//! Commands on lists. None waits for an element: what a client blocks on is refused by name.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{Outcome, Refusal, integer, part, word};
use crate::redis::embedded::reply::Reply;
use crate::redis::embedded::store::{Store, owned};

pub(super) fn lpush(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    push(store, arguments, VecDeque::push_front)
}

pub(super) fn rpush(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    push(store, arguments, VecDeque::push_back)
}

fn push(store: &mut Store, arguments: &[Bytes], push: fn(&mut VecDeque<Bytes>, Bytes)) -> Outcome {
    let length = store.database().edit_list(&arguments[0], |items| {
        arguments[1..].iter().for_each(|item| push(items, owned(item)));
        items.len()
    })?;
    Ok(Reply::count(length))
}

pub(super) fn lpop(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    pop(store, arguments, VecDeque::pop_front)
}

pub(super) fn rpop(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    pop(store, arguments, VecDeque::pop_back)
}

/// `LPOP key [count]`: with a count, a list of them.
fn pop(store: &mut Store, arguments: &[Bytes], pop: fn(&mut VecDeque<Bytes>) -> Option<Bytes>) -> Outcome {
    let count = arguments.get(1).map(integer::<usize>).transpose()?;
    if store.database().list(&arguments[0])?.is_none() {
        return Ok(Reply::Null);
    }
    store.database().edit_list(&arguments[0], |items| match count {
        None => Reply::optional(pop(items)),
        Some(count) => Reply::bulks(std::iter::from_fn(|| pop(items)).take(count)),
    })
}

pub(super) fn rpoplpush(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    transfer(store, arguments, VecDeque::pop_back, VecDeque::push_front)
}

/// `LMOVE source destination LEFT|RIGHT LEFT|RIGHT`
pub(super) fn lmove(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let pop = match &*word(&arguments[2]) {
        "LEFT" => VecDeque::pop_front,
        "RIGHT" => VecDeque::pop_back,
        _ => return Err(Refusal::Syntax),
    };
    let push = match &*word(&arguments[3]) {
        "LEFT" => VecDeque::push_front,
        "RIGHT" => VecDeque::push_back,
        _ => return Err(Refusal::Syntax),
    };
    transfer(store, arguments, pop, push)
}

fn transfer(
    store: &mut Store,
    arguments: &[Bytes],
    pop: fn(&mut VecDeque<Bytes>) -> Option<Bytes>,
    push: fn(&mut VecDeque<Bytes>, Bytes),
) -> Outcome {
    let database = store.database();
    if database.list(&arguments[0])?.is_none() {
        return Ok(Reply::Null);
    }
    // Before anything is taken off.
    database.list(&arguments[1])?;
    let Some(item) = database.edit_list(&arguments[0], pop)? else { return Ok(Reply::Null) };
    database.edit_list(&arguments[1], |items| push(items, item.clone()))?;
    Ok(Reply::Bulk(item))
}

pub(super) fn llen(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    Ok(Reply::count(store.database().list(&arguments[0])?.map_or(0, VecDeque::len)))
}

pub(super) fn lindex(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let index = integer::<i64>(&arguments[1])?;
    let items = store.database().list(&arguments[0])?;
    let found = items.and_then(|items| items.range(part(items.len(), index, index)).next());
    Ok(Reply::optional(found.cloned()))
}

pub(super) fn lrange(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let (start, stop) = (integer(&arguments[1])?, integer(&arguments[2])?);
    let items = store.database().list(&arguments[0])?;
    Ok(Reply::bulks(items.into_iter().flat_map(|items| items.range(part(items.len(), start, stop)).cloned())))
}

pub(super) fn ltrim(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let (start, stop) = (integer(&arguments[1])?, integer(&arguments[2])?);
    store.database().edit_list(&arguments[0], |items| {
        let kept = part(items.len(), start, stop);
        items.truncate(kept.end);
        items.drain(..kept.start);
    })?;
    Ok(Reply::OK)
}

/// `LREM key count element`: the first ones, the last ones where the count is negative, all where it is 0.
pub(super) fn lrem(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let count = integer::<i64>(&arguments[1])?;
    let wanted = if count == 0 { usize::MAX } else { usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX) };
    let removed = store.database().edit_list(&arguments[0], |items| {
        let equal = |index: &usize| items[*index] == arguments[2];
        let mut found: Vec<usize> = if count < 0 {
            (0..items.len()).rev().filter(equal).take(wanted).collect()
        } else {
            (0..items.len()).filter(equal).take(wanted).collect()
        };
        found.sort_unstable();
        for index in found.iter().rev() {
            items.remove(*index);
        }
        found.len()
    })?;
    Ok(Reply::count(removed))
}
