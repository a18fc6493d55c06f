//! Operators of two operands: comparison, arithmetic, logic, concatenation, membership.

use sqlparser::ast::{BinaryOperator, Expr, Value as Literal};

use super::super::error::{SqlError, SqlResult, state};
use super::super::types::{Scalar, SqlType};
use super::cast::{Context, cast, common};
use super::data_type::sql_type;
use super::expression::Typed;
use super::scope::Scope;
use super::{Compiler, Slot, bool_type};

/// 42883, as Postgres words it.
pub(super) fn no_operator(left: SqlType, operator: &str, right: SqlType) -> SqlError {
    let message = format!("operator does not exist: {} {operator} {}", left.name(), right.name());
    SqlError::new(state::UNDEFINED_FUNCTION, message)
        .hint("No operator matches the given name and argument types. You might need to add explicit type casts.")
}

/// Both sides in the type that they are compared in.
pub(super) fn comparable(left: &Typed, operator: &str, right: &Typed) -> SqlResult<(Typed, Typed)> {
    let none = || no_operator(left.ty, operator, right.ty);
    let ty = common(left.ty, right.ty).ok_or_else(none)?;
    if ty.is(Scalar::Json) {
        return Err(none());
    }
    let equality = matches!(operator, "=" | "<>");
    if !equality && (ty.array || ty.is(Scalar::Jsonb)) {
        return Err(SqlError::unsupported(format!("the order of values of type {}", ty.name())));
    }
    if ty.is(Scalar::Interval) {
        return Err(SqlError::unsupported("comparing intervals"));
    }
    let side = |typed: &Typed| cast(typed, ty, Context::Implicit)?.ok_or_else(none);
    Ok((side(left)?, side(right)?))
}

/// The type whose operators a type uses: varchar has none of its own.
fn compared_as(ty: SqlType) -> SqlType {
    if ty.scalar == Scalar::Varchar { SqlType { scalar: Scalar::Text, ..ty } } else { ty }
}

