//! Executing a compiled statement: binding its parameters, and sending its rows on while SQLite finds them.

use std::rc::Rc;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use pgwire::api::portal::Format;
use pgwire::messages::data::DataRow;
use rusqlite::Statement;
use rusqlite::types::{Value, ValueRef};
use tokio::sync::oneshot;

use super::codec::{self, array};
use super::compile::{Action, Compiled, CopyFormat, Define, Output, Run, Slot};
use super::copy::CopyReceiver;
use super::error::{SqlError, SqlResult, from_sqlite, state};
use super::frame::Parameters;
use super::rows::{self, RowSender};
use super::session::{Answer, Outcome, Request, Worker};
use super::types::SqlType;

impl Worker {
    /// Executes a statement. The answer goes out as soon as it is known; rows follow it.
    pub(super) fn execute(&mut self, request: &Request, reply: oneshot::Sender<Answer>) {
        let compiled = Arc::clone(&request.compiled);
        let ends = matches!(compiled.action, Action::Commit | Action::Rollback | Action::RollbackTo(_));
        if self.transaction.has_failed() && !ends {
            return self.answer(reply, Err(super::transaction::failed()));
        }
        self.start_statement();
        self.frame.database.count_statement();
        if let Action::Run(run) = &compiled.action {
            return self.run(run, request, reply);
        }
        let outcome = self.act(&compiled).map_err(|error| error.in_statement(&compiled.text));
        self.answer(reply, outcome);
    }

    fn answer(&mut self, reply: oneshot::Sender<Answer>, outcome: SqlResult<Outcome>) {
        if outcome.is_err() {
            self.transaction.fail();
        }
        // Nobody waits any more if the client has gone.
        let _ = reply.send(Answer { outcome, status: self.transaction.status() });
    }

    fn act(&mut self, compiled: &Arc<Compiled>) -> SqlResult<Outcome> {
        let done = |tag: &str| Ok(Outcome::Done(tag.to_owned()));
        match &compiled.action {
            Action::Run(_) => {
                Err(SqlError::new(state::INTERNAL_ERROR, "a statement with rows was taken for one without"))
            }
            Action::Define(define) => self.define(define),
            Action::Copy(copy) => {
                self.take_write_lock()?;
                self.copy = Some(CopyReceiver::new(copy.clone(), Arc::clone(&compiled.text)));
                Ok(Outcome::CopyIn { columns: copy.columns.len(), binary: copy.format == CopyFormat::Binary })
            }
            Action::Begin { exclusive, read_only } => {
                self.begin_block(*exclusive, *read_only)?;
                done("BEGIN")
            }
            Action::Commit => self.end_block(true).and_then(done),
            Action::Rollback => self.end_block(false).and_then(done),
            Action::Savepoint(name) => {
                self.savepoint(name)?;
                done("SAVEPOINT")
            }
            Action::Release(name) => {
                self.release(name)?;
                done("RELEASE")
            }
            Action::RollbackTo(name) => {
                self.rollback_to(name)?;
                done("ROLLBACK")
            }
            Action::Set { name, value, local } => {
                self.change_setting(name, value.as_deref(), *local)?;
                done("SET")
            }
            Action::ResetAll => {
                self.settings.reset();
                done("RESET")
            }
            Action::Show(name) => {
                let value = self.settings.show(name)?;
                Ok(one_text(&compiled.outputs, &value))
            }
            Action::Discard { all } => self.discard(*all),
            Action::Nothing { tag, exclusive } => {
                if *exclusive {
                    self.take_write_lock()?;
                }
                done(tag)
            }
        }
    }

    fn define(&mut self, define: &Define) -> SqlResult<Outcome> {
        let mut written = 0;
        if !define.statements.is_empty() {
            self.take_write_lock()?;
        }
        for sql in &define.statements {
            let result = self.conn.execute(sql, []);
            written = result.map_err(|error| from_sqlite(&self.conn, &error))?;
        }
        for sequence in &define.restarted {
            self.frame.database.sequences.restart(sequence);
        }
        if let Some((table, end)) = &define.on_commit {
            self.remember_table(table.clone(), *end);
        }
        Ok(Outcome::Done(if define.counts_rows { format!("{} {written}", define.tag) } else { define.tag.clone() }))
    }

