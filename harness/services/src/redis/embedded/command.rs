//! Which commands there are: their names, how many arguments they take, and who executes them.

mod hashes;
mod keys;
mod lists;
mod server;
mod sets;
mod sorted_sets;
mod strings;

use std::str::FromStr;

use bytes::Bytes;

use super::reply::Reply;
use super::store::Store;

/// Why a command was not executed. The texts are Redis', since clients look at them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    #[error("ERR value is not an integer or out of range")]
    NotAnInteger,
    #[error("ERR value is not a valid float")]
    NotAFloat,
    #[error("ERR syntax error")]
    Syntax,
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(String),
    #[error("ERR {0}")]
    Other(String),
    /// Not Redis': it would know the command.
    #[error("ERR the embedded Redis of highwater has no command '{0}': a real one has, with HIGHWATER_SERVICES=local")]
    Unknown(String),
}

pub(super) type Outcome = Result<Reply, Refusal>;

type Execute = fn(&mut Store, &[Bytes]) -> Outcome;

/// Name, fewest and most arguments (without the name), what executes it.
const COMMANDS: &[(&str, usize, usize, Execute)] = &[
    ("DBSIZE", 0, 0, keys::dbsize),
    ("DEL", 1, MANY, keys::del),
    ("EXISTS", 1, MANY, keys::exists),
    ("EXPIRE", 2, 2, keys::expire),
    ("EXPIREAT", 2, 2, keys::expireat),
    ("FLUSHALL", 0, 1, keys::flushall),
    ("FLUSHDB", 0, 1, keys::flushdb),
    ("KEYS", 1, 1, keys::keys),
    ("PERSIST", 1, 1, keys::persist),
    ("PEXPIRE", 2, 2, keys::pexpire),
    ("PTTL", 1, 1, keys::pttl),
    ("RENAME", 2, 2, keys::rename),
    ("SCAN", 1, 7, keys::scan),
    ("TTL", 1, 1, keys::ttl),
    ("TYPE", 1, 1, keys::kind),
    ("UNLINK", 1, MANY, keys::del),
    ("APPEND", 2, 2, strings::append),
    ("DECR", 1, 1, strings::decr),
    ("DECRBY", 2, 2, strings::decrby),
    ("GET", 1, 1, strings::get),
    ("GETDEL", 1, 1, strings::getdel),
    ("INCR", 1, 1, strings::incr),
    ("INCRBY", 2, 2, strings::incrby),
    ("MGET", 1, MANY, strings::mget),
    ("MSET", 2, MANY, strings::mset),
    ("PSETEX", 3, 3, strings::psetex),
    ("SET", 2, 7, strings::set),
    ("SETEX", 3, 3, strings::setex),
    ("SETNX", 2, 2, strings::setnx),
    ("STRLEN", 1, 1, strings::strlen),
    ("HDEL", 2, MANY, hashes::hdel),
    ("HEXISTS", 2, 2, hashes::hexists),
    ("HGET", 2, 2, hashes::hget),
    ("HGETALL", 1, 1, hashes::hgetall),
    ("HINCRBY", 3, 3, hashes::hincrby),
    ("HKEYS", 1, 1, hashes::hkeys),
    ("HLEN", 1, 1, hashes::hlen),
    ("HMGET", 2, MANY, hashes::hmget),
    ("HMSET", 3, MANY, hashes::hmset),
    ("HSET", 3, MANY, hashes::hset),
    ("HSETNX", 3, 3, hashes::hsetnx),
    ("HVALS", 1, 1, hashes::hvals),
    ("LINDEX", 2, 2, lists::lindex),
    ("LLEN", 1, 1, lists::llen),
    ("LMOVE", 4, 4, lists::lmove),
    ("LPOP", 1, 2, lists::lpop),
    ("LPUSH", 2, MANY, lists::lpush),
    ("LRANGE", 3, 3, lists::lrange),
    ("LREM", 3, 3, lists::lrem),
    ("LTRIM", 3, 3, lists::ltrim),
    ("RPOP", 1, 2, lists::rpop),
    ("RPOPLPUSH", 2, 2, lists::rpoplpush),
    ("RPUSH", 2, MANY, lists::rpush),
    ("SADD", 2, MANY, sets::sadd),
    ("SCARD", 1, 1, sets::scard),
    ("SISMEMBER", 2, 2, sets::sismember),
    ("SMEMBERS", 1, 1, sets::smembers),
    ("SMISMEMBER", 2, MANY, sets::smismember),
    ("SREM", 2, MANY, sets::srem),
    ("SSCAN", 2, 6, sets::sscan),
    ("ZADD", 3, MANY, sorted_sets::zadd),
    ("ZCARD", 1, 1, sorted_sets::zcard),
    ("ZCOUNT", 3, 3, sorted_sets::zcount),
    ("ZINCRBY", 3, 3, sorted_sets::zincrby),
    ("ZPOPMIN", 1, 2, sorted_sets::zpopmin),
    ("ZRANGE", 3, 9, sorted_sets::zrange),
    ("ZRANGEBYSCORE", 3, 7, sorted_sets::zrangebyscore),
    ("ZREM", 2, MANY, sorted_sets::zrem),
    ("ZREMRANGEBYRANK", 3, 3, sorted_sets::zremrangebyrank),
    ("ZREMRANGEBYSCORE", 3, 3, sorted_sets::zremrangebyscore),
    ("ZREVRANGE", 3, 4, sorted_sets::zrevrange),
    ("ZSCORE", 2, 2, sorted_sets::zscore),
    ("ECHO", 1, 1, server::echo),
    ("INFO", 0, MANY, server::info),
    ("PING", 0, 1, server::ping),
    ("PUBLISH", 2, 2, server::publish),
    ("TIME", 0, 0, server::time),
];

