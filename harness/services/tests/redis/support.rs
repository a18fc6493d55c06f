//! A begun sample, and commands and answers as text.

use highwater::{RunningService, Service};
use highwater_services::Redis;
use redis::{Connection, Value};

/// A server with a client.
pub(crate) struct Client {
    pub(crate) url: String,
    pub(crate) connection: Connection,
    pub(crate) running: Box<dyn RunningService>,
}

impl Client {
    pub(crate) fn of(redis: &Redis) -> Self {
        let mut running = redis.start().expect("the server answers");
        let url = running.begin_sample().expect("the server answers").as_str().to_owned();
        Self { connection: connect(&url), url, running }
    }

    /// The answer to a line of words as [`shown`].
    pub(crate) fn answer(&mut self, line: &str) -> String {
        self.answer_to(&line.split_whitespace().collect::<Vec<_>>())
    }

    pub(crate) fn answer_to(&mut self, words: &[&str]) -> String {
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        match command.query::<Value>(&mut self.connection) {
            Ok(value) => shown(&value),
            Err(error) => format!("!{} {}", error.code().unwrap_or("?"), error.detail().unwrap_or_default()),
        }
    }

    /// Compares the answers to commands, line by line, with what they should be. One that begins with `~` may come in any order,
    /// and one that begins with `!` is the beginning of an error.
    pub(crate) fn check(&mut self, rows: &[(&str, &str)]) {
        for (line, expect) in rows {
            let answer = self.answer(line);
            match expect.as_bytes() {
                [b'~', ..] => assert_eq!(sorted(&answer), sorted(&expect[1..]), "{line}"),
                [b'!', ..] => assert!(answer.starts_with(expect), "{line}: {answer} instead of {expect}"),
                _ => assert_eq!(answer, *expect, "{line}"),
            }
        }
    }
}

pub(crate) fn connect(url: &str) -> Connection {
    redis::Client::open(url).expect("the server answers").get_connection().expect("the server answers")
}

fn sorted(answer: &str) -> Vec<&str> {
    let mut items: Vec<&str> = answer.split([' ', '[', ']']).collect();
    items.sort_unstable();
    items
}

/// `[a 1 nil]` for a list of a string, a number and nothing; `{a: 1}` for a map.
pub(crate) fn shown(value: &Value) -> String {
    let list = |items: &[Value]| format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" "));
    match value {
        Value::Nil => "nil".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Double(number) => format!("{number}f"),
        Value::BulkString(text) => String::from_utf8_lossy(text).into_owned(),
        Value::SimpleString(text) => format!("+{text}"),
        Value::Okay => "+OK".to_owned(),
        Value::Array(items) => list(items),
        Value::Set(items) => format!("set{}", list(items)),
        Value::Map(pairs) => {
            let pairs: Vec<String> =
                pairs.iter().map(|(key, value)| format!("{}: {}", shown(key), shown(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        other => format!("{other:?}"),
    }
}
