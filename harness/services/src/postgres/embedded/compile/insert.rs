//! INSERT, with ON CONFLICT and RETURNING.

use sqlparser::ast::{
    Assignment, AssignmentTarget, ConflictTarget, DoUpdate, Expr, Insert, ObjectName, OnConflict, OnConflictAction,
    OnInsert, Query, SelectItem, SetExpr, TableAliasWithoutColumns, TableObject,
};

use super::super::catalog::{self, Column, Table, quoted};
use super::super::error::{SqlError, SqlResult, state};
use super::cast::{Context, cast};
use super::expression::Typed;
use super::scope::{Relation, Scope, undefined_column};
use super::{Action, Command, Compiler, Output, folded, refuse, relation_name, schema_and_name, undefined_table};

impl Compiler<'_> {
    /// Compiles an INSERT behind the text of its WITH, if it has one.
    pub(super) fn insert(&mut self, insert: &Insert, with: &str) -> SqlResult<(Vec<Output>, Action)> {
        let Insert {
            insert_token: _,
            optimizer_hints: _,
            or: None,
            ignore: false,
            into: true,
            table: TableObject::TableName(name),
            table_alias,
            columns,
            overwrite: false,
            source,
            assignments,
            partitioned: None,
            after_columns,
            has_table_keyword: false,
            on,
            returning,
            output: None,
            replace_into: false,
            priority: None,
            insert_alias: None,
            settings: None,
            format_clause: None,
            multi_table_insert_type: None,
            multi_table_into_clauses,
            multi_table_when_clauses,
            multi_table_else_clause: None,
        } = insert
        else {
            return Err(SqlError::syntax("syntax error in INSERT"));
        };
        let foreign =
            assignments.len() + after_columns.len() + multi_table_into_clauses.len() + multi_table_when_clauses.len();
        refuse(foreign > 0, "this form of INSERT")?;

        let table = self.table(name)?;
        let targets = target_columns(&table, columns)?;
        let alias = self.alias();
        let values = match source {
            None => Values { targets: Vec::new(), sql: " DEFAULT VALUES".to_owned() },
            Some(source) => self.source(source, &table, &targets, !columns.is_empty())?,
        };
        let visible = table_alias
            .as_ref()
            .map_or_else(|| table.name.clone(), |TableAliasWithoutColumns { explicit: _, alias }| folded(alias));
        let target = Relation::of_table(&table, visible, &format!("{alias}."));
        let on = on.as_ref().map(|on| self.on_conflict(on, &table, target.clone(), &alias)).transpose()?;
        let (conflict, updates) = on.unwrap_or_default();
        let (returning, outputs) = self.returning(returning.as_deref(), &table, &target.name)?;

        let names: Vec<String> = values.targets.iter().map(|column| quoted(&column.name)).collect();
        let names = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        let sql =
            format!("{with}INSERT INTO {} AS {alias}{names}{}{conflict}{returning}", quoted(&table.name), values.sql);
        let upserted = updates.then(|| table.name.clone());
        Ok((outputs, Action::Run(self.run(sql, Command::Insert, upserted))))
    }

    /// The table of this name, which must be there.
    pub(super) fn table(&self, name: &ObjectName) -> SqlResult<Table> {
        let name = relation_name(name)?;
        self.sqlite(catalog::table(self.conn, &name))?.ok_or_else(|| undefined_table(&name))
    }

    fn source<'t>(
        &mut self,
        source: &Query,
        table: &Table,
        targets: &[&'t Column],
        named: bool,
    ) -> SqlResult<Values<'t>> {
        if let SetExpr::Values(values) = &*source.body
            && source.with.is_none()
            && source.order_by.is_none()
            && source.limit_clause.is_none()
            && source.fetch.is_none()
        {
            let rows: Vec<&Vec<Expr>> = values.rows.iter().map(|row| &row.content).collect();
            return self.value_rows(&rows, table, targets, named);
        }
        let wanted: Vec<_> = targets.iter().map(|column| Some(column.ty)).collect();
        let selected = self.query(source, None, &wanted)?;
        let targets = counted(targets, selected.outputs.len(), named)?;
        let mut cells = Vec::new();
        for (position, (output, column)) in selected.outputs.iter().zip(&targets).enumerate() {
            refuse_generated(column)?;
            let typed = Typed::new(format!("c{}", position + 1), output.ty);
            cells.push(assigned(&typed, column)?);
        }
        // WHERE, or else SQLite would take ON CONFLICT for the condition of a join.
        Ok(Values { sql: format!(" SELECT {} FROM ({}) WHERE true", cells.join(", "), selected.sql), targets })
    }

    fn value_rows<'t>(
        &mut self,
        rows: &[&Vec<Expr>],
        table: &Table,
        targets: &[&'t Column],
        named: bool,
    ) -> SqlResult<Values<'t>> {
        let width = rows.first().map_or(0, |row| row.len());
        if rows.iter().any(|row| row.len() != width) {
            return Err(SqlError::syntax("VALUES lists must all be the same length"));
        }
        let targets = counted(targets, width, named)?;
        // A column that is DEFAULT in every row is left out; SQLite has no DEFAULT in VALUES.
        let defaults: Vec<bool> =
            (0..width).map(|position| rows.iter().all(|row| is_default(&row[position]))).collect();
        let scope = Scope::new(Vec::new(), None);
        let mut lists = Vec::with_capacity(rows.len());
        for row in rows {
            let mut cells = Vec::with_capacity(width);
            for ((expr, column), default) in row.iter().zip(&targets).zip(&defaults) {
                if *default {
                    continue;
                }
                if is_default(expr) {
                    cells.push(
                        column.default.clone().map_or_else(|| "NULL".to_owned(), |default| format!("({default})")),
                    );
                    continue;
                }
                refuse_generated(column)?;
                cells.push(self.assignment(expr, column, &scope)?);
            }
            lists.push(format!("({})", cells.join(", ")));
        }
        let targets: Vec<&Column> =
            targets.into_iter().zip(&defaults).filter(|(_, default)| !**default).map(|(column, _)| column).collect();
        if targets.is_empty() {
            refuse(rows.len() != 1, "several rows of defaults only")?;
            return Ok(Values { targets, sql: " DEFAULT VALUES".to_owned() });
        }
        debug_assert!(targets.iter().all(|column| table.column(&column.name).is_some()));
        Ok(Values { targets, sql: format!(" VALUES {}", lists.join(", ")) })
    }

    /// An expression as a value for a column.
    pub(super) fn assignment(&mut self, expr: &Expr, column: &Column, scope: &Scope<'_>) -> SqlResult<String> {
        let typed = self.expression(expr, scope, Some(column.ty))?;
        assigned(&typed, column)
    }

    /// The text of ON CONFLICT, and whether it updates.
    fn on_conflict(
        &mut self,
        on: &OnInsert,
        table: &Table,
        target: Relation,
        alias: &str,
    ) -> SqlResult<(String, bool)> {
        let OnInsert::OnConflict(OnConflict { conflict_target, action }) = on else {
            return Err(SqlError::syntax("syntax error in ON CONFLICT"));
        };
        let arbiter = match conflict_target {
            None => String::new(),
            Some(ConflictTarget::Columns(columns)) => {
                let mut names = Vec::new();
                for column in columns {
                    let name = folded(column);
                    table.column(&name).ok_or_else(|| undefined_column(&format!("\"{name}\"")))?;
                    names.push(quoted(&name));
                }
                format!(" ({})", names.join(", "))
            }
            Some(ConflictTarget::OnConstraint(name)) => {
                let name = relation_name(name)?;
                let indexes = self.sqlite(catalog::indexes(self.conn, &table.name))?;
                let index = indexes.into_iter().find(|index| index.unique && index.name == name);
                let columns =
                    index.and_then(|index| index.columns.into_iter().collect::<Option<Vec<_>>>()).ok_or_else(|| {
                        let message = format!("constraint \"{name}\" for table \"{}\" does not exist", table.name);
                        SqlError::new(state::UNDEFINED_OBJECT, message)
                    })?;
                format!(" ({})", columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", "))
            }
        };
        let DoUpdate { assignments, selection } = match action {
            OnConflictAction::DoNothing => return Ok((format!(" ON CONFLICT{arbiter} DO NOTHING"), false)),
            OnConflictAction::DoUpdate(update) => update,
        };
        if arbiter.is_empty() {
            return Err(SqlError::syntax("ON CONFLICT DO UPDATE requires inference specification or constraint name"));
        }
        let mut excluded = Relation::of_table(table, "excluded".to_owned(), "excluded.");
        excluded.qualified_only = true;
        let scope = Scope::new(vec![target, excluded], None);
        let set = self.assignments(assignments, table, &scope)?;
        let condition = selection.as_ref().map(|condition| self.condition(condition, &scope, "WHERE")).transpose()?;
        // First whether this statement wrote the row before, which Postgres refuses; only then the condition.
        let once = format!("pg_once({alias}.{})", row_id(table)?);
        let condition = format!("CASE WHEN {once} THEN {} END", condition.unwrap_or_else(|| "1".to_owned()));
        Ok((format!(" ON CONFLICT{arbiter} DO UPDATE SET {set} WHERE {condition}"), true))
    }

    /// The list of SET.
    pub(super) fn assignments(
        &mut self,
        assignments: &[Assignment],
        table: &Table,
        scope: &Scope<'_>,
    ) -> SqlResult<String> {
        let mut sets: Vec<String> = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        for Assignment { target, value } in assignments {
            let pairs: Vec<(&ObjectName, &Expr)> = match (target, value) {
                (AssignmentTarget::ColumnName(name), value) => vec![(name, value)],
                (AssignmentTarget::Tuple(names), Expr::Tuple(values)) if names.len() == values.len() => {
                    names.iter().zip(values).collect()
                }
                (AssignmentTarget::Tuple(names), Expr::Nested(value)) if names.len() == 1 => vec![(&names[0], value)],
                (AssignmentTarget::Tuple(_), Expr::Tuple(_)) => {
                    return Err(SqlError::syntax("number of columns does not match number of values"));
                }
                (AssignmentTarget::Tuple(_), _) => {
                    return Err(SqlError::unsupported("assigning a subquery or ROW() to several columns"));
                }
            };
            for (name, value) in pairs {
                let (qualifier, name) = schema_and_name(name)?;
                refuse(qualifier.is_some(), "assigning to a part of a column")?;
                let missing = || {
                    let message = format!("column \"{name}\" of relation \"{}\" does not exist", table.name);
                    SqlError::new(state::UNDEFINED_COLUMN, message)
                };
                let column = table.column(&name).ok_or_else(missing)?;
                if seen.contains(&name) {
                    return Err(SqlError::syntax(format!("multiple assignments to same column \"{name}\"")));
                }
                let value = if is_default(value) {
                    column.default.clone().map_or_else(|| "NULL".to_owned(), |default| format!("({default})"))
                } else {
                    refuse_generated(column)?;
                    self.assignment(value, column, scope)?
                };
                sets.push(format!("{} = {value}", quoted(&name)));
                seen.push(name);
            }
        }
        Ok(sets.join(", "))
    }

    /// The text of RETURNING, and its columns.
    pub(super) fn returning(
        &mut self,
        items: Option<&[SelectItem]>,
        table: &Table,
        name: &str,
    ) -> SqlResult<(String, Vec<Output>)> {
        let Some(items) = items else { return Ok((String::new(), Vec::new())) };
        let scope = Scope::bare(Relation::of_table(table, name.to_owned(), ""));
        let (outputs, columns): (Vec<_>, Vec<_>) = self.outputs(items, &scope)?.into_iter().unzip();
        let columns: Vec<String> = columns.into_iter().map(|typed: Typed| typed.sql).collect();
        Ok((format!(" RETURNING {}", columns.join(", ")), outputs))
    }
}

