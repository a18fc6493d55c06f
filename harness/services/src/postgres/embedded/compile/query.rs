//! Queries: WITH, set operations, VALUES, LIMIT and row locks around the SELECTs of [`super::select`].

use sqlparser::ast::{
    Cte, Expr, Fetch, LimitClause, OrderBy, OrderByExpr, OrderByKind, Query, SetExpr, SetOperator, SetQuantifier,
    TableAlias, Value as Literal, Values, With,
};

use super::super::error::{SqlError, SqlResult, state};
use super::super::types::{Scalar, SqlType};
use super::cast::{Context, cast, common};
use super::expression::Typed;
use super::scope::Scope;
use super::select::order_term;
use super::{Compiler, Output, folded, from, refuse};

/// A query for SQLite; its columns are called `c1`, `c2` and so on.
pub(super) struct Selected {
    pub(super) sql: String,
    pub(super) outputs: Vec<Output>,
    /// It has one row at most.
    pub(super) single_row: bool,
}

impl Compiler<'_> {
    /// Compiles a query. `wanted` gives types to constants and parameters that stand alone in its columns.
    pub(super) fn query(
        &mut self,
        query: &Query,
        outer: Option<&Scope<'_>>,
        wanted: &[Option<SqlType>],
    ) -> SqlResult<Selected> {
        let Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause: None,
            settings: None,
            format_clause: None,
            pipe_operators,
        } = query
        else {
            return Err(SqlError::syntax("syntax error in a query"));
        };
        refuse(!pipe_operators.is_empty(), "pipe operators")?;
        let ctes = self.ctes.len();
        let with = self.with(with.as_ref(), outer)?;
        let order = order_terms(order_by.as_ref())?;
        let mut selected = match &**body {
            SetExpr::Select(select) => self.select(select, &order, outer, wanted)?,
            other => {
                let combined = self.set_expression(other, outer, wanted)?;
                ordered(combined, &order)?
            }
        };
        let limit = self.limit(limit_clause.as_ref(), fetch.as_ref())?;
        selected.single_row |= limit == " LIMIT 1";
        selected.sql = format!("{with}{}{limit}", selected.sql);
        if !locks.is_empty() {
            // Whoever holds the write lock holds every row.
            self.exclusive = true;
        }
        self.ctes.truncate(ctes);
        Ok(selected)
    }

    fn set_expression(
        &mut self,
        body: &SetExpr,
        outer: Option<&Scope<'_>>,
        wanted: &[Option<SqlType>],
    ) -> SqlResult<Selected> {
        match body {
            SetExpr::Select(select) => self.select(select, &[], outer, wanted),
            SetExpr::Query(query) => self.query(query, outer, wanted),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                self.set_operation(left, *op, *set_quantifier, right, outer, wanted)
            }
            SetExpr::Values(values) => self.values(values, outer, wanted),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                Err(SqlError::unsupported("data-modifying statements in WITH"))
            }
            SetExpr::Table(_) => Err(SqlError::unsupported("TABLE as a query")),
        }
    }

    fn set_operation(
        &mut self,
        left: &SetExpr,
        op: SetOperator,
        quantifier: SetQuantifier,
        right: &SetExpr,
        outer: Option<&Scope<'_>>,
        wanted: &[Option<SqlType>],
    ) -> SqlResult<Selected> {
        let all = match quantifier {
            SetQuantifier::All => true,
            SetQuantifier::Distinct | SetQuantifier::None => false,
            _ => return Err(SqlError::syntax("syntax error in a set operation")),
        };
        let (word, name) = match (op, all) {
            (SetOperator::Union, true) => ("UNION ALL", "UNION"),
            (SetOperator::Union, false) => ("UNION", "UNION"),
            (SetOperator::Intersect, false) => ("INTERSECT", "INTERSECT"),
            (SetOperator::Except, false) => ("EXCEPT", "EXCEPT"),
            _ => return Err(SqlError::unsupported("INTERSECT ALL and EXCEPT ALL")),
        };
        let mut left_side = self.set_expression(left, outer, wanted)?;
        let hints: Vec<Option<SqlType>> = left_side.outputs.iter().map(|output| Some(output.ty)).collect();
        let right_side = self.set_expression(right, outer, &hints)?;
        if left_side.outputs.len() != right_side.outputs.len() {
            return Err(SqlError::syntax(format!("each {name} query must have the same number of columns")));
        }
        let types = |left: &Selected| -> Option<Vec<SqlType>> {
            left.outputs.iter().zip(&right_side.outputs).map(|(l, r)| common(l.ty, r.ty)).collect()
        };
        let common_types = match types(&left_side) {
            Some(types) => types,
            None => {
                // A null or a string on the left may yet take the type of the right.
                let hints: Vec<Option<SqlType>> = right_side.outputs.iter().map(|output| Some(output.ty)).collect();
                left_side = self.set_expression(left, outer, &hints)?;
                types(&left_side).ok_or_else(|| SqlError::datatype(format!("{name} types cannot be matched")))?
            }
        };
        if !all && common_types.iter().any(|ty| ty.is_json()) {
            return Err(SqlError::unsupported(format!("{name} of json values (UNION ALL is served)")));
        }
        let side = |selected: &Selected, body: &SetExpr| -> SqlResult<String> {
            let as_it_is = selected.outputs.iter().zip(&common_types).all(|(output, ty)| output.ty == *ty);
            if as_it_is && matches!(body, SetExpr::Select(_)) {
                // Also what WITH RECURSIVE needs: SQLite looks for the recursion in the FROM of the SELECT itself.
                return Ok(selected.sql.clone());
            }
            let mut columns = Vec::new();
            for (position, (output, ty)) in selected.outputs.iter().zip(&common_types).enumerate() {
                let column = format!("c{}", position + 1);
                let typed = cast(&Typed::new(column.clone(), output.ty), *ty, Context::Implicit)?;
                let typed = typed.ok_or_else(|| SqlError::datatype(format!("{name} types cannot be matched")))?;
                columns.push(format!("{} AS {column}", typed.sql));
            }
            Ok(format!("SELECT {} FROM ({})", columns.join(", "), selected.sql))
        };
        let sql = format!("{} {word} {}", side(&left_side, left)?, side(&right_side, right)?);
        let outputs = left_side.outputs.into_iter().zip(common_types);
        let outputs = outputs.map(|(output, ty)| Output {
            length: output.length.filter(|_| output.ty == ty),
            name: output.name,
            ty,
        });
        Ok(Selected { sql, outputs: outputs.collect(), single_row: false })
    }

    fn values(
        &mut self,
        values: &Values,
        outer: Option<&Scope<'_>>,
        wanted: &[Option<SqlType>],
    ) -> SqlResult<Selected> {
        let rows: Vec<&Vec<Expr>> = values.rows.iter().map(|row| &row.content).collect();
        let width = rows.first().map_or(0, |row| row.len());
        if rows.iter().any(|row| row.len() != width) {
            return Err(SqlError::syntax("VALUES lists must all be the same length"));
        }
        let scope = Scope::new(Vec::new(), outer);
        let (mut columns, mut outputs) = (Vec::new(), Vec::new());
        for position in 0..width {
            let exprs: Vec<&Expr> = rows.iter().map(|row| &row[position]).collect();
            let (typed, ty) = self.unified(&exprs, &scope, wanted.get(position).copied().flatten(), "VALUES")?;
            columns.push(typed);
            outputs.push(Output { name: format!("column{}", position + 1), ty, length: None });
        }
        let lists = (0..rows.len()).map(|row| {
            let cells: Vec<&str> = columns.iter().map(|column| column[row].sql.as_str()).collect();
            format!("({})", cells.join(", "))
        });
        let lists = lists.collect::<Vec<_>>().join(", ");
        let names: Vec<String> = (1..=width).map(|number| format!("column{number} AS c{number}")).collect();
        let sql = format!("SELECT {} FROM (VALUES {lists})", names.join(", "));
        Ok(Selected { sql, outputs, single_row: rows.len() == 1 })
    }

    /// Compiles the tables of a WITH and brings them in sight; the text ends in a blank, or is empty.
    pub(super) fn with(&mut self, with: Option<&With>, outer: Option<&Scope<'_>>) -> SqlResult<String> {
        let Some(With { with_token: _, recursive, cte_tables }) = with else { return Ok(String::new()) };
        let mut parts = Vec::new();
        for cte in cte_tables {
            let Cte { alias, query, from: None, materialized: _, closing_paren_token: _ } = cte else {
                return Err(SqlError::syntax("syntax error in WITH"));
            };
            let alias_sql = self.alias();
            let recursion = if *recursive { recursion_start(query) } else { None };
            if let Some(start) = recursion {
                // The part before UNION gives the types of the rows that the part after it reads.
                let start = self.set_expression(start, outer, &[])?;
                self.ctes.push(from::Cte {
                    name: folded(&alias.name),
                    alias: alias_sql.clone(),
                    outputs: renamed(start.outputs, alias)?,
                });
            }
            let selected = self.query(query, outer, &[])?;
            if recursion.is_some() {
                self.ctes.pop();
            }
            let columns: Vec<String> = (1..=selected.outputs.len()).map(|number| format!("c{number}")).collect();
            let columns = if columns.is_empty() { String::new() } else { format!("({})", columns.join(", ")) };
            parts.push(format!("{alias_sql}{columns} AS ({})", selected.sql));
            self.ctes.push(from::Cte {
                name: folded(&alias.name),
                alias: alias_sql,
                outputs: renamed(selected.outputs, alias)?,
            });
        }
        let word = if *recursive { "WITH RECURSIVE" } else { "WITH" };
        Ok(format!("{word} {} ", parts.join(", ")))
    }

    fn limit(&mut self, limit: Option<&LimitClause>, fetch: Option<&Fetch>) -> SqlResult<String> {
        let (count, offset) = match limit {
            None => (None, None),
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) if limit_by.is_empty() => {
                (limit.as_ref(), offset.as_ref().map(|offset| &offset.value))
            }
            Some(_) => return Err(SqlError::syntax("syntax error in LIMIT")),
        };
        let one = Expr::Value(Literal::Number("1".to_owned(), false).into());
        let count = match fetch {
            None => count,
            Some(Fetch { with_ties: false, percent: false, quantity }) => Some(quantity.as_ref().unwrap_or(&one)),
            Some(_) => return Err(SqlError::unsupported("FETCH ... WITH TIES")),
        };
        if count.is_none() && offset.is_none() {
            return Ok(String::new());
        }
        let count = match count {
            None => "-1".to_owned(),
            Some(count) => self.row_count(count, "pg_limit")?,
        };
        let offset = offset.map(|offset| self.row_count(offset, "pg_offset")).transpose()?;
        Ok(format!(" LIMIT {count}{}", offset.map_or_else(String::new, |offset| format!(" OFFSET {offset}"))))
    }

    fn row_count(&mut self, expr: &Expr, function: &str) -> SqlResult<String> {
        let scope = Scope::new(Vec::new(), None);
        let typed = self.expression(expr, &scope, Some(Scalar::Int8.into()))?;
        let typed = self.implicit(&typed, Scalar::Int8.into())?;
        Ok(if typed.sql.parse::<u64>().is_ok() { typed.sql } else { format!("{function}({})", typed.sql) })
    }
}