impl Compiler<'_> {
    pub(super) fn binary(
        &mut self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        scope: &Scope<'_>,
        wanted: Option<SqlType>,
    ) -> SqlResult<Typed> {
        match op {
            BinaryOperator::And => self.logic(left, "AND", op, right, scope),
            BinaryOperator::Or => self.logic(left, "OR", op, right, scope),
            BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq => self.compare(left, op, right, scope),
            BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::Modulo => self.arithmetic(left, op, right, scope, wanted),
            BinaryOperator::StringConcat => self.concatenation(left, right, scope),
            _ => self.json_operator(left, op, right, scope),
        }
    }

    /// Both operands, each giving a type to the other where that has none.
    pub(super) fn operands(&mut self, left: &Expr, right: &Expr, scope: &Scope<'_>) -> SqlResult<(Typed, Typed)> {
        if self.is_flexible(left) && !self.is_flexible(right) {
            let right = self.expression(right, scope, None)?;
            let left = self.expression(left, scope, Some(compared_as(right.ty)))?;
            return Ok((left, right));
        }
        let left = self.expression(left, scope, None)?;
        let right = self.expression(right, scope, Some(compared_as(left.ty)))?;
        Ok((left, right))
    }

    /// A chain of AND or OR is written flat: SQLite bounds how deep expressions nest.
    fn logic(
        &mut self,
        left: &Expr,
        word: &str,
        op: &BinaryOperator,
        right: &Expr,
        scope: &Scope<'_>,
    ) -> SqlResult<Typed> {
        let mut operands = vec![right];
        let mut rest = left;
        while let Expr::BinaryOp { left, op: inner, right } = rest {
            if inner != op {
                break;
            }
            operands.push(right);
            rest = left;
        }
        operands.push(rest);
        let mut parts = Vec::with_capacity(operands.len());
        for operand in operands.iter().rev() {
            let typed = self.expression(operand, scope, Some(bool_type()))?;
            if typed.ty != bool_type() {
                let message = format!("argument of {word} must be type boolean, not type {}", typed.ty.name());
                return Err(SqlError::datatype(message));
            }
            parts.push(typed.sql);
        }
        Ok(Typed::new(format!("({})", parts.join(&format!(" {word} "))), Scalar::Bool))
    }

    pub(super) fn compare(
        &mut self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        scope: &Scope<'_>,
    ) -> SqlResult<Typed> {
        if let (Expr::Tuple(lefts), Expr::Tuple(rights)) = (left, right) {
            return self.compare_rows(lefts, op, rights, scope);
        }
        let (left, right) = self.operands(left, right, scope)?;
        let operator = if *op == BinaryOperator::NotEq { "<>".to_owned() } else { op.to_string() };
        let (left, right) = comparable(&left, &operator, &right)?;
        let sql = if left.ty.is(Scalar::Jsonb) {
            let not = if operator == "<>" { "NOT " } else { "" };
            format!("({not}pg_json_equal({}, {}))", left.sql, right.sql)
        } else {
            format!("({} {operator} {})", left.sql, right.sql)
        };
        Ok(Typed { sql, ty: bool_type(), not_null: left.not_null && right.not_null })
    }

    /// `(a, b) > ($1, $2)`.
    fn compare_rows(
        &mut self,
        lefts: &[Expr],
        op: &BinaryOperator,
        rights: &[Expr],
        scope: &Scope<'_>,
    ) -> SqlResult<Typed> {
        if lefts.len() != rights.len() {
            return Err(SqlError::syntax("unequal number of entries in row expressions"));
        }
        let operator = if *op == BinaryOperator::NotEq { "<>".to_owned() } else { op.to_string() };
        let (mut l, mut r) = (Vec::new(), Vec::new());
        for (left, right) in lefts.iter().zip(rights) {
            let (left, right) = self.operands(left, right, scope)?;
            let (left, right) = comparable(&left, &operator, &right)?;
            if left.ty.is(Scalar::Jsonb) {
                return Err(SqlError::unsupported("rows with jsonb in comparisons"));
            }
            l.push(left.sql);
            r.push(right.sql);
        }
        Ok(Typed::new(format!("(({}) {operator} ({}))", l.join(", "), r.join(", ")), Scalar::Bool))
    }

    pub(super) fn distinct(
        &mut self,
        left: &Expr,
        right: &Expr,
        distinct: bool,
        scope: &Scope<'_>,
    ) -> SqlResult<Typed> {
        if let (Expr::Tuple(lefts), Expr::Tuple(rights)) = (left, right) {
            if lefts.len() != rights.len() {
                return Err(SqlError::syntax("unequal number of entries in row expressions"));
            }
            let mut parts = Vec::new();
            for (left, right) in lefts.iter().zip(rights) {
                parts.push(self.distinct(left, right, distinct, scope)?.sql);
            }
            let sql = format!("({})", parts.join(if distinct { " OR " } else { " AND " }));
            return Ok(Typed { sql, ty: bool_type(), not_null: true });
        }
        let (left, right) = self.operands(left, right, scope)?;
        let (left, right) = comparable(&left, "=", &right)?;
        let sql = if left.ty.is(Scalar::Jsonb) {
            let not = if distinct { "NOT " } else { "" };
            format!("({not}pg_json_same({}, {}))", left.sql, right.sql)
        } else {
            format!("({} IS {}DISTINCT FROM {})", left.sql, if distinct { "" } else { "NOT " }, right.sql)
        };
        Ok(Typed { sql, ty: bool_type(), not_null: true })
    }

    fn arithmetic(
        &mut self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        scope: &Scope<'_>,
        wanted: Option<SqlType>,
    ) -> SqlResult<Typed> {
        // Two constants or parameters take the type of where they stand: `SET n = $1 + $2`.
        let hint = wanted.filter(|wanted| wanted.is_number());
        let (left, right) = if self.is_flexible(left) && self.is_flexible(right) {
            (self.expression(left, scope, hint)?, self.expression(right, scope, hint)?)
        } else if self.is_flexible(right) && !self.is_flexible(left) {
            let left = self.expression(left, scope, None)?;
            // What is added to a timestamp is an interval unless it says otherwise.
            let hint = match (left.ty.scalar, op) {
                (Scalar::Timestamp | Scalar::Timestamptz, BinaryOperator::Plus) => Scalar::Interval.into(),
                (Scalar::Date, _) => Scalar::Int4.into(),
                (Scalar::Interval, BinaryOperator::Multiply) => Scalar::Float8.into(),
                (Scalar::Jsonb, BinaryOperator::Minus) => SqlType::TEXT,
                _ => left.ty,
            };
            let right = self.expression(right, scope, Some(hint))?;
            (left, right)
        } else if self.is_flexible(left) {
            let right = self.expression(right, scope, None)?;
            let hint = if right.ty.is(Scalar::Interval) && *op == BinaryOperator::Multiply {
                Scalar::Float8.into()
            } else {
                right.ty
            };
            (self.expression(left, scope, Some(hint))?, right)
        } else {
            (self.expression(left, scope, None)?, self.expression(right, scope, None)?)
        };
        if left.ty.is_number() && right.ty.is_number() {
            return number_arithmetic(&left, op, &right);
        }
        if left.ty.is(Scalar::Jsonb) && right.ty.is_string() && *op == BinaryOperator::Minus {
            return Ok(Typed::new(format!("pg_json_without({}, {})", left.sql, right.sql), Scalar::Jsonb));
        }
        time_arithmetic(&left, op, &right)
    }

    fn concatenation(&mut self, left: &Expr, right: &Expr, scope: &Scope<'_>) -> SqlResult<Typed> {
        // What has no type of its own is text, unless the other side concatenates with its like.
        let hint = |other: SqlType| {
            if other.array || other.is(Scalar::Jsonb) || other.is(Scalar::Bytea) { other } else { SqlType::TEXT }
        };
        let (left, right) = if self.is_flexible(left) && !self.is_flexible(right) {
            let right = self.expression(right, scope, None)?;
            (self.expression(left, scope, Some(hint(right.ty)))?, right)
        } else {
            let left = self.expression(left, scope, Some(SqlType::TEXT))?;
            let right = self.expression(right, scope, Some(hint(left.ty)))?;
            (left, right)
        };
        if left.ty.is(Scalar::Jsonb) && right.ty.is(Scalar::Jsonb) {
            return Ok(Typed::new(format!("pg_json_concat({}, {})", left.sql, right.sql), Scalar::Jsonb));
        }
        if left.ty.is(Scalar::Bytea) && right.ty.is(Scalar::Bytea) {
            return Ok(Typed::new(format!("CAST({} || {} AS BLOB)", left.sql, right.sql), Scalar::Bytea));
        }
        if left.ty.array || right.ty.array {
            return array_concatenation(&left, &right);
        }
        if !(left.ty.is_string() || right.ty.is_string()) {
            return Err(no_operator(left.ty, "||", right.ty));
        }
        let text = |typed: &Typed| {
            cast(typed, SqlType::TEXT, Context::Explicit)?.ok_or_else(|| no_operator(left.ty, "||", right.ty))
        };
        Ok(Typed::new(format!("({} || {})", text(&left)?.sql, text(&right)?.sql), Scalar::Text))
    }

    pub(super) fn in_list(&mut self, expr: &Expr, list: &[Expr], negated: bool, scope: &Scope<'_>) -> SqlResult<Typed> {
        let not = if negated { "NOT " } else { "" };
        if let Expr::Tuple(lefts) = expr {
            let mut tests = Vec::new();
            for row in list {
                let Expr::Tuple(rights) = row else {
                    return Err(SqlError::syntax("unequal number of entries in row expressions"));
                };
                tests.push(self.compare_rows(lefts, &BinaryOperator::Eq, rights, scope)?.sql);
            }
            return Ok(Typed::new(format!("({not}({}))", tests.join(" OR ")), Scalar::Bool));
        }
        let all: Vec<&Expr> = std::iter::once(expr).chain(list).collect();
        let (typed, ty) = self.unified(&all, scope, None, "IN")?;
        if ty.is_json() || ty.array || ty.is(Scalar::Interval) {
            return Err(SqlError::unsupported(format!("IN with values of type {}", ty.name())));
        }
        let items: Vec<&str> = typed[1..].iter().map(|one| one.sql.as_str()).collect();
        Ok(Typed::new(format!("({} {not}IN ({}))", typed[0].sql, items.join(", ")), Scalar::Bool))
    }

    /// `x = ANY (array)`, and with `negated` `x <> ALL (array)`; or of a subquery.
    pub(super) fn any(&mut self, left: &Expr, right: &Expr, negated: bool, scope: &Scope<'_>) -> SqlResult<Typed> {
        let mut right = right;
        while let Expr::Nested(inner) = right {
            right = inner;
        }
        match right {
            Expr::Subquery(query) => return self.in_subquery(left, query, negated, scope),
            Expr::Array(array) if !array.elem.is_empty() => return self.in_list(left, &array.elem, negated, scope),
            _ => {}
        }
        if self.is_flexible(left) {
            let array = self.expression(right, scope, None)?;
            let wanted = array.ty.array.then(|| array.ty.scalar.into());
            let left = self.expression(left, scope, wanted)?;
            return membership(&left, &array, negated);
        }
        let left = self.expression(left, scope, None)?;
        if left.ty.array {
            return Err(SqlError::unsupported("arrays of several dimensions"));
        }
        let hint = SqlType::array_of(compared_as(left.ty).scalar);
        if let Some((index, ty)) = self.array_parameter(right, Some(hint))? {
            let element = SqlType::from(ty.scalar);
            let right = Typed::new("", element);
            let (left, _) = comparable(&left, "=", &right)?;
            // Elements are compared as they were bound, so the left side must come to their type, not they to its.
            let same = left.ty == element
                || (left.ty.is_integer() && element.is_integer())
                || (left.ty.is_string() && element.is_string());
            if same && !left.ty.is(Scalar::Jsonb) {
                let variable = self.variable(Slot::Elements(index));
                let not = if negated { "NOT " } else { "" };
                return Ok(Typed::new(format!("({} {not}IN rarray({variable}))", left.sql), Scalar::Bool));
            }
        }
        let array = self.expression(right, scope, Some(hint))?;
        membership(&left, &array, negated)
    }

    /// The parameter behind `$1` or `$1::t[]`, if it is an array.
    pub(super) fn array_parameter(
        &mut self,
        expr: &Expr,
        hint: Option<SqlType>,
    ) -> SqlResult<Option<(usize, SqlType)>> {
        let (placeholder, cast) = match expr {
            Expr::Nested(inner) => return self.array_parameter(inner, hint),
            Expr::Cast { expr, data_type, format: None, .. } => (&**expr, Some(sql_type(data_type)?.0)),
            other => (other, None),
        };
        let Expr::Value(value) = placeholder else { return Ok(None) };
        let Literal::Placeholder(name) = &value.value else { return Ok(None) };
        let index = self.parameter_index(name)?;
        let ty = match (self.parameters[index], cast.or(hint)) {
            (Some(ty), _) | (None, Some(ty)) => ty,
            // Only a function that takes any array leaves an array without a type.
            (None, None) => {
                return Err(SqlError::new(state::AMBIGUOUS_FUNCTION, "function unnest(unknown) is not unique"));
            }
        };
        self.parameters[index] = Some(ty);
        Ok((ty.array && cast.is_none_or(|cast| cast == ty)).then_some((index, ty)))
    }
}

