//! Operators on `json` and `jsonb`.

use sqlparser::ast::{BinaryOperator, Expr};

use super::super::error::{SqlError, SqlResult};
use super::super::types::{Scalar, SqlType};
use super::Compiler;
use super::expression::Typed;
use super::operator::no_operator;
use super::scope::Scope;

impl Compiler<'_> {
    pub(super) fn json_operator(
        &mut self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        scope: &Scope<'_>,
    ) -> SqlResult<Typed> {
        let path = SqlType::array_of(Scalar::Text);
        match op {
            BinaryOperator::Arrow => self.step(left, "->", "pg_json_get", None, right, scope),
            BinaryOperator::LongArrow => self.step(left, "->>", "pg_json_get_text", Some(SqlType::TEXT), right, scope),
            BinaryOperator::HashArrow => self.of_document(left, "#>", "pg_json_path", None, right, path, scope),
            BinaryOperator::HashLongArrow => {
                self.of_document(left, "#>>", "pg_json_path_text", Some(SqlType::TEXT), right, path, scope)
            }
            BinaryOperator::AtArrow => self.containment(left, "@>", right, scope),
            BinaryOperator::ArrowAt => self.containment(right, "<@", left, scope),
            BinaryOperator::Question => {
                let has = Some(Scalar::Bool.into());
                self.of_document(left, "?", "pg_json_has", has, right, SqlType::TEXT, scope)
            }
            other => Err(SqlError::unsupported(format!("the operator {other}"))),
        }
    }

    /// `->` and `->>`: a key, or an index.
    fn step(
        &mut self,
        left: &Expr,
        operator: &str,
        function: &str,
        result: Option<SqlType>,
        right: &Expr,
        scope: &Scope<'_>,
    ) -> SqlResult<Typed> {
        let document = self.document(left, scope)?;
        let right = self.expression(right, scope, Some(SqlType::TEXT))?;
        let fits = right.ty.is_string() || right.ty.is(Scalar::Int4) || right.ty.is(Scalar::Int2);
        if !document.ty.is_json() || !fits {
            return Err(no_operator(document.ty, operator, right.ty));
        }
        Ok(Typed::new(format!("{function}({}, {})", document.sql, right.sql), result.unwrap_or(document.ty)))
    }

    #[expect(clippy::too_many_arguments, reason = "one operator, spelled out once")]
    fn of_document(
        &mut self,
        left: &Expr,
        operator: &str,
        function: &str,
        result: Option<SqlType>,
        right: &Expr,
        wanted: SqlType,
        scope: &Scope<'_>,
    ) -> SqlResult<Typed> {
        let document = self.document(left, scope)?;
        let right = self.expression(right, scope, Some(wanted))?;
        let fits = right.ty == wanted || (wanted.is_string() && right.ty.is_string());
        if !document.ty.is_json() || !fits {
            return Err(no_operator(document.ty, operator, right.ty));
        }
        Ok(Typed::new(format!("{function}({}, {})", document.sql, right.sql), result.unwrap_or(document.ty)))
    }

    fn containment(
        &mut self,
        container: &Expr,
        operator: &str,
        contained: &Expr,
        scope: &Scope<'_>,
    ) -> SqlResult<Typed> {
        let (container, contained) = self.operands(container, contained, scope)?;
        if !(container.ty.is(Scalar::Jsonb) && contained.ty.is(Scalar::Jsonb)) {
            let array = container.ty.array || contained.ty.array;
            return Err(if array {
                SqlError::unsupported(format!("the operator {operator} of arrays"))
            } else {
                no_operator(container.ty, operator, contained.ty)
            });
        }
        Ok(Typed::new(format!("pg_json_contains({}, {})", container.sql, contained.sql), Scalar::Bool))
    }

    /// A `jsonb`. Parts of a `json` keep their spelling in Postgres, which is not served.
    fn document(&mut self, expr: &Expr, scope: &Scope<'_>) -> SqlResult<Typed> {
        let document = self.expression(expr, scope, Some(Scalar::Jsonb.into()))?;
        if document.ty.is(Scalar::Json) {
            return Err(SqlError::unsupported("operators of json (cast it to jsonb)"));
        }
        Ok(document)
    }
}
