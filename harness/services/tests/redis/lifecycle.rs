//! How samples begin and end.

use std::collections::BTreeMap;

use highwater::Service;
use highwater_services::Redis;

use crate::support::{Client, connect};

#[test]
fn a_sample_of_the_embedded_server_begins_with_nothing() {
    begins_with_nothing(&Redis::new("r").embedded());
}

#[test]
#[ignore = "needs redis-server"]
fn a_sample_of_a_local_server_begins_with_nothing() {
    begins_with_nothing(&Redis::new("r").local());
}

#[test]
#[ignore = "needs Docker"]
fn a_sample_of_a_server_in_a_container_begins_with_nothing() {
    begins_with_nothing(&Redis::new("r").docker());
}

fn begins_with_nothing(redis: &Redis) {
    let mut client = Client::of(redis);
    let name = client.answer_to(&["SCRIPT", "LOAD", "return 1"]);
    client.check(&[("SET a 1", "+OK"), ("SELECT 5", "+OK"), ("SET b 1", "+OK")]);
    let seen = client.running.end_sample().expect("the server answers");
    assert_eq!(seen["keys"], 2);
    assert!(seen["used_memory_bytes"] > 0 && seen["commands"] >= 4 && seen["commands"] < 20, "{seen:?}");
    assert_eq!(client.running.begin_sample().expect("the server answers").as_str(), client.url);
    client.connection = connect(&client.url);
    client.check(&[("DBSIZE", "0"), ("SELECT 5", "+OK"), ("DBSIZE", "0")]);
    assert_eq!(client.answer(&format!("SCRIPT EXISTS {name}")), "[0]");
    client.running.end_sample().expect("the server answers");
}

#[test]
fn the_bytes_of_keys_and_values_are_told() {
    let mut client = Client::of(&Redis::new("r").embedded());
    client.check(&[
        ("SET key value", "+OK"),
        ("HSET h field v", "1"),
        ("ZADD z 1 m", "1"),
        ("RPUSH l ab c", "2"),
        ("SADD s m", "1"),
    ]);
    let seen = client.running.end_sample().expect("the server answers");
    assert_eq!((seen["keys"], seen["used_memory_bytes"]), (5, 8 + 7 + 10 + 4 + 2));
}

#[test]
fn between_samples_nobody_is_served() {
    let mut client = Client::of(&Redis::new("r").embedded());
    client.running.end_sample().expect("the server answers");
    assert!(redis::cmd("PING").query::<String>(&mut client.connection).is_err());
    assert!(client.running.end_sample().is_err());
}

#[test]
fn an_unknown_command_names_the_remedy() {
    let mut client = Client::of(&Redis::new("r").embedded());
    client.check(&[("XADD s * a 1", "!ERR the embedded Redis of highwater has no command 'XADD'"), ("PING", "+PONG")]);
    assert!(client.answer("BLPOP l 0").ends_with("a real one has, with HIGHWATER_SERVICES=local"));
    let in_script = client.answer_to(&["EVAL", "return redis.call('geoadd', 'x')", "0"]);
    assert!(in_script.contains("'GEOADD'"), "{in_script}");
}

#[test]
fn a_long_pipeline_is_answered_in_order() {
    let mut client = Client::of(&Redis::new("r").embedded());
    let mut pipeline = redis::pipe();
    for number in 0..20_000 {
        pipeline.cmd("RPUSH").arg("l").arg(format!("{number:0100}")).ignore();
    }
    pipeline.cmd("LLEN").arg("l");
    let (length,): (u32,) = pipeline.query(&mut client.connection).expect("the server answers");
    assert_eq!(length, 20_000);
    let items: Vec<String> =
        redis::cmd("LRANGE").arg("l").arg(0).arg(-1).query(&mut client.connection).expect("the server answers");
    assert!(items.iter().enumerate().all(|(index, item)| item.parse() == Ok(index)));
}

/// What a URL's server holds that is not ours stays, and what we made goes.
#[test]
fn a_database_of_a_server_that_runs_is_claimed_and_emptied() {
    let mut server = Client::of(&Redis::new("theirs").embedded());
    server.check(&[("SET theirs 0", "+OK"), ("SELECT 1", "+OK"), ("SET theirs 1", "+OK")]);
    let url = server.url.strip_suffix("/0").expect("the server answers").to_owned();

    let mut ours = Client::of(&Redis::new("ours").url(&url));
    assert_eq!(ours.url, format!("{url}/2"), "database 1 is taken");
    ours.check(&[("SET a 1", "+OK"), ("SET b 1", "+OK")]);
    let other = Client::of(&Redis::new("other").url(&url));
    assert_eq!(other.url, format!("{url}/3"), "database 2 is ours");
    drop(other);
    assert_eq!(ours.running.end_sample().expect("the server answers")["keys"], 2);

    let refused = Redis::new("ours")
        .url(format!("{url}/1"))
        .start()
        .expect("the server answers")
        .begin_sample()
        .unwrap_err()
        .to_string();
    assert!(refused.contains("database 1 is not empty") && refused.contains("FLUSHDB"), "{refused}");
    drop(ours);

    let sizes: BTreeMap<u32, String> = (0..16)
        .map(|database| {
            server.answer(&format!("SELECT {database}"));
            (database, server.answer("DBSIZE"))
        })
        .filter(|(_, size)| size != "0")
        .collect();
    assert_eq!(sizes, BTreeMap::from([(0, "1".to_owned()), (1, "1".to_owned())]));
}