fn number_arithmetic(left: &Typed, op: &BinaryOperator, right: &Typed) -> SqlResult<Typed> {
    let ty = common(left.ty, right.ty).ok_or_else(|| no_operator(left.ty, &op.to_string(), right.ty))?;
    if ty.is(Scalar::Numeric) {
        return Err(SqlError::unsupported("arithmetic on numeric").hint("cast sums of bigint back: sum(x)::bigint"));
    }
    let none = || no_operator(left.ty, &op.to_string(), right.ty);
    let l = cast(left, ty, Context::Implicit)?.ok_or_else(none)?.sql;
    let r = cast(right, ty, Context::Implicit)?.ok_or_else(none)?.sql;
    let code = ty.code();
    let sql = match (op, ty.is_float()) {
        (BinaryOperator::Divide, false) => format!("pg_integer(pg_divide({l}, {r}), {code})"),
        (BinaryOperator::Modulo, false) => format!("pg_modulo({l}, {r})"),
        (_, false) => format!("pg_integer({l} {op} {r}, {code})"),
        (BinaryOperator::Divide, true) => format!("pg_float(pg_divide_float({l}, {r}), {code})"),
        (BinaryOperator::Modulo, true) => return Err(none()),
        (_, true) => format!("pg_float({l} {op} {r}, {code})"),
    };
    Ok(Typed::new(sql, ty))
}

