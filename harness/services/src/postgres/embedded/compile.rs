//! From a statement of Postgres to statements of SQLite: names resolved against the catalog, every expression typed as Postgres
//! types it, and all that SQLite would do otherwise written so that it does the same.
//!
//! sqlparser reads the SQL. Only what is matched here is served; everything else it can read is refused, never ignored. Its
//! structs are taken apart field by field for that, without `..`, so that a clause nobody thought of does not go unseen.

mod alter;
mod cast;
mod copy;
mod data_type;
mod delete;
mod expression;
mod from;
mod function;
mod index;
mod insert;
mod json;
mod literal;
mod operator;
mod query;
mod scope;
mod select;
mod session;
mod table;
mod update;

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;
use sqlparser::ast::{Ident, ObjectName, ObjectNamePart, Query, SetExpr, Statement};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};

use super::error::{self, SqlError, SqlResult, state};
use super::types::{Scalar, SqlType};

pub(super) use copy::{CopyFormat, CopyIn};

/// A statement ready to run: what the client is told about it, and what is to be done.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) text: Arc<str>,
    pub(super) parameters: Vec<SqlType>,
    pub(super) outputs: Vec<Output>,
    pub(super) action: Action,
}

/// A column of a result.
#[derive(Debug, Clone)]
pub(super) struct Output {
    pub(super) name: String,
    pub(super) ty: SqlType,
    /// Of `varchar(n)`.
    pub(super) length: Option<u32>,
}

#[derive(Debug)]
pub(super) enum Action {
    Run(Run),
    Define(Define),
    Copy(CopyIn),
    Begin {
        /// An isolation level above read committed: the session becomes the one that writes at once.
        exclusive: bool,
        read_only: bool,
    },
    Commit,
    Rollback,
    Savepoint(String),
    Release(String),
    RollbackTo(String),
    /// `None` sets the default again.
    Set {
        name: String,
        value: Option<String>,
        local: bool,
    },
    ResetAll,
    Show(String),
    /// Drops the session's temporary tables, and with `all` gives back its settings and locks.
    Discard {
        all: bool,
    },
    /// Changes nothing here; `exclusive` makes the session the one that writes, as `LOCK TABLE` does.
    Nothing {
        tag: &'static str,
        exclusive: bool,
    },
}

/// One statement of SQLite with parameters: SELECT, INSERT, UPDATE, DELETE.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) sql: String,
    pub(super) slots: Vec<Slot>,
    pub(super) command: Command,
    /// It writes, or locks rows: the session must be the one that writes.
    pub(super) exclusive: bool,
    /// The table whose rows `pg_once` watches.
    pub(super) upserted: Option<String>,
    /// The statement reads parameters through `pg_parameter`.
    pub(super) many_parameters: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Select,
    Insert,
    Update,
    Delete,
}

impl Command {
    /// The command tag before the number of rows.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Command::Select => "SELECT",
            Command::Insert => "INSERT 0",
            Command::Update => "UPDATE",
            Command::Delete => "DELETE",
        }
    }
}

/// Statements of SQLite without parameters, all or none.
#[derive(Debug, Default)]
pub(super) struct Define {
    pub(super) statements: Vec<String>,
    pub(super) tag: String,
    /// The tag is followed by the rows that the last statement wrote.
    pub(super) counts_rows: bool,
    /// Sequences that start again at 1.
    pub(super) restarted: Vec<String>,
    /// A temporary table that is dropped, or emptied, when the transaction commits.
    pub(super) on_commit: Option<(String, OnCommit)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnCommit {
    Drop,
    DeleteRows,
}

/// What is bound to a variable of the SQLite statement.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Slot {
    /// The parameter of this index, as a value.
    Parameter(usize),
    /// The elements of an array parameter, for `rarray`; the one element null for a null array.
    Elements(usize),
    /// Row numbers from 0 up to the length of the longest of these array parameters, for `rarray`.
    Rows(Vec<usize>),
}

