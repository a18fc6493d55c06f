//! Statements about the session: transactions, settings, and those that change nothing here.

use sqlparser::ast::{
    CloseCursor, ContextModifier, DiscardObject, Expr, Ident, Reset, ResetStatement, Set, SetSessionAuthorizationParam,
    SetSessionAuthorizationParamKind, Statement, TransactionAccessMode, TransactionIsolationLevel, TransactionMode,
    Value as Literal,
};

use super::super::error::{SqlError, SqlResult};
use super::super::types::SqlType;
use super::{Action, Output, folded, literal, schema_and_name};

type Compiled = (Vec<Output>, Action);

pub(super) fn action(statement: &Statement) -> SqlResult<Compiled> {
    let nothing = |tag: &'static str| Action::Nothing { tag, exclusive: false };
    let action = match statement {
        Statement::StartTransaction {
            modes,
            begin: _,
            transaction: _,
            modifier: None,
            statements,
            exception: None,
            has_end_keyword: false,
        } if statements.is_empty() => transaction_modes(modes)?,
        Statement::Commit { chain: false, end: _, modifier: None } => Action::Commit,
        Statement::Rollback { chain: false, savepoint: None } => Action::Rollback,
        Statement::Rollback { chain: false, savepoint: Some(name) } => Action::RollbackTo(folded(name)),
        Statement::Savepoint { name } => Action::Savepoint(folded(name)),
        Statement::ReleaseSavepoint { name } => Action::Release(folded(name)),
        Statement::Set(set) => setting(set)?,
        Statement::Reset(ResetStatement { reset: Reset::ALL }) => Action::ResetAll,
        Statement::Reset(ResetStatement { reset: Reset::SessionAuthorization }) => nothing("RESET"),
        Statement::Reset(ResetStatement { reset: Reset::ConfigurationParameter(name) }) => {
            Action::Set { name: schema_and_name(name)?.1, value: None, local: false }
        }
        Statement::ShowVariable { variable } => return show(variable),
        Statement::Discard { object_type: DiscardObject::ALL } => Action::Discard { all: true },
        Statement::Discard { object_type: DiscardObject::TEMP } => Action::Discard { all: false },
        Statement::Discard { object_type: DiscardObject::PLANS } => nothing("DISCARD PLANS"),
        Statement::Discard { object_type: DiscardObject::SEQUENCES } => nothing("DISCARD SEQUENCES"),
        Statement::Close { cursor: CloseCursor::All } => nothing("CLOSE CURSOR ALL"),
        Statement::UNLISTEN { .. } => nothing("UNLISTEN"),
        Statement::Analyze(_) => nothing("ANALYZE"),
        Statement::Vacuum(_) => nothing("VACUUM"),
        Statement::Comment { .. } => nothing("COMMENT"),
        Statement::Lock(_) => Action::Nothing { tag: "LOCK TABLE", exclusive: true },
        other => {
            let text = other.to_string();
            let words: Vec<&str> = text.split_whitespace().take(2).collect();
            return Err(SqlError::unsupported(format!("the statement {}", words.join(" "))));
        }
    };
    Ok((Vec::new(), action))
}

/// `BEGIN` with what it asks for.
fn transaction_modes(modes: &[TransactionMode]) -> SqlResult<Action> {
    let (mut exclusive, mut read_only) = (false, false);
    for mode in modes {
        match mode {
            TransactionMode::IsolationLevel(
                TransactionIsolationLevel::ReadCommitted | TransactionIsolationLevel::ReadUncommitted,
            ) => {}
            TransactionMode::IsolationLevel(
                TransactionIsolationLevel::RepeatableRead | TransactionIsolationLevel::Serializable,
            ) => {
                exclusive = true;
            }
            TransactionMode::IsolationLevel(TransactionIsolationLevel::Snapshot) => {
                return Err(SqlError::syntax("syntax error in BEGIN"));
            }
            TransactionMode::AccessMode(access) => read_only = *access == TransactionAccessMode::ReadOnly,
        }
    }
    Ok(Action::Begin { exclusive, read_only })
}

fn setting(set: &Set) -> SqlResult<Action> {
    match set {
        Set::SingleAssignment { scope, hivevar: false, variable, values } => {
            let local = match scope {
                None | Some(ContextModifier::Session) => false,
                Some(ContextModifier::Local) => true,
                Some(ContextModifier::Global) => return Err(SqlError::syntax("syntax error in SET")),
            };
            let (_, name) = schema_and_name(variable)?;
            let words = values.iter().map(word).collect::<SqlResult<Vec<_>>>()?;
            let default = values.len() == 1
                && matches!(&values[0], Expr::Identifier(name) if name.value.eq_ignore_ascii_case("default"));
            Ok(Action::Set { name, value: (!default).then(|| words.join(", ")), local })
        }
        Set::SetTimeZone { local, value } => {
            Ok(Action::Set { name: "timezone".to_owned(), value: Some(word(value)?), local: *local })
        }
        Set::SetNames { charset_name, collation_name: None } => Ok(Action::Set {
            name: "client_encoding".to_owned(),
            value: Some(charset_name.value.clone()),
            local: false,
        }),
        Set::SetSessionAuthorization(SetSessionAuthorizationParam {
            scope: _,
            kind: SetSessionAuthorizationParamKind::Default,
        }) => Ok(Action::Nothing { tag: "SET", exclusive: false }),
        Set::SetTransaction { modes, snapshot: None, session } => match transaction_modes(modes)? {
            Action::Begin { exclusive: false, read_only: false } => {
                Ok(Action::Nothing { tag: "SET", exclusive: false })
            }
            Action::Begin { read_only: false, .. } if !session => Ok(Action::Nothing { tag: "SET", exclusive: true }),
            _ => Err(SqlError::unsupported("this SET TRANSACTION (BEGIN takes the modes)")),
        },
        other => Err(SqlError::unsupported(format!("{other}"))),
    }
}

/// The value of a setting: a name, a string or a number.
fn word(value: &Expr) -> SqlResult<String> {
    match value {
        Expr::Identifier(name) => {
            Ok(if name.quote_style == Some('"') { format!("\"{}\"", name.value) } else { name.value.clone() })
        }
        Expr::Value(value) => match &value.value {
            Literal::Number(digits, _) => Ok(digits.clone()),
            Literal::Boolean(truth) => Ok(truth.to_string()),
            other => literal::string(other).map(str::to_owned).ok_or_else(|| SqlError::syntax("syntax error in SET")),
        },
        Expr::UnaryOp { .. } => Ok(value.to_string()),
        _ => Err(SqlError::syntax("syntax error in SET")),
    }
}

fn show(variable: &[Ident]) -> SqlResult<Compiled> {
    let words: Vec<String> = variable.iter().map(folded).collect();
    let name = match words.join(" ").as_str() {
        "time zone" => "TimeZone".to_owned(),
        "transaction isolation level" => "transaction_isolation".to_owned(),
        "all" => return Err(SqlError::unsupported("SHOW ALL")),
        one if !one.contains(' ') => one.to_owned(),
        other => return Err(SqlError::unsupported(format!("SHOW {other}"))),
    };
    Ok((vec![Output { name: name.clone(), ty: SqlType::TEXT, length: None }], Action::Show(name)))
}
