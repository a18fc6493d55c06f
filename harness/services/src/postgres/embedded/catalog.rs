//! What tables there are: read from SQLite's own schema, so that it is right within transactions, after rollbacks and for
//! temporary tables. Postgres types live in the declared types of the columns ([`SqlType::declaration`]), constraint names in
//! the names of indexes and in the text of `CREATE TABLE`, which only [`super::compile`] writes.

use rusqlite::{Connection, OptionalExtension};

use super::types::SqlType;

/// A table, as `INSERT` and `FROM` need it.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) temporary: bool,
    pub(super) columns: Vec<Column>,
    pub(super) primary_key: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) ty: SqlType,
    /// Of `varchar(n)`.
    pub(super) length: Option<u32>,
    pub(super) not_null: bool,
    /// The default as SQLite evaluates it.
    pub(super) default: Option<String>,
    /// `GENERATED ALWAYS AS IDENTITY`: may not be given a value.
    pub(super) always_generated: bool,
}

/// What [`Column::declared`] puts behind the type for [`Column::always_generated`].
const ALWAYS: &str = " ALWAYS";

impl Column {
    /// The declared type in SQLite, from which [`table`] reads the column back.
    pub(super) fn declared(&self) -> String {
        let length = self.length.map_or_else(String::new, |length| format!("({length})"));
        let always = if self.always_generated { ALWAYS } else { "" };
        format!("{}{length}{always}", self.ty.declaration())
    }
}