struct Values<'t> {
    targets: Vec<&'t Column>,
    /// From the blank before VALUES or SELECT.
    sql: String,
}

/// The row number of SQLite under a name that no column has.
pub(super) fn row_id(table: &Table) -> SqlResult<&'static str> {
    let free = ["_rowid_", "rowid", "oid"]
        .into_iter()
        .find(|name| !table.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name)));
    free.ok_or_else(|| SqlError::unsupported("a table with columns _rowid_, rowid and oid"))
}

fn target_columns<'t>(table: &'t Table, names: &[ObjectName]) -> SqlResult<Vec<&'t Column>> {
    if names.is_empty() {
        return Ok(table.columns.iter().collect());
    }
    let mut targets: Vec<&Column> = Vec::new();
    for name in names {
        let (_, name) = schema_and_name(name)?;
        let column = table.column(&name).ok_or_else(|| {
            let message = format!("column \"{name}\" of relation \"{}\" does not exist", table.name);
            SqlError::new(state::UNDEFINED_COLUMN, message)
        })?;
        if targets.iter().any(|other| other.name == name) {
            return Err(SqlError::new(state::DUPLICATE_COLUMN, format!("column \"{name}\" specified more than once")));
        }
        targets.push(column);
    }
    Ok(targets)
}

/// As many targets as there are values: without a column list there may be fewer values.
fn counted<'t>(targets: &[&'t Column], values: usize, named: bool) -> SqlResult<Vec<&'t Column>> {
    if values > targets.len() {
        return Err(SqlError::syntax("INSERT has more expressions than target columns"));
    }
    if named && values < targets.len() {
        return Err(SqlError::syntax("INSERT has more target columns than expressions"));
    }
    Ok(targets[..values].to_vec())
}

/// An expression cast as assignments cast, and fitted to the length of `varchar(n)`.
fn assigned(typed: &Typed, column: &Column) -> SqlResult<String> {
    let cast = cast(typed, column.ty, Context::Assignment)?.ok_or_else(|| {
        let message = format!(
            "column \"{}\" is of type {} but expression is of type {}",
            column.name,
            column.ty.name(),
            typed.ty.name()
        );
        SqlError::datatype(message).hint("You will need to rewrite or cast the expression.")
    })?;
    Ok(match column.length {
        Some(length) => format!("pg_fitted({}, {length})", cast.sql),
        None => cast.sql,
    })
}

fn refuse_generated(column: &Column) -> SqlResult<()> {
    if !column.always_generated {
        return Ok(());
    }
    let message = format!("cannot insert a non-DEFAULT value into column \"{}\"", column.name);
    Err(SqlError::new(state::GENERATED_ALWAYS, message))
}

/// sqlparser reads the word DEFAULT as a name.
fn is_default(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(name) if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("default"))
}
