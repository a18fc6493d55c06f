//! EVAL, EVALSHA and SCRIPT: Lua 5.1, as in Redis, with `redis.call` into the store.

mod json;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use bytes::Bytes;
use mlua::{Error, Function, Lua, LuaOptions, MultiValue, StdLib, Table, Value, Variadic};
use sha1_smol::Sha1;

use super::command::{Outcome, Refusal, execute, integer, word};
use super::reply::{Reply, format_double};
use super::store::Store;

/// The scripts that were loaded, and the Lua that they run in.
pub(super) struct Scripts {
    lua: Lua,
    /// By the SHA-1 of their text, in hexadecimal digits.
    loaded: HashMap<String, Function>,
}

impl Scripts {
    pub(super) fn new(store: &Rc<RefCell<Store>>) -> mlua::Result<Self> {
        let lua = Lua::new_with(StdLib::TABLE | StdLib::STRING | StdLib::MATH, LuaOptions::default())?;
        let globals = lua.globals();
        for (name, value) in [("redis", redis_module(&lua, store)?), ("cjson", json::module(&lua)?)] {
            globals.raw_set(name, value)?;
        }
        for name in ["dofile", "loadfile", "print"] {
            globals.raw_set(name, Value::Nil)?;
        }
        globals.set_metatable(Some(guard(&lua)?))?;
        Ok(Self { lua, loaded: HashMap::new() })
    }

    /// `EVAL script numkeys key ... argument ...`
    pub(super) fn eval(&mut self, arguments: &[Bytes]) -> Outcome {
        let (keys, values) = split(&arguments[1..])?;
        let name = self.load(&arguments[0])?;
        Ok(self.run(&name, keys, values))
    }

    /// `EVALSHA name numkeys key ... argument ...`
    pub(super) fn evalsha(&mut self, arguments: &[Bytes]) -> Outcome {
        let name = String::from_utf8_lossy(&arguments[0]).to_lowercase();
        if !self.loaded.contains_key(&name) {
            // Clients look for its first word.
            return Ok(Reply::Error("NOSCRIPT No matching script. Please use EVAL.".to_owned()));
        }
        let (keys, values) = split(&arguments[1..])?;
        Ok(self.run(&name, keys, values))
    }

    /// `SCRIPT LOAD script`, `SCRIPT EXISTS name ...`, `SCRIPT FLUSH`
    pub(super) fn script(&mut self, arguments: &[Bytes]) -> Outcome {
        match (&*word(&arguments[0]), &arguments[1..]) {
            ("LOAD", [text]) => self.load(text).map(Reply::text),
            ("EXISTS", names) => {
                let has = |name: &Bytes| self.loaded.contains_key(&String::from_utf8_lossy(name).to_lowercase());
                Ok(Reply::Array(names.iter().map(|name| Reply::truth(has(name))).collect()))
            }
            ("FLUSH", _) => {
                self.loaded.clear();
                Ok(Reply::OK)
            }
            (other, _) => Err(Refusal::Unknown(format!("SCRIPT {other}"))),
        }
    }

    fn load(&mut self, text: &Bytes) -> Result<String, Refusal> {
        let name = Sha1::from(&text[..]).digest().to_string();
        if !self.loaded.contains_key(&name) {
            let compiled = self.lua.load(&text[..]).set_name("@user_script").into_function();
            let refused =
                |error: Error| Refusal::Other(format!("Error compiling script (new function): {}", one_line(&error)));
            self.loaded.insert(name.clone(), compiled.map_err(refused)?);
        }
        Ok(name)
    }

    fn run(&self, name: &str, keys: &[Bytes], values: &[Bytes]) -> Reply {
        let result = self.prepare(keys, values).and_then(|()| {
            let value = self.loaded[name].call::<Value>(())?;
            to_reply(&value)
        });
        result.unwrap_or_else(|error| {
            let (text, line) = described(&error);
            Reply::Error(format!("{text} script: {name}, on @user_script:{line}."))
        })
    }

    fn prepare(&self, keys: &[Bytes], arguments: &[Bytes]) -> mlua::Result<()> {
        for (name, values) in [("KEYS", keys), ("ARGV", arguments)] {
            let table = self.lua.create_table_with_capacity(values.len(), 0)?;
            for value in values {
                table.raw_push(self.lua.create_string(value)?)?;
            }
            self.lua.globals().raw_set(name, table)?;
        }
        Ok(())
    }
}

/// `numkeys key ... argument ...`, as keys and arguments.
fn split(arguments: &[Bytes]) -> Result<(&[Bytes], &[Bytes]), Refusal> {
    let keys: usize = integer(&arguments[0])?;
    let refused = || Refusal::Other("Number of keys can't be greater than number of args".to_owned());
    arguments[1..].split_at_checked(keys).ok_or_else(refused)
}

/// The table `redis`.
fn redis_module(lua: &Lua, store: &Rc<RefCell<Store>>) -> mlua::Result<Table> {
    let module = lua.create_table()?;
    let calling = |raises: bool| {
        let store = Rc::clone(store);
        lua.create_function(move |lua, arguments: MultiValue| {
            let outcome = called(&mut store.borrow_mut(), &arguments);
            match outcome {
                Ok(reply) => from_reply(lua, reply),
                Err(refusal) if raises => Err(Error::external(refusal)),
                Err(refusal) => from_reply(lua, Reply::Error(refusal.to_string())),
            }
        })
    };
    module.set("call", calling(true)?)?;
    module.set("pcall", calling(false)?)?;
    module.set(
        "error_reply",
        lua.create_function(|lua, text: mlua::LuaString| {
            let text = text.to_string_lossy();
            let text = if text.contains(' ') { text } else { format!("ERR {text}") };
            from_reply(lua, Reply::Error(text))
        })?,
    )?;
    module.set(
        "status_reply",
        lua.create_function(|lua, text: mlua::LuaString| {
            from_reply(lua, Reply::Simple(Bytes::copy_from_slice(&text.as_bytes())))
        })?,
    )?;
    module.set(
        "sha1hex",
        lua.create_function(|_, text: mlua::LuaString| Ok(Sha1::from(&*text.as_bytes()).digest().to_string()))?,
    )?;
    module.set("log", lua.create_function(|_, _: Variadic<Value>| Ok(()))?)?;
    module.set("replicate_commands", lua.create_function(|_, ()| Ok(true))?)?;
    for (level, name) in ["LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING"].into_iter().enumerate() {
        module.set(name, level)?;
    }
    Ok(module)
}