    fn discard(&mut self, all: bool) -> SqlResult<Outcome> {
        if all && self.transaction.in_block() {
            return Err(SqlError::new(state::ACTIVE_TRANSACTION, "DISCARD ALL cannot run inside a transaction block"));
        }
        let to_sql = |error: &rusqlite::Error, worker: &Self| from_sqlite(&worker.conn, error);
        let names = || -> rusqlite::Result<Vec<String>> {
            self.conn
                .prepare("SELECT name FROM temp.sqlite_schema WHERE type = 'table'")?
                .query_map([], |row| row.get(0))?
                .collect()
        };
        for name in names().map_err(|error| to_sql(&error, self))? {
            let dropped = self.conn.execute_batch(&format!("DROP TABLE temp.{}", super::catalog::quoted(&name)));
            dropped.map_err(|error| to_sql(&error, self))?;
        }
        if all {
            self.settings.reset();
            self.frame.database.advisory.release(self.frame.pid, false);
        }
        Ok(Outcome::Done(if all { "DISCARD ALL" } else { "DISCARD TEMP" }.to_owned()))
    }

    fn run(&mut self, run: &Run, request: &Request, reply: oneshot::Sender<Answer>) {
        let text = &request.compiled.text;
        let ready = if run.exclusive { self.take_write_lock() } else { Ok(()) };
        let ready = ready.and_then(|()| self.set_parameters(run, request));
        let bound = match ready {
            Ok(bound) => bound,
            Err(error) => return self.answer(reply, Err(error.in_statement(text))),
        };
        if let Some(table) = &run.upserted {
            self.frame.watch_rows(table);
        }
        let mut statement = Some(reply);
        let result = self.stream(run, request, &bound, &mut statement);
        self.frame.forget_rows();
        if let Err(error) = result {
            self.transaction.fail();
            if let Some(reply) = statement {
                self.answer(reply, Err(error.in_statement(text)));
            }
        }
    }

    /// Steps through the statement. Answers before the first row, or after the last where there are none; an error before that
    /// is returned with the answer not given, one after it goes to the client behind the rows.
    fn stream(
        &self,
        run: &Run,
        request: &Request,
        bound: &[Bound],
        reply: &mut Option<oneshot::Sender<Answer>>,
    ) -> SqlResult<()> {
        let sqlite = |error: rusqlite::Error| from_sqlite(&self.conn, &error);
        let outputs = &request.compiled.outputs;
        let mut statement = self.conn.prepare_cached(&run.sql).map_err(sqlite)?;
        for (position, value) in bound.iter().enumerate() {
            bind(&mut statement, position + 1, value).map_err(sqlite)?;
        }
        let status = self.transaction.status();
        let mut answer = |outcome: Outcome| {
            if let Some(reply) = reply.take() {
                // Nobody waits any more if the client has gone.
                let _ = reply.send(Answer { outcome: Ok(outcome), status });
            }
        };
        let tag = run.command.tag();
        if statement.column_count() == 0 {
            let rows = statement.raw_execute().map_err(sqlite)?;
            answer(Outcome::Done(format!("{tag} {rows}")));
            return Ok(());
        }
        let mut found = statement.raw_query();
        let mut row = found.next().map_err(sqlite)?;
        let (mut sender, rows) = rows::channel();
        answer(Outcome::Rows { outputs: outputs.clone(), formats: request.result_formats.clone(), tag, rows });
        let end = loop {
            let Some(current) = row else { break Ok(()) };
            match encode(current, outputs, &request.result_formats) {
                Ok(encoded) => {
                    if !sender.send(encoded) {
                        break Ok(());
                    }
                }
                Err(error) => break Err(error),
            }
            match found.next() {
                Ok(next) => row = next,
                Err(error) => break Err(sqlite(error)),
            }
        };
        let end = end.map_err(|error| error.in_statement(&request.compiled.text));
        sender.finish(end.clone());
        end
    }

