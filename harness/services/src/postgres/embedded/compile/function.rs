//! Functions: a table of those that are one call in SQLite, then those with rules of their own, aggregates and windows.

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
    OrderByExpr, WindowSpec, WindowType,
};

use super::super::catalog::literal as text_literal;
use super::super::error::{SqlError, SqlResult, state};
use super::super::settings::SERVER_VERSION;
use super::super::types::{Scalar, SqlType};
use super::cast::{Context, cast};
use super::expression::Typed;
use super::scope::{Aggregates, Scope};
use super::{Compiler, schema_and_name};

use Scalar::{Bool, Bytea, Date, Float8, Int4, Int8, Interval, Jsonb, Text, Timestamp, Timestamptz, Uuid, Void};

/// One signature: name, arguments, result, and the call with `{0}`, `{1}` for the arguments.
type Signature = (&'static str, &'static [Scalar], Scalar, &'static str);

const SIGNATURES: &[Signature] = &[
    ("lower", &[Text], Text, "lower({0})"),
    ("upper", &[Text], Text, "upper({0})"),
    ("length", &[Text], Int4, "length({0})"),
    ("length", &[Bytea], Int4, "length({0})"),
    ("char_length", &[Text], Int4, "length({0})"),
    ("character_length", &[Text], Int4, "length({0})"),
    ("octet_length", &[Text], Int4, "length(CAST({0} AS BLOB))"),
    ("octet_length", &[Bytea], Int4, "length({0})"),
    ("btrim", &[Text], Text, "trim({0})"),
    ("btrim", &[Text, Text], Text, "trim({0}, {1})"),
    ("trim", &[Text], Text, "trim({0})"),
    ("ltrim", &[Text], Text, "ltrim({0})"),
    ("ltrim", &[Text, Text], Text, "ltrim({0}, {1})"),
    ("rtrim", &[Text], Text, "rtrim({0})"),
    ("rtrim", &[Text, Text], Text, "rtrim({0}, {1})"),
    ("replace", &[Text, Text, Text], Text, "replace({0}, {1}, {2})"),
    ("substr", &[Text, Int8], Text, "pg_substring({0}, {1})"),
    ("substr", &[Text, Int8, Int8], Text, "pg_substring({0}, {1}, {2})"),
    ("substring", &[Text, Int8], Text, "pg_substring({0}, {1})"),
    ("substring", &[Text, Int8, Int8], Text, "pg_substring({0}, {1}, {2})"),
    ("left", &[Text, Int8], Text, "pg_left({0}, {1})"),
    ("right", &[Text, Int8], Text, "pg_right({0}, {1})"),
    ("strpos", &[Text, Text], Int4, "pg_position({0}, {1})"),
    ("starts_with", &[Text, Text], Bool, "pg_starts_with({0}, {1})"),
    ("repeat", &[Text, Int8], Text, "pg_repeat({0}, {1})"),
    ("split_part", &[Text, Text, Int8], Text, "pg_split_part({0}, {1}, {2})"),
    ("round", &[Float8], Float8, "pg_round({0})"),
    ("floor", &[Float8], Float8, "pg_floor({0})"),
    ("ceil", &[Float8], Float8, "pg_ceil({0})"),
    ("ceiling", &[Float8], Float8, "pg_ceil({0})"),
    ("mod", &[Int4, Int4], Int4, "pg_modulo({0}, {1})"),
    ("mod", &[Int8, Int8], Int8, "pg_modulo({0}, {1})"),
    ("now", &[], Timestamptz, "pg_now()"),
    ("current_timestamp", &[], Timestamptz, "pg_now()"),
    ("transaction_timestamp", &[], Timestamptz, "pg_now()"),
    ("localtimestamp", &[], Timestamp, "pg_now()"),
    ("current_date", &[], Date, "pg_date_of(pg_now())"),
    ("statement_timestamp", &[], Timestamptz, "pg_clock()"),
    ("clock_timestamp", &[], Timestamptz, "pg_clock()"),
    ("date_trunc", &[Text, Timestamptz], Timestamptz, "pg_time_truncate({0}, {1})"),
    ("date_trunc", &[Text, Timestamp], Timestamp, "pg_time_truncate({0}, {1})"),
    ("date_part", &[Text, Timestamptz], Float8, "pg_time_part({0}, {1})"),
    ("date_part", &[Text, Timestamp], Float8, "pg_time_part({0}, {1})"),
    ("to_timestamp", &[Float8], Timestamptz, "pg_time_from_epoch({0})"),
    ("gen_random_uuid", &[], Uuid, "pg_uuid(randomblob(16))"),
    ("uuid_generate_v4", &[], Uuid, "pg_uuid(randomblob(16))"),
    ("jsonb_typeof", &[Jsonb], Text, "pg_json_typeof({0})"),
    ("jsonb_array_length", &[Jsonb], Int4, "pg_json_length({0})"),
    ("nextval", &[Text], Int8, "pg_nextval({0})"),
    ("currval", &[Text], Int8, "pg_currval({0})"),
    ("lastval", &[], Int8, "pg_lastval()"),
    ("setval", &[Text, Int8], Int8, "pg_setval({0}, {1}, 1)"),
    ("setval", &[Text, Int8, Bool], Int8, "pg_setval({0}, {1}, {2})"),
    ("pg_backend_pid", &[], Int4, "pg_backend()"),
    ("pg_is_in_recovery", &[], Bool, "0"),
    ("pg_advisory_lock", &[Int8], Void, "iif(pg_advise({0}, 1, 0), '', '')"),
    ("pg_advisory_xact_lock", &[Int8], Void, "iif(pg_advise({0}, 1, 1), '', '')"),
    ("pg_try_advisory_lock", &[Int8], Bool, "pg_advise({0}, 0, 0)"),
    ("pg_try_advisory_xact_lock", &[Int8], Bool, "pg_advise({0}, 0, 1)"),
    ("pg_advisory_unlock", &[Int8], Bool, "pg_unadvise({0})"),
    ("pg_advisory_unlock_all", &[], Void, "pg_unadvise_all()"),
];

/// The arguments of a call that has nothing but arguments.
pub(super) fn plain_arguments(function: &Function) -> SqlResult<Vec<&Expr>> {
    let no_extras = function.filter.is_none() && function.over.is_none() && function.within_group.is_empty();
    let arguments = call_arguments(function)?;
    if !no_extras || arguments.distinct || !arguments.order.is_empty() || arguments.wildcard {
        return Err(SqlError::unsupported(format!("this form of the function {}", function.name)));
    }
    Ok(arguments.exprs)
}

struct Arguments<'a> {
    exprs: Vec<&'a Expr>,
    wildcard: bool,
    distinct: bool,
    order: &'a [OrderByExpr],
}