/// Reads a query string, which may hold several statements. 42601 if Postgres has no such syntax, or sqlparser does not.
pub(super) fn parse(sql: &str) -> SqlResult<Vec<Statement>> {
    // Deep enough for generated SQL; a session's thread has the stack for it.
    const DEPTH: usize = 300;
    let parsed = Parser::new(&PostgreSqlDialect {})
        .with_recursion_limit(DEPTH)
        .try_with_sql(sql)
        .and_then(|mut p| p.parse_statements());
    parsed.map_err(|failed| match failed {
        ParserError::RecursionLimitExceeded => SqlError::unsupported("expressions nested this deep"),
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
            // sqlparser does not read quite all that PostgreSQL does.
            SqlError::syntax(format!("syntax error: {message}")).hint(error::REMEDY)
        }
    })
}

/// Compiles one statement. `given` are the parameter types that the client named; the rest are inferred.
pub(super) fn compile(
    conn: &Connection,
    identity: &Identity,
    statement: &Statement,
    text: &Arc<str>,
    given: &[Option<SqlType>],
) -> SqlResult<Compiled> {
    let mut compiler = Compiler::new(conn, identity, given);
    let (outputs, action) = compiler.statement(statement).map_err(|failed| failed.in_statement(text))?;
    // A parameter that nothing gave a type is text, as in PostgreSQL where it stands in a SELECT list.
    let parameters = compiler.parameters.iter().map(|ty| ty.unwrap_or(SqlType::TEXT)).collect();
    Ok(Compiled { text: Arc::clone(text), parameters, outputs, action })
}

/// Who asks: what `current_user` and the like answer.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) user: String,
    pub(super) database: String,
}

/// The state of one compilation.
struct Compiler<'c> {
    conn: &'c Connection,
    identity: &'c Identity,
    parameters: Vec<Option<SqlType>>,
    slots: HashMap<Slot, usize>,
    many_parameters: bool,
    /// Common table expressions in sight, innermost last.
    ctes: Vec<from::Cte>,
    aliases: usize,
    /// A `FOR UPDATE` or a function that takes a lock was seen.
    exclusive: bool,
}

/// SQLite takes 32,766 variables; Postgres 65,535 parameters. Beyond, parameters go through `pg_parameter`.
const VARIABLES: usize = 32_000;

impl<'c> Compiler<'c> {
    fn new(conn: &'c Connection, identity: &'c Identity, given: &[Option<SqlType>]) -> Self {
        Self {
            conn,
            identity,
            parameters: given.to_vec(),
            slots: HashMap::new(),
            many_parameters: false,
            ctes: Vec::new(),
            aliases: 0,
            exclusive: false,
        }
    }

    fn statement(&mut self, statement: &Statement) -> SqlResult<(Vec<Output>, Action)> {
        match statement {
            Statement::Query(query) => self.top_query(query),
            Statement::Insert(insert) => self.insert(insert, ""),
            Statement::Update(update) => self.update(update, ""),
            Statement::Delete(delete) => self.delete(delete, ""),
            Statement::CreateTable(create) => self.create_table(create).map(defined),
            Statement::CreateIndex(create) => self.create_index(create).map(defined),
            Statement::AlterTable(alter) => self.alter_table(alter).map(defined),
            Statement::Drop { .. } => self.drop_objects(statement).map(defined),
            Statement::Truncate(truncate) => self.truncate(truncate).map(defined),
            Statement::Copy { .. } => self.copy(statement).map(|copy| (Vec::new(), Action::Copy(copy))),
            other => session::action(other),
        }
    }