pub(super) use server::VERSION;

const MANY: usize = usize::MAX;

/// Executes a command that works on the store alone, given with its name in capitals.
pub(super) fn execute(store: &mut Store, name: &str, arguments: &[Bytes]) -> Outcome {
    let found = COMMANDS.iter().find(|(known, ..)| *known == name);
    let (_, fewest, most, execute) = found.ok_or_else(|| Refusal::Unknown(name.to_owned()))?;
    if arguments.len() < *fewest || arguments.len() > *most {
        return Err(Refusal::Arity(name.to_lowercase()));
    }
    execute(store, arguments)
}

/// An argument as a number.
pub(super) fn integer<N: FromStr>(argument: &Bytes) -> Result<N, Refusal> {
    std::str::from_utf8(argument).ok().and_then(|text| text.parse().ok()).ok_or(Refusal::NotAnInteger)
}

fn float(argument: &[u8]) -> Result<f64, Refusal> {
    let text = std::str::from_utf8(argument).map_err(|_| Refusal::NotAFloat)?;
    text.parse::<f64>().ok().filter(|number| !number.is_nan()).ok_or(Refusal::NotAFloat)
}

/// An argument that is a word of the syntax, in capitals.
pub(super) fn word(argument: &[u8]) -> String {
    String::from_utf8_lossy(argument).to_uppercase()
}

/// The part of a sequence that two indexes name, which count from the end where they are negative; both are included.
fn part(length: usize, start: i64, stop: i64) -> std::ops::Range<usize> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let from_end = |index: i64| if index < 0 { index.saturating_add(length) } else { index };
    let start = from_end(start).max(0);
    let end = from_end(stop).saturating_add(1).clamp(0, length);
    if start >= end { 0..0 } else { usize::try_from(start).unwrap_or(0)..usize::try_from(end).unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_count_from_either_end() {
        let check =
            |start, stop, expect: std::ops::Range<usize>| assert_eq!(part(5, start, stop), expect, "{start} {stop}");
        check(0, -1, 0..5);
        check(1, 2, 1..3);
        check(-2, -1, 3..5);
        check(-9, 0, 0..1);
        check(3, 1, 0..0);
        check(5, 9, 0..0);
        check(0, -6, 0..0);
    }

    #[test]
    fn an_unknown_command_names_the_remedy() {
        let refused = execute(&mut Store::new(), "GEOADD", &[]).unwrap_err().to_string();
        assert!(refused.contains("'GEOADD'") && refused.contains("HIGHWATER_SERVICES=local"), "{refused}");
    }
}