fn call_arguments(function: &Function) -> SqlResult<Arguments<'_>> {
    let Function {
        name,
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args,
        within_group: _,
        filter: _,
        null_treatment: None,
        over: _,
    } = function
    else {
        return Err(SqlError::unsupported(format!("this form of the function {}", function.name)));
    };
    let mut arguments = Arguments { exprs: Vec::new(), wildcard: false, distinct: false, order: &[] };
    let list = match args {
        FunctionArguments::None => return Ok(arguments),
        FunctionArguments::Subquery(_) => return Err(SqlError::unsupported(format!("{name} of a subquery"))),
        FunctionArguments::List(list) => list,
    };
    arguments.distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    for argument in &list.args {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => arguments.exprs.push(expr),
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => arguments.wildcard = true,
            _ => return Err(SqlError::unsupported("named arguments")),
        }
    }
    for clause in &list.clauses {
        match clause {
            FunctionArgumentClause::OrderBy(order) => arguments.order = order,
            _ => return Err(SqlError::unsupported(format!("this clause of the function {name}"))),
        }
    }
    Ok(arguments)
}

fn no_function(name: &str, types: &[SqlType]) -> SqlError {
    let types: Vec<String> = types.iter().map(|ty| ty.name()).collect();
    let message = format!("function {name}({}) does not exist", types.join(", "));
    // Postgres has many more functions than this server.
    SqlError::new(state::UNDEFINED_FUNCTION, message).beyond(true)
}