impl Table {
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// An index that keeps something unique or makes lookups fast.
#[derive(Debug, Clone)]
pub(super) struct Index {
    pub(super) name: String,
    pub(super) unique: bool,
    /// `None` for an expression.
    pub(super) columns: Vec<Option<String>>,
}

/// A name as SQLite reads it whatever it holds.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Text as an SQL literal.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The table of this very name (SQLite itself does not tell `A` from `a`), temporary ones first.
pub(super) fn table(conn: &Connection, name: &str) -> rusqlite::Result<Option<Table>> {
    for (schema, temporary) in [("temp", true), ("main", false)] {
        if !exists(conn, schema, "table", name)? {
            continue;
        }
        let mut statement = conn.prepare_cached(
            "SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info(?1, ?2) ORDER BY cid",
        )?;
        let (mut columns, mut keys) = (Vec::new(), Vec::new());
        let mut rows = statement.query([name, schema])?;
        while let Some(row) = rows.next()? {
            let declared: String = row.get(1)?;
            let Some(mut column) = column_of(row.get(0)?, &declared) else { continue };
            column.not_null = row.get(2)?;
            column.default = row.get(3)?;
            let key: i64 = row.get(4)?;
            if key > 0 {
                keys.push((key, column.name.clone()));
            }
            columns.push(column);
        }
        keys.sort();
        let primary_key = keys.into_iter().map(|(_, name)| name).collect();
        return Ok(Some(Table { name: name.to_owned(), temporary, columns, primary_key }));
    }
    Ok(None)
}

fn column_of(name: String, declared: &str) -> Option<Column> {
    let (declared, always_generated) = declared.strip_suffix(ALWAYS).map_or((declared, false), |rest| (rest, true));
    let (ty, length) = declared.split_once('(').map_or((declared, None), |(ty, length)| (ty, length.strip_suffix(')')));
    let ty = SqlType::from_declaration(ty)?;
    let length = length.and_then(|length| length.parse().ok());
    Some(Column { name, ty, length, not_null: false, default: None, always_generated })
}

fn exists(conn: &Connection, schema: &str, kind: &str, name: &str) -> rusqlite::Result<bool> {
    let sql = format!("SELECT 1 FROM {schema}.sqlite_schema WHERE type = ?1 AND name = ?2");
    conn.prepare_cached(&sql)?.exists([kind, name])
}

/// Whether there is an index or a table of this name: they share one space of names.
pub(super) fn is_taken(conn: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sql =
        "SELECT 1 FROM main.sqlite_schema WHERE name = ?1 UNION ALL SELECT 1 FROM temp.sqlite_schema WHERE name = ?1";
    conn.prepare_cached(sql)?.exists([name])
}

/// Names of the tables that are not temporary.
pub(super) fn table_names(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    conn.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect()
}

pub(super) fn index_exists(conn: &Connection, name: &str) -> rusqlite::Result<bool> {
    Ok(exists(conn, "temp", "index", name)? || exists(conn, "main", "index", name)?)
}

pub(super) fn table_of_index(conn: &Connection, index: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT tbl_name FROM main.sqlite_schema WHERE type = 'index' AND name = ?1 \
               UNION ALL SELECT tbl_name FROM temp.sqlite_schema WHERE type = 'index' AND name = ?1";
    conn.prepare_cached(sql)?.query_row([index], |row| row.get(0)).optional()
}

/// The indexes of a table, the one of its primary key under the key's constraint name.
pub(super) fn indexes(conn: &Connection, table: &str) -> rusqlite::Result<Vec<Index>> {
    let mut found = Vec::new();
    let mut statement = conn.prepare_cached("SELECT name, \"unique\", origin FROM pragma_index_list(?1)")?;
    let mut rows = statement.query([table])?;
    while let Some(row) = rows.next()? {
        let (name, unique, origin): (String, bool, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let mut info = conn.prepare_cached("SELECT name FROM pragma_index_info(?1) ORDER BY seqno")?;
        let columns = info.query_map([&name], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let name = if origin == "pk" { primary_key_name(conn, table)?.unwrap_or(name) } else { name };
        found.push(Index { name, unique, columns });
    }
    Ok(found)
}

/// What `CREATE TABLE` writes for a primary key; [`primary_key_name`] reads the name back.
pub(super) fn primary_key_clause(name: &str, columns: &[String]) -> String {
    let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
    format!("CONSTRAINT {} PRIMARY KEY ({})", quoted(name), columns.join(", "))
}

fn primary_key_name(conn: &Connection, table: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT sql FROM temp.sqlite_schema WHERE type = 'table' AND name = ?1 \
               UNION ALL SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?1";
    let text: Option<String> = conn.prepare_cached(sql)?.query_row([table], |row| row.get(0)).optional()?;
    Ok(text.and_then(|text| {
        let before = &text[..text.rfind("\" PRIMARY KEY (")?];
        let start = before.rfind("CONSTRAINT \"")? + "CONSTRAINT \"".len();
        Some(before[start..].replace("\"\"", "\""))
    }))
}

/// The unique index on exactly these columns.
pub(super) fn unique_index_on(conn: &Connection, table: &str, columns: &[&str]) -> rusqlite::Result<Option<String>> {
    let mut wanted = columns.to_vec();
    wanted.sort_unstable();
    Ok(indexes(conn, table)?.into_iter().find_map(|index| {
        let mut has: Vec<&str> = index.columns.iter().map(Option::as_deref).collect::<Option<_>>()?;
        has.sort_unstable();
        (index.unique && has == wanted).then_some(index.name)
    }))
}

/// The tables whose foreign keys point to `table`, other than itself.
pub(super) fn referencing(conn: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut found = Vec::new();
    for other in table_names(conn)? {
        let mut statement = conn.prepare_cached("SELECT 1 FROM pragma_foreign_key_list(?1) WHERE \"table\" = ?2")?;
        if other != table && statement.exists([&other, table])? {
            found.push(other);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::embedded::types::Scalar;

    #[test]
    fn a_table_reads_back_with_types_keys_and_constraint_names() {
        let conn = Connection::open_in_memory().unwrap();
        let sql = "CREATE TABLE \"t\" (\"id\" INT8 ALWAYS NOT NULL, \"v\" VARCHAR(3) DEFAULT 'x', \"a\" TEXT_ARRAY, \
                   CONSTRAINT \"my \"\"key\" PRIMARY KEY (\"id\"))";
        conn.execute_batch(sql).unwrap();
        conn.execute_batch("CREATE UNIQUE INDEX \"t_v_key\" ON \"t\" (\"v\")").unwrap();
        let table = table(&conn, "t").unwrap().unwrap();
        assert_eq!(table.primary_key, ["id"]);
        assert!(table.columns[0].always_generated && table.columns[0].not_null);
        assert_eq!((table.columns[1].length, table.columns[1].default.as_deref()), (Some(3), Some("'x'")));
        assert_eq!(table.columns[2].ty, SqlType::array_of(Scalar::Text));
        assert_eq!(table.columns[1].declared(), "VARCHAR(3)");
        assert_eq!(unique_index_on(&conn, "t", &["id"]).unwrap().as_deref(), Some("my \"key"));
        assert_eq!(unique_index_on(&conn, "t", &["v"]).unwrap().as_deref(), Some("t_v_key"));
        assert_eq!(unique_index_on(&conn, "t", &["a"]).unwrap(), None);
    }

    #[test]
    fn names_differ_by_case() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE \"Users\" (\"id\" INT8)").unwrap();
        assert!(table(&conn, "Users").unwrap().is_some());
        assert!(table(&conn, "users").unwrap().is_none());
    }
}