    /// A query, or an INSERT, UPDATE or DELETE behind a WITH, which sqlparser reads as a query.
    fn top_query(&mut self, query: &Query) -> SqlResult<(Vec<Output>, Action)> {
        let modifying = matches!(*query.body, SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_));
        if !modifying {
            let select = self.query(query, None, &[])?;
            let run = self.run(select.sql, Command::Select, None);
            return Ok((select.outputs, Action::Run(run)));
        }
        let plain = Query { with: None, ..Query::clone(query) };
        let only_with =
            plain.order_by.is_none() && plain.limit_clause.is_none() && plain.fetch.is_none() && plain.locks.is_empty();
        if !only_with {
            return Err(SqlError::syntax("syntax error after a data-modifying statement"));
        }
        let with = self.with(query.with.as_ref(), None)?;
        let compiled = match &*query.body {
            SetExpr::Insert(Statement::Insert(insert)) => self.insert(insert, &with),
            SetExpr::Update(Statement::Update(update)) => self.update(update, &with),
            SetExpr::Delete(Statement::Delete(delete)) => self.delete(delete, &with),
            _ => Err(SqlError::unsupported("this form of WITH")),
        };
        self.ctes.clear();
        compiled
    }

    fn run(&mut self, sql: String, command: Command, upserted: Option<String>) -> Run {
        let mut slots: Vec<(usize, Slot)> = self.slots.drain().map(|(slot, number)| (number, slot)).collect();
        slots.sort_by_key(|(number, _)| *number);
        Run {
            sql,
            slots: slots.into_iter().map(|(_, slot)| slot).collect(),
            command,
            exclusive: self.exclusive || command != Command::Select,
            upserted,
            many_parameters: self.many_parameters,
        }
    }

    /// The SQLite variable for a slot.
    fn variable(&mut self, slot: Slot) -> String {
        let next = self.slots.len();
        if let (Slot::Parameter(index), true) = (&slot, next >= VARIABLES && !self.slots.contains_key(&slot)) {
            self.many_parameters = true;
            return format!("pg_parameter({index})");
        }
        let number = *self.slots.entry(slot).or_insert(next);
        format!("?{}", number + 1)
    }

    /// The index of `$n`.
    fn parameter_index(&mut self, placeholder: &str) -> SqlResult<usize> {
        let number = placeholder.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok());
        let number = number.filter(|number| (1..=65_535).contains(number));
        let number = number
            .ok_or_else(|| SqlError::new(state::UNDEFINED_PARAMETER, format!("there is no parameter {placeholder}")))?;
        if self.parameters.len() < number {
            self.parameters.resize(number, None);
        }
        Ok(number - 1)
    }

    /// A fresh alias: relations are named by us, so that a name means the same to SQLite as it did to Postgres.
    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("r{}", self.aliases)
    }

    fn sqlite<T>(&self, result: rusqlite::Result<T>) -> SqlResult<T> {
        result.map_err(|failed| error::from_sqlite(self.conn, &failed))
    }
}

fn defined(define: Define) -> (Vec<Output>, Action) {
    (Vec::new(), Action::Define(define))
}

/// An identifier as Postgres keeps it: lower case unless quoted.
fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_ascii_lowercase() }
}

/// Splits a name into its schema, if it has one, and the rest.
fn schema_and_name(name: &ObjectName) -> SqlResult<(Option<String>, String)> {
    let parts = name.0.iter().map(|part| match part {
        ObjectNamePart::Identifier(ident) => Ok(folded(ident)),
        ObjectNamePart::Function(_) => Err(SqlError::unsupported("functions in place of names")),
    });
    match parts.collect::<SqlResult<Vec<_>>>()?.as_slice() {
        [name] => Ok((None, name.clone())),
        [schema, name] => Ok((Some(schema.clone()), name.clone())),
        _ => Err(SqlError::unsupported("names of more than two parts")),
    }
}

/// The name of a table or index in the only schema there is.
fn relation_name(name: &ObjectName) -> SqlResult<String> {
    match schema_and_name(name)? {
        (None, name) => Ok(name),
        (Some(schema), name) if schema == "public" || schema == "pg_temp" => Ok(name),
        (Some(schema), _) => {
            let message = format!("schema \"{schema}\" does not exist (only public does here)");
            Err(SqlError::new(state::INVALID_SCHEMA_NAME, message).beyond(true))
        }
    }
}

fn undefined_table(name: &str) -> SqlError {
    SqlError::new(state::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"))
}

/// Refuses a clause that is there.
fn refuse(present: bool, what: &str) -> SqlResult<()> {
    if present { Err(SqlError::unsupported(what)) } else { Ok(()) }
}

fn bool_type() -> SqlType {
    Scalar::Bool.into()
}