fn order_terms(order: Option<&OrderBy>) -> SqlResult<Vec<&OrderByExpr>> {
    match order {
        None => Ok(Vec::new()),
        Some(OrderBy { kind: OrderByKind::Expressions(terms), interpolate: None }) => Ok(terms.iter().collect()),
        Some(_) => Err(SqlError::syntax("syntax error in ORDER BY")),
    }
}

/// Sorts the rows of a set operation, by names or numbers of its columns.
fn ordered(selected: Selected, order: &[&OrderByExpr]) -> SqlResult<Selected> {
    if order.is_empty() {
        return Ok(selected);
    }
    let mut terms = Vec::new();
    for term in order {
        let position = output_position(&term.expr, &selected.outputs)?.ok_or_else(|| {
            SqlError::unsupported("ORDER BY of a set operation by anything but its column names and numbers")
        })?;
        let typed = Typed::new((position + 1).to_string(), selected.outputs[position].ty);
        terms.push(order_term(&typed, term)?);
    }
    let columns: Vec<String> = (1..=selected.outputs.len()).map(|number| format!("c{number}")).collect();
    let sql = format!("SELECT {} FROM ({}) ORDER BY {}", columns.join(", "), selected.sql, terms.join(", "));
    Ok(Selected { sql, ..selected })
}