/// Dates, timestamps and intervals.
fn time_arithmetic(left: &Typed, op: &BinaryOperator, right: &Typed) -> SqlResult<Typed> {
    use Scalar::{Date, Interval, Timestamp, Timestamptz};
    if left.ty.array || right.ty.array {
        return Err(no_operator(left.ty, &op.to_string(), right.ty));
    }
    let (l, r) = (&left.sql, &right.sql);
    let stamp = |typed: &Typed| -> SqlResult<Typed> {
        // A date shifted by an interval is a timestamp.
        let ty = if typed.ty.is(Date) { Timestamp.into() } else { typed.ty };
        cast(typed, ty, Context::Implicit)?.ok_or_else(|| no_operator(left.ty, &op.to_string(), right.ty))
    };
    Ok(match (left.ty.scalar, op, right.ty.scalar) {
        (Date | Timestamp | Timestamptz, BinaryOperator::Plus, Interval) => {
            let left = stamp(left)?;
            Typed::new(format!("pg_time_add({}, {r})", left.sql), left.ty)
        }
        (Interval, BinaryOperator::Plus, Date | Timestamp | Timestamptz) => {
            let right = stamp(right)?;
            Typed::new(format!("pg_time_add({}, {l})", right.sql), right.ty)
        }
        (Date | Timestamp | Timestamptz, BinaryOperator::Minus, Interval) => {
            let left = stamp(left)?;
            Typed::new(format!("pg_time_subtract({}, {r})", left.sql), left.ty)
        }
        (Date, BinaryOperator::Plus, _) if right.ty.is_integer() => {
            Typed::new(format!("pg_date_checked({l} + {r})"), Date)
        }
        (_, BinaryOperator::Plus, Date) if left.ty.is_integer() => {
            Typed::new(format!("pg_date_checked({l} + {r})"), Date)
        }
        (Date, BinaryOperator::Minus, _) if right.ty.is_integer() => {
            Typed::new(format!("pg_date_checked({l} - {r})"), Date)
        }
        (Date, BinaryOperator::Minus, Date) => Typed::new(format!("({l} - {r})"), Scalar::Int4),
        (Interval, BinaryOperator::Multiply, _) if right.ty.is_number() => times(left, right)?,
        (_, BinaryOperator::Multiply, Interval) if left.ty.is_number() => times(right, left)?,
        (Date | Timestamp | Timestamptz | Interval, _, Date | Timestamp | Timestamptz | Interval) => {
            return Err(SqlError::unsupported("intervals as results of arithmetic"));
        }
        _ => return Err(no_operator(left.ty, &op.to_string(), right.ty)),
    })
}

