//! The Postgres types this server knows: their names, their wire identity, and the type name under which a column of SQLite
//! keeps them. How values look is the codec's.

use postgres_types::Type;

/// A type that is not an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Scalar {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    /// Only as the type of `sum(bigint)` and the like, whole numbers; never of a column.
    Numeric,
    Text,
    Varchar,
    Name,
    Bytea,
    Date,
    Timestamp,
    Timestamptz,
    /// Only inside expressions (`now() - interval '1 day'`); never of a column or a result.
    Interval,
    Json,
    Jsonb,
    Uuid,
    Void,
}

/// One row a type: the type, its name in messages, its wire types, its type name in SQLite.
///
/// The SQLite names are chosen for their column affinity (see "Datatypes In SQLite", section 3.1): one that holds `INT` keeps
/// integers, `CHAR` or `TEXT` keeps text, `FLOA` keeps reals, `BLOB` keeps what it is given.
const TYPES: &[(Scalar, &str, Type, Type, &str)] = &[
    (Scalar::Bool, "boolean", Type::BOOL, Type::BOOL_ARRAY, "BOOL_INT"),
    (Scalar::Int2, "smallint", Type::INT2, Type::INT2_ARRAY, "INT2"),
    (Scalar::Int4, "integer", Type::INT4, Type::INT4_ARRAY, "INT4"),
    (Scalar::Int8, "bigint", Type::INT8, Type::INT8_ARRAY, "INT8"),
    (Scalar::Float4, "real", Type::FLOAT4, Type::FLOAT4_ARRAY, "FLOAT4"),
    (Scalar::Float8, "double precision", Type::FLOAT8, Type::FLOAT8_ARRAY, "FLOAT8"),
    (Scalar::Numeric, "numeric", Type::NUMERIC, Type::NUMERIC_ARRAY, "NUMERIC_INT"),
    (Scalar::Text, "text", Type::TEXT, Type::TEXT_ARRAY, "TEXT"),
    (Scalar::Varchar, "character varying", Type::VARCHAR, Type::VARCHAR_ARRAY, "VARCHAR"),
    (Scalar::Name, "name", Type::NAME, Type::NAME_ARRAY, "NAME_TEXT"),
    (Scalar::Bytea, "bytea", Type::BYTEA, Type::BYTEA_ARRAY, "BYTEA_BLOB"),
    (Scalar::Date, "date", Type::DATE, Type::DATE_ARRAY, "DATE_INT"),
    (Scalar::Timestamp, "timestamp without time zone", Type::TIMESTAMP, Type::TIMESTAMP_ARRAY, "TIMESTAMP_INT"),
    (Scalar::Timestamptz, "timestamp with time zone", Type::TIMESTAMPTZ, Type::TIMESTAMPTZ_ARRAY, "TIMESTAMPTZ_INT"),
    (Scalar::Interval, "interval", Type::INTERVAL, Type::INTERVAL_ARRAY, "INTERVAL_TEXT"),
    (Scalar::Json, "json", Type::JSON, Type::JSON_ARRAY, "JSON_TEXT"),
    (Scalar::Jsonb, "jsonb", Type::JSONB, Type::JSONB_ARRAY, "JSONB_TEXT"),
    (Scalar::Uuid, "uuid", Type::UUID, Type::UUID_ARRAY, "UUID_TEXT"),
    (Scalar::Void, "void", Type::VOID, Type::VOID, "VOID_TEXT"),
];

/// A type, or an array of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SqlType {
    pub(super) scalar: Scalar,
    pub(super) array: bool,
}

impl From<Scalar> for SqlType {
    fn from(scalar: Scalar) -> Self {
        Self { scalar, array: false }
    }
}

fn row(scalar: Scalar) -> &'static (Scalar, &'static str, Type, Type, &'static str) {
    TYPES.iter().find(|row| row.0 == scalar).expect("every type has its row in TYPES")
}

impl SqlType {
    pub(super) const TEXT: Self = Self { scalar: Scalar::Text, array: false };

    pub(super) fn array_of(scalar: Scalar) -> Self {
        Self { scalar, array: true }
    }

    pub(super) fn is(self, scalar: Scalar) -> bool {
        !self.array && self.scalar == scalar
    }

