//! Casts: which Postgres makes by itself, which in assignments, which only when told to; and the type that several expressions
//! have in common.

use sqlparser::ast::{CastFormat, CastKind, DataType, Expr};

use super::super::error::{SqlError, SqlResult, state};
use super::super::types::{Scalar, SqlType};
use super::data_type::sql_type;
use super::expression::Typed;
use super::scope::Scope;
use super::{Compiler, literal};

/// Who asks for a cast, from strict to generous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Context {
    Implicit,
    /// Into a column.
    Assignment,
    /// `CAST(x AS t)`, `x::t`.
    Explicit,
}

/// The expression as another type; `None` where Postgres does not cast in this context.
pub(super) fn cast(from: &Typed, to: SqlType, context: Context) -> SqlResult<Option<Typed>> {
    if from.ty == to {
        return Ok(Some(from.clone()));
    }
    let sql = match casting(from.ty, to) {
        Some((least, how)) if context >= least => match how {
            How::AsIs => from.sql.clone(),
            // The code first: the expression may hold anything.
            How::Call(template) => template.replace("{code}", &to.code().to_string()).replace("{}", &from.sql),
            How::ThroughText => format!("pg_cast({}, {}, {})", from.sql, from.ty.code(), to.code()),
            How::ToText => format!("pg_text({}, {})", from.sql, from.ty.code()),
            How::Unsupported => {
                return Err(SqlError::unsupported(format!("the cast from {} to {}", from.ty.name(), to.name())));
            }
        },
        _ => return Ok(None),
    };
    Ok(Some(Typed { sql, ty: to, not_null: from.not_null }))
}

