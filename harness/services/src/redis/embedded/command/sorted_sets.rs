//! Commands on sorted sets.

use bytes::Bytes;

use super::{Outcome, Refusal, float, integer, part, word};
use crate::redis::embedded::reply::{Reply, format_double};
use crate::redis::embedded::store::{SortedSet, Store};

/// `ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member ...`
pub(super) fn zadd(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let (mut only_new, mut only_old, mut greater, mut less, mut changed, mut incr) =
        (false, false, false, false, false, false);
    let mut rest = &arguments[1..];
    while let Some((option, others)) = rest.split_first() {
        match &*word(option) {
            "NX" => only_new = true,
            "XX" => only_old = true,
            "GT" => greater = true,
            "LT" => less = true,
            "CH" => changed = true,
            "INCR" => incr = true,
            _ => break,
        }
        rest = others;
    }
    let contradiction = only_new && (only_old || greater || less) || greater && less;
    if contradiction || rest.is_empty() || !rest.len().is_multiple_of(2) || incr && rest.len() != 2 {
        return Err(Refusal::Syntax);
    }
    // All of them before the first is stored.
    let pairs = rest.chunks(2).map(|pair| Ok((float(&pair[0])?, &pair[1]))).collect::<Result<Vec<_>, Refusal>>()?;
    store.database().edit_sorted_set(&arguments[0], |set| {
        let (mut new, mut moved, mut last) = (0, 0, Reply::Null);
        for (score, member) in pairs {
            let before = set.score(member);
            let score = if incr { score + before.unwrap_or(0.0) } else { score };
            let refused = match before {
                None => only_old,
                Some(before) => only_new || greater && score <= before || less && score >= before,
            };
            if refused {
                continue;
            }
            new += usize::from(before.is_none());
            moved += usize::from(before.is_some_and(|before| before != score));
            set.insert(member, score);
            last = Reply::Double(score);
        }
        match (incr, changed) {
            (true, _) => last,
            (false, true) => Reply::count(new + moved),
            (false, false) => Reply::count(new),
        }
    })
}

pub(super) fn zincrby(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let amount = float(&arguments[1])?;
    store.database().edit_sorted_set(&arguments[0], |set| {
        let score = set.score(&arguments[2]).unwrap_or(0.0) + amount;
        set.insert(&arguments[2], score);
        Reply::Double(score)
    })
}

pub(super) fn zrem(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let removed = store
        .database()
        .edit_sorted_set(&arguments[0], |set| arguments[1..].iter().filter(|member| set.remove(member)).count())?;
    Ok(Reply::count(removed))
}

pub(super) fn zscore(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let set = store.database().sorted_set(&arguments[0])?;
    Ok(set.and_then(|set| set.score(&arguments[1])).map_or(Reply::Null, Reply::Double))
}

pub(super) fn zcard(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    Ok(Reply::count(store.database().sorted_set(&arguments[0])?.map_or(0, SortedSet::len)))
}

pub(super) fn zcount(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let range = Range::parse(&arguments[1], &arguments[2])?;
    let set = store.database().sorted_set(&arguments[0])?;
    Ok(Reply::count(set.map_or(0, |set| set.iter().filter(|(_, score)| range.contains(*score)).count())))
}

pub(super) fn zpopmin(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let count = arguments.get(1).map_or(Ok(1), integer::<usize>)?;
    store.database().edit_sorted_set(&arguments[0], |set| {
        let least: Vec<(Bytes, f64)> = set.iter().take(count).map(|(member, score)| (member.clone(), score)).collect();
        for (member, _) in &least {
            set.remove(member);
        }
        members(least, true)
    })
}

/// `ZRANGE key start stop [BYSCORE] [REV] [LIMIT offset count] [WITHSCORES]`
pub(super) fn zrange(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    range(store, arguments, Options::parse(&arguments[3..])?)
}

pub(super) fn zrangebyscore(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    range(store, arguments, Options { by_score: true, ..Options::parse(&arguments[3..])? })
}

pub(super) fn zrevrange(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    range(store, arguments, Options { reversed: true, ..Options::parse(&arguments[3..])? })
}

pub(super) fn zremrangebyscore(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let range = Range::parse(&arguments[1], &arguments[2])?;
    remove(store, &arguments[0], |set| {
        set.iter().filter(|(_, score)| range.contains(*score)).map(|(member, _)| member.clone()).collect()
    })
}

