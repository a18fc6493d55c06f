//! What commands answer. The same table is checked on both servers.

use highwater_services::Redis;

use crate::support::{Client, connect, shown};

#[test]
fn the_embedded_server_answers_as_the_table_says() {
    table(&mut Client::of(&Redis::new("r").embedded()));
}

#[test]
#[ignore = "needs redis-server"]
fn a_real_server_answers_as_the_table_says() {
    table(&mut Client::of(&Redis::new("r").local()));
}

fn table(client: &mut Client) {
    keys(client);
    strings(client);
    hashes(client);
    lists(client);
    sets(client);
    sorted_sets(client);
    transactions(client);
    messages(client);
    version_3(client);
}

fn keys(client: &mut Client) {
    client.check(&[
        ("PING", "+PONG"),
        ("PING hello", "hello"),
        ("ECHO hello", "hello"),
        ("DBSIZE", "0"),
        ("SET k:a 1", "+OK"),
        ("SET k:b 1", "+OK"),
        ("EXISTS k:a k:b k:c k:a", "3"),
        ("KEYS k:*", "~[k:a k:b]"),
        ("SCAN 0 MATCH k:?", "~[0 [k:a k:b]]"),
        ("SCAN 0 MATCH k:a TYPE string COUNT 100", "[0 [k:a]]"),
        ("SCAN 0 MATCH k:a TYPE hash", "[0 []]"),
        ("SCAN zero", "!ERR invalid cursor"),
        ("TYPE k:a", "+string"),
        ("TYPE none", "+none"),
        ("RENAME k:b k:c", "+OK"),
        ("RENAME none k:d", "!ERR no such key"),
        ("TTL k:a", "-1"),
        ("TTL none", "-2"),
        ("PERSIST k:a", "0"),
        ("EXPIRE k:a 100", "1"),
        ("EXPIRE none 100", "0"),
        ("TTL k:a", "100"),
        ("PERSIST k:a", "1"),
        ("PTTL k:a", "-1"),
        ("EXPIREAT k:a 1", "1"),
        ("EXISTS k:a", "0"),
        ("UNLINK k:c none", "1"),
        ("SET k:gone 1 PX 1", "+OK"),
        ("SELECT 3", "+OK"),
        ("DBSIZE", "0"),
        ("SET k:a 3", "+OK"),
        ("FLUSHDB", "+OK"),
        ("SELECT 0", "+OK"),
        ("SELECT 99", "!ERR DB index is out of range"),
        ("DEL", "!ERR wrong number of arguments for 'del' command"),
        ("CLIENT SETNAME me", "+OK"),
        ("CLIENT GETNAME", "me"),
    ]);
    std::thread::sleep(std::time::Duration::from_millis(5));
    client.check(&[("GET k:gone", "nil"), ("DBSIZE", "0")]);
}

fn strings(client: &mut Client) {
    client.check(&[
        ("GET s:a", "nil"),
        ("SET s:a one", "+OK"),
        ("SET s:a two NX", "nil"),
        ("SET s:b two XX", "nil"),
        ("SET s:a two GET", "one"),
        ("GET s:a", "two"),
        ("STRLEN s:a", "3"),
        ("APPEND s:a !", "4"),
        ("SET s:a x EX 50", "+OK"),
        ("TTL s:a", "50"),
        ("SET s:a x KEEPTTL", "+OK"),
        ("TTL s:a", "50"),
        ("SET s:a x", "+OK"),
        ("TTL s:a", "-1"),
        ("SET s:a x EX 0", "!ERR invalid expire time in 'set' command"),
        ("SET s:a x NX XX", "!ERR syntax error"),
        ("SETNX s:a y", "0"),
        ("SETNX s:c y", "1"),
        ("SETEX s:d 60 v", "+OK"),
        ("TTL s:d", "60"),
        ("MSET s:e 1 s:f 2", "+OK"),
        ("MGET s:e none s:f", "[1 nil 2]"),
        ("INCR s:n", "1"),
        ("INCRBY s:n 41", "42"),
        ("DECR s:n", "41"),
        ("DECRBY s:n 1", "40"),
        ("INCR s:a", "!ERR value is not an integer or out of range"),
        ("INCRBY s:n 1.5", "!ERR value is not an integer or out of range"),
        ("GETDEL s:n", "40"),
        ("GET s:n", "nil"),
    ]);
}

