//! What scripts return. The same table is checked on both servers.

use highwater_services::Redis;

use crate::support::Client;

#[test]
fn the_embedded_server_runs_scripts() {
    table(&mut Client::of(&Redis::new("r").embedded()));
}

#[test]
#[ignore = "needs redis-server"]
fn a_real_server_runs_scripts() {
    table(&mut Client::of(&Redis::new("r").local()));
}

fn table(client: &mut Client) {
    for (script, expect) in [
        ("return 1", "1"),
        ("return 3.99", "3"),
        ("return 'text'", "text"),
        ("return true", "1"),
        ("return false", "nil"),
        ("return {1, 'a', false, {2}}", "[1 a nil [2]]"),
        ("return {1, nil, 3}", "[1]"),
        ("return {KEYS[1], ARGV[1], #ARGV}", "[k x 2]"),
        ("return redis.status_reply('FINE')", "+FINE"),
        ("return redis.error_reply('MINE own')", "!MINE own"),
        ("return redis.call('set', KEYS[1], ARGV[1])", "+OK"),
        ("return redis.call('get', KEYS[1])", "x"),
        ("return redis.call('get', 'none') == false", "1"),
        ("return redis.call('incrby', 's:n', 2) + 0.5", "2"),
        ("return type(redis.call('incr', 's:n'))", "number"),
        ("redis.call('rpush', 's:l', unpack({'a', 'b', 'c'})) return redis.call('lrange', 's:l', 0, -1)", "[a b c]"),
        ("redis.call('hset', 's:h', 'a', 1, 'b', 2) return redis.call('hgetall', 's:h')", "[a 1 b 2]"),
        ("return redis.call('zadd', 's:z', 10 + tonumber('5'), 'm')", "1"),
        ("return redis.call('zscore', 's:z', 'm')", "15"),
        ("return tonumber(redis.call('TIME')[1]) > 1600000000", "1"),
        ("return table.getn({1, 2, 3}) .. string.format('%.2f', 1 / 3)", "30.33"),
        ("return redis.sha1hex('')", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("return cjson.decode('{\"a\": [1, 2.5, null, \"x\"]}')['a'][2] * 2", "5"),
        ("return cjson.encode({1, 'a', {true, cjson.null}})", "[1,\"a\",[true,null]]"),
        ("return cjson.encode({}) .. cjson.encode({a = 1.5})", "{}{\"a\":1.5}"),
        ("local ok = pcall(cjson.decode, 'no json') return ok", "nil"),
        (
            "return redis.pcall('get', 's:l')['err']",
            "WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        ("redis.replicate_commands() return 1", "1"),
        (
            "local t = {} for i = 1, 9000 do t[i] = i end return unpack(t)",
            "!ERR user_script:1: too many results to unpack",
        ),
        (
            "return redis.call('get', 's:l')",
            "!WRONGTYPE Operation against a key holding the wrong kind of value script: ",
        ),
        ("error('said so')", "!ERR user_script:1: said so script: "),
        (
            "return nothing",
            "!ERR user_script:1: Script attempted to access nonexistent global variable 'nothing' script: ",
        ),
        ("something = 1", "!ERR user_script:1: Attempt to modify a readonly table script: "),
        ("return (", "!ERR Error compiling script (new function): user_script:1:"),
    ] {
        let answer = client.answer_to(&["EVAL", script, "1", "k", "x", "y"]);
        match expect.as_bytes() {
            [b'!', ..] => assert!(answer.starts_with(expect), "{script}: {answer} instead of {expect}"),
            _ => assert_eq!(answer, expect, "{script}"),
        }
    }
    client.check(&[
        ("EVALSHA ffffffffffffffffffffffffffffffffffffffff 0", "!NOSCRIPT No matching script. Please use EVAL."),
        ("SCRIPT EXISTS ffffffffffffffffffffffffffffffffffffffff", "[0]"),
        ("EVAL r x y", "!ERR value is not an integer or out of range"),
        ("EVAL r 2 k", "!ERR Number of keys can't be greater than number of args"),
    ]);
    let name = client.answer_to(&["SCRIPT", "LOAD", "return 500"]);
    assert_eq!(client.answer(&format!("EVALSHA {} 0", name.to_uppercase())), "500");
    client.check(&[("SCRIPT FLUSH", "+OK")]);
    assert!(client.answer(&format!("EVALSHA {name} 0")).starts_with("!NOSCRIPT"));
    // As the client does it: by name, and loaded when it is not known.
    let script = redis::Script::new("return KEYS[1] .. ARGV[1]");
    assert_eq!(script.key("a").arg("b").invoke::<String>(&mut client.connection).expect("the server answers"), "ab");
}