impl Compiler<'_> {
    pub(super) fn function(
        &mut self,
        function: &Function,
        scope: &Scope<'_>,
        wanted: Option<SqlType>,
    ) -> SqlResult<Typed> {
        let name = match schema_and_name(&function.name)? {
            (None, name) => name,
            (Some(schema), name) if schema == "pg_catalog" || schema == "public" => name,
            (Some(schema), name) => return Err(SqlError::unsupported(format!("the function {schema}.{name}"))),
        };
        if let Some(aggregate) = self.aggregate(&name, function, scope)? {
            return Ok(aggregate);
        }
        if function.over.is_some() {
            return self.window_function(&name, function, scope);
        }
        let arguments = plain_arguments(function)?;
        match (name.as_str(), arguments.as_slice()) {
            ("coalesce", [_, ..]) => {
                let (typed, ty) = self.unified(&arguments, scope, wanted, "COALESCE")?;
                let not_null = typed.iter().any(|one| one.not_null);
                // SQLite's takes two arguments at least.
                let sql = if let [one] = typed.as_slice() {
                    one.sql.clone()
                } else {
                    format!("coalesce({})", joined(&typed))
                };
                Ok(Typed { sql, ty, not_null })
            }
            ("greatest" | "least", [_, ..]) => {
                let (typed, ty) = self.unified(&arguments, scope, wanted, &name.to_uppercase())?;
                if ty.array || ty.is_json() || ty.is(Interval) {
                    return Err(SqlError::unsupported(format!("{name} of type {}", ty.name())));
                }
                Ok(Typed::new(format!("pg_{name}({})", joined(&typed)), ty))
            }
            ("nullif", [left, right]) => {
                let equal = self.compare(left, &sqlparser::ast::BinaryOperator::Eq, right, scope)?;
                let left = self.expression(left, scope, wanted)?;
                Ok(Typed::new(format!("(CASE WHEN {} THEN NULL ELSE {} END)", equal.sql, left.sql), left.ty))
            }
            ("abs", [argument]) => {
                let typed = self.expression(argument, scope, wanted)?;
                if typed.ty.is_float() {
                    return Ok(Typed::new(format!("abs({})", typed.sql), typed.ty));
                }
                if typed.ty.is_integer() {
                    return Ok(Typed::new(
                        format!("pg_integer(iif({0} < 0, -{0}, {0}), {1})", typed.sql, typed.ty.code()),
                        typed.ty,
                    ));
                }
                Err(no_function(&name, &[typed.ty]))
            }
            ("concat", [_, ..]) => self.concat("''", &arguments, scope),
            ("concat_ws", [separator, rest @ ..]) => {
                let separator = self.expression(separator, scope, Some(SqlType::TEXT))?;
                let separator = self.implicit(&separator, SqlType::TEXT)?;
                self.concat(&separator.sql, rest, scope)
            }
            ("to_jsonb", [argument]) => {
                let typed = self.expression(argument, scope, None)?;
                Ok(Typed::new(format!("pg_json_from({}, {})", typed.sql, typed.ty.code()), Jsonb))
            }
            ("jsonb_build_object", pairs) if pairs.len() % 2 == 0 => self.json_object(pairs, scope),
            ("jsonb_build_array", items) => {
                let parts = items.iter().map(|item| self.with_code(item, scope)).collect::<SqlResult<Vec<_>>>()?;
                Ok(Typed::new(format!("pg_json_array({})", parts.join(", ")), Jsonb))
            }
            ("array_length", [array, dimension]) => {
                let dimension = self.expression(dimension, scope, Some(Int4.into()))?;
                if dimension.sql != "1" {
                    return Err(SqlError::unsupported("arrays of several dimensions"));
                }
                self.of_array("pg_array_length", array, scope)
            }
            ("cardinality", [array]) => self.of_array("pg_cardinality", array, scope),
            ("array_append" | "array_cat", [array, more]) => {
                let concat = sqlparser::ast::BinaryOperator::StringConcat;
                self.binary(array, &concat, more, scope, None)
            }
            ("current_user" | "session_user" | "user", []) => self.constant(&self.identity.user.clone(), Scalar::Name),
            ("current_database" | "current_catalog", []) => {
                self.constant(&self.identity.database.clone(), Scalar::Name)
            }
            ("current_schema", []) => self.constant("public", Scalar::Name),
            ("version", []) => self.constant(&format!("PostgreSQL {SERVER_VERSION} (embedded in highwater)"), Text),
            _ => self.call(&name, &arguments, scope),
        }
    }

    fn constant(&self, text: &str, scalar: Scalar) -> SqlResult<Typed> {
        Ok(Typed { sql: text_literal(text), ty: scalar.into(), not_null: true })
    }

    /// A call of one of the [`SIGNATURES`]: the one that needs the fewest casts.
    pub(super) fn call(&mut self, name: &str, arguments: &[&Expr], scope: &Scope<'_>) -> SqlResult<Typed> {
        let mut typed: Vec<Option<Typed>> = Vec::new();
        for argument in arguments {
            typed.push(if self.is_flexible(argument) { None } else { Some(self.expression(argument, scope, None)?) });
        }
        let mut best: Option<(usize, &Signature)> = None;
        for signature in SIGNATURES.iter().filter(|s| s.0 == name && s.1.len() == arguments.len()) {
            let mut exact = 0;
            let mut fits = true;
            for (argument, scalar) in typed.iter().zip(signature.1) {
                if let Some(argument) = argument {
                    exact += usize::from(argument.ty.is(*scalar));
                    fits &= cast(argument, (*scalar).into(), Context::Implicit)?.is_some();
                }
            }
            if fits && best.is_none_or(|(so_far, _)| exact > so_far) {
                best = Some((exact, signature));
            }
        }
        let Some((_, (_, scalars, result, template))) = best else {
            let types: Vec<SqlType> =
                typed.iter().map(|one| one.as_ref().map_or(SqlType::TEXT, |one| one.ty)).collect();
            return Err(no_function(name, &types));
        };
        let mut sql = Vec::new();
        for ((one, argument), scalar) in typed.into_iter().zip(arguments).zip(*scalars) {
            let one = match one {
                Some(one) => one,
                None => self.expression(argument, scope, Some((*scalar).into()))?,
            };
            sql.push(self.implicit(&one, (*scalar).into())?.sql);
        }
        Ok(Typed::new(filled(template, &sql), *result))
    }

    fn concat(&mut self, separator: &str, arguments: &[&Expr], scope: &Scope<'_>) -> SqlResult<Typed> {
        let parts = arguments.iter().map(|argument| self.with_code(argument, scope)).collect::<SqlResult<Vec<_>>>()?;
        Ok(Typed::new(format!("pg_concat({separator}, {})", parts.join(", ")), Text))
    }

    /// An argument followed by the code of its type, for functions that take any.
    fn with_code(&mut self, argument: &Expr, scope: &Scope<'_>) -> SqlResult<String> {
        let typed = self.expression(argument, scope, None)?;
        Ok(format!("{}, {}", typed.sql, typed.ty.code()))
    }

    fn json_object(&mut self, pairs: &[&Expr], scope: &Scope<'_>) -> SqlResult<Typed> {
        let mut parts = Vec::new();
        for pair in pairs.chunks_exact(2) {
            let key = self.expression(pair[0], scope, Some(SqlType::TEXT))?;
            let key = self.implicit(&key, SqlType::TEXT)?;
            parts.push(format!("{}, {}", key.sql, self.with_code(pair[1], scope)?));
        }
        Ok(Typed::new(format!("pg_json_object({})", parts.join(", ")), Jsonb))
    }

    fn of_array(&mut self, function: &str, array: &Expr, scope: &Scope<'_>) -> SqlResult<Typed> {
        let array = self.expression(array, scope, None)?;
        if !array.ty.array {
            return Err(no_function(function.trim_start_matches("pg_"), &[array.ty]));
        }
        let code = SqlType::from(array.ty.scalar).code();
        Ok(Typed::new(format!("{function}({}, {code})", array.sql), Int4))
    }

    /// An aggregate, plain or over a window; `None` if the name is of none.
    fn aggregate(&mut self, name: &str, function: &Function, scope: &Scope<'_>) -> SqlResult<Option<Typed>> {
        const NAMES: &[&str] = &[
            "count",
            "sum",
            "avg",
            "min",
            "max",
            "bool_and",
            "bool_or",
            "every",
            "array_agg",
            "string_agg",
            "jsonb_agg",
        ];
        if !NAMES.contains(&name) {
            return Ok(None);
        }
        let over = match &function.over {
            None => None,
            Some(WindowType::WindowSpec(spec)) => Some(spec),
            Some(WindowType::NamedWindow(_)) => return Err(SqlError::unsupported("named windows")),
        };
        if over.is_none() {
            match scope.aggregates.get() {
                Aggregates::Allowed => scope.has_aggregate.set(true),
                Aggregates::Inside => {
                    return Err(SqlError::new(state::GROUPING_ERROR, "aggregate function calls cannot be nested"));
                }
                Aggregates::ForbiddenIn(clause) => {
                    let message = format!("aggregate functions are not allowed in {clause}");
                    return Err(SqlError::new(state::GROUPING_ERROR, message));
                }
            }
        }
        refuse_within_group(function)?;
        let inside = if over.is_none() { Aggregates::Inside } else { scope.aggregates.get() };
        let (call, ty) = scope.with_aggregates(inside, || self.aggregate_call(name, function, scope))?;
        let filter = match &function.filter {
            None => String::new(),
            Some(filter) => {
                let condition = scope.with_aggregates(inside, || self.expression(filter, scope, Some(Bool.into())))?;
                format!(" FILTER (WHERE {})", self.implicit(&condition, Bool.into())?.sql)
            }
        };
        let Some(spec) = over else {
            // A float's sum may leave the range of its type.
            let checked = call.starts_with("pg_sum_float");
            let sql =
                if checked { format!("pg_float({call}{filter}, {})", ty.code()) } else { format!("{call}{filter}") };
            return Ok(Some(Typed { sql, ty, not_null: name == "count" }));
        };
        if call.starts_with("pg_") {
            return Err(SqlError::unsupported(format!("{name} of type {} over a window", ty.name())));
        }
        let window = self.window(spec, scope)?;
        Ok(Some(Typed::new(format!("{call}{filter} OVER ({window})"), ty)))
    }

    fn aggregate_call(&mut self, name: &str, function: &Function, scope: &Scope<'_>) -> SqlResult<(String, SqlType)> {
        let arguments = call_arguments(function)?;
        if arguments.wildcard {
            if name == "count" && arguments.exprs.is_empty() && !arguments.distinct {
                return Ok(("count(*)".to_owned(), Int8.into()));
            }
            return Err(SqlError::syntax(format!("{name}(*) must be count(*)")));
        }
        let Some((first, rest)) = arguments.exprs.split_first() else {
            return Err(no_function(name, &[]));
        };
        let typed = self.expression(first, scope, if name == "string_agg" { Some(SqlType::TEXT) } else { None })?;
        if arguments.distinct && typed.ty.is_json() {
            return Err(SqlError::unsupported("DISTINCT of json"));
        }
        let distinct = if arguments.distinct { "DISTINCT " } else { "" };
        let order = self.order_inside(arguments.order, scope)?;
        let none = || no_function(name, &[typed.ty]);
        let x = &typed.sql;
        let one = |function: &str| format!("{function}({distinct}{x}{order})");
        let ty = typed.ty;
        if name == "string_agg" {
            let [separator] = rest else { return Err(none()) };
            let separator = self.expression(separator, scope, Some(SqlType::TEXT))?;
            if !(ty.is_string() && separator.ty.is_string()) {
                return Err(none());
            }
            return Ok((format!("string_agg({distinct}{x}, {}{order})", separator.sql), Text.into()));
        }
        if !rest.is_empty() {
            return Err(none());
        }
        match name {
            "count" => Ok((one("count"), Int8.into())),
            "min" | "max" if ty.is_number() || ty.is_datetime() => Ok((one(name), ty)),
            "min" | "max" if ty.is_string() => Ok((one(name), Text.into())),
            "sum" if ty.is(Int8) || ty.is(Scalar::Numeric) => Ok((one("sum"), Scalar::Numeric.into())),
            "sum" if ty.is_integer() => Ok((one("sum"), Int8.into())),
            "sum" if ty.is(Float8) => Ok((one("pg_sum_float"), ty)),
            "avg" if ty.is_float() => Ok((one("pg_average_float"), Float8.into())),
            "avg" if ty.is_number() => {
                Err(SqlError::unsupported("avg of integers (it is numeric)").hint("avg(x::double precision)"))
            }
            "bool_and" | "every" if ty.is(Bool) => Ok((one("min"), ty)),
            "bool_or" if ty.is(Bool) => Ok((one("max"), ty)),
            "array_agg" if !ty.array && !ty.is(Interval) => {
                Ok((format!("pg_array_aggregate({distinct}{x}, {}{order})", ty.code()), SqlType::array_of(ty.scalar)))
            }
            "jsonb_agg" => Ok((format!("pg_json_aggregate({distinct}{x}, {}{order})", ty.code()), Jsonb.into())),
            _ => Err(none()),
        }
    }

    /// `ORDER BY` in the arguments of an aggregate.
    fn order_inside(&mut self, order: &[OrderByExpr], scope: &Scope<'_>) -> SqlResult<String> {
        if order.is_empty() {
            return Ok(String::new());
        }
        let mut terms = Vec::new();
        for term in order {
            let typed = self.expression(&term.expr, scope, None)?;
            terms.push(super::select::order_term(&typed, term)?);
        }
        Ok(format!(" ORDER BY {}", terms.join(", ")))
    }

    fn window_function(&mut self, name: &str, function: &Function, scope: &Scope<'_>) -> SqlResult<Typed> {
        let Some(WindowType::WindowSpec(spec)) = &function.over else {
            return Err(SqlError::unsupported("named windows"));
        };
        refuse_within_group(function)?;
        let arguments = call_arguments(function)?;
        if function.filter.is_some() || arguments.distinct || arguments.wildcard || !arguments.order.is_empty() {
            return Err(SqlError::unsupported(format!("this form of the function {name}")));
        }
        let (call, ty) = match (name, arguments.exprs.as_slice()) {
            ("row_number" | "rank" | "dense_rank", []) => (format!("{name}()"), Int8.into()),
            ("lag" | "lead" | "first_value", [argument]) => {
                let typed = self.expression(argument, scope, None)?;
                (format!("{name}({})", typed.sql), typed.ty)
            }
            _ => return Err(SqlError::unsupported(format!("the window function {name}"))),
        };
        let window = self.window(spec, scope)?;
        Ok(Typed::new(format!("{call} OVER ({window})"), ty))
    }

    fn window(&mut self, spec: &WindowSpec, scope: &Scope<'_>) -> SqlResult<String> {
        let WindowSpec { window_name: None, partition_by, order_by, window_frame: None } = spec else {
            return Err(SqlError::unsupported("this form of window"));
        };
        let mut parts = Vec::new();
        if !partition_by.is_empty() {
            let mut terms = Vec::new();
            for expr in partition_by {
                terms.push(self.expression(expr, scope, None)?.sql);
            }
            parts.push(format!("PARTITION BY {}", terms.join(", ")));
        }
        parts.push(self.order_inside(order_by, scope)?);
        Ok(parts.join(" ").trim().to_owned())
    }
}

fn refuse_within_group(function: &Function) -> SqlResult<()> {
    if function.within_group.is_empty() { Ok(()) } else { Err(SqlError::unsupported("WITHIN GROUP")) }
}

fn joined(typed: &[Typed]) -> String {
    typed.iter().map(|one| one.sql.as_str()).collect::<Vec<_>>().join(", ")
}

/// The template with its arguments, in one pass: an argument may hold anything, braces too.
fn filled(template: &str, arguments: &[String]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (number, after) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(number.parse().ok().and_then(|n: usize| arguments.get(n)).map_or("", String::as_str));
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_once() {
        assert_eq!(filled("f({1}, {0})", &["'{1}'".to_owned(), "b".to_owned()]), "f(b, '{1}')");
    }
}
