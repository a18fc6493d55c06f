//! Names of types: `bigint`, `varchar(255)`, `timestamptz`, `text[]`.

use sqlparser::ast::{ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, TimezoneInfo};

use super::super::error::{SqlError, SqlResult, state};
use super::super::types::{Scalar, SqlType};
use super::schema_and_name;

/// The type, and the length of `varchar(n)`.
pub(super) fn sql_type(data_type: &DataType) -> SqlResult<(SqlType, Option<u32>)> {
    let plain = |scalar: Scalar| Ok((scalar.into(), None));
    match data_type {
        DataType::Bool | DataType::Boolean => plain(Scalar::Bool),
        DataType::SmallInt(None) | DataType::Int2(None) => plain(Scalar::Int2),
        DataType::Int(None) | DataType::Integer(None) | DataType::Int4(None) => plain(Scalar::Int4),
        DataType::BigInt(None) | DataType::Int8(None) => plain(Scalar::Int8),
        DataType::Real | DataType::Float4 => plain(Scalar::Float4),
        DataType::Float8 | DataType::DoublePrecision | DataType::Float(ExactNumberInfo::None) => plain(Scalar::Float8),
        DataType::Float(ExactNumberInfo::Precision(bits)) if *bits <= 24 => plain(Scalar::Float4),
        DataType::Float(ExactNumberInfo::Precision(bits)) if *bits <= 53 => plain(Scalar::Float8),
        DataType::Numeric(ExactNumberInfo::None) | DataType::Decimal(ExactNumberInfo::None) => plain(Scalar::Numeric),
        DataType::Text => plain(Scalar::Text),
        DataType::Varchar(length) | DataType::CharacterVarying(length) | DataType::CharVarying(length) => {
            Ok((Scalar::Varchar.into(), length.as_ref().map(character_length).transpose()?))
        }
        DataType::Bytea => plain(Scalar::Bytea),
        DataType::Date => plain(Scalar::Date),
        DataType::Timestamp(None | Some(6), TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            plain(Scalar::Timestamp)
        }
        DataType::Timestamp(None | Some(6), TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
            plain(Scalar::Timestamptz)
        }
        DataType::Interval { fields: None, precision: None } => plain(Scalar::Interval),
        DataType::JSON => plain(Scalar::Json),
        DataType::JSONB => plain(Scalar::Jsonb),
        DataType::Uuid => plain(Scalar::Uuid),
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)) => array(element),
        DataType::Custom(name, modifiers) if modifiers.is_empty() => match schema_and_name(name)?.1.as_str() {
            "name" => plain(Scalar::Name),
            "void" => plain(Scalar::Void),
            other => {
                let error = SqlError::new(state::UNDEFINED_OBJECT, format!("type \"{other}\" does not exist here"));
                Err(error.beyond(true))
            }
        },
        other => Err(SqlError::unsupported(format!("the type {}", other.to_string().to_lowercase()))),
    }
}

fn array(element: &DataType) -> SqlResult<(SqlType, Option<u32>)> {
    // `integer[][]` is the same type as `integer[]` in Postgres.
    let (element, length) = sql_type(element)?;
    if length.is_some() {
        return Err(SqlError::unsupported("arrays of varchar(n)"));
    }
    Ok((SqlType::array_of(element.scalar), None))
}

fn character_length(length: &CharacterLength) -> SqlResult<u32> {
    match length {
        CharacterLength::IntegerLength { length, unit: None } => {
            let length = u32::try_from(*length).ok().filter(|length| (1..=10_485_760).contains(length));
            length.ok_or_else(|| {
                SqlError::new(
                    state::INVALID_PARAMETER,
                    "length for type varchar must be at least 1 and at most 10485760",
                )
            })
        }
        CharacterLength::IntegerLength { .. } | CharacterLength::Max => {
            Err(SqlError::unsupported("this length of varchar"))
        }
    }
}

/// The integer type behind `serial` and its kin, which are no types but ways to make a column.
pub(super) fn serial(data_type: &DataType) -> Option<Scalar> {
    let DataType::Custom(name, modifiers) = data_type else { return None };
    let (_, name) = schema_and_name(name).ok().filter(|_| modifiers.is_empty())?;
    match name.as_str() {
        "smallserial" | "serial2" => Some(Scalar::Int2),
        "serial" | "serial4" => Some(Scalar::Int4),
        "bigserial" | "serial8" => Some(Scalar::Int8),
        _ => None,
    }
}