enum How {
    AsIs,
    /// `{}` is the expression, `{code}` the target's code.
    Call(&'static str),
    ThroughText,
    ToText,
    Unsupported,
}

/// The least context of a cast, and how it is done: PostgreSQL's `pg_cast` catalog, as far as the types go.
fn casting(from: SqlType, to: SqlType) -> Option<(Context, How)> {
    use Context::{Assignment, Explicit, Implicit};
    use Scalar::{
        Bool, Bytea, Date, Float4, Float8, Int2, Int4, Int8, Interval, Json, Jsonb, Name, Numeric, Text, Timestamp,
        Timestamptz, Uuid, Varchar, Void,
    };
    if from.array || to.array {
        return array_casting(from, to);
    }
    Some(match (from.scalar, to.scalar) {
        (Int2, Int4 | Int8 | Numeric) | (Int4, Int8 | Numeric) | (Int8, Numeric) => (Implicit, How::AsIs),
        (Int4 | Int8 | Numeric, Int2) | (Int8 | Numeric, Int4) | (Numeric, Int8) => {
            (Assignment, How::Call("pg_integer({}, {code})"))
        }
        (Int2 | Int4 | Int8 | Numeric, Float8) => (Implicit, How::Call("CAST({} AS REAL)")),
        (Int2 | Int4 | Int8 | Numeric, Float4) => (Implicit, How::Call("pg_float(CAST({} AS REAL), {code})")),
        (Float4, Float8) => (Implicit, How::AsIs),
        (Float8, Float4) => (Assignment, How::Call("pg_float({}, {code})")),
        (Float4 | Float8, Int2 | Int4 | Int8) => (Assignment, How::Call("pg_rounded({}, {code})")),
        (Float4 | Float8, Numeric) => (Assignment, How::Unsupported),
        (Bool, Int4) => (Explicit, How::AsIs),
        (Int4, Bool) => (Explicit, How::Call("({} <> 0)")),
        (Text | Varchar | Name, Text | Varchar | Name) => (Implicit, How::AsIs),
        (Date, Timestamp | Timestamptz) => (Implicit, How::Call("({} * 86400000000)")),
        (Timestamp, Timestamptz) => (Implicit, How::AsIs),
        (Timestamptz, Timestamp) => (Assignment, How::AsIs),
        (Timestamp | Timestamptz, Date) => (Assignment, How::Call("pg_date_of({})")),
        (Json, Jsonb) => (Assignment, How::ThroughText),
        (Jsonb, Json) => (Assignment, How::AsIs),
        (Jsonb, Bool | Int2 | Int4 | Int8 | Float4 | Float8 | Numeric) => (Explicit, How::Unsupported),
        (Json | Jsonb | Uuid, Text | Varchar) => (Assignment, How::AsIs),
        (Void, Text | Varchar) | (Interval, Text | Varchar) => (Explicit, How::Unsupported),
        (_, Text | Varchar) => (Assignment, How::ToText),
        (
            Text | Varchar | Name,
            Bytea | Bool | Int2 | Int4 | Int8 | Float4 | Float8 | Numeric | Date | Timestamp | Timestamptz | Interval
            | Json | Jsonb | Uuid,
        ) => (Explicit, How::ThroughText),
        _ => return None,
    })
}

fn array_casting(from: SqlType, to: SqlType) -> Option<(Context, How)> {
    if !to.array {
        return to.is_string().then_some((Context::Assignment, How::ToText));
    }
    if !from.array {
        return from.is_string().then_some((Context::Explicit, How::ThroughText));
    }
    let (least, _) = casting(from.scalar.into(), to.scalar.into())?;
    Some((least, How::ThroughText))
}

/// The type that both sides of a comparison take, as far as Postgres has such an operator.
pub(super) fn common(left: SqlType, right: SqlType) -> Option<SqlType> {
    if left == right {
        return Some(left);
    }
    if left.array || right.array {
        let (a, b) = (SqlType::from(left.scalar), SqlType::from(right.scalar));
        return (left.array && right.array && a.is_string() && b.is_string())
            .then_some(SqlType::array_of(Scalar::Text));
    }
    if left.is_number() && right.is_number() {
        // A float on one side makes it double precision; otherwise the wider of the two.
        return Some(if left.is_float() || right.is_float() {
            Scalar::Float8.into()
        } else if left.scalar > right.scalar {
            left
        } else {
            right
        });
    }
    if left.is_string() && right.is_string() {
        return Some(SqlType::TEXT);
    }
    (left.is_datetime() && right.is_datetime()).then_some(if left.scalar > right.scalar { left } else { right })
}

/// What Postgres says when a cast is not to be had.
pub(super) fn cannot_cast(from: SqlType, to: SqlType) -> SqlError {
    SqlError::new(state::CANNOT_COERCE, format!("cannot cast type {} to {}", from.name(), to.name()))
}

impl Compiler<'_> {
    /// The expression cast to `to` where Postgres does so by itself.
    pub(super) fn implicit(&self, typed: &Typed, to: SqlType) -> SqlResult<Typed> {
        cast(typed, to, Context::Implicit)?.ok_or_else(|| {
            SqlError::datatype(format!("argument is of type {} but type {} is expected", typed.ty.name(), to.name()))
        })
    }

    /// `CAST(x AS t)` and `x::t`.
    pub(super) fn explicit_cast(
        &mut self,
        kind: &CastKind,
        expr: &Expr,
        data_type: &DataType,
        format: Option<&CastFormat>,
        scope: &Scope<'_>,
    ) -> SqlResult<Typed> {
        if !matches!(kind, CastKind::Cast | CastKind::DoubleColon) || format.is_some() {
            return Err(SqlError::syntax("syntax error in a cast"));
        }
        let (to, length) = sql_type(data_type)?;
        if let Some(typed) = self.cast_of_numeric(expr, to, scope)? {
            return Ok(typed);
        }
        let from = self.expression(expr, scope, Some(to))?;
        let mut typed = cast(&from, to, Context::Explicit)?.ok_or_else(|| cannot_cast(from.ty, to))?;
        if let Some(length) = length {
            typed.sql = format!("pg_cut({}, {length})", typed.sql);
        }
        Ok(typed)
    }

