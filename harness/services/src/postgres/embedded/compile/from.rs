//! FROM: tables, subqueries, common table expressions, joins, and functions that return rows.

use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Join, JoinConstraint, JoinOperator, ObjectName, TableAlias,
    TableAliasColumnDef, TableFactor, TableFunctionArgs, TableWithJoins,
};

use super::super::catalog::{self, literal as text_literal, quoted};
use super::super::error::{SqlError, SqlResult, state};
use super::super::types::{Scalar, SqlType};
use super::expression::Typed;
use super::operator::comparable;
use super::scope::{Relation, RelationColumn, Scope};
use super::{Compiler, Output, Slot, data_type, folded, refuse, relation_name, schema_and_name, undefined_table};

/// A table of WITH in sight.
pub(super) struct Cte {
    pub(super) name: String,
    pub(super) alias: String,
    pub(super) outputs: Vec<Output>,
}

/// Array parameters unrolled side by side: what SQLite reads rows from, and their columns.
pub(super) struct ParameterRows {
    pub(super) from: String,
    pub(super) columns: Vec<Typed>,
    alias: String,
}

impl Compiler<'_> {
    /// The text after FROM, empty if there is nothing, and the relations in it.
    pub(super) fn from(
        &mut self,
        items: &[TableWithJoins],
        outer: Option<&Scope<'_>>,
    ) -> SqlResult<(String, Vec<Relation>)> {
        let (mut sql, mut relations) = (Vec::new(), Vec::new());
        for item in items {
            let (text, found) = self.joined(item, &relations, outer)?;
            sql.push(text);
            for relation in found {
                add(&mut relations, relation)?;
            }
        }
        Ok((sql.join(", "), relations))
    }

    /// One item of FROM with its joins. `before` are the relations that functions in it may look at.
    fn joined(
        &mut self,
        item: &TableWithJoins,
        before: &[Relation],
        outer: Option<&Scope<'_>>,
    ) -> SqlResult<(String, Vec<Relation>)> {
        let TableWithJoins { relation, joins } = item;
        let mut relations: Vec<Relation> = Vec::new();
        let (mut sql, first) = self.factor(relation, before, &relations, outer)?;
        relations.push(first);
        for join in joins {
            let Join { relation, global: false, join_operator } = join else {
                return Err(SqlError::syntax("syntax error in a join"));
            };
            let (word, constraint, left_nullable, right_nullable) = join_word(join_operator)?;
            refuse(left_nullable && !before.is_empty(), "RIGHT and FULL joins behind a comma")?;
            let (text, mut right) = self.factor(relation, before, &relations, outer)?;
            let condition = match constraint {
                JoinConstraint::None if word == "CROSS JOIN" => String::new(),
                JoinConstraint::None => return Err(SqlError::syntax("syntax error: a join needs ON or USING")),
                JoinConstraint::On(condition) => {
                    let mut in_sight = relations.clone();
                    add(&mut in_sight, right.clone())?;
                    let scope = Scope::new(in_sight, outer);
                    format!(" ON {}", self.condition(condition, &scope, "JOIN/ON")?)
                }
                JoinConstraint::Using(columns) => {
                    refuse(left_nullable, "RIGHT and FULL joins with USING")?;
                    format!(" ON {}", using(columns, &relations, &mut right)?)
                }
                JoinConstraint::Natural => return Err(SqlError::unsupported("NATURAL joins")),
            };
            if left_nullable {
                relations.iter_mut().for_each(Relation::make_nullable);
            }
            if right_nullable {
                right.make_nullable();
            }
            add(&mut relations, right)?;
            sql = format!("{sql} {word} {text}{condition}");
        }
        Ok((sql, relations))
    }

    fn factor(
        &mut self,
        factor: &TableFactor,
        before: &[Relation],
        beside: &[Relation],
        outer: Option<&Scope<'_>>,
    ) -> SqlResult<(String, Relation)> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version: None,
                with_ordinality,
                partitions,
                json_path: None,
                sample: None,
                index_hints,
            } if with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty() => match args {
                None => self.named_relation(name, alias.as_ref()),
                Some(TableFunctionArgs { args, settings: None }) => {
                    let scope = lateral(before, beside, outer);
                    self.row_function(name, args, *with_ordinality, alias.as_ref(), &scope)
                }
                Some(_) => Err(SqlError::syntax("syntax error in FROM")),
            },
            TableFactor::Function { lateral: _, name, args, with_ordinality, alias } => {
                let scope = lateral(before, beside, outer);
                self.row_function(name, args, *with_ordinality, alias.as_ref(), &scope)
            }
            TableFactor::UNNEST {
                alias,
                array_exprs,
                with_offset: false,
                with_offset_alias: None,
                with_ordinality,
            } => {
                let scope = lateral(before, beside, outer);
                self.unnest(&array_exprs.iter().collect::<Vec<_>>(), *with_ordinality, alias.as_ref(), &scope)
            }
            TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
                let selected = self.query(subquery, outer, &[])?;
                let sql_alias = self.alias();
                let relation = relation_of(selected.outputs, alias.as_ref(), "unnamed_subquery", &sql_alias)?;
                Ok((format!("({}) AS {sql_alias}", selected.sql), relation))
            }
            TableFactor::Derived { lateral: true, .. } => Err(SqlError::unsupported("LATERAL subqueries")),
            other => Err(SqlError::unsupported(format!("{other} in FROM"))),
        }
    }

    /// A table, or a table of WITH.
    fn named_relation(&mut self, name: &ObjectName, alias: Option<&TableAlias>) -> SqlResult<(String, Relation)> {
        let (schema, bare) = schema_and_name(name)?;
        let sql_alias = self.alias();
        if schema.is_none()
            && let Some(cte) = self.ctes.iter().rev().find(|cte| cte.name == bare)
        {
            let relation = relation_of(cte.outputs.clone(), alias, &bare, &sql_alias)?;
            return Ok((format!("{} AS {sql_alias}", cte.alias), relation));
        }
        if let Some(view) = system_view(schema.as_deref(), &bare, &self.identity.database) {
            let outputs = view.columns.iter().map(|name| Output {
                name: (*name).to_owned(),
                ty: Scalar::Name.into(),
                length: None,
            });
            let relation = relation_of(outputs.collect(), alias, &bare, &sql_alias)?;
            return Ok((format!("({}) AS {sql_alias}", view.sql), relation));
        }
        refuse(
            schema.as_deref() == Some("pg_catalog") || schema.as_deref() == Some("information_schema"),
            &format!("{name}"),
        )?;
        let bare = relation_name(name)?;
        let table = self.sqlite(catalog::table(self.conn, &bare))?;
        let Some(table) = table else {
            // Tables of pg_catalog are in sight by their bare names.
            refuse(bare.starts_with("pg_"), &bare)?;
            return Err(undefined_table(&bare));
        };
        let visible = alias.map_or_else(|| bare.clone(), |alias| folded(&alias.name));
        let mut relation = Relation::of_table(&table, visible, &format!("{sql_alias}."));
        if let Some(alias) = alias {
            rename_columns(&mut relation, alias)?;
        }
        Ok((format!("{} AS {sql_alias}", quoted(&bare)), relation))
    }

    fn row_function(
        &mut self,
        name: &ObjectName,
        args: &[FunctionArg],
        ordinality: bool,
        alias: Option<&TableAlias>,
        scope: &Scope<'_>,
    ) -> SqlResult<(String, Relation)> {
        let (_, name) = schema_and_name(name)?;
        let args = args.iter().map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr),
            _ => Err(SqlError::unsupported(format!("these arguments of {name}"))),
        });
        let args: Vec<&Expr> = args.collect::<SqlResult<_>>()?;
        if name == "unnest" {
            return self.unnest(&args, ordinality, alias, scope);
        }
        refuse(ordinality, &format!("WITH ORDINALITY of {name}"))?;
        match (name.as_str(), args.as_slice()) {
            ("jsonb_to_recordset" | "json_to_recordset", [argument]) => self.recordset(&name, argument, alias, scope),
            ("jsonb_array_elements" | "jsonb_array_elements_text", [argument]) => {
                let document = self.expression(argument, scope, Some(Scalar::Jsonb.into()))?;
                let document = self.implicit(&document, Scalar::Jsonb.into())?;
                let sql_alias = self.alias();
                let text = name.ends_with("_text");
                let value =
                    if text { format!("pg_json_plain({sql_alias}.value)") } else { format!("{sql_alias}.value") };
                let ty = if text { SqlType::TEXT } else { Scalar::Jsonb.into() };
                let relation = function_relation(vec![("value".to_owned(), Typed::new(value, ty))], alias, &name)?;
                Ok((format!("json_each(pg_json_rows({})) AS {sql_alias}", document.sql), relation))
            }
            ("generate_series", [from, to, step @ ..]) if step.len() < 2 => {
                self.series(from, to, step.first().copied(), alias, scope)
            }
            _ => Err(SqlError::unsupported(format!("the function {name} in FROM"))),
        }
    }

    fn series(
        &mut self,
        from: &Expr,
        to: &Expr,
        step: Option<&Expr>,
        alias: Option<&TableAlias>,
        scope: &Scope<'_>,
    ) -> SqlResult<(String, Relation)> {
        let (from, to) = self.operands(from, to, scope)?;
        let step = match step {
            None => 1,
            Some(step) => {
                let step = self.expression(step, scope, Some(from.ty))?;
                let step = step.sql.parse::<i64>().ok().filter(|step| *step > 0);
                step.ok_or_else(|| SqlError::unsupported("generate_series with a step that is no positive constant"))?
            }
        };
        if !(from.ty.is_integer() && to.ty.is_integer()) {
            return Err(SqlError::unsupported("generate_series of anything but integers"));
        }
        let ty = if from.ty.scalar > to.ty.scalar { from.ty } else { to.ty };
        let sql_alias = self.alias();
        let sql = format!(
            "(WITH RECURSIVE n(v) AS (SELECT {0} WHERE {0} <= {1} UNION ALL SELECT v + {step} FROM n WHERE v <= {1} - {step}) SELECT v AS c1 FROM n) AS {sql_alias}",
            from.sql, to.sql
        );
        let column = Typed { sql: format!("{sql_alias}.c1"), ty, not_null: true };
        let relation = function_relation(vec![("generate_series".to_owned(), column)], alias, "generate_series")?;
        Ok((sql, relation))
    }

    /// `jsonb_to_recordset($1) AS t(id bigint, name text)`.
    fn recordset(
        &mut self,
        name: &str,
        argument: &Expr,
        alias: Option<&TableAlias>,
        scope: &Scope<'_>,
    ) -> SqlResult<(String, Relation)> {
        let ty = if name.starts_with("jsonb") { Scalar::Jsonb } else { Scalar::Json };
        let document = self.expression(argument, scope, Some(ty.into()))?;
        let document = self.implicit(&document, ty.into())?;
        let alias = alias.ok_or_else(|| {
            SqlError::syntax("a column definition list is required for functions returning \"record\"")
        })?;
        let sql_alias = self.alias();
        let mut columns = Vec::new();
        for TableAliasColumnDef { name, data_type } in &alias.columns {
            let data_type = data_type.as_ref().ok_or_else(|| {
                SqlError::syntax("a column definition list is required for functions returning \"record\"")
            })?;
            let (ty, length) = data_type::sql_type(data_type)?;
            refuse(length.is_some(), "varchar(n) in a column definition list")?;
            let name = folded(name);
            let sql = format!("pg_json_field({sql_alias}.value, {}, {})", text_literal(&name), ty.code());
            columns.push((name, Typed::new(sql, ty)));
        }
        let plain = TableAlias { columns: Vec::new(), ..alias.clone() };
        let relation = function_relation(columns, Some(&plain), name)?;
        Ok((format!("json_each(pg_json_rows({})) AS {sql_alias}", document.sql), relation))
    }

    fn unnest(
        &mut self,
        arrays: &[&Expr],
        ordinality: bool,
        alias: Option<&TableAlias>,
        scope: &Scope<'_>,
    ) -> SqlResult<(String, Relation)> {
        if let Some(rows) = self.parameter_rows(arrays)? {
            let mut columns: Vec<(String, Typed)> =
                rows.columns.into_iter().map(|typed| ("unnest".to_owned(), typed)).collect();
            if ordinality {
                let number =
                    Typed { sql: format!("({}.value + 1)", rows.alias), ty: Scalar::Int8.into(), not_null: true };
                columns.push(("ordinality".to_owned(), number));
            }
            return Ok((rows.from, function_relation(columns, alias, "unnest")?));
        }
        let [array] = arrays else {
            return Err(SqlError::unsupported("unnest of several arrays that are not all parameters"));
        };
        let array = self.expression(array, scope, None)?;
        if !array.ty.array {
            return Err(SqlError::new(
                state::UNDEFINED_FUNCTION,
                format!("function unnest({}) does not exist", array.ty.name()),
            ));
        }
        let (sql_alias, element) = (self.alias(), SqlType::from(array.ty.scalar));
        let value = Typed::new(format!("pg_array_get({}, {sql_alias}.value, {})", array.sql, element.code()), element);
        let mut columns = vec![("unnest".to_owned(), value)];
        if ordinality {
            columns.push(("ordinality".to_owned(), Typed::new(format!("{sql_alias}.value"), Scalar::Int8)));
        }
        let relation = function_relation(columns, alias, "unnest")?;
        Ok((format!("json_each(pg_array_indexes({}, {})) AS {sql_alias}", array.sql, element.code()), relation))
    }

    /// Array parameters unrolled side by side; `None` if one of the expressions is something else.
    pub(super) fn parameter_rows(&mut self, arrays: &[&Expr]) -> SqlResult<Option<ParameterRows>> {
        let mut parameters = Vec::new();
        for array in arrays {
            match self.array_parameter(array, None)? {
                Some((index, ty)) => parameters.push((index, SqlType::from(ty.scalar))),
                None => return Ok(None),
            }
        }
        let alias = self.alias();
        let variable = self.variable(Slot::Rows(parameters.iter().map(|(index, _)| *index).collect()));
        let columns = parameters.iter().map(|(index, ty)| Typed::new(format!("pg_cell({index}, {alias}.value)"), *ty));
        Ok(Some(ParameterRows { from: format!("rarray({variable}) AS {alias}"), columns: columns.collect(), alias }))
    }
}

