//! CREATE TABLE in all its forms, and DROP.

use sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use sqlparser::ast::{
    CheckConstraint, ColumnDef, ColumnOption, ColumnOptionDef, CreateTable, CreateTableLike, CreateTableLikeDefaults,
    CreateTableLikeKind, CreateTableOptions, Expr, ForeignKeyConstraint, GeneratedAs, Ident, IndexColumn,
    NullsDistinctOption, ObjectType, OnCommit as OnCommitClause, PrimaryKeyConstraint, Query, ReferentialAction,
    Statement, TableConstraint, UniqueConstraint, WithData,
};

use super::super::catalog::{self, Column, Table, literal as text_literal, primary_key_clause, quoted};
use super::super::error::{SqlError, SqlResult, state};
use super::super::types::{Scalar, SqlType};
use super::scope::{Relation, Scope};
use super::{Compiler, Define, OnCommit, data_type, folded, refuse, relation_name};

/// A table that is being defined.
struct Draft {
    table: Table,
    key_name: Option<String>,
    /// CHECK and FOREIGN KEY, as SQLite reads them.
    constraints: Vec<String>,
    uniques: Vec<Unique>,
    sequences: Vec<String>,
}

/// A unique constraint; an index in SQLite, so that it has a name there.
struct Unique {
    name: Option<String>,
    columns: Vec<String>,
}