fn called(store: &mut Store, arguments: &MultiValue) -> Outcome {
    let argument = |value: &Value| match value {
        Value::String(text) => Ok(Bytes::copy_from_slice(&text.as_bytes())),
        Value::Integer(number) => Ok(number.to_string().into()),
        Value::Number(number) => Ok(format_double(*number).into()),
        _ => Err(Refusal::Other("Lua redis lib command arguments must be strings or integers".to_owned())),
    };
    let arguments = arguments.iter().map(argument).collect::<Result<Vec<Bytes>, Refusal>>()?;
    let Some((name, arguments)) = arguments.split_first() else {
        return Err(Refusal::Other("Please specify at least one argument for this redis.call()".to_owned()));
    };
    execute(store, &word(name), arguments)
}

/// Reads and writes of globals that a script does not have are mistakes, as in Redis.
fn guard(lua: &Lua) -> mlua::Result<Table> {
    let guard = lua.create_table()?;
    guard.set(
        "__index",
        lua.create_function(|_, (_, name): (Value, Value)| -> mlua::Result<Value> {
            let name = name.to_string().unwrap_or_default();
            Err(Error::runtime(format!("Script attempted to access nonexistent global variable '{name}'")))
        })?,
    )?;
    guard.set(
        "__newindex",
        lua.create_function(|_, _: Variadic<Value>| -> mlua::Result<()> {
            Err(Error::runtime("Attempt to modify a readonly table"))
        })?,
    )?;
    Ok(guard)
}

/// What `redis.call` returns; `nil` cannot stand in a table, so that nothing is `false`.
fn from_reply(lua: &Lua, reply: Reply) -> mlua::Result<Value> {
    let single = |name: &str, text: &[u8]| {
        let table = lua.create_table()?;
        table.raw_set(name, lua.create_string(text)?)?;
        Ok(Value::Table(table))
    };
    Ok(match reply {
        Reply::Simple(text) => return single("ok", &text),
        Reply::Error(text) => return single("err", text.as_bytes()),
        Reply::Integer(number) => Value::Number(number as f64),
        Reply::Bulk(text) => Value::String(lua.create_string(&text)?),
        Reply::Double(number) => Value::String(lua.create_string(format_double(number))?),
        Reply::Null => Value::Boolean(false),
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => list(lua, items)?,
        Reply::Map(pairs) => list(lua, pairs.into_iter().flat_map(|(key, value)| [key, value]))?,
    })
}

fn list(lua: &Lua, items: impl IntoIterator<Item = Reply>) -> mlua::Result<Value> {
    let table = lua.create_table()?;
    for item in items {
        table.raw_push(from_reply(lua, item)?)?;
    }
    Ok(Value::Table(table))
}

/// What a script answers: numbers lose their fraction, a table ends before its first `nil`.
fn to_reply(value: &Value) -> mlua::Result<Reply> {
    Ok(match value {
        Value::String(text) => Reply::Bulk(Bytes::copy_from_slice(&text.as_bytes())),
        Value::Integer(number) => Reply::Integer(*number),
        Value::Number(number) => Reply::Integer(*number as i64),
        Value::Boolean(true) => Reply::Integer(1),
        Value::Table(table) => {
            if let Value::String(text) = table.raw_get::<Value>("err")? {
                return Ok(Reply::Error(text.to_string_lossy()));
            }
            if let Value::String(text) = table.raw_get::<Value>("ok")? {
                return Ok(Reply::Simple(Bytes::copy_from_slice(&text.as_bytes())));
            }
            let mut items = Vec::new();
            for index in 1.. {
                match table.raw_get::<Value>(index)? {
                    Value::Nil => break,
                    item => items.push(to_reply(&item)?),
                }
            }
            Reply::Array(items)
        }
        _ => Reply::Null,
    })
}

/// The text of what a script raised, and the line where.
fn described(error: &Error) -> (String, u32) {
    let line = line_of(&error.to_string());
    let mut root = error;
    while let Error::CallbackError { cause, .. } = root {
        root = cause;
    }
    let text = match root {
        // Of a command: it begins with the kind of the error.
        Error::ExternalError(refusal) if refusal.downcast_ref::<Refusal>().is_some() => one_line(root),
        // Raised by a function of ours, where Lua has not said which line called it.
        _ if matches!(error, Error::CallbackError { .. }) => format!("ERR user_script:{line}: {}", one_line(root)),
        _ => format!("ERR {}", one_line(root)),
    };
    (text, line)
}

/// The first line of the script that a text with a traceback names.
fn line_of(text: &str) -> u32 {
    let numbers = text.split("user_script:").skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    numbers.flatten().find_map(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Without the traceback, which an error of the protocol has no room for.
fn one_line(error: &Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("runtime error: ").or_else(|| text.strip_prefix("syntax error: ")).unwrap_or(&text);
    text.split("\nstack traceback:").next().unwrap_or_default().replace(['\r', '\n'], " ").trim().to_owned()
}
