//! One SELECT: its columns, conditions, groups and order.

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Ident, OrderByExpr, OrderByOptions, OrderBySort, Select, SelectFlavor, SelectItem,
    SelectItemQualifiedWildcardKind, TrimWhereField, Value as Literal, WildcardAdditionalOptions,
};

use super::super::error::{SqlError, SqlResult, state};
use super::super::types::SqlType;
use super::expression::Typed;
use super::query::{Selected, output_position};
use super::scope::{Aggregates, Scope};
use super::{Compiler, Output, data_type, folded, refuse, schema_and_name};

/// A column of the result while the SELECT is compiled.
struct Item {
    output: Output,
    typed: Typed,
}

impl Compiler<'_> {
    pub(super) fn select(
        &mut self,
        select: &Select,
        order: &[&OrderByExpr],
        outer: Option<&Scope<'_>>,
        wanted: &[Option<SqlType>],
    ) -> SqlResult<Selected> {
        let Select {
            select_token: _,
            optimizer_hints: _,
            distinct,
            select_modifiers: None,
            top: None,
            top_before_distinct: _,
            projection,
            exclude: None,
            into: None,
            from,
            lateral_views,
            prewhere: None,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify: None,
            window_before_qualify: _,
            value_table_mode: None,
            flavor: SelectFlavor::Standard,
        } = select
        else {
            return Err(SqlError::unsupported("this form of SELECT"));
        };
        let foreign = lateral_views.len() + connect_by.len() + cluster_by.len() + distribute_by.len() + sort_by.len();
        refuse(foreign > 0, "this form of SELECT")?;
        refuse(!named_window.is_empty(), "named windows")?;

        let unrolled = self.unrolled_items(projection, from.is_empty())?;
        let (mut from_sql, relations) = match &unrolled {
            Some(unrolled) => (unrolled.from.clone(), Vec::new()),
            None => self.from(from, outer)?,
        };
        if !from_sql.is_empty() {
            from_sql = format!(" FROM {from_sql}");
        }
        let scope = Scope::new(relations, outer);
        let condition = selection.as_ref().map(|condition| self.condition(condition, &scope, "WHERE")).transpose()?;
        scope.ungrouped.borrow_mut().clear();

        let groups = self.groups(group_by, projection, &scope)?;
        scope.groups.borrow_mut().clone_from(&groups);
        let items = scope.with_aggregates(Aggregates::Allowed, || -> SqlResult<Vec<Item>> {
            match &unrolled {
                Some(unrolled) => Ok(unrolled
                    .items
                    .iter()
                    .map(|item| Item { output: item.output.clone(), typed: item.typed.clone() })
                    .collect()),
                None => self.items(projection, &scope, wanted),
            }
        })?;
        let having = having.as_ref().map(|having| self.condition(having, &scope, "HAVING")).transpose()?;
        let distinct = match distinct {
            None | Some(Distinct::All) => false,
            Some(Distinct::Distinct) => true,
            Some(Distinct::On(_)) => return Err(SqlError::unsupported("DISTINCT ON")),
        };
        refuse(distinct && items.iter().any(|item| item.typed.ty.is_json()), "DISTINCT of json values")?;
        let order = scope.with_aggregates(Aggregates::Allowed, || self.order(order, &items, distinct, &scope))?;
        scope.check_groups()?;

        let columns: Vec<String> =
            items.iter().enumerate().map(|(i, item)| format!("{} AS c{}", item.typed.sql, i + 1)).collect();
        // A SELECT without columns has rows all the same.
        let columns = if columns.is_empty() { "1".to_owned() } else { columns.join(", ") };
        let mut sql = format!("SELECT {}{columns}{from_sql}", if distinct { "DISTINCT " } else { "" });
        let mut clause = |word: &str, text: Option<String>| {
            if let Some(text) = text {
                sql.push_str(&format!(" {word} {text}"));
            }
        };
        clause("WHERE", condition);
        clause("GROUP BY", (!groups.is_empty()).then(|| groups.join(", ")));
        clause("HAVING", having);
        clause("ORDER BY", (!order.is_empty()).then(|| order.join(", ")));
        let single_row = groups.is_empty() && (scope.has_aggregate.get() || from_sql.is_empty());
        Ok(Selected { sql, outputs: items.into_iter().map(|item| item.output).collect(), single_row })
    }

    /// The columns of a result, `*` written out.
    pub(super) fn outputs(&mut self, projection: &[SelectItem], scope: &Scope<'_>) -> SqlResult<Vec<(Output, Typed)>> {
        Ok(self.items(projection, scope, &[])?.into_iter().map(|item| (item.output, item.typed)).collect())
    }

    fn items(
        &mut self,
        projection: &[SelectItem],
        scope: &Scope<'_>,
        wanted: &[Option<SqlType>],
    ) -> SqlResult<Vec<Item>> {
        let mut items = Vec::new();
        for item in projection {
            let hint = wanted.get(items.len()).copied().flatten();
            match item {
                SelectItem::UnnamedExpr(expr) => items.push(self.item(expr, output_name(expr), scope, hint)?),
                SelectItem::ExprWithAlias { expr, alias } => {
                    check_alias(alias)?;
                    items.push(self.item(expr, folded(alias), scope, hint)?);
                }
                SelectItem::Wildcard(options) => {
                    refuse_wildcard_options(options)?;
                    if scope.relations.is_empty() {
                        return Err(SqlError::syntax("SELECT * with no tables specified is not valid"));
                    }
                    for (index, relation) in scope.relations.iter().enumerate() {
                        if !relation.qualified_only {
                            all_columns(scope, index, false, &mut items);
                        }
                    }
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    refuse_wildcard_options(options)?;
                    let (_, name) = schema_and_name(name)?;
                    let index = scope.relations.iter().position(|relation| relation.name == name).ok_or_else(|| {
                        SqlError::new(state::UNDEFINED_TABLE, format!("missing FROM-clause entry for table \"{name}\""))
                    })?;
                    all_columns(scope, index, true, &mut items);
                }
                other => return Err(SqlError::unsupported(format!("the column {other}"))),
            }
        }
        Ok(items)
    }

    fn item(&mut self, expr: &Expr, name: String, scope: &Scope<'_>, wanted: Option<SqlType>) -> SqlResult<Item> {
        let typed = self.expression(expr, scope, wanted)?;
        let length = column_length(expr, scope);
        Ok(Item { output: Output { name, ty: typed.ty, length }, typed })
    }

    /// The expressions of GROUP BY; a number or the alias of a column means that column.
    fn groups(
        &mut self,
        group_by: &GroupByExpr,
        projection: &[SelectItem],
        scope: &Scope<'_>,
    ) -> SqlResult<Vec<String>> {
        let GroupByExpr::Expressions(exprs, modifiers) = group_by else {
            return Err(SqlError::unsupported("GROUP BY ALL"));
        };
        refuse(!modifiers.is_empty(), "modifiers of GROUP BY")?;
        let mut groups = Vec::new();
        for expr in exprs {
            let meant = group_target(expr, projection, scope)?;
            let typed =
                scope.with_aggregates(Aggregates::ForbiddenIn("GROUP BY"), || self.expression(meant, scope, None))?;
            refuse(typed.ty.is_json(), "GROUP BY of json values")?;
            groups.push(typed.sql);
        }
        scope.ungrouped.borrow_mut().clear();
        Ok(groups)
    }

    fn order(
        &mut self,
        order: &[&OrderByExpr],
        items: &[Item],
        distinct: bool,
        scope: &Scope<'_>,
    ) -> SqlResult<Vec<String>> {
        let outputs: Vec<Output> = items.iter().map(|item| item.output.clone()).collect();
        let mut terms = Vec::new();
        for term in order {
            let typed = match output_position(&term.expr, &outputs)? {
                Some(position) => Typed { sql: (position + 1).to_string(), ..items[position].typed.clone() },
                None => {
                    let typed = self.expression(&term.expr, scope, None)?;
                    match items.iter().position(|item| item.typed.sql == typed.sql) {
                        Some(position) => Typed { sql: (position + 1).to_string(), ..typed },
                        None if distinct => {
                            let message = "for SELECT DISTINCT, ORDER BY expressions must appear in select list";
                            return Err(SqlError::new(state::INVALID_COLUMN_REFERENCE, message));
                        }
                        // A bare constant would be a column number to SQLite.
                        None => Typed { sql: format!("({})", typed.sql), ..typed },
                    }
                }
            };
            terms.push(order_term(&typed, term)?);
        }
        Ok(terms)
    }
}

