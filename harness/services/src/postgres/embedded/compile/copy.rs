//! COPY ... FROM STDIN: which columns, in which format.

use sqlparser::ast::{CopyLegacyCsvOption, CopyLegacyOption, CopyOption, CopySource, CopyTarget, Statement};

use super::super::catalog::{Column, quoted};
use super::super::error::{SqlError, SqlResult, state};
use super::super::types::SqlType;
use super::{Compiler, folded};

/// A COPY into a table.
#[derive(Debug, Clone)]
pub(in super::super) struct CopyIn {
    /// Inserts one row.
    pub(in super::super) sql: String,
    pub(in super::super) columns: Vec<CopyColumn>,
    pub(in super::super) format: CopyFormat,
}

#[derive(Debug, Clone)]
pub(in super::super) struct CopyColumn {
    pub(in super::super) ty: SqlType,
    /// Of `varchar(n)`.
    pub(in super::super) length: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum CopyFormat {
    Binary,
    Text { delimiter: u8, null: String, header: bool },
    Csv { delimiter: u8, null: String, header: bool, quote: u8, escape: u8 },
}

impl Compiler<'_> {
    pub(super) fn copy(&mut self, copy: &Statement) -> SqlResult<CopyIn> {
        let Statement::Copy { source, to, target, options, legacy_options, values } = copy else {
            return Err(SqlError::syntax("syntax error in COPY"));
        };
        let (CopySource::Table { table_name, columns }, false, CopyTarget::Stdin) = (source, to, target) else {
            return Err(SqlError::unsupported("COPY other than from STDIN"));
        };
        if !values.is_empty() {
            return Err(SqlError::unsupported("COPY with statements behind it in one query string"));
        }
        let table = self.table(table_name)?;
        let mut targets: Vec<&Column> = Vec::new();
        for column in columns {
            let name = folded(column);
            let missing = || {
                let message = format!("column \"{name}\" of relation \"{}\" does not exist", table.name);
                SqlError::new(state::UNDEFINED_COLUMN, message)
            };
            targets.push(table.column(&name).ok_or_else(missing)?);
        }
        if columns.is_empty() {
            targets = table.columns.iter().collect();
        }
        let names: Vec<String> = targets.iter().map(|column| quoted(&column.name)).collect();
        let marks: Vec<String> = (1..=targets.len()).map(|number| format!("?{number}")).collect();
        Ok(CopyIn {
            sql: format!("INSERT INTO {} ({}) VALUES ({})", quoted(&table.name), names.join(", "), marks.join(", ")),
            columns: targets.iter().map(|column| CopyColumn { ty: column.ty, length: column.length }).collect(),
            format: format(options, legacy_options)?,
        })
    }
}

#[derive(Default)]
struct Options {
    format: Option<String>,
    delimiter: Option<char>,
    null: Option<String>,
    header: bool,
    quote: Option<char>,
    escape: Option<char>,
}

fn format(options: &[CopyOption], legacy: &[CopyLegacyOption]) -> SqlResult<CopyFormat> {
    let mut found = Options::default();
    for option in options {
        match option {
            CopyOption::Format(name) => found.format = Some(folded(name)),
            CopyOption::Freeze(_) => {}
            CopyOption::Delimiter(character) => found.delimiter = Some(*character),
            CopyOption::Null(text) => found.null = Some(text.clone()),
            CopyOption::Header(header) => found.header = *header,
            CopyOption::Quote(character) => found.quote = Some(*character),
            CopyOption::Escape(character) => found.escape = Some(*character),
            CopyOption::Encoding(name) if name.eq_ignore_ascii_case("utf8") || name.eq_ignore_ascii_case("utf-8") => {}
            other => return Err(SqlError::unsupported(format!("the COPY option {other}"))),
        }
    }
    for option in legacy {
        match option {
            CopyLegacyOption::Binary => found.format = Some("binary".to_owned()),
            CopyLegacyOption::Delimiter(character) => found.delimiter = Some(*character),
            CopyLegacyOption::Null(text) => found.null = Some(text.clone()),
            CopyLegacyOption::Csv(options) => {
                found.format = Some("csv".to_owned());
                for option in options {
                    match option {
                        CopyLegacyCsvOption::Header => found.header = true,
                        CopyLegacyCsvOption::Quote(character) => found.quote = Some(*character),
                        CopyLegacyCsvOption::Escape(character) => found.escape = Some(*character),
                        other => return Err(SqlError::unsupported(format!("the COPY option {other}"))),
                    }
                }
            }
            other => return Err(SqlError::unsupported(format!("the COPY option {other}"))),
        }
    }
    let byte = |character: Option<char>, default: u8, name: &str| match character {
        None => Ok(default),
        Some(character) => u8::try_from(character).ok().filter(u8::is_ascii).ok_or_else(|| {
            SqlError::new(state::FEATURE_NOT_SUPPORTED, format!("COPY {name} must be a single one-byte character"))
        }),
    };
    let header = found.header;
    match found.format.as_deref() {
        Some("binary") => Ok(CopyFormat::Binary),
        None | Some("text") => Ok(CopyFormat::Text {
            delimiter: byte(found.delimiter, b'\t', "delimiter")?,
            null: found.null.unwrap_or_else(|| "\\N".to_owned()),
            header,
        }),
        Some("csv") => {
            let quote = byte(found.quote, b'"', "quote")?;
            Ok(CopyFormat::Csv {
                delimiter: byte(found.delimiter, b',', "delimiter")?,
                null: found.null.unwrap_or_default(),
                header,
                quote,
                escape: byte(found.escape, quote, "escape")?,
            })
        }
        Some(other) => Err(SqlError::new(state::INVALID_PARAMETER, format!("COPY format \"{other}\" not recognized"))),
    }
}