/// What a function in FROM may look at: everything to its left.
fn lateral<'o>(before: &[Relation], beside: &[Relation], outer: Option<&'o Scope<'o>>) -> Scope<'o> {
    Scope::new(before.iter().chain(beside).cloned().collect(), outer)
}

fn add(relations: &mut Vec<Relation>, relation: Relation) -> SqlResult<()> {
    if relations.iter().any(|other| other.name == relation.name) {
        let message = format!("table name \"{}\" specified more than once", relation.name);
        return Err(SqlError::new(state::DUPLICATE_ALIAS, message));
    }
    relations.push(relation);
    Ok(())
}

/// The word of SQLite, the condition, and which sides may be filled with nulls.
fn join_word(operator: &JoinOperator) -> SqlResult<(&'static str, &JoinConstraint, bool, bool)> {
    Ok(match operator {
        JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => ("JOIN", constraint, false, false),
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => ("LEFT JOIN", constraint, false, true),
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => {
            ("RIGHT JOIN", constraint, true, false)
        }
        JoinOperator::FullOuter(constraint) => ("FULL JOIN", constraint, true, true),
        JoinOperator::CrossJoin(constraint) => ("CROSS JOIN", constraint, false, false),
        _ => return Err(SqlError::unsupported("this kind of join")),
    })
}