/// A term of ORDER BY. Postgres sorts nulls as the largest, SQLite as the smallest.
pub(super) fn order_term(typed: &Typed, term: &OrderByExpr) -> SqlResult<String> {
    let OrderByExpr { expr: _, options: OrderByOptions { sort, nulls_first }, with_fill: None } = term else {
        return Err(SqlError::syntax("syntax error in ORDER BY"));
    };
    if typed.ty.array || typed.ty.is_json() {
        return Err(SqlError::unsupported(format!("the order of values of type {}", typed.ty.name())));
    }
    let descending = match sort {
        None | Some(OrderBySort::Asc) => false,
        Some(OrderBySort::Desc) => true,
        Some(OrderBySort::Using(_)) => return Err(SqlError::unsupported("ORDER BY ... USING")),
    };
    let direction = if descending { " DESC" } else { "" };
    let nulls = match (typed.not_null, nulls_first.unwrap_or(descending)) {
        (true, _) => "",
        (false, true) => " NULLS FIRST",
        (false, false) => " NULLS LAST",
    };
    Ok(format!("{}{direction}{nulls}", typed.sql))
}

fn all_columns(scope: &Scope<'_>, relation: usize, qualified: bool, items: &mut Vec<Item>) {
    for column in scope.relations[relation].columns.iter().filter(|column| qualified || !column.merged) {
        let found = scope.reached(relation, column);
        items.push(Item {
            output: Output { name: column.name.clone(), ty: found.ty, length: found.length },
            typed: Typed { sql: found.sql, ty: found.ty, not_null: found.not_null },
        });
    }
}