pub(super) fn zremrangebyrank(store: &mut Store, arguments: &[Bytes]) -> Outcome {
    let (start, stop) = (integer(&arguments[1])?, integer(&arguments[2])?);
    remove(store, &arguments[0], |set| {
        let part = part(set.len(), start, stop);
        set.iter().skip(part.start).take(part.len()).map(|(member, _)| member.clone()).collect()
    })
}

fn remove(store: &mut Store, key: &Bytes, which: impl FnOnce(&SortedSet) -> Vec<Bytes>) -> Outcome {
    store.database().edit_sorted_set(key, |set| {
        let gone = which(set);
        Reply::count(gone.iter().filter(|member| set.remove(member)).count())
    })
}

#[derive(Default)]
struct Options {
    by_score: bool,
    reversed: bool,
    with_scores: bool,
    limit: Option<(usize, usize)>,
}

impl Options {
    fn parse(arguments: &[Bytes]) -> Result<Self, Refusal> {
        let mut options = Self::default();
        let mut words = arguments.iter();
        while let Some(option) = words.next() {
            match &*word(option) {
                "BYSCORE" => options.by_score = true,
                "REV" => options.reversed = true,
                "WITHSCORES" => options.with_scores = true,
                "LIMIT" => {
                    let (Some(offset), Some(count)) = (words.next(), words.next()) else {
                        return Err(Refusal::Syntax);
                    };
                    // A negative count is as many as there are.
                    let count = usize::try_from(integer::<i64>(count)?).unwrap_or(usize::MAX);
                    options.limit = Some((integer(offset)?, count));
                }
                _ => return Err(Refusal::Syntax),
            }
        }
        Ok(options)
    }
}

fn range(store: &mut Store, arguments: &[Bytes], options: Options) -> Outcome {
    if options.limit.is_some() && !options.by_score {
        return Err(Refusal::Syntax);
    }
    let found: Vec<(Bytes, f64)> = {
        // With REV, the higher end comes first.
        let (first, last) = (&arguments[1], &arguments[2]);
        let (low, high) = if options.reversed { (last, first) } else { (first, last) };
        let scores = if options.by_score { Some(Range::parse(low, high)?) } else { None };
        let Some(set) = store.database().sorted_set(&arguments[0])? else { return Ok(Reply::Array(Vec::new())) };
        let ordered: Vec<(&Bytes, f64)> =
            if options.reversed { set.iter().rev().collect() } else { set.iter().collect() };
        let chosen: Vec<(&Bytes, f64)> = match scores {
            Some(scores) => {
                let (offset, count) = options.limit.unwrap_or((0, usize::MAX));
                ordered.into_iter().filter(|(_, score)| scores.contains(*score)).skip(offset).take(count).collect()
            }
            None => ordered[part(ordered.len(), integer(first)?, integer(last)?)].to_vec(),
        };
        chosen.into_iter().map(|(member, score)| (member.clone(), score)).collect()
    };
    Ok(members(found, options.with_scores))
}

/// Members, each followed by its score where that was asked for.
fn members(found: Vec<(Bytes, f64)>, with_scores: bool) -> Reply {
    let mut items = Vec::new();
    for (member, score) in found {
        items.push(Reply::Bulk(member));
        if with_scores {
            items.push(Reply::text(format_double(score)));
        }
    }
    Reply::Array(items)
}

/// Scores from one to another: `1`, `(1` for above 1, `-inf`, `+inf`.
struct Range {
    low: (f64, bool),
    high: (f64, bool),
}

impl Range {
    fn parse(low: &Bytes, high: &Bytes) -> Result<Self, Refusal> {
        let end = |argument: &Bytes| {
            let exclusive = argument.strip_prefix(b"(");
            let number = float(exclusive.unwrap_or(argument));
            number.map(|number| (number, exclusive.is_some()))
        };
        let refused = |_| Refusal::Other("min or max is not a float".to_owned());
        Ok(Self { low: end(low).map_err(refused)?, high: end(high).map_err(refused)? })
    }

    fn contains(&self, score: f64) -> bool {
        let above = if self.low.1 { score > self.low.0 } else { score >= self.low.0 };
        let below = if self.high.1 { score < self.high.0 } else { score <= self.high.0 };
        above && below
    }
}