/// The condition of USING; the columns on the right are merged into those on the left.
fn using(columns: &[ObjectName], left: &[Relation], right: &mut Relation) -> SqlResult<String> {
    let scope = Scope::new(left.to_vec(), None);
    let mut tests = Vec::new();
    for column in columns {
        let (_, name) = schema_and_name(column)?;
        let found = scope.column(None, &name)?;
        let missing = || super::scope::undefined_column(&format!("\"{name}\" specified in USING clause"));
        let other = right.columns.iter_mut().find(|column| column.name == name).ok_or_else(missing)?;
        let (l, r) = comparable(&Typed::new(found.sql, found.ty), "=", &Typed::new(other.sql.clone(), other.ty))?;
        refuse(l.ty.is_json(), "USING of json columns")?;
        other.merged = true;
        tests.push(format!("{} = {}", l.sql, r.sql));
    }
    Ok(tests.join(" AND "))
}

fn relation_of(outputs: Vec<Output>, alias: Option<&TableAlias>, name: &str, sql_alias: &str) -> SqlResult<Relation> {
    let columns = outputs.into_iter().enumerate().map(|(position, output)| RelationColumn {
        name: output.name,
        ty: output.ty,
        length: output.length,
        sql: format!("{sql_alias}.c{}", position + 1),
        not_null: false,
        merged: false,
    });
    let name = alias.map_or_else(|| name.to_owned(), |alias| folded(&alias.name));
    let mut relation = Relation { name, columns: columns.collect(), key: Vec::new(), qualified_only: false };
    if let Some(alias) = alias {
        rename_columns(&mut relation, alias)?;
    }
    Ok(relation)
}