/// The length of a `varchar(n)` column that is selected as it is.
fn column_length(expr: &Expr, scope: &Scope<'_>) -> Option<u32> {
    let mark = scope.mark();
    let found = match expr {
        Expr::Identifier(name) => scope.column(None, &folded(name)).ok(),
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [relation, name] => scope.column(Some(&folded(relation)), &folded(name)).ok(),
            _ => None,
        },
        _ => None,
    };
    scope.ungrouped.borrow_mut().truncate(mark);
    found.and_then(|found| found.length)
}

fn group_target<'e>(expr: &'e Expr, projection: &'e [SelectItem], scope: &Scope<'_>) -> SqlResult<&'e Expr> {
    let item = |item: &'e SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Ok(expr),
        _ => Err(SqlError::unsupported("GROUP BY a number beside *")),
    };
    match expr {
        Expr::Value(value) => {
            let Literal::Number(digits, _) = &value.value else { return Ok(expr) };
            let position = digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            let target = position.and_then(|position| projection.get(position)).ok_or_else(|| {
                SqlError::new(
                    state::INVALID_COLUMN_REFERENCE,
                    format!("GROUP BY position {digits} is not in select list"),
                )
            })?;
            item(target)
        }
        // A column of the tables comes first, then an alias.
        Expr::Identifier(name) if scope.column(None, &folded(name)).is_err() => {
            let alias = projection.iter().find_map(|item| match item {
                SelectItem::ExprWithAlias { expr, alias } if folded(alias) == folded(name) => Some(expr),
                _ => None,
            });
            Ok(alias.unwrap_or(expr))
        }
        _ => Ok(expr),
    }
}

fn refuse_wildcard_options(options: &WildcardAdditionalOptions) -> SqlResult<()> {
    let plain = WildcardAdditionalOptions { wildcard_token: options.wildcard_token.clone(), ..Default::default() };
    refuse(plain != *options, "options of *")
}

/// sqlparser takes the postfix operators ISNULL and NOTNULL for aliases.
fn check_alias(alias: &Ident) -> SqlResult<()> {
    let operator =
        alias.quote_style.is_none() && matches!(alias.value.to_ascii_lowercase().as_str(), "isnull" | "notnull");
    refuse(operator, "ISNULL and NOTNULL (write IS NULL)")
}

