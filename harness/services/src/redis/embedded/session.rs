//! One connection: reads commands, executes them in order, writes the answers to all that came together at once, as Redis does.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use redis_protocol::resp2::decode::decode_bytes_mut;
use redis_protocol::resp2::types::BytesFrame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::command::{Outcome, Refusal, execute, integer, word};
use super::reply::{Reply, Version};
use super::script::Scripts;
use super::store::{DATABASES, Store};

/// What all sessions of a sample share.
pub(super) struct Engine {
    pub(super) store: Rc<RefCell<Store>>,
    scripts: RefCell<Scripts>,
}

impl Engine {
    /// Empty, without scripts.
    pub(super) fn new() -> mlua::Result<Self> {
        let store = Rc::new(RefCell::new(Store::new()));
        Ok(Self { scripts: RefCell::new(Scripts::new(&store)?), store })
    }
}

/// Serves a connection until the client or the protocol ends it.
pub(super) async fn serve(mut stream: TcpStream, engine: Rc<Engine>, number: u64) {
    let (messages, mut inbox) = mpsc::unbounded_channel();
    engine.store.borrow_mut().channels.join(number, messages);
    let mut session = Session::new(&engine, number);
    let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
    while !session.over {
        tokio::select! {
            read = stream.read_buf(&mut input) => match read {
                Ok(0) | Err(_) => break,
                Ok(_) => session.execute_all(&mut input, &mut output),
            },
            Some(message) = inbox.recv() => message.write(session.version, &mut output),
        }
        if stream.write_all(&output).await.is_err() {
            break;
        }
        output.clear();
    }
    engine.store.borrow_mut().channels.leave(number);
}

/// A command with its arguments.
type Command = Vec<Bytes>;

struct Session<'a> {
    engine: &'a Engine,
    number: u64,
    version: Version,
    database: usize,
    client_name: Bytes,
    /// The commands since MULTI.
    queued: Option<Vec<Command>>,
    over: bool,
}

impl<'a> Session<'a> {
    fn new(engine: &'a Engine, number: u64) -> Self {
        let (version, client_name) = (Version::Resp2, Bytes::new());
        Self { engine, number, version, database: 0, client_name, queued: None, over: false }
    }

    /// Executes what has arrived whole.
    fn execute_all(&mut self, input: &mut BytesMut, output: &mut BytesMut) {
        while !self.over && !input.is_empty() {
            let command = match decode_bytes_mut(input) {
                Ok(None) => return,
                Ok(Some((frame, ..))) => command(frame),
                Err(_) => None,
            };
            let Some(command) = command else {
                let text = "ERR Protocol error: the embedded Redis takes arrays of bulk strings";
                Reply::Error(text.to_owned()).write(self.version, output);
                self.over = true;
                return;
            };
            for reply in self.command(command) {
                reply.write(self.version, output);
            }
        }
    }

    /// Most commands have one answer.
    fn command(&mut self, command: Command) -> Vec<Reply> {
        self.engine.store.borrow_mut().commands += 1;
        let Some((name, arguments)) = command.split_first() else { return Vec::new() };
        let name = word(name);
        if let Some(queued) = &mut self.queued
            && !matches!(&*name, "EXEC" | "DISCARD" | "MULTI" | "QUIT")
        {
            queued.push(command);
            return vec![Reply::Simple(Bytes::from_static(b"QUEUED"))];
        }
        match &*name {
            "SUBSCRIBE" | "UNSUBSCRIBE" | "PSUBSCRIBE" | "PUNSUBSCRIBE" => self.listen(&name, arguments),
            _ => vec![self.answer(&name, arguments).unwrap_or_else(|refusal| Reply::Error(refusal.to_string()))],
        }
    }

    fn answer(&mut self, name: &str, arguments: &[Bytes]) -> Outcome {
        self.engine.store.borrow_mut().selected = self.database;
        let needed = match name {
            "EVAL" | "EVALSHA" => 2,
            "SCRIPT" | "SELECT" | "CLIENT" | "AUTH" => 1,
            _ => 0,
        };
        if arguments.len() < needed {
            return Err(Refusal::Arity(name.to_lowercase()));
        }
        match name {
            "EVAL" => self.engine.scripts.borrow_mut().eval(arguments),
            "EVALSHA" => self.engine.scripts.borrow_mut().evalsha(arguments),
            "SCRIPT" => self.engine.scripts.borrow_mut().script(arguments),
            "HELLO" => self.hello(arguments),
            "SELECT" => self.select(arguments),
            "CLIENT" => self.client(arguments),
            "AUTH" => Err(Refusal::Other(
                "AUTH <password> called without any password configured for the default user. \
                 Are you sure your configuration is correct?"
                    .to_owned(),
            )),
            "MULTI" if self.queued.is_some() => Err(Refusal::Other("MULTI calls can not be nested".to_owned())),
            "MULTI" => {
                self.queued = Some(Vec::new());
                Ok(Reply::OK)
            }
            "DISCARD" => match self.queued.take() {
                Some(_) => Ok(Reply::OK),
                None => Err(Refusal::Other("DISCARD without MULTI".to_owned())),
            },
            "EXEC" => self.exec(),
            "QUIT" => {
                self.over = true;
                Ok(Reply::OK)
            }
            _ => execute(&mut self.engine.store.borrow_mut(), name, arguments),
        }
    }