fn hashes(client: &mut Client) {
    client.check(&[
        ("HSET h a 1 b 2", "2"),
        ("HSET h a 3", "0"),
        ("HMSET h c 4 d 5", "+OK"),
        ("HSET h a", "!ERR wrong number of arguments for 'hset' command"),
        ("HSETNX h a 9", "0"),
        ("HSETNX h e 6", "1"),
        ("HGET h a", "3"),
        ("HGET h none", "nil"),
        ("HGET none a", "nil"),
        ("HMGET h a none b", "[3 nil 2]"),
        ("HMGET none a b", "[nil nil]"),
        ("HGETALL h", "[a 3 b 2 c 4 d 5 e 6]"),
        ("HGETALL none", "[]"),
        ("HKEYS h", "[a b c d e]"),
        ("HVALS h", "[3 2 4 5 6]"),
        ("HLEN h", "5"),
        ("HEXISTS h a", "1"),
        ("HINCRBY h a 4", "7"),
        ("HINCRBY h new -1", "-1"),
        ("HDEL h a none b", "2"),
        ("HDEL h c d e new", "4"),
        ("EXISTS h", "0"),
        ("SET h:s text", "+OK"),
        ("HGET h:s a", "!WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("HSET h:s a 1", "!WRONGTYPE"),
        ("LPUSH h:s a", "!WRONGTYPE"),
        ("SADD h:s a", "!WRONGTYPE"),
        ("ZADD h:s 1 a", "!WRONGTYPE"),
        ("HSET h:n a text", "1"),
        ("HINCRBY h:n a 1", "!ERR hash value is not an integer"),
        ("GET h:n", "!WRONGTYPE"),
    ]);
}

fn lists(client: &mut Client) {
    client.check(&[
        ("RPUSH l a b c", "3"),
        ("LPUSH l z y", "5"),
        ("LRANGE l 0 -1", "[y z a b c]"),
        ("LRANGE l -2 -1", "[b c]"),
        ("LRANGE l 3 1", "[]"),
        ("LRANGE none 0 -1", "[]"),
        ("LINDEX l 1", "z"),
        ("LINDEX l -1", "c"),
        ("LINDEX l 9", "nil"),
        ("LLEN l", "5"),
        ("LPOP l", "y"),
        ("RPOP l", "c"),
        ("LPOP l 2", "[z a]"),
        ("LPOP none", "nil"),
        ("RPUSH l x b x b x", "6"),
        ("LREM l 1 b", "1"),
        ("LREM l -2 x", "2"),
        ("LRANGE l 0 -1", "[x b b]"),
        ("LREM l 0 b", "2"),
        ("RPUSH l 1 2 3 4", "5"),
        ("LTRIM l 1 -2", "+OK"),
        ("LRANGE l 0 -1", "[1 2 3]"),
        ("RPOPLPUSH l l:2", "3"),
        ("LMOVE l l:2 LEFT RIGHT", "1"),
        ("LRANGE l:2 0 -1", "[3 1]"),
        ("LMOVE none l:2 LEFT RIGHT", "nil"),
        ("LTRIM l 5 9", "+OK"),
        ("EXISTS l", "0"),
        ("LRANGE l:2 a 1", "!ERR value is not an integer or out of range"),
    ]);
}

fn sets(client: &mut Client) {
    client.check(&[
        ("SADD m a b a", "2"),
        ("SADD m b c", "1"),
        ("SCARD m", "3"),
        ("SMEMBERS m", "~[a b c]"),
        ("SMEMBERS none", "[]"),
        ("SSCAN m 0 MATCH [ab] COUNT 100", "~[0 [a b]]"),
        ("SSCAN none 0", "[0 []]"),
        ("SSCAN m 0 MATCH", "!ERR syntax error"),
        ("SISMEMBER m a", "1"),
        ("SISMEMBER none a", "0"),
        ("SMISMEMBER m a z", "[1 0]"),
        ("SREM m a z", "1"),
        ("SREM m b c", "2"),
        ("EXISTS m", "0"),
    ]);
}

fn sorted_sets(client: &mut Client) {
    client.check(&[
        ("ZADD z 2 b 1 a 3 c", "3"),
        ("ZADD z 2 b 5 d", "1"),
        ("ZADD z CH 4 d", "1"),
        ("ZADD z NX 9 a", "0"),
        ("ZADD z XX 9 new", "0"),
        ("ZADD z GT 0 a", "0"),
        ("ZADD z GT CH 1.5 a", "1"),
        ("ZADD z LT 9 a", "0"),
        ("ZADD z INCR 1 a", "2.5"),
        ("ZADD z NX INCR 1 a", "nil"),
        ("ZADD z NX XX 1 a", "!ERR"),
        ("ZADD z one a", "!ERR value is not a valid float"),
        ("ZADD z 1", "!ERR wrong number of arguments for 'zadd' command"),
        ("ZINCRBY z -1.5 a", "1"),
        ("ZSCORE z a", "1"),
        ("ZSCORE z none", "nil"),
        ("ZCARD z", "4"),
        ("ZRANGE z 0 -1", "[a b c d]"),
        ("ZRANGE z 0 1 WITHSCORES", "[a 1 b 2]"),
        ("ZRANGE z 0 0 REV", "[d]"),
        ("ZREVRANGE z 0 1 WITHSCORES", "[d 4 c 3]"),
        ("ZRANGEBYSCORE z 2 3", "[b c]"),
        ("ZRANGEBYSCORE z (2 +inf", "[c d]"),
        ("ZRANGEBYSCORE z -inf +inf WITHSCORES LIMIT 1 2", "[b 2 c 3]"),
        ("ZRANGEBYSCORE z -inf +inf LIMIT 1 -1", "[b c d]"),
        ("ZRANGE z 3 1 BYSCORE REV LIMIT 0 2", "[c b]"),
        ("ZRANGEBYSCORE z low 3", "!ERR min or max is not a float"),
        ("ZCOUNT z (1 3", "2"),
        ("ZPOPMIN z", "[a 1]"),
        ("ZREMRANGEBYSCORE z 2 2", "1"),
        ("ZREMRANGEBYRANK z 0 0", "1"),
        ("ZREM z d none", "1"),
        ("EXISTS z", "0"),
        ("ZADD z 1700000000 t", "1"),
        ("ZSCORE z t", "1700000000"),
    ]);
}

fn transactions(client: &mut Client) {
    client.check(&[
        ("MULTI", "+OK"),
        ("SET t 1", "+QUEUED"),
        ("INCR t", "+QUEUED"),
        ("EXEC", "[+OK 2]"),
        ("MULTI", "+OK"),
        ("INCR t", "+QUEUED"),
        ("DISCARD", "+OK"),
        ("GET t", "2"),
        ("EXEC", "!ERR EXEC without MULTI"),
        ("DISCARD", "!ERR DISCARD without MULTI"),
    ]);
    let answers: (u32, u32) = redis::pipe()
        .atomic()
        .cmd("INCR")
        .arg("t")
        .cmd("INCR")
        .arg("t")
        .query(&mut client.connection)
        .expect("the server answers");
    assert_eq!(answers, (3, 4));
}

fn messages(client: &mut Client) {
    let mut listener = connect(&client.url);
    let mut listener = listener.as_pubsub();
    listener.subscribe("news").expect("the server answers");
    listener.psubscribe("jobs:*").expect("the server answers");
    client.check(&[("PUBLISH news one", "1"), ("PUBLISH jobs:7 two", "1"), ("PUBLISH other three", "0")]);
    let told: Vec<(String, Vec<u8>)> = (0..2)
        .map(|_| listener.get_message().expect("the server answers"))
        .map(|message| (message.get_channel_name().to_owned(), message.get_payload_bytes().to_vec()))
        .collect();
    assert_eq!(told, [("news".to_owned(), b"one".to_vec()), ("jobs:7".to_owned(), b"two".to_vec())]);
    listener.punsubscribe("jobs:*").expect("the server answers");
    client.check(&[("PUBLISH jobs:7 two", "0")]);
}

fn version_3(client: &mut Client) {
    client.check(&[("HSET v a 1", "1"), ("SADD v:s a", "1"), ("ZADD v:z 1.5 a", "1")]);
    let mut connection = connect(&format!("{}?protocol=resp3", client.url));
    let mut answer = |words: &[&str]| {
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        shown(&command.query::<redis::Value>(&mut connection).expect("the server answers"))
    };
    assert_eq!(answer(&["HGETALL", "v"]), "{a: 1}");
    assert_eq!(answer(&["SMEMBERS", "v:s"]), "set[a]");
    assert_eq!(answer(&["ZSCORE", "v:z", "a"]), "1.5f");
    assert_eq!(answer(&["GET", "none"]), "nil");
}