/// The name Postgres gives to a column that has no alias.
pub(super) fn output_name(expr: &Expr) -> String {
    own_name(expr).unwrap_or_else(|| match expr {
        Expr::Nested(inner) => output_name(inner),
        Expr::Cast { data_type, .. } => data_type::sql_type(data_type)
            .map_or_else(|_| unnamed(), |(ty, _)| ty.wire().name().trim_start_matches('_').to_owned()),
        Expr::Case { .. } => "case".to_owned(),
        _ => unnamed(),
    })
}

fn unnamed() -> String {
    "?column?".to_owned()
}

/// The name an expression has of its own: that of a column or function in it.
fn own_name(expr: &Expr) -> Option<String> {
    Some(match expr {
        Expr::Identifier(name) => folded(name),
        Expr::CompoundIdentifier(parts) => folded(parts.last()?),
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => return own_name(inner),
        Expr::CompoundFieldAccess { root, .. } => return own_name(root),
        Expr::Function(function) => schema_and_name(&function.name).ok()?.1,
        Expr::Case { else_result: Some(otherwise), .. } => return own_name(otherwise),
        Expr::Exists { .. } => "exists".to_owned(),
        Expr::Array(_) => "array".to_owned(),
        Expr::Extract { .. } => "extract".to_owned(),
        Expr::Substring { .. } => "substring".to_owned(),
        Expr::Position { .. } => "position".to_owned(),
        Expr::Ceil { .. } => "ceil".to_owned(),
        Expr::Floor { .. } => "floor".to_owned(),
        Expr::AtTimeZone { .. } => "timezone".to_owned(),
        Expr::Interval(_) => "interval".to_owned(),
        Expr::Trim { trim_where, .. } => match trim_where {
            Some(TrimWhereField::Leading) => "ltrim".to_owned(),
            Some(TrimWhereField::Trailing) => "rtrim".to_owned(),
            _ => "btrim".to_owned(),
        },
        Expr::TypedString(typed) => data_type::sql_type(&typed.data_type).ok()?.0.wire().name().to_owned(),
        Expr::Subquery(query) => match &*query.body {
            sqlparser::ast::SetExpr::Select(select) => match select.projection.as_slice() {
                [SelectItem::UnnamedExpr(expr)] => return own_name(expr),
                [SelectItem::ExprWithAlias { alias, .. }] => folded(alias),
                _ => return None,
            },
            _ => return None,
        },
        _ => return None,
    })
}

/// A SELECT whose columns are `unnest($1), unnest($2)`: what it reads, and the columns.
pub(super) struct Unrolled {
    from: String,
    items: Vec<UnrolledItem>,
}

struct UnrolledItem {
    output: Output,
    typed: Typed,
}

impl Compiler<'_> {
    /// Recognises `SELECT unnest($1::t[]), ...` without FROM, which unrolls the arrays side by side.
    fn unrolled_items(&mut self, projection: &[SelectItem], without_from: bool) -> SqlResult<Option<Unrolled>> {
        let mut arguments = Vec::new();
        for item in projection {
            let (expr, name) = match item {
                SelectItem::UnnamedExpr(expr) => (expr, "unnest".to_owned()),
                SelectItem::ExprWithAlias { expr, alias } => (expr, folded(alias)),
                _ => return Ok(None),
            };
            let Expr::Function(function) = expr else { return Ok(None) };
            if !without_from || schema_and_name(&function.name)?.1 != "unnest" {
                return Ok(None);
            }
            match super::function::plain_arguments(function)?.as_slice() {
                [argument] => arguments.push((*argument, name)),
                _ => return Ok(None),
            }
        }
        if arguments.is_empty() {
            return Ok(None);
        }
        let exprs: Vec<&Expr> = arguments.iter().map(|(argument, _)| *argument).collect();
        let rows = self
            .parameter_rows(&exprs)?
            .ok_or_else(|| SqlError::unsupported("unnest of anything but parameters in a SELECT list"))?;
        let items = rows
            .columns
            .into_iter()
            .zip(arguments)
            .map(|(typed, (_, name))| UnrolledItem { output: Output { name, ty: typed.ty, length: None }, typed });
        Ok(Some(Unrolled { from: rows.from, items: items.collect() }))
    }
}
