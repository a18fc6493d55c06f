//! Expressions: each node of the syntax tree to SQL of SQLite with the type Postgres gives it.

use sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, CeilFloorKind, DateTimeField, Expr, Ident, Interval, ObjectName, Query,
    Subscript, TrimWhereField, TypedString, UnaryOperator, Value as Literal,
};

use super::super::codec;
use super::super::error::{SqlError, SqlResult, state};
use super::super::types::{Scalar, SqlType};
use super::data_type::sql_type;
use super::scope::{Aggregates, Found, Scope};
use super::{Compiler, Slot, bool_type, folded, literal};

/// An expression of SQLite and its type in Postgres.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub(super) sql: String,
    pub(super) ty: SqlType,
    /// Known not to be null: sorting then needs no word on nulls, and can use an index.
    pub(super) not_null: bool,
}

impl Typed {
    pub(super) fn new(sql: impl Into<String>, ty: impl Into<SqlType>) -> Self {
        Self { sql: sql.into(), ty: ty.into(), not_null: false }
    }
}

impl Compiler<'_> {
    /// Compiles an expression. `wanted` gives a type to constants and parameters that have none of their own; it does not cast.
    pub(super) fn expression(&mut self, expr: &Expr, scope: &Scope<'_>, wanted: Option<SqlType>) -> SqlResult<Typed> {
        let mark = scope.mark();
        let typed = self.node(expr, scope, wanted)?;
        scope.completed(&typed.sql, mark);
        Ok(typed)
    }

    /// A condition: boolean, in a clause where aggregates are not allowed unless it is HAVING.
    pub(super) fn condition(&mut self, expr: &Expr, scope: &Scope<'_>, clause: &'static str) -> SqlResult<String> {
        let aggregates = if clause == "HAVING" { Aggregates::Allowed } else { Aggregates::ForbiddenIn(clause) };
        let typed = scope.with_aggregates(aggregates, || self.expression(expr, scope, Some(bool_type())))?;
        if typed.ty != bool_type() {
            let message = format!("argument of {clause} must be type boolean, not type {}", typed.ty.name());
            return Err(SqlError::datatype(message));
        }
        Ok(typed.sql)
    }

    fn truth(&mut self, expr: &Expr, scope: &Scope<'_>) -> SqlResult<Typed> {
        let typed = self.expression(expr, scope, Some(bool_type()))?;
        self.implicit(&typed, bool_type())
    }

    /// Whether the expression takes its type from where it stands.
    pub(super) fn is_flexible(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Nested(inner) => self.is_flexible(inner),
            Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => {
                matches!(&**expr, Expr::Value(v) if matches!(v.value, Literal::Number(..))) && self.is_flexible(expr)
            }
            Expr::Value(value) => match &value.value {
                Literal::Null => true,
                Literal::Number(digits, _) => digits.parse::<i64>().is_err(),
                Literal::Placeholder(name) => {
                    let index = name.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok());
                    index.and_then(|index| self.parameters.get(index.wrapping_sub(1))).is_none_or(Option::is_none)
                }
                other => literal::string(other).is_some(),
            },
            _ => false,
        }
    }

    fn node(&mut self, expr: &Expr, scope: &Scope<'_>, wanted: Option<SqlType>) -> SqlResult<Typed> {
        match expr {
            Expr::Identifier(name) => Ok(column(scope.column(None, &folded(name))?)),
            Expr::CompoundIdentifier(parts) => self.qualified_column(parts, scope),
            Expr::Nested(inner) => self.expression(inner, scope, wanted),
            Expr::Value(value) => self.literal(&value.value, wanted),
            Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax: false }) => {
                let text = literal::string(&value.value).ok_or_else(|| SqlError::unsupported("this constant"))?;
                literal::from_string(text, sql_type(data_type)?.0)
            }
            Expr::Interval(interval) => interval_literal(interval),
            Expr::Cast { kind, expr, data_type, format } => {
                self.explicit_cast(kind, expr, data_type, format.as_ref(), scope)
            }
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right, scope, wanted),
            Expr::UnaryOp { op, expr } => self.unary(op, expr, scope, wanted),
            Expr::IsNull(inner) => self.is_null(inner, "IS NULL", scope),
            Expr::IsNotNull(inner) => self.is_null(inner, "IS NOT NULL", scope),
            Expr::IsTrue(inner) => self.is_truth(inner, "IS TRUE", scope),
            Expr::IsNotTrue(inner) => self.is_truth(inner, "IS NOT TRUE", scope),
            Expr::IsFalse(inner) => self.is_truth(inner, "IS FALSE", scope),
            Expr::IsNotFalse(inner) => self.is_truth(inner, "IS NOT FALSE", scope),
            Expr::IsUnknown(inner) => self.is_truth(inner, "IS NULL", scope),
            Expr::IsNotUnknown(inner) => self.is_truth(inner, "IS NOT NULL", scope),
            Expr::IsDistinctFrom(left, right) => self.distinct(left, right, true, scope),
            Expr::IsNotDistinctFrom(left, right) => self.distinct(left, right, false, scope),
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated, scope),
            Expr::InSubquery { expr, subquery, negated } => self.in_subquery(expr, subquery, *negated, scope),
            Expr::Between { expr, negated, low, high } => self.between(expr, low, high, *negated, scope),
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_deref(), *negated, false, scope)
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_deref(), *negated, true, scope)
            }
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, is_some: _ } => {
                self.any(left, right, false, scope)
            }
            Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => self.any(left, right, true, scope),
            Expr::Case { case_token: _, end_token: _, operand, conditions, else_result } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), scope, wanted)
            }
            Expr::Exists { subquery, negated } => self.exists(subquery, *negated, scope),
            Expr::Subquery(query) => self.scalar_subquery(query, scope, wanted),
            Expr::Function(function) => self.function(function, scope, wanted),
            Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.call("ceil", &[expr], scope)
            }
            Expr::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.call("floor", &[expr], scope)
            }
            Expr::Position { expr, r#in } => self.call("strpos", &[r#in, expr], scope),
            Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                self.substring(expr, substring_from.as_deref(), substring_for.as_deref(), scope)
            }
            Expr::Trim { trim_where, trim_what, expr, trim_characters: None } => {
                let name = match trim_where {
                    None | Some(TrimWhereField::Both) => "btrim",
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                };
                let arguments: Vec<&Expr> = std::iter::once(&**expr).chain(trim_what.as_deref()).collect();
                self.call(name, &arguments, scope)
            }
            Expr::AtTimeZone { timestamp, time_zone } => self.at_time_zone(timestamp, time_zone, scope),
            Expr::Extract { .. } => {
                Err(SqlError::unsupported("EXTRACT without a cast to an integer or double precision (it is numeric)"))
            }
            Expr::Array(array) => self.array_constructor(&array.elem, scope, wanted),
            Expr::CompoundFieldAccess { root, access_chain } => self.subscript(root, access_chain, scope),
            Expr::Tuple(_) => Err(SqlError::unsupported("rows as values")),
            other => Err(SqlError::unsupported(format!("the expression {other}"))),
        }
    }

    fn qualified_column(&mut self, parts: &[Ident], scope: &Scope<'_>) -> SqlResult<Typed> {
        match parts {
            [relation, name] => Ok(column(scope.column(Some(&folded(relation)), &folded(name))?)),
            [schema, relation, name] if folded(schema) == "public" => {
                Ok(column(scope.column(Some(&folded(relation)), &folded(name))?))
            }
            _ => Err(SqlError::unsupported("names of more than two parts")),
        }
    }

    fn literal(&mut self, value: &Literal, wanted: Option<SqlType>) -> SqlResult<Typed> {
        match value {
            Literal::Null => Ok(Self::null(wanted.unwrap_or(SqlType::TEXT))),
            Literal::Boolean(truth) => {
                Ok(Typed { sql: i64::from(*truth).to_string(), ty: bool_type(), not_null: true })
            }
            Literal::Number(digits, false) => literal::number(digits, wanted),
            Literal::Placeholder(name) => self.parameter(name, wanted),
            other => match literal::string(other) {
                Some(text) => literal::from_string(text, wanted.unwrap_or(SqlType::TEXT)),
                None => Err(SqlError::unsupported(format!("the constant {other}"))),
            },
        }
    }

    fn parameter(&mut self, name: &str, wanted: Option<SqlType>) -> SqlResult<Typed> {
        let index = self.parameter_index(name)?;
        let ty = *self.parameters[index].get_or_insert(wanted.unwrap_or(SqlType::TEXT));
        Ok(Typed::new(self.variable(Slot::Parameter(index)), ty))
    }

    fn unary(
        &mut self,
        op: &UnaryOperator,
        expr: &Expr,
        scope: &Scope<'_>,
        wanted: Option<SqlType>,
    ) -> SqlResult<Typed> {
        match op {
            UnaryOperator::Not => Ok(Typed::new(format!("(NOT {})", self.truth(expr, scope)?.sql), Scalar::Bool)),
            UnaryOperator::Plus => self.expression(expr, scope, wanted),
            UnaryOperator::Minus => {
                // A constant with its sign is one constant: -32768 is a smallint although 32768 is not.
                if let Expr::Value(value) = expr
                    && let Literal::Number(digits, false) = &value.value
                {
                    return literal::number(&format!("-{digits}"), wanted);
                }
                let typed = self.expression(expr, scope, wanted)?;
                if typed.ty.is_float() {
                    return Ok(Typed::new(format!("(- {})", typed.sql), typed.ty));
                }
                if !typed.ty.is_integer() {
                    return Err(SqlError::unsupported(format!("the negative of type {}", typed.ty.name())));
                }
                Ok(Typed::new(format!("pg_integer(- {}, {})", typed.sql, typed.ty.code()), typed.ty))
            }
            other => Err(SqlError::unsupported(format!("the operator {other}"))),
        }
    }

    fn is_null(&mut self, expr: &Expr, test: &str, scope: &Scope<'_>) -> SqlResult<Typed> {
        if let Some(exists) = self.is_registered(expr, scope)? {
            let sql = if test == "IS NULL" { format!("(NOT {exists})") } else { exists };
            return Ok(Typed::new(sql, Scalar::Bool));
        }
        let typed = self.expression(expr, scope, None)?;
        Ok(Typed { sql: format!("({} {test})", typed.sql), ty: bool_type(), not_null: true })
    }

    fn is_truth(&mut self, expr: &Expr, test: &str, scope: &Scope<'_>) -> SqlResult<Typed> {
        let typed = self.truth(expr, scope)?;
        Ok(Typed { sql: format!("({} {test})", typed.sql), ty: bool_type(), not_null: true })
    }

    fn between(&mut self, expr: &Expr, low: &Expr, high: &Expr, negated: bool, scope: &Scope<'_>) -> SqlResult<Typed> {
        let above = self.compare(expr, &BinaryOperator::GtEq, low, scope)?;
        let below = self.compare(expr, &BinaryOperator::LtEq, high, scope)?;
        let not = if negated { "NOT " } else { "" };
        Ok(Typed::new(format!("({not}({} AND {}))", above.sql, below.sql), Scalar::Bool))
    }

    fn like(
        &mut self,
        expr: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        negated: bool,
        insensitive: bool,
        scope: &Scope<'_>,
    ) -> SqlResult<Typed> {
        let text = Some(SqlType::TEXT);
        let value = self.expression(expr, scope, text)?;
        let pattern = self.expression(pattern, scope, text)?;
        if !(value.ty.is_string() && pattern.ty.is_string()) {
            return Err(super::operator::no_operator(value.ty, "~~", pattern.ty));
        }
        let escape = match escape {
            None => literal::from_string("\\", SqlType::TEXT)?,
            Some(escape) => self.expression(escape, scope, text)?,
        };
        let not = if negated { "NOT " } else { "" };
        let call = format!("pg_like({}, {}, {}, {})", value.sql, pattern.sql, escape.sql, i32::from(insensitive));
        Ok(Typed::new(format!("({not}{call})"), Scalar::Bool))
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
        scope: &Scope<'_>,
        wanted: Option<SqlType>,
    ) -> SqlResult<Typed> {
        let mut tests = Vec::new();
        for when in conditions {
            tests.push(match operand {
                None => self.condition_of_case(&when.condition, scope)?,
                Some(operand) => self.compare(operand, &BinaryOperator::Eq, &when.condition, scope)?.sql,
            });
        }
        let results: Vec<&Expr> = conditions.iter().map(|when| &when.result).chain(otherwise).collect();
        let (results, ty) = self.unified(&results, scope, wanted, "CASE")?;
        let mut sql = String::from("(CASE");
        for (test, result) in tests.iter().zip(&results) {
            sql.push_str(&format!(" WHEN {test} THEN {}", result.sql));
        }
        if otherwise.is_some() {
            sql.push_str(&format!(" ELSE {}", results[tests.len()].sql));
        }
        Ok(Typed::new(sql + " END)", ty))
    }

    fn condition_of_case(&mut self, condition: &Expr, scope: &Scope<'_>) -> SqlResult<String> {
        let typed = self.expression(condition, scope, Some(bool_type()))?;
        if typed.ty != bool_type() {
            let message = format!("argument of CASE/WHEN must be type boolean, not type {}", typed.ty.name());
            return Err(SqlError::datatype(message));
        }
        Ok(typed.sql)
    }

    fn subquery(
        &mut self,
        query: &Query,
        scope: &Scope<'_>,
        wanted: Option<SqlType>,
    ) -> SqlResult<super::query::Selected> {
        if scope.refuses_subqueries() {
            return Err(SqlError::unsupported("subqueries in this clause"));
        }
        self.query(query, Some(scope), &[wanted])
    }

    fn exists(&mut self, query: &Query, negated: bool, scope: &Scope<'_>) -> SqlResult<Typed> {
        let selected = self.subquery(query, scope, None)?;
        let not = if negated { "NOT " } else { "" };
        Ok(Typed { sql: format!("({not}EXISTS ({}))", selected.sql), ty: bool_type(), not_null: true })
    }

    /// SQLite takes the first row of several; Postgres refuses them.
    fn scalar_subquery(&mut self, query: &Query, scope: &Scope<'_>, wanted: Option<SqlType>) -> SqlResult<Typed> {
        let selected = self.subquery(query, scope, wanted)?;
        let [output] = selected.outputs.as_slice() else {
            return Err(SqlError::syntax("subquery must return only one column"));
        };
        let sql = if selected.single_row {
            format!("({})", selected.sql)
        } else {
            // max() of the one value is that value; of none, null.
            format!("(SELECT pg_single(max(c1), count(*)) FROM (SELECT c1 FROM ({}) LIMIT 2))", selected.sql)
        };
        Ok(Typed::new(sql, output.ty))
    }

    pub(super) fn in_subquery(
        &mut self,
        expr: &Expr,
        query: &Query,
        negated: bool,
        scope: &Scope<'_>,
    ) -> SqlResult<Typed> {
        let left: Vec<Typed> = match expr {
            Expr::Tuple(parts) => {
                parts.iter().map(|part| self.expression(part, scope, None)).collect::<SqlResult<_>>()?
            }
            one if self.is_flexible(one) => {
                let selected = self.subquery(query, scope, None)?;
                let wanted = selected.outputs.first().map(|output| output.ty);
                vec![self.expression(one, scope, wanted)?]
            }
            one => vec![self.expression(one, scope, None)?],
        };
        let selected = self.subquery(query, scope, left.first().map(|typed| typed.ty))?;
        if selected.outputs.len() != left.len() {
            return Err(SqlError::syntax("subquery has the wrong number of columns"));
        }
        let mut rights = Vec::new();
        let mut lefts = Vec::new();
        for (position, (typed, output)) in left.iter().zip(&selected.outputs).enumerate() {
            let right = Typed::new(format!("c{}", position + 1), output.ty);
            let (l, r) = super::operator::comparable(typed, "=", &right)?;
            lefts.push(l.sql);
            rights.push(r.sql);
        }
        let lefts = if lefts.len() == 1 { lefts.remove(0) } else { format!("({})", lefts.join(", ")) };
        let not = if negated { "NOT " } else { "" };
        Ok(Typed::new(
            format!("({lefts} {not}IN (SELECT {} FROM ({})))", rights.join(", "), selected.sql),
            Scalar::Bool,
        ))
    }

    fn substring(
        &mut self,
        expr: &Expr,
        from: Option<&Expr>,
        length: Option<&Expr>,
        scope: &Scope<'_>,
    ) -> SqlResult<Typed> {
        match (from, length) {
            (Some(from), Some(length)) => self.call("substring", &[expr, from, length], scope),
            (Some(from), None) => self.call("substring", &[expr, from], scope),
            (None, _) => Err(SqlError::unsupported("substring without FROM")),
        }
    }

    fn at_time_zone(&mut self, timestamp: &Expr, zone: &Expr, scope: &Scope<'_>) -> SqlResult<Typed> {
        let typed = self.expression(timestamp, scope, Some(Scalar::Timestamptz.into()))?;
        let utc = match zone {
            Expr::Value(value) => literal::string(&value.value)
                .is_some_and(|zone| ["utc", "etc/utc", "gmt", "z"].contains(&zone.to_ascii_lowercase().as_str())),
            _ => false,
        };
        if !utc {
            return Err(SqlError::unsupported("time zones other than UTC"));
        }
        match typed.ty.scalar {
            Scalar::Timestamptz if !typed.ty.array => Ok(Typed { ty: Scalar::Timestamp.into(), ..typed }),
            Scalar::Timestamp if !typed.ty.array => Ok(Typed { ty: Scalar::Timestamptz.into(), ..typed }),
            _ => Err(SqlError::unsupported(format!("AT TIME ZONE of type {}", typed.ty.name()))),
        }
    }

    fn array_constructor(&mut self, elements: &[Expr], scope: &Scope<'_>, wanted: Option<SqlType>) -> SqlResult<Typed> {
        let hint = wanted.filter(|wanted| wanted.array).map(|wanted| wanted.scalar.into());
        if elements.is_empty() && hint.is_none() {
            return Err(SqlError::new(state::INDETERMINATE_TYPE, "cannot determine type of empty array"));
        }
        let refs: Vec<&Expr> = elements.iter().collect();
        let (typed, element) = self.unified(&refs, scope, hint, "ARRAY")?;
        let element = if elements.is_empty() { hint.unwrap_or(element) } else { element };
        if element.array {
            return Err(SqlError::unsupported("arrays of several dimensions"));
        }
        let mut sql = format!("pg_array({}", element.code());
        for one in typed {
            sql.push_str(", ");
            sql.push_str(&one.sql);
        }
        Ok(Typed { sql: sql + ")", ty: SqlType::array_of(element.scalar), not_null: true })
    }

    fn subscript(&mut self, root: &Expr, chain: &[AccessExpr], scope: &Scope<'_>) -> SqlResult<Typed> {
        let [AccessExpr::Subscript(Subscript::Index { index })] = chain else {
            return Err(SqlError::unsupported("this access to a part of a value"));
        };
        let array = self.expression(root, scope, None)?;
        if !array.ty.array {
            return Err(SqlError::unsupported(format!("subscripts of type {}", array.ty.name())));
        }
        let index = self.expression(index, scope, Some(Scalar::Int4.into()))?;
        let index = self.implicit(&index, Scalar::Int8.into())?;
        let element = SqlType::from(array.ty.scalar);
        Ok(Typed::new(format!("pg_array_get({}, {}, {})", array.sql, index.sql, element.code()), element))
    }

    /// A field of a date or timestamp, in double precision.
    pub(super) fn date_part(&mut self, field: &str, expr: &Expr, scope: &Scope<'_>) -> SqlResult<Typed> {
        let field = Expr::Value(Literal::SingleQuotedString(field.to_lowercase()).into());
        self.call("date_part", &[&field, expr], scope)
    }

    /// `to_regclass('t')` in a test for null: whether there is such a table.
    fn is_registered(&mut self, expr: &Expr, scope: &Scope<'_>) -> SqlResult<Option<String>> {
        let Expr::Function(function) = expr else { return Ok(None) };
        if function.name != ObjectName::from(Ident::new("to_regclass")) {
            return Ok(None);
        }
        let arguments = super::function::plain_arguments(function)?;
        let [argument] = arguments.as_slice() else { return Ok(None) };
        let name = self.expression(argument, scope, Some(SqlType::TEXT))?;
        let name = format!("replace(replace({}, 'public.', ''), '\"', '')", name.sql);
        let of = |schema: &str| format!("SELECT 1 FROM {schema}.sqlite_schema WHERE name = {name}");
        Ok(Some(format!("EXISTS ({} UNION ALL {})", of("main"), of("temp"))))
    }
}

fn column(found: Found) -> Typed {
    Typed { sql: found.sql, ty: found.ty, not_null: found.not_null }
}

/// `INTERVAL '1 day'`, `INTERVAL '1' DAY`.
fn interval_literal(interval: &Interval) -> SqlResult<Typed> {
    let Interval {
        value,
        leading_field,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    } = interval
    else {
        return Err(SqlError::unsupported("this form of INTERVAL"));
    };
    let text = match &**value {
        Expr::Value(value) => literal::string(&value.value),
        _ => None,
    };
    let text = text.ok_or_else(|| SqlError::syntax("INTERVAL needs a string constant"))?;
    let text = leading_field
        .as_ref()
        .map_or_else(|| text.to_owned(), |field| format!("{text} {}", field.to_string().to_lowercase()));
    let value = codec::from_text(Scalar::Interval.into(), &text)?;
    Ok(Typed { sql: literal::of_value(&value), ty: Scalar::Interval.into(), not_null: true })
}