fn times(interval: &Typed, factor: &Typed) -> SqlResult<Typed> {
    let factor = cast(factor, Scalar::Float8.into(), Context::Implicit)?
        .ok_or_else(|| no_operator(interval.ty, "*", factor.ty))?;
    Ok(Typed::new(format!("pg_interval_times({}, {})", interval.sql, factor.sql), Scalar::Interval))
}

fn array_concatenation(left: &Typed, right: &Typed) -> SqlResult<Typed> {
    let array = if left.ty.array { left.ty } else { right.ty };
    let code = SqlType::from(array.scalar).code();
    let side = |typed: &Typed| {
        if typed.ty == array {
            return Ok(typed.sql.clone());
        }
        let element = if typed.ty.array { None } else { cast(typed, array.scalar.into(), Context::Implicit)? };
        element
            .map(|element| format!("pg_array({code}, {})", element.sql))
            .ok_or_else(|| no_operator(left.ty, "||", right.ty))
    };
    Ok(Typed::new(format!("pg_array_concat({}, {}, {code})", side(left)?, side(right)?), array))
}

/// An element in an array that is any expression.
fn membership(left: &Typed, array: &Typed, negated: bool) -> SqlResult<Typed> {
    if !array.ty.array {
        return Err(SqlError::new(state::DATATYPE_MISMATCH, "op ANY/ALL (array) requires array on right side"));
    }
    let element = SqlType::from(array.ty.scalar);
    let (compared, _) = comparable(left, "=", &Typed::new("", element))?;
    let same = compared.ty == element
        || (compared.ty.is_integer() && element.is_integer())
        || (compared.ty.is_string() && element.is_string());
    if !same || element.is(Scalar::Jsonb) {
        return Err(SqlError::unsupported(format!("ANY of type {} against type {}", array.ty.name(), left.ty.name())));
    }
    let not = if negated { "NOT " } else { "" };
    Ok(Typed::new(format!("({not}pg_array_has({}, {}, {}))", array.sql, compared.sql, element.code()), Scalar::Bool))
}