    fn exec(&mut self) -> Outcome {
        let queued = self.queued.take().ok_or_else(|| Refusal::Other("EXEC without MULTI".to_owned()))?;
        Ok(Reply::Array(queued.into_iter().flat_map(|command| self.command(command)).collect()))
    }

    /// `HELLO [version [AUTH user password] [SETNAME name]]`
    fn hello(&mut self, arguments: &[Bytes]) -> Outcome {
        if let Some(version) = arguments.first() {
            self.version = match &**version {
                b"2" => Version::Resp2,
                b"3" => Version::Resp3,
                _ => return Ok(Reply::Error("NOPROTO unsupported protocol version".to_owned())),
            };
        }
        let version = if self.version == Version::Resp2 { 2 } else { 3 };
        let entry = |name: &str, value: Reply| (Reply::text(name), value);
        Ok(Reply::Map(vec![
            entry("server", Reply::text("redis")),
            entry("version", Reply::text(super::command::VERSION)),
            entry("proto", Reply::Integer(version)),
            entry("id", Reply::Integer(self.number as i64)),
            entry("mode", Reply::text("standalone")),
            entry("role", Reply::text("master")),
            entry("modules", Reply::Array(Vec::new())),
        ]))
    }

    fn select(&mut self, arguments: &[Bytes]) -> Outcome {
        let index = integer::<usize>(&arguments[0]).ok().filter(|index| *index < DATABASES);
        self.database = index.ok_or_else(|| Refusal::Other("DB index is out of range".to_owned()))?;
        Ok(Reply::OK)
    }

    fn client(&mut self, arguments: &[Bytes]) -> Outcome {
        match (&*word(&arguments[0]), &arguments[1..]) {
            ("SETINFO", [_, _]) => Ok(Reply::OK),
            ("SETNAME", [name]) => {
                self.client_name = Bytes::copy_from_slice(name);
                Ok(Reply::OK)
            }
            ("GETNAME", []) if self.client_name.is_empty() => Ok(Reply::Null),
            ("GETNAME", []) => Ok(Reply::Bulk(self.client_name.clone())),
            ("ID", []) => Ok(Reply::Integer(self.number as i64)),
            (other, _) => Err(Refusal::Unknown(format!("CLIENT {other}"))),
        }
    }

    /// One answer for each channel or pattern; without any, all are left.
    fn listen(&mut self, name: &str, arguments: &[Bytes]) -> Vec<Reply> {
        let (patterns, leaves) = (name.starts_with('P'), name.contains("UNSUB"));
        if arguments.is_empty() && !leaves {
            return vec![Reply::Error(Refusal::Arity(name.to_lowercase()).to_string())];
        }
        let channels = &mut self.engine.store.borrow_mut().channels;
        let chosen = |channels: &mut BTreeSet<Bytes>, of_patterns: &mut BTreeSet<Bytes>| {
            std::mem::take(if patterns { of_patterns } else { channels })
        };
        let mut names: Vec<Option<Bytes>> =
            arguments.iter().map(|argument| Some(Bytes::copy_from_slice(argument))).collect();
        if names.is_empty() {
            let mut left = BTreeSet::new();
            channels.change(self.number, |of_channels, of_patterns| left = chosen(of_channels, of_patterns));
            names = left.into_iter().map(Some).collect();
            if names.is_empty() {
                names.push(None);
            }
        }
        let told = name.to_lowercase();
        let changed = names.into_iter().map(|name| {
            let count = channels.change(self.number, |channels, of_patterns| {
                let set = if patterns { of_patterns } else { channels };
                match &name {
                    Some(name) if leaves => drop(set.remove(name)),
                    Some(name) => drop(set.insert(name.clone())),
                    None => {}
                }
            });
            Reply::Push(vec![Reply::text(told.clone()), Reply::optional(name), Reply::count(count)])
        });
        changed.collect()
    }
}

/// An array of strings; anything else is none.
fn command(frame: BytesFrame) -> Option<Command> {
    let BytesFrame::Array(items) = frame else { return None };
    let strings = items.into_iter().map(|item| match item {
        BytesFrame::BulkString(text) => Some(text),
        _ => None,
    });
    strings.collect()
}