impl Compiler<'_> {
    pub(super) fn create_table(&mut self, create: &CreateTable) -> SqlResult<Define> {
        refuse_foreign_clauses(create)?;
        let name = relation_name(&create.name)?;
        let mut define = Define { tag: "CREATE TABLE".to_owned(), ..Define::default() };
        let taken =
            self.sqlite(catalog::table(self.conn, &name))?.is_some_and(|table| table.temporary == create.temporary);
        if taken || name.starts_with("sqlite_") {
            if taken && create.if_not_exists {
                return Ok(define);
            }
            return Err(SqlError::new(state::DUPLICATE_TABLE, format!("relation \"{name}\" already exists")));
        }
        define.on_commit = on_commit(create, &name)?;
        let table = Table { name, temporary: create.temporary, columns: Vec::new(), primary_key: Vec::new() };
        let mut draft =
            Draft { table, key_name: None, constraints: Vec::new(), uniques: Vec::new(), sequences: Vec::new() };
        if let Some(query) = &create.query {
            return self.create_table_as(draft, query, create, define);
        }
        match &create.like {
            Some(CreateTableLikeKind::Parenthesized(like)) => self.copy_columns(like, &mut draft)?,
            Some(CreateTableLikeKind::Plain(_)) => {
                return Err(SqlError::syntax("syntax error in CREATE TABLE ... LIKE"));
            }
            None => {}
        }
        let mut checks: Vec<(Option<String>, &Expr)> = Vec::new();
        let mut keys: Vec<(&ForeignKeyConstraint, Vec<String>, Option<String>)> = Vec::new();
        for column in &create.columns {
            self.column_type(column, &mut draft)?;
        }
        for column in &create.columns {
            self.column_options(column, &mut draft, &mut checks, &mut keys)?;
        }
        for constraint in &create.constraints {
            table_constraint(constraint, &mut draft, &mut checks, &mut keys)?;
        }
        for (key, columns, name) in keys {
            let clause = self.foreign_key(key, &columns, name, &draft.table)?;
            draft.constraints.push(clause);
        }
        for (name, condition) in checks {
            let name = name.unwrap_or_else(|| format!("{}_check", draft.table.name));
            let condition = self.check_condition(condition, &draft.table)?;
            draft.constraints.push(format!("CONSTRAINT {} CHECK ({condition})", quoted(&name)));
        }
        self.finish(draft, &mut define)?;
        Ok(define)
    }

    /// Writes the statements of SQLite.
    fn finish(&mut self, draft: Draft, define: &mut Define) -> SqlResult<()> {
        let Draft { table, key_name, constraints, uniques, sequences } = draft;
        if table.columns.is_empty() {
            return Err(SqlError::unsupported("tables without columns"));
        }
        let mut parts: Vec<String> = table.columns.iter().map(column_clause).collect();
        parts.extend(constraints);
        if !table.primary_key.is_empty() {
            // Last: the catalog looks for the last one to find the name of the key.
            let name = key_name.unwrap_or_else(|| format!("{}_pkey", table.name));
            parts.push(primary_key_clause(&name, &table.primary_key));
        }
        let temporary = if table.temporary { "TEMP " } else { "" };
        define.statements.push(format!("CREATE {temporary}TABLE {} ({})", quoted(&table.name), parts.join(", ")));
        let mut names: Vec<String> = Vec::new();
        for Unique { name, columns } in uniques {
            let name = match name {
                Some(name) => name,
                None => self.free_name(&format!("{}_{}_key", table.name, columns.join("_")), &names)?,
            };
            let schema = if table.temporary { "temp." } else { "" };
            let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
            define.statements.push(format!(
                "CREATE UNIQUE INDEX {schema}{} ON {} ({})",
                quoted(&name),
                quoted(&table.name),
                columns.join(", ")
            ));
            names.push(name);
        }
        define.restarted = sequences;
        Ok(())
    }

    /// The name, or the name with the first free number behind it, as Postgres chooses.
    pub(super) fn free_name(&self, name: &str, taken: &[String]) -> SqlResult<String> {
        let mut candidate = name.to_owned();
        let mut number = 0;
        while taken.contains(&candidate) || self.sqlite(catalog::is_taken(self.conn, &candidate))? {
            number += 1;
            candidate = format!("{name}{number}");
        }
        Ok(candidate)
    }

    fn column_type(&mut self, column: &ColumnDef, draft: &mut Draft) -> SqlResult<()> {
        let name = folded(&column.name);
        if draft.table.column(&name).is_some() {
            return Err(SqlError::new(state::DUPLICATE_COLUMN, format!("column \"{name}\" specified more than once")));
        }
        draft.table.columns.push(self.column(name, column, &draft.table.name, &mut draft.sequences)?);
        Ok(())
    }

    /// A column with its type, and the sequence it draws from if it is serial.
    pub(super) fn column(
        &mut self,
        name: String,
        column: &ColumnDef,
        table: &str,
        sequences: &mut Vec<String>,
    ) -> SqlResult<Column> {
        let mut made =
            Column { name, ty: SqlType::TEXT, length: None, not_null: false, default: None, always_generated: false };
        if let Some(scalar) = data_type::serial(&column.data_type) {
            made.ty = scalar.into();
            draw_from_sequence(&mut made, table, sequences);
            return Ok(made);
        }
        (made.ty, made.length) = data_type::sql_type(&column.data_type)?;
        if matches!(made.ty.scalar, Scalar::Numeric | Scalar::Interval | Scalar::Void) {
            return Err(SqlError::unsupported(format!("columns of type {}", made.ty.name())));
        }
        Ok(made)
    }

    fn column_options<'e>(
        &mut self,
        column: &'e ColumnDef,
        draft: &mut Draft,
        checks: &mut Vec<(Option<String>, &'e Expr)>,
        keys: &mut Vec<(&'e ForeignKeyConstraint, Vec<String>, Option<String>)>,
    ) -> SqlResult<()> {
        let name = folded(&column.name);
        let table = draft.table.name.clone();
        for ColumnOptionDef { name: constraint, option } in &column.options {
            let constraint = constraint.as_ref().map(folded);
            match option {
                ColumnOption::PrimaryKey(key) => {
                    refuse(key.characteristics.is_some(), "deferrable constraints")?;
                    set_primary_key(draft, vec![name.clone()], constraint)?;
                }
                ColumnOption::Unique(unique) => {
                    check_unique(unique)?;
                    draft.uniques.push(Unique { name: constraint, columns: vec![name.clone()] });
                }
                ColumnOption::ForeignKey(key) => keys.push((key, vec![name.clone()], constraint)),
                ColumnOption::Check(check) => {
                    let CheckConstraint { name: inner, expr, no_inherit: false, enforced: None } = check else {
                        return Err(SqlError::unsupported("this form of CHECK"));
                    };
                    let own = constraint.or_else(|| inner.as_ref().map(folded));
                    checks.push((Some(own.unwrap_or_else(|| format!("{table}_{name}_check"))), expr));
                }
                other => {
                    let position = draft.table.columns.iter().position(|column| column.name == name);
                    let made = position.and_then(|position| draft.table.columns.get_mut(position));
                    if let Some(made) = made {
                        self.column_option(other, made, &table, &mut draft.sequences)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The options that concern the column alone.
    pub(super) fn column_option(
        &mut self,
        option: &ColumnOption,
        column: &mut Column,
        table: &str,
        sequences: &mut Vec<String>,
    ) -> SqlResult<()> {
        match option {
            ColumnOption::Null => {}
            ColumnOption::NotNull => column.not_null = true,
            ColumnOption::Default(value) => {
                let scope = Scope { bare: true, ..Scope::new(Vec::new(), None) };
                column.default = Some(self.assignment(value, column, &scope)?);
            }
            ColumnOption::Generated {
                generated_as: generated_as @ (GeneratedAs::Always | GeneratedAs::ByDefault),
                sequence_options,
                generation_expr: None,
                generation_expr_mode: None,
                generated_keyword: true,
            } => {
                refuse(
                    sequence_options.as_ref().is_some_and(|options| !options.is_empty()),
                    "options of identity columns",
                )?;
                draw_from_sequence(column, table, sequences);
                column.always_generated = *generated_as == GeneratedAs::Always;
            }
            other => return Err(SqlError::unsupported(format!("the column option {other}"))),
        }
        Ok(())
    }

    pub(super) fn check_condition(&mut self, condition: &Expr, table: &Table) -> SqlResult<String> {
        let scope = Scope::bare(Relation::of_table(table, table.name.clone(), ""));
        self.condition(condition, &scope, "CHECK")
    }

    fn foreign_key(
        &mut self,
        key: &ForeignKeyConstraint,
        columns: &[String],
        name: Option<String>,
        table: &Table,
    ) -> SqlResult<String> {
        let ForeignKeyConstraint {
            name: inner,
            index_name: None,
            columns: _,
            foreign_table,
            referred_columns,
            on_delete,
            on_update,
            match_kind: None,
            characteristics: None,
        } = key
        else {
            return Err(SqlError::unsupported("this form of foreign key"));
        };
        for column in columns {
            table.column(column).ok_or_else(|| {
                SqlError::new(
                    state::UNDEFINED_COLUMN,
                    format!("column \"{column}\" referenced in foreign key constraint does not exist"),
                )
            })?;
        }
        let target = relation_name(foreign_table)?;
        let found = if target == table.name { table.clone() } else { self.table(foreign_table)? };
        let referred: Vec<String> = if referred_columns.is_empty() {
            found.primary_key.clone()
        } else {
            referred_columns.iter().map(folded).collect()
        };
        let referred_refs: Vec<&str> = referred.iter().map(String::as_str).collect();
        let unique = found.primary_key == referred
            || (target != table.name
                && self.sqlite(catalog::unique_index_on(self.conn, &target, &referred_refs))?.is_some());
        if !unique || referred.len() != columns.len() {
            let message =
                format!("there is no unique constraint matching given keys for referenced table \"{target}\"");
            let error = SqlError::new(state::INVALID_FOREIGN_KEY, message);
            // A unique constraint of the table that is being made is not looked at here.
            return Err(error.beyond(target == table.name));
        }
        let name = name
            .or_else(|| inner.as_ref().map(folded))
            .unwrap_or_else(|| format!("{}_{}_fkey", table.name, columns.join("_")));
        let list = |names: &[String]| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        Ok(format!(
            "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}){}{}",
            quoted(&name),
            list(columns),
            quoted(&target),
            list(&referred),
            on_delete.as_ref().map_or_else(String::new, |action| format!(" ON DELETE {}", referential(action))),
            on_update.as_ref().map_or_else(String::new, |action| format!(" ON UPDATE {}", referential(action))),
        ))
    }

    /// `LIKE other`: names, types and NOT NULL, and with INCLUDING DEFAULTS the defaults.
    fn copy_columns(&mut self, like: &CreateTableLike, draft: &mut Draft) -> SqlResult<()> {
        let source = self.table(&like.name)?;
        let defaults = like.defaults == Some(CreateTableLikeDefaults::Including);
        for column in source.columns {
            let default = column.default.clone().filter(|_| defaults);
            draft.table.columns.push(Column { default, always_generated: false, ..column });
        }
        Ok(())
    }

    fn create_table_as(
        &mut self,
        mut draft: Draft,
        query: &Query,
        create: &CreateTable,
        mut define: Define,
    ) -> SqlResult<Define> {
        let with_data = match &create.with_data {
            None => true,
            Some(WithData { data, statistics: None }) => *data,
            Some(_) => return Err(SqlError::syntax("syntax error in CREATE TABLE AS")),
        };
        refuse(!create.columns.is_empty() || create.like.is_some(), "column names in CREATE TABLE AS")?;
        let selected = self.query(query, None, &[])?;
        if !self.parameters.is_empty() {
            return Err(SqlError::unsupported("parameters in CREATE TABLE AS"));
        }
        for output in &selected.outputs {
            if matches!(output.ty.scalar, Scalar::Numeric | Scalar::Interval | Scalar::Void) {
                return Err(SqlError::unsupported(format!("columns of type {}", output.ty.name())));
            }
            let column = Column {
                name: output.name.clone(),
                ty: output.ty,
                length: output.length,
                not_null: false,
                default: None,
                always_generated: false,
            };
            draft.table.columns.push(column);
        }
        let insert = format!("INSERT INTO {} {}", quoted(&draft.table.name), selected.sql);
        self.finish(draft, &mut define)?;
        if with_data {
            define.statements.push(insert);
            define.counts_rows = true;
            define.tag = "SELECT".to_owned();
        } else {
            define.tag = "CREATE TABLE AS".to_owned();
        }
        Ok(define)
    }

    pub(super) fn drop_objects(&mut self, drop: &Statement) -> SqlResult<Define> {
        let Statement::Drop {
            object_type,
            if_exists,
            names,
            cascade,
            restrict: _,
            purge: false,
            temporary: false,
            table: None,
        } = drop
        else {
            return Err(SqlError::syntax("syntax error in DROP"));
        };
        let names = names.iter().map(relation_name).collect::<SqlResult<Vec<_>>>()?;
        match object_type {
            ObjectType::Table => self.drop_tables(&names, *if_exists, *cascade),
            ObjectType::Index => self.drop_indexes(&names, *if_exists),
            other => Err(SqlError::unsupported(format!("DROP {other}"))),
        }
    }

    fn drop_tables(&mut self, names: &[String], if_exists: bool, cascade: bool) -> SqlResult<Define> {
        let mut pending: Vec<(Table, Vec<String>)> = Vec::new();
        for name in names {
            match self.sqlite(catalog::table(self.conn, name))? {
                Some(table) => {
                    let referencing = self.sqlite(catalog::referencing(self.conn, name))?;
                    pending.push((table, referencing));
                }
                None if if_exists => {}
                None => return Err(SqlError::new(state::UNDEFINED_TABLE, format!("table \"{name}\" does not exist"))),
            }
        }
        for (table, referencing) in &pending {
            if let Some(other) = referencing.iter().find(|other| !names.contains(other)) {
                refuse(cascade, "DROP TABLE ... CASCADE of a table that others reference")?;
                let name = &table.name;
                let message = format!("cannot drop table {name} because other objects depend on it");
                let detail = format!("a constraint on table {other} depends on table {name}");
                return Err(SqlError::new(state::DEPENDENT_OBJECTS, message).detail(detail));
            }
        }
        let mut define = Define { tag: "DROP TABLE".to_owned(), ..Define::default() };
        while !pending.is_empty() {
            // A table goes before those it references.
            let is_pending = |name: &String| pending.iter().any(|(table, _)| table.name == *name);
            let position = pending.iter().position(|(_, referencing)| !referencing.iter().any(is_pending)).unwrap_or(0);
            let (table, _) = pending.remove(position);
            let schema = if table.temporary { "temp" } else { "main" };
            define.statements.push(format!("DROP TABLE {schema}.{}", quoted(&table.name)));
        }
        Ok(define)
    }

    fn drop_indexes(&mut self, names: &[String], if_exists: bool) -> SqlResult<Define> {
        let mut define = Define { tag: "DROP INDEX".to_owned(), ..Define::default() };
        for name in names {
            if self.sqlite(catalog::index_exists(self.conn, name))? {
                define.statements.push(format!("DROP INDEX {}", quoted(name)));
            } else if !if_exists {
                return Err(SqlError::new(state::UNDEFINED_OBJECT, format!("index \"{name}\" does not exist")));
            }
        }
        Ok(define)
    }
}

/// Whatever CREATE TABLE says beyond what is read here, in any dialect that sqlparser knows.
fn refuse_foreign_clauses(create: &CreateTable) -> SqlResult<()> {
    let storage = match &create.table_options {
        // Storage parameters such as fillfactor change no answer.
        options @ CreateTableOptions::With(_) => options.clone(),
        _ => CreateTableOptions::None,
    };
    let read = CreateTableBuilder::new(create.name.clone())
        .temporary(create.temporary)
        .unlogged(create.unlogged)
        .if_not_exists(create.if_not_exists)
        .columns(create.columns.clone())
        .constraints(create.constraints.clone())
        .hive_formats(create.hive_formats.clone().filter(|formats| *formats == Default::default()))
        .query(create.query.clone())
        .like(create.like.clone())
        .on_commit(create.on_commit)
        .with_data(create.with_data)
        .table_options(storage)
        .build();
    refuse(read != *create, "this form of CREATE TABLE")
}

fn on_commit(create: &CreateTable, name: &str) -> SqlResult<Option<(String, OnCommit)>> {
    let action = match create.on_commit {
        None | Some(OnCommitClause::PreserveRows) => return Ok(None),
        Some(OnCommitClause::Drop) => OnCommit::Drop,
        Some(OnCommitClause::DeleteRows) => OnCommit::DeleteRows,
    };
    if !create.temporary {
        return Err(SqlError::new(state::INVALID_TABLE_DEFINITION, "ON COMMIT can only be used on temporary tables"));
    }
    Ok(Some((name.to_owned(), action)))
}

fn table_constraint<'e>(
    constraint: &'e TableConstraint,
    draft: &mut Draft,
    checks: &mut Vec<(Option<String>, &'e Expr)>,
    keys: &mut Vec<(&'e ForeignKeyConstraint, Vec<String>, Option<String>)>,
) -> SqlResult<()> {
    match constraint {
        TableConstraint::PrimaryKey(PrimaryKeyConstraint {
            name,
            index_name: None,
            index_type: None,
            columns,
            include: _,
            index_options,
            characteristics: None,
        }) if index_options.is_empty() => set_primary_key(draft, plain_columns(columns)?, name.as_ref().map(folded)),
        TableConstraint::Unique(unique) => {
            check_unique(unique)?;
            let columns = plain_columns(&unique.columns)?;
            check_columns(&columns, &draft.table)?;
            draft.uniques.push(Unique { name: unique.name.as_ref().map(folded), columns });
            Ok(())
        }
        TableConstraint::ForeignKey(key) => {
            keys.push((key, key.columns.iter().map(folded).collect(), None));
            Ok(())
        }
        TableConstraint::Check(CheckConstraint { name, expr, no_inherit: false, enforced: None }) => {
            checks.push((name.as_ref().map(folded), expr));
            Ok(())
        }
        other => Err(SqlError::unsupported(format!("the constraint {other}"))),
    }
}

fn set_primary_key(draft: &mut Draft, columns: Vec<String>, name: Option<String>) -> SqlResult<()> {
    if !draft.table.primary_key.is_empty() {
        let message = format!("multiple primary keys for table \"{}\" are not allowed", draft.table.name);
        return Err(SqlError::new(state::INVALID_TABLE_DEFINITION, message));
    }
    check_columns(&columns, &draft.table)?;
    for column in draft.table.columns.iter_mut().filter(|column| columns.contains(&column.name)) {
        column.not_null = true;
    }
    draft.table.primary_key = columns;
    draft.key_name = name;
    Ok(())
}

fn check_columns(columns: &[String], table: &Table) -> SqlResult<()> {
    for name in columns {
        let column = table.column(name).ok_or_else(|| {
            SqlError::new(state::UNDEFINED_COLUMN, format!("column \"{name}\" named in key does not exist"))
        })?;
        refuse(column.ty.is_json(), "keys of json columns")?;
    }
    Ok(())
}

pub(super) fn check_unique(unique: &UniqueConstraint) -> SqlResult<()> {
    let plain = unique.index_name.is_none()
        && unique.index_type.is_none()
        && unique.index_options.is_empty()
        && unique.characteristics.is_none();
    refuse(!plain || unique.nulls_distinct == NullsDistinctOption::NotDistinct, "this form of UNIQUE")
}

pub(super) fn plain_columns(columns: &[IndexColumn]) -> SqlResult<Vec<String>> {
    let names = columns.iter().map(|column| match &column.column.expr {
        Expr::Identifier(name) => Ok(folded(name)),
        _ => Err(SqlError::syntax("syntax error: a column name is expected")),
    });
    names.collect()
}

fn draw_from_sequence(column: &mut Column, table: &str, sequences: &mut Vec<String>) {
    let sequence = format!("{table}_{}_seq", column.name);
    column.default = Some(format!("pg_nextval({})", text_literal(&sequence)));
    column.not_null = true;
    sequences.push(sequence);
}

/// The sequence a column draws from.
pub(super) fn sequence_of(column: &Column) -> Option<String> {
    let name = column.default.as_deref()?.strip_prefix("pg_nextval('")?.strip_suffix("')")?;
    Some(name.replace("''", "'"))
}

/// A column as CREATE TABLE and ADD COLUMN of SQLite read it.
pub(super) fn column_clause(column: &Column) -> String {
    let not_null = if column.not_null { " NOT NULL" } else { "" };
    // SQLite adds columns to tables with rows only if the default is a constant, which it knows by the missing parentheses.
    let default = column.default.as_deref().map_or_else(String::new, |default| {
        let bare = default
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
            .filter(|inner| inner.parse::<i64>().is_ok());
        let text = default.starts_with('\'')
            && default.ends_with('\'')
            && !default[1..default.len() - 1].replace("''", "").contains('\'');
        let blob = default.starts_with("x'") && default[2..].find('\'') == Some(default.len() - 3);
        match bare {
            Some(number) => format!(" DEFAULT {number}"),
            None if text || blob || default == "NULL" || default.parse::<i64>().is_ok() => {
                format!(" DEFAULT {default}")
            }
            None => format!(" DEFAULT ({default})"),
        }
    });
    format!("{} {}{not_null}{default}", quoted(&column.name), column.declared())
}

fn referential(action: &ReferentialAction) -> &'static str {
    match action {
        ReferentialAction::Restrict => "RESTRICT",
        ReferentialAction::Cascade => "CASCADE",
        ReferentialAction::SetNull => "SET NULL",
        ReferentialAction::NoAction => "NO ACTION",
        ReferentialAction::SetDefault => "SET DEFAULT",
    }
}

/// The name of a constraint, for ALTER TABLE.
pub(super) fn constraint_name(name: Option<&Ident>, default: impl FnOnce() -> String) -> String {
    name.map_or_else(default, folded)
}