    /// Decodes the parameters: those that SQLite binds are returned, the rest go where functions find them.
    fn set_parameters(&self, run: &Run, request: &Request) -> SqlResult<Vec<Bound>> {
        let types = &request.compiled.parameters;
        let value = |index: usize| decode(types[index], request, index);
        let elements = |index: usize| -> SqlResult<Option<Vec<Value>>> {
            match value(index)? {
                Value::Blob(bytes) => array::unpack(types[index].scalar, &bytes).map(Some),
                _ => Ok(None),
            }
        };
        let mut parameters = Parameters::default();
        let mut bound = Vec::with_capacity(run.slots.len());
        for slot in &run.slots {
            bound.push(match slot {
                Slot::Parameter(index) => Bound::Value(value(*index)?),
                Slot::Elements(index) => Bound::List(Rc::new(elements(*index)?.unwrap_or_else(|| vec![Value::Null]))),
                Slot::Rows(indexes) => {
                    let mut longest = 0;
                    for index in indexes {
                        let array = elements(*index)?.unwrap_or_default();
                        longest = longest.max(array.len());
                        parameters.arrays.insert(*index, array);
                    }
                    let longest = i64::try_from(longest).unwrap_or(i64::MAX);
                    Bound::List(Rc::new((0..longest).map(Value::Integer).collect()))
                }
            });
        }
        if run.many_parameters {
            parameters.scalars = (0..types.len()).map(value).collect::<SqlResult<_>>()?;
        }
        self.frame.set_parameters(parameters);
        Ok(bound)
    }
}

/// What SQLite binds.
enum Bound {
    Value(Value),
    List(Rc<Vec<Value>>),
}

fn bind(statement: &mut Statement<'_>, position: usize, bound: &Bound) -> rusqlite::Result<()> {
    match bound {
        Bound::Value(value) => statement.raw_bind_parameter(position, value),
        Bound::List(list) => statement.raw_bind_parameter(position, list),
    }
}

fn decode(ty: SqlType, request: &Request, index: usize) -> SqlResult<Value> {
    let Some(Some(bytes)) = request.parameters.get(index) else { return Ok(Value::Null) };
    if request.parameter_formats.is_binary(index) {
        codec::from_binary(ty, bytes)
    } else {
        codec::from_text(ty, codec::utf8(bytes)?)
    }
}

fn encode(row: &rusqlite::Row<'_>, outputs: &[Output], formats: &Format) -> SqlResult<DataRow> {
    let mut out = BytesMut::with_capacity(32 * outputs.len());
    let mut text = Vec::new();
    for (position, output) in outputs.iter().enumerate() {
        let value = row.get_ref(position).map_err(|error| SqlError::new(state::INTERNAL_ERROR, error.to_string()))?;
        if matches!(value, ValueRef::Null) {
            out.put_i32(-1);
            continue;
        }
        let start = out.len();
        out.put_i32(0);
        if formats.is_binary(position) {
            codec::to_binary(output.ty, value, &mut out)?;
        } else {
            text.clear();
            codec::to_text(output.ty, value, &mut text)?;
            out.put_slice(&text);
        }
        let length =
            i32::try_from(out.len() - start - 4).map_err(|_| SqlError::unsupported("values of 2 GiB and more"))?;
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }
    let fields = i16::try_from(outputs.len()).map_err(|_| SqlError::unsupported("rows of this many columns"))?;
    Ok(DataRow::new(out, fields))
}

/// A result of one row with one text.
fn one_text(outputs: &[Output], value: &str) -> Outcome {
    let (mut sender, rows): (RowSender, _) = rows::channel();
    let mut out = BytesMut::new();
    out.put_i32(i32::try_from(value.len()).unwrap_or(0));
    out.put_slice(value.as_bytes());
    sender.send(DataRow::new(out, 1));
    sender.finish(Ok(()));
    Outcome::Rows { outputs: outputs.to_vec(), formats: Format::UnifiedText, tag: "SHOW", rows }
}