/// A function in FROM is known by its alias or its name; a single column takes the alias too.
fn function_relation(columns: Vec<(String, Typed)>, alias: Option<&TableAlias>, name: &str) -> SqlResult<Relation> {
    let single = columns.len() == 1 && (columns[0].0 == name || columns[0].0 == "unnest");
    let columns = columns.into_iter().map(|(name, typed)| RelationColumn {
        name,
        ty: typed.ty,
        length: None,
        sql: typed.sql,
        not_null: typed.not_null,
        merged: false,
    });
    let mut relation =
        Relation { name: name.to_owned(), columns: columns.collect(), key: Vec::new(), qualified_only: false };
    if let Some(alias) = alias {
        relation.name = folded(&alias.name);
        if single {
            relation.columns[0].name.clone_from(&relation.name);
        }
        rename_columns(&mut relation, alias)?;
    }
    Ok(relation)
}

fn rename_columns(relation: &mut Relation, alias: &TableAlias) -> SqlResult<()> {
    let TableAlias { explicit: _, name: _, columns, at: None } = alias else {
        return Err(SqlError::syntax("syntax error in an alias"));
    };
    let names = alias_names(columns, relation.columns.len())?;
    for (column, name) in relation.columns.iter_mut().zip(names) {
        column.name = name;
    }
    Ok(())
}