/// The output column that a term of ORDER BY or GROUP BY names by number or name.
pub(super) fn output_position(expr: &Expr, outputs: &[Output]) -> SqlResult<Option<usize>> {
    match expr {
        Expr::Value(value) => {
            let Literal::Number(digits, _) = &value.value else { return Ok(None) };
            let position = digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            let position = position.filter(|position| *position < outputs.len());
            position.map(Some).ok_or_else(|| {
                SqlError::new(state::INVALID_COLUMN_REFERENCE, format!("position {digits} is not in select list"))
            })
        }
        Expr::Identifier(name) => Ok(outputs.iter().position(|output| output.name == folded(name))),
        _ => Ok(None),
    }
}

/// What WITH RECURSIVE starts from, if the query is `start UNION [ALL] step`.
fn recursion_start(query: &Query) -> Option<&SetExpr> {
    match &*query.body {
        SetExpr::SetOperation { left, op: SetOperator::Union, .. } => Some(left),
        _ => None,
    }
}

fn renamed(outputs: Vec<Output>, alias: &TableAlias) -> SqlResult<Vec<Output>> {
    let TableAlias { explicit: _, name: _, columns, at: None } = alias else {
        return Err(SqlError::syntax("syntax error in an alias"));
    };
    from::rename(outputs, columns)
}