    /// `EXTRACT(...)::t`: numeric in Postgres, which is not served, but exact enough in double precision once cast.
    fn cast_of_numeric(&mut self, expr: &Expr, to: SqlType, scope: &Scope<'_>) -> SqlResult<Option<Typed>> {
        let mut inner = expr;
        while let Expr::Nested(nested) = inner {
            inner = nested;
        }
        let Expr::Extract { field, expr, .. } = inner else { return Ok(None) };
        if !(to.is_integer() || to.is_float()) {
            return Ok(None);
        }
        let part = self.date_part(&field.to_string(), expr, scope)?;
        cast(&part, to, Context::Explicit)
    }

    /// Expressions that share one type (a VALUES column, the branches of CASE, the arguments of COALESCE): constants and
    /// parameters take the type of the others, or the wanted one.
    pub(super) fn unified(
        &mut self,
        exprs: &[&Expr],
        scope: &Scope<'_>,
        wanted: Option<SqlType>,
        what: &str,
    ) -> SqlResult<(Vec<Typed>, SqlType)> {
        let mut typed: Vec<Option<Typed>> = Vec::with_capacity(exprs.len());
        let mut ty: Option<SqlType> = None;
        for expr in exprs {
            if self.is_flexible(expr) {
                typed.push(None);
                continue;
            }
            let one = self.expression(expr, scope, wanted)?;
            ty = Some(match ty {
                None => one.ty,
                Some(so_far) => common(so_far, one.ty).ok_or_else(|| {
                    SqlError::datatype(format!(
                        "{what} types {} and {} cannot be matched",
                        so_far.name(),
                        one.ty.name()
                    ))
                })?,
            });
            typed.push(Some(one));
        }
        let hint = ty.or(wanted);
        for (slot, expr) in typed.iter_mut().zip(exprs) {
            if slot.is_none() {
                let one = self.expression(expr, scope, hint)?;
                let widest = match ty {
                    None => one.ty,
                    // An unknown that took another type than the others (a number beside text) has none in common with them.
                    Some(so_far) => common(so_far, one.ty).ok_or_else(|| {
                        SqlError::datatype(format!(
                            "{what} types {} and {} cannot be matched",
                            so_far.name(),
                            one.ty.name()
                        ))
                    })?,
                };
                ty = Some(widest);
                *slot = Some(one);
            }
        }
        let ty = ty.unwrap_or(SqlType::TEXT);
        let cast = typed.into_iter().flatten().map(|one| self.implicit(&one, ty)).collect::<SqlResult<_>>()?;
        Ok((cast, ty))
    }

    /// A null of a type.
    pub(super) fn null(ty: SqlType) -> Typed {
        Typed { sql: literal::of_value(&rusqlite::types::Value::Null), ty, not_null: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_type_is_the_wider_one() {
        let check = |left: Scalar, right: Scalar, expect: Option<Scalar>| {
            assert_eq!(common(left.into(), right.into()), expect.map(SqlType::from), "{left:?} {right:?}");
        };
        check(Scalar::Int4, Scalar::Int8, Some(Scalar::Int8));
        check(Scalar::Int8, Scalar::Float4, Some(Scalar::Float8));
        check(Scalar::Varchar, Scalar::Text, Some(Scalar::Text));
        check(Scalar::Date, Scalar::Timestamptz, Some(Scalar::Timestamptz));
        check(Scalar::Text, Scalar::Int4, None);
        check(Scalar::Json, Scalar::Jsonb, None);
    }

    #[test]
    fn text_becomes_a_number_only_when_told_to() {
        let text = Typed { sql: "x".to_owned(), ty: SqlType::TEXT, not_null: true };
        assert!(cast(&text, Scalar::Int8.into(), Context::Assignment).unwrap().is_none());
        assert!(cast(&text, Scalar::Int8.into(), Context::Explicit).unwrap().is_some());
    }
}