/// Gives columns the names of an alias: `AS t(a, b)`.
pub(super) fn rename(mut outputs: Vec<Output>, columns: &[TableAliasColumnDef]) -> SqlResult<Vec<Output>> {
    let names = alias_names(columns, outputs.len())?;
    for (output, name) in outputs.iter_mut().zip(names) {
        output.name = name;
    }
    Ok(outputs)
}

fn alias_names(columns: &[TableAliasColumnDef], available: usize) -> SqlResult<Vec<String>> {
    if columns.len() > available {
        let message = format!("table has {available} columns available but {} columns specified", columns.len());
        return Err(SqlError::new(state::INVALID_COLUMN_REFERENCE, message));
    }
    refuse(columns.iter().any(|column| column.data_type.is_some()), "types in this alias")?;
    Ok(columns.iter().map(|column| folded(&column.name)).collect())
}

struct SystemView {
    sql: String,
    columns: &'static [&'static str],
}

/// The views that migrations ask whether a table is there.
fn system_view(schema: Option<&str>, name: &str, database: &str) -> Option<SystemView> {
    let tables = "FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    match (schema, name) {
        (Some("information_schema"), "tables") => Some(SystemView {
            sql: format!(
                "SELECT {} AS c1, 'public' AS c2, name AS c3, 'BASE TABLE' AS c4 {tables}",
                text_literal(database)
            ),
            columns: &["table_catalog", "table_schema", "table_name", "table_type"],
        }),
        (Some("pg_catalog") | None, "pg_tables") => Some(SystemView {
            sql: format!("SELECT 'public' AS c1, name AS c2 {tables}"),
            columns: &["schemaname", "tablename"],
        }),
        _ => None,
    }
}