    pub(super) fn is_integer(self) -> bool {
        !self.array && matches!(self.scalar, Scalar::Int2 | Scalar::Int4 | Scalar::Int8)
    }

    pub(super) fn is_float(self) -> bool {
        !self.array && matches!(self.scalar, Scalar::Float4 | Scalar::Float8)
    }

    pub(super) fn is_number(self) -> bool {
        self.is_integer() || self.is_float() || self.is(Scalar::Numeric)
    }

    pub(super) fn is_string(self) -> bool {
        !self.array && matches!(self.scalar, Scalar::Text | Scalar::Varchar | Scalar::Name)
    }

    pub(super) fn is_json(self) -> bool {
        !self.array && matches!(self.scalar, Scalar::Json | Scalar::Jsonb)
    }

    pub(super) fn is_datetime(self) -> bool {
        !self.array && matches!(self.scalar, Scalar::Date | Scalar::Timestamp | Scalar::Timestamptz)
    }

    /// As messages and `pg_typeof` name it: `bigint`, `text[]`.
    pub(super) fn name(self) -> String {
        let name = row(self.scalar).1;
        if self.array { format!("{name}[]") } else { name.to_owned() }
    }

    /// As the wire protocol names it.
    pub(super) fn wire(self) -> Type {
        let row = row(self.scalar);
        if self.array { row.3.clone() } else { row.2.clone() }
    }

    /// The type behind a wire type; `None` for one this server does not know.
    pub(super) fn from_wire(wire: &Type) -> Option<Self> {
        let find = |array: bool| TYPES.iter().find(|row| *wire == if array { row.3.clone() } else { row.2.clone() });
        find(false).map(|row| row.0.into()).or_else(|| find(true).map(|row| Self::array_of(row.0)))
    }

    /// The type name that a column of SQLite is declared with.
    pub(super) fn declaration(self) -> String {
        let name = row(self.scalar).4;
        if self.array { format!("{name}_ARRAY") } else { name.to_owned() }
    }

    /// Reads back [`SqlType::declaration`].
    pub(super) fn from_declaration(declared: &str) -> Option<Self> {
        let (name, array) = declared.strip_suffix("_ARRAY").map_or((declared, false), |name| (name, true));
        TYPES.iter().find(|row| row.4 == name).map(|row| Self { scalar: row.0, array })
    }

    /// A number for the type, for functions that SQLite calls.
    pub(super) fn code(self) -> i64 {
        let position = TYPES.iter().position(|row| row.0 == self.scalar).expect("every type has its row in TYPES");
        (position as i64) * 2 + i64::from(self.array)
    }

    /// Reads back [`SqlType::code`].
    pub(super) fn from_code(code: i64) -> Option<Self> {
        let row = TYPES.get(usize::try_from(code / 2).ok()?)?;
        Some(Self { scalar: row.0, array: code % 2 == 1 })
    }

    /// `pg_type.typlen`: bytes of a value, or -1 where they vary.
    pub(super) fn size(self) -> i16 {
        match self.scalar {
            _ if self.array => -1,
            Scalar::Bool => 1,
            Scalar::Int2 => 2,
            Scalar::Int4 | Scalar::Float4 | Scalar::Date | Scalar::Void => 4,
            Scalar::Int8 | Scalar::Float8 | Scalar::Timestamp | Scalar::Timestamptz => 8,
            Scalar::Interval | Scalar::Uuid => 16,
            Scalar::Name => 64,
            Scalar::Numeric | Scalar::Text | Scalar::Varchar | Scalar::Bytea | Scalar::Json | Scalar::Jsonb => -1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_reads_back_from_wire_declaration_and_code() {
        for (scalar, ..) in TYPES {
            for ty in [SqlType::from(*scalar), SqlType::array_of(*scalar)] {
                assert_eq!(SqlType::from_declaration(&ty.declaration()), Some(ty));
                assert_eq!(SqlType::from_code(ty.code()), Some(ty));
                if *scalar != Scalar::Void {
                    assert_eq!(SqlType::from_wire(&ty.wire()), Some(ty), "{}", ty.name());
                }
            }
        }
    }

    #[test]
    fn a_type_of_the_wire_that_is_not_known_is_none() {
        assert_eq!(SqlType::from_wire(&Type::POINT), None);
    }
}
